# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates of registries in ``/etc/docker/certs.d``, which dockerd reads anew with each connection. Pure functions.

Source: moby ``daemon/pkg/registry/registry.go`` (``loadTLSConfig``): ``*.crt`` are authorities, and each ``NAME.cert``
has its ``NAME.key``.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Iterator
from typing import Any

from .._config import go_syntax

DIRECTORY = "/etc/docker/certs.d"

_NAMES = {"ca": ("ca.crt", "0644"), "certificate": ("client.cert", "0644"), "key": ("client.key", "0600")}
"""What a registry may have, with the name and the mode of its file."""

_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?|[0-9a-fA-F:]+")
_KEY = re.compile(r"-----BEGIN ([A-Z ]*)PRIVATE KEY-----\s.+\s-----END \1PRIVATE KEY-----", re.DOTALL)


def problems(declared: dict[str, Any]) -> Iterator[str]:
    """What is wrong with docker_engine_registry_certificates, in sentences that begin with the registry."""
    for registry, one in declared.items():
        # The name becomes a directory.
        found = go_syntax.host_port(registry)
        if found is None or not _HOST.fullmatch(found[0]):
            yield f"{registry!r} must be HOST or HOST:PORT, as in the names of its images"
            continue
        if not isinstance(one, dict):
            yield f"{registry}: must be a mapping of {', '.join(_NAMES)}"
            continue
        unknown = [name for name in one if name not in _NAMES]
        if unknown:
            yield f"{registry}: {unknown[0]} is none of {', '.join(_NAMES)}"
            continue
        for name in ("ca", "certificate"):
            if name in one and not _has_certificates(str(one[name])):
                yield f"{registry}: {name} has no certificate in PEM: give the text, such as lookup('file', 'ca.pem')"
        if "key" in one and not _KEY.search(str(one["key"])):
            yield f"{registry}: key has no private key in PEM"
        elif "key" in one and "ENCRYPTED" in one["key"]:
            yield f"{registry}: key is encrypted, and dockerd has no passphrase for it"
        if ("key" in one) != ("certificate" in one):
            yield f"{registry}: certificate and key belong together: give both or neither"
        elif not one:
            yield f"{registry}: give ca, or certificate and key, or all three"


def _has_certificates(text: str) -> bool:
    """Whether the text has certificates, and OpenSSL reads all of them."""
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=text)
    except (OSError, ValueError):  # SSLError is an OSError.
        return False
    return True


def files(declared: dict[str, Any]) -> dict[str, tuple[str, str]]:
    """Path to text and mode."""
    return {
        f"{DIRECTORY}/{registry}/{name}": (one[what].rstrip("\n") + "\n", mode)
        for registry, one in declared.items()
        for what, (name, mode) in _NAMES.items()
        if what in one
    }
