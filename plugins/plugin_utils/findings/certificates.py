# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates: of servers, of clients and of the authorities behind both."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...module_utils._system.observed import Certificate
from ...module_utils._tls import provided
from ...module_utils._tls.certificates import describe_file, weakness
from .. import authorities, generations, names
from ._finding import APPLY, ERROR, WARNING, Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

_PROVIDED = "have its issuer renew it"


def served(declared: dict[str, Any], certificate: Certificate | None, whose: str) -> Iterator[Finding]:
    """Findings on a daemon's certificate, as ``host_info`` or ``endpoint_info`` saw it."""
    renew = APPLY if declared["issues"] else _PROVIDED
    if not certificate or certificate["not_after"] is None or certificate["days_left"] is None:
        yield Finding("certificates.unreadable", ERROR, f"{whose} can be read", "it cannot", renew)
        return
    yield from _ends(certificate["not_after"], certificate["days_left"], declared["renew_days"], whose, renew)
    lacking, undeclared, foreign = names.compared(declared["names"], certificate["names"], declared["fleet"])
    if lacking:
        yield Finding(
            "certificates.lacks_name", ERROR, f"{whose} has {', '.join(lacking)}", "clients refuse that name", renew
        )
    if weak := weakness(certificate["key"]):
        yield Finding("certificates.weak_key", ERROR, f"the key of {whose} is not to be guessed", weak, renew)
    if not declared["issues"]:
        return
    if foreign:
        yield Finding(
            "certificates.name_of_another_host",
            ERROR,
            f"{whose} is for this host alone",
            f"also for {', '.join(f'{name} of {owner}' for name, owner in foreign.items())}",
            APPLY,
        )
    if undeclared:
        yield Finding(
            "certificates.undeclared_name",
            WARNING,
            f"{whose} is for what is declared",
            f"also for {', '.join(undeclared)}",
            "declare what clients need in docker_engine_certificate_names, then run "
            "playbooks/renew_server_certificates.yml",
        )
    signer = declared["authorities"]["server"]["signer"]
    if signer["key_id"] and certificate["authority_key_id"] != signer["key_id"]:
        yield Finding(
            "certificates.other_signer",
            WARNING,
            f"{whose} is signed by {signer['name']}",
            f"its issuer is {certificate['issuer']} with another key",
            renew,
        )


def trusted(declared: dict[str, Any], certificate: Certificate | None, server: Certificate | None) -> Iterator[Finding]:
    """Findings on the file of authorities whose clients get in: the fleet's, or those that the operator provides."""
    wanted = declared["authorities"]["client"]["fingerprints"]
    if not certificate:
        yield Finding("certificates.no_client_authority", ERROR, "a file with the clients' authority", "none", APPLY)
    elif declared["issues"] and wanted and sorted(certificate["bundle"]) != sorted(wanted):
        strangers = len(set(certificate["bundle"]) - set(wanted))
        yield Finding(
            "certificates.other_client_authority",
            ERROR,
            f"clients of {len(wanted)} trusted authorities get in",
            f"{strangers} others are trusted, {len(set(wanted) - set(certificate['bundle']))} are missing",
            APPLY,
        )
    elif not declared["issues"]:
        for problem in provided.authority_problems(certificate, server, declared["client_authorities"]):
            yield Finding(
                "certificates.unfit_client_authority",
                ERROR,
                "clients get in by what is meant for it",
                problem,
                "as it says",
            )


def controller(directory: str, client_days: int, authority_days: int) -> Iterator[Finding]:
    """Findings on the authorities in ``directory`` and on the clients they vouch for.

    An authority is to be replaced while what it signs, for ``authority_days`` at most, does not outlive it.
    """
    view = authorities.view(directory)
    for kind in authorities.KINDS:
        for one in view[kind]["trusted"]:
            certificate = describe_file(one["certificate"])
            if certificate and certificate["not_after"] and certificate["days_left"] is not None:
                renew = "run playbooks/replace_authorities.yml"
                ends, left = certificate["not_after"], certificate["days_left"]
                yield from _ends(ends, left, authority_days, one["name"], renew)
    made = any(one["key_id"] for kind in authorities.KINDS for one in view[kind]["trusted"])
    for pending in generations.due(directory) if made else []:
        yield Finding(
            "certificates.authorities_due", WARNING, "authorities that need nothing", f"to do: {pending}", APPLY
        )
    for one in authorities.outstanding(directory):
        began = "replace_authorities.yml, replace_client_authority_now.yml or remove_client.yml"
        again = f"run the playbook that began it again until it ends well: {began}"
        severity = ERROR if view["distrusted"] else WARNING
        yield Finding("certificates.rotation", severity, "no rotation or removal has anything left to do", one, again)
    for client in authorities.issued(directory, "client"):
        whose = f"the certificate of client {client['name']}"
        renew = "run playbooks/client.yml there, or playbooks/remove_client.yml if it is gone"
        if client["trusted"]:
            yield from _ends(client["not_after"], client["days_left"], client_days, whose, renew)


def _ends(not_after: str, left: int, days: int, whose: str, renew: str) -> Iterator[Finding]:
    day = not_after[:10]
    if left < 0:
        yield Finding("certificates.expired", ERROR, f"{whose} is valid", f"it ended on {day}", renew)
    elif left < days:
        yield Finding(
            "certificates.ends_soon",
            WARNING,
            f"{whose} has {days} days left",
            f"it ends on {day}, in {left} days",
            renew,
        )
