# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When the server's certificate is issued anew, and which provided one is refused. Pure functions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._system.observed import Host
from .._tls import provided, renewal
from .selection import asks_for_step

if TYPE_CHECKING:
    from .declaration import Declaration, EngineDeclaration, IssuedTls, ProvidedTls, TlsFiles
    from .observation import Observation
    from .steps import Step


def files(engine: EngineDeclaration | None) -> TlsFiles | None:
    """Where certificate, key and the clients' authorities are on the host; None where TLS is not declared."""
    tls = (engine["issued"] or engine["provided"]) if engine else None
    return tls["files"] if tls else None


def looked_up(declaration: Declaration) -> list[str]:
    """The files that the plan needs to know the certificates of."""
    paths = files(declaration["engine"])
    return [paths["certificate"], paths["client_ca"]] if paths else []


def deployed_names(declaration: Declaration, host: Host) -> list[str]:
    """What the server's certificate on the host is for."""
    paths = files(declaration["engine"])
    certificate = host.get("certificates", {}).get(paths["certificate"]) if paths else None
    return list(certificate["names"]) if certificate else []


def refusals(declaration: Declaration, engine: EngineDeclaration, host: Host) -> list[str]:
    """Why a provided certificate cannot be right. One that is issued here is replaced instead."""
    tls = engine["provided"]
    if tls is None:
        return []
    if not _is_unchecked(tls, host):
        problems: list[str] = provided.server_problems(
            host["certificates"],
            {key: str(path) for key, path in tls["files"].items()},
            tls["names"],
            tls["authorities"],
        )
        return problems
    if asks_for_step("packages", declaration) and asks_for_step("certificate", declaration):
        return []
    return [
        f"docker_engine_provided_certificate {tls['files']['certificate']} cannot be checked before the library for it "
        "is installed: leave away --tags and --skip-tags"
    ]


def is_due(declaration: Declaration, host: Host) -> bool:
    """Whether this run makes TLS files, as long as ``--tags`` asks for it."""
    tls = declaration["engine"]["issued"] if declaration["engine"] else None
    return tls is not None and bool(_renewal(tls, host) or _replaces_trust(tls, host))


def step(declaration: Declaration, observation: Observation) -> Step | None:
    """Issue the certificate, install the clients' authorities, or look at a provided one once that can be read."""
    engine, host = declaration["engine"], observation.host
    if engine is None:
        return None
    if engine["provided"] is not None:
        return _check(engine["provided"], host)
    tls = engine["issued"]
    if tls is None:
        return None
    reason, trust, work = _renewal(tls, host), _replaces_trust(tls, host), tls["authority_work"]
    if not (reason or trust or work):
        return None
    phrases = list(work)
    phrases += ["issue the server certificate"] if reason else []
    phrases += ["install the authorities whose clients get in"] if trust else []
    path = tls["files"]["certificate"]
    before = "".join(f"{name}\n" for name in deployed_names(declaration, host))
    after = "".join(f"{name}\n" for name in tls["names"])
    return {
        "name": "certificate",
        "role": "docker_engine",
        "summary": "; ".join(phrases),
        "reasons": ([f"the server certificate: {reason}"] if reason else [])
        + (["the file of the clients' authorities differs"] if trust else []),
        "effects": _effects(tls, host) if trust else [],
        "parameters": {"reason": reason, "trust": trust, "authorities": list(work), "check": False},
        "diff": [{"before": before, "after": after, "before_header": path, "after_header": path}]
        if reason and before != after
        else [],
    }


def _check(tls: ProvidedTls, host: Host) -> Step | None:
    """Without the library nothing is known of a provided certificate; it is looked at as soon as that is there."""
    if not _is_unchecked(tls, host):
        return None
    return {
        "name": "certificate",
        "role": "docker_engine",
        "summary": "check the provided certificate",
        "reasons": ["it cannot be read before python3-cryptography is installed"],
        "effects": [],
        "parameters": {"reason": "", "trust": False, "authorities": [], "check": True},
        "diff": [],
    }


def _is_unchecked(tls: ProvidedTls, host: Host) -> bool:
    certificate = host["certificates"].get(tls["files"]["certificate"])
    has_library = "cryptography" in host["system"]["python_libraries"]
    return bool(certificate and certificate["days_left"] is None and not has_library)


def _renewal(tls: IssuedTls, host: Host) -> str:
    """Why the certificate is issued anew; empty where it is not."""
    deployed = host["certificates"].get(tls["files"]["certificate"])
    return renewal.certificate_due(deployed, tls["names"], tls["renew_days"], tls["signer"], tls["reissue"])


def _replaces_trust(tls: IssuedTls, host: Host) -> bool:
    return renewal.trust_due(host["certificates"].get(tls["files"]["client_ca"]), tls["client_fingerprints"])


def _effects(tls: IssuedTls, host: Host) -> list[str]:
    """Whose clients are refused from then on."""
    deployed = host["certificates"].get(tls["files"]["client_ca"])
    if deployed and set(deployed["bundle"]) - set(tls["client_fingerprints"]):
        return ["clients of an authority that is trusted no more are refused once the daemon has restarted"]
    return []
