# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A private key and its certificate: made where they are used, in a directory of their own that a link points to.

Whenever somebody reads them by the link, the two belong together. Needs the ``cryptography`` library.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from .._config import state

try:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
except ImportError:
    has_cryptography = False
else:
    has_cryptography = True


def request(directory: Path, kind: str) -> tuple[str, str]:
    """Make a directory with a new key in ``directory``; returns its path and a signing request (PEM).

    The request says nothing but that somebody has the key: what a certificate says is its authority's to decide.
    """
    if not directory.is_dir():
        directory.mkdir(parents=True)
        # Whatever the umask is: a daemon's certificate may be read, what a client has is its user's.
        directory.chmod(0o755 if kind == "server" else 0o700)
    pair = Path(tempfile.mkdtemp(prefix=f"{kind}-", dir=str(directory)))
    key = ec.generate_private_key(ec.SECP256R1())
    text = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    state.write(pair / "key.pem", text, 0o600)
    signed = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(key, hashes.SHA256())
    return str(pair), signed.public_bytes(serialization.Encoding.PEM).decode()


def install(pair: Path, certificate: str) -> None:
    """Put ``certificate`` beside its key, let the link point to both, and remove the pairs before."""
    state.write(pair / "cert.pem", certificate, 0o644)
    directory, kind = pair.parent, pair.name.partition("-")[0]
    link = directory / f".{pair.name}"
    link.symlink_to(pair.name)
    link.replace(directory / kind)
    for other in directory.glob(f"{kind}-*"):
        if other != pair and other.is_dir():
            shutil.rmtree(other)
