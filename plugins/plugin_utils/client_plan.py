# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is to be done on a machine so that it is the client that is declared. Pure, but for the index of certificates.

It is decided on the controller, which has the authorities and their index. A machine only tells what is there.
"""

from __future__ import annotations

from typing import Any

from ..module_utils._plan.steps import Plan, Step
from ..module_utils._system.observed import Certificate
from ..module_utils._tls import provided, renewal
from . import authorities
from .declaration.client import ClientDeclaration, IssuedClient

STEPS = ("packages", "provided", "ssh_key", "contexts", "certificate")
"""The names of all steps, in the order in which they are carried out."""

ALWAYS = ("ssh_key", "contexts")
"""Steps that see for themselves what there is to do, in check mode too. A plan without others may change nothing."""

PACKAGES = ("docker-cli", "openssh-client")
"""Packages that ``host_info`` is asked for."""


def plan(declared: ClientDeclaration, host: dict[str, Any]) -> Plan:
    """The plan for a machine.

    ``host`` is as ``host_info`` describes it with ``PACKAGES``, and with the certificate and the authorities of
    ``declared``, in this order.
    """
    # The keys are the paths as the machine has them.
    certificate, ca = list(host["certificates"].values())[:2]
    due = _due(declared, declared["issued"], certificate)
    unread = _unread(declared, certificate, host)
    refusals = list(_refusals(declared, host, certificate, due))
    if declared["uses_tls"] and not declared["issued"] and not unread:
        refusals += provided.client_problems(certificate, ca, declared["files"])
    if refusals:
        return {"refusals": refusals, "steps": []}
    steps = [_packages(declared, host)]
    if unread:
        steps.append(_step("provided", "check the provided certificate, which cannot be read before"))
    if declared["ssh_key"]:
        steps.append(_step("ssh_key", "make an SSH key, where there is none"))
    steps.append(_step("contexts", "make a context for each daemon"))
    steps.append(_certificate(declared, declared["issued"], certificate, ca, due))
    return {"refusals": [], "steps": [step for step in steps if step]}


def _lacks_cli(declared: ClientDeclaration, host: dict[str, Any]) -> bool:
    return declared["cli"] == "docker" and not host["engine"]["cli_version"]


def _unread(declared: ClientDeclaration, certificate: Certificate | None, host: dict[str, Any]) -> bool:
    """Whether a provided certificate cannot be checked before the library for it is installed."""
    return bool(
        declared["uses_tls"]
        and not declared["issued"]
        and certificate
        and certificate["days_left"] is None
        and "cryptography" not in host["system"]["python_libraries"]
    )


def _due(declared: ClientDeclaration, issued: IssuedClient | None, certificate: Certificate | None) -> str:
    """Why the certificate must be issued; empty where it need not."""
    if issued is None:
        return ""
    due = issued["reissue"] or renewal.certificate_due(certificate, [], issued["renew_days"], issued["signer"])
    if due:
        return due
    subject = certificate["subject"] if certificate else None
    return "" if subject == f"CN={declared['name']}" else f"it is of {subject}"


def _refusals(
    declared: ClientDeclaration, host: dict[str, Any], certificate: Certificate | None, due: str
) -> list[str]:
    refusals = []
    if _lacks_cli(declared, host) and not host["packages"]["docker-cli"]["candidate"]:
        refusals.append(
            "there is no docker CLI, and no package docker-cli in the machine's lists: install one, or name it in "
            "docker_client_cli"
        )
    issued = declared["issued"]
    if issued and due:
        refusals.append(authorities.name_problem(issued["directory"], declared["name"], certificate, issued["replace"]))
    return [refusal for refusal in refusals if refusal]


def _packages(declared: ClientDeclaration, host: dict[str, Any]) -> Step | None:
    names = ["docker-cli"] if _lacks_cli(declared, host) else []
    if declared["uses_tls"] and "cryptography" not in host["system"]["python_libraries"]:
        names.append("python3-cryptography")
    uses_ssh = declared["uses_ssh"] or declared["ssh_key"]
    if uses_ssh and host["system"]["apt"] and not host["packages"]["openssh-client"]["installed"]:
        names.append("openssh-client")
    return _step("packages", f"install {', '.join(names)}", required=names) if names else None


def _certificate(
    declared: ClientDeclaration,
    issued: IssuedClient | None,
    certificate: Certificate | None,
    ca: Certificate | None,
    due: str,
) -> Step | None:
    if issued is None:
        return None
    trust = renewal.trust_due(ca, issued["server_fingerprints"])
    unconfirmed = authorities.unconfirmed(issued["directory"], declared["name"], certificate)
    work = [
        (due, f"issue the client certificate of {declared['name']}: {due}"),
        (trust, "replace the authorities of the servers"),
        (unconfirmed, f"enter the client certificate of {declared['name']} in the index"),
        (issued["authority_work"], ", ".join(issued["authority_work"])),
    ]
    summaries = [summary for needed, summary in work if needed]
    if not summaries:
        return None
    return _step(
        "certificate",
        "; ".join(summaries),
        issue=bool(due),
        trust=trust,
        unconfirmed=unconfirmed,
        protect=bool(issued["authority_work"]),
        link=not certificate,
    )


def _step(name: str, summary: str, **parameters: Any) -> Step:
    return {
        "name": name,
        "role": "docker_client",
        "summary": summary,
        "reasons": [],
        "effects": [],
        "parameters": parameters,
        "diff": [],
    }
