# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Step: generate a private key where it is used, and a signing request for it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from .._tls import pair
from .failure import StepError

if TYPE_CHECKING:
    from collections.abc import Mapping

OPTIONS: dict[str, Any] = {
    "place": {"type": "path", "required": True},
    "kind": {"type": "str", "choices": ["server", "client"], "required": True},
}


def execute(options: Mapping[str, Any], check_mode: bool = False) -> dict[str, Any]:
    """As mooring.docker.certificate_pair does without a certificate. Raises StepError."""
    if not pair.has_cryptography:
        raise StepError("the cryptography library is not installed on this host: install python3-cryptography")
    try:
        directory, csr = pair.request(Path(options["place"]), options["kind"])
    except OSError as error:
        raise StepError(str(error)) from error
    return {"changed": True, "pair": directory, "csr": csr}
