# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates that somebody else issues and puts on a machine: what of them is refused.

Certificates are as ``certificates.describe`` tells of them. Where their details are not known (``days_left`` is None),
the library for it is missing on the machine or the file is no certificate.
"""

from __future__ import annotations

from collections.abc import Mapping

from .._system.observed import Certificate, CertificateInBundle
from . import names
from .certificates import weakness

UNREADABLE = "it cannot be read, or Python on the machine lacks the library cryptography (package python3-cryptography)"


def server_problems(
    certificates: dict[str, Certificate | None], files: dict[str, str], declared: list[str], named: list[str]
) -> list[str]:
    """Why the files of ``docker_engine_provided_certificate`` are refused, sentences that name the variable.

    ``certificates`` are told by path, ``declared`` is ``docker_engine_certificate_names`` and ``named``
    ``docker_engine_client_authorities``. A file that is missing is the business of ``daemon_config``.
    """
    server, client_ca = certificates.get(files["certificate"]), certificates.get(files["client_ca"])
    found = _leaf_problems(server, "serverAuth", "servers") if server else []
    if server and server["days_left"] is not None:
        wanted = [names.canonical(name) or name for name in declared]
        lacking = names.lacking(wanted, server["names"])
        found += [f"it lacks {', '.join(lacking)}"] if lacking else []
    said = [f"docker_engine_provided_certificate {files['certificate']}: {problem}" for problem in found]
    if client_ca:
        problems = authority_problems(client_ca, server, named)
        said += [f"docker_engine_provided_certificate {files['client_ca']}: {problem}" for problem in problems]
    return said


def client_problems(certificate: Certificate | None, ca: Certificate | None, files: Mapping[str, object]) -> list[str]:
    """Why the files of ``docker_client_provided_certificate`` are refused, sentences that name the variable."""
    found = []
    if not certificate:
        found.append((files["certificate"], "there is no such file"))
    else:
        found += [(files["certificate"], problem) for problem in _leaf_problems(certificate, "clientAuth", "clients")]
    if ca:
        found += [(files["ca"], problem) for problem in _weak_authorities(ca)]
    return [f"docker_client_provided_certificate {path}: {problem}" for path, problem in found]


def authority_problems(client_ca: Certificate, server: Certificate | None, named: list[str]) -> list[str]:
    """Why a file of authorities whose clients get in is refused.

    One authority that signs no server is what a file is for. More, or one that signs the server's own certificate (each
    server could come as a client then), must be ``named``, by sha256 or by subject.
    """
    authorities = client_ca["contents"]
    if not authorities or authorities[0]["subject"] is None:
        return [UNREADABLE]
    wanted = [_normal(name) for name in named]
    unnamed = [one for one in authorities if wanted and not _is_named(one, wanted)]
    stale = [name for name in wanted if not any(_is_named(one, [name]) for one in authorities)]
    held = "; ".join(f"{one['sha256']} ({one['subject']})" for one in authorities)
    paste = f"it holds {held}. Take out what is not meant, or name what is in docker_engine_client_authorities"
    found = _weak_authorities(client_ca)
    if unnamed:
        found.append(f"docker_engine_client_authorities names only some of its authorities: {paste}")
    if stale:
        found.append(f"it has no {', '.join(stale)}, which docker_engine_client_authorities names: {paste}")
    if wanted:
        return found
    if len({one["sha256"] for one in authorities}) > 1:
        found.append(f"clients of several authorities would get in: {paste}")
    elif server and any(_signs(one, signed) for one in authorities for signed in server["contents"]):
        found.append(
            f"its authority signs servers too, and all that it signs for clients or for any use get in: {paste}"
        )
    return found


def _leaf_problems(certificate: Certificate, usage: str, whom: str) -> list[str]:
    if certificate["days_left"] is None:
        return [UNREADABLE]
    weak = weakness(certificate["key"])
    found = {
        f"it ended on {certificate['not_after']}": certificate["days_left"] < 0,
        f"it is not for {whom} (extended key usage {usage})": usage not in certificate["extended_key_usage"],
        weak: weak,
    }
    return [problem for problem, holds in found.items() if holds]


def _weak_authorities(bundle: Certificate) -> list[str]:
    weak = [(one, weakness(one["key"])) for one in bundle["contents"]]
    return [f"the authority {one['subject'] or one['sha256']} is not to be trusted: {why}" for one, why in weak if why]


def _signs(authority: CertificateInBundle, certificate: Certificate | CertificateInBundle) -> bool:
    by_key = authority["key_id"] and authority["key_id"] == certificate["authority_key_id"]
    return bool(by_key or (authority["subject"] is not None and authority["subject"] == certificate["issuer"]))


def _is_named(authority: CertificateInBundle, wanted: list[str]) -> bool:
    return authority["sha256"] in wanted or authority["subject"] in wanted


def _normal(name: str) -> str:
    """A fingerprint as OpenSSL writes it, AA:BB:..., as hashlib does; a subject as it is."""
    digits = name.replace(":", "").lower()
    return digits if len(digits) == 64 and not set(digits) - set("0123456789abcdef") else name
