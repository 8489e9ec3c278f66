# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates: of servers, of clients and of the authorities behind both."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ansible_collections.mooring.docker.plugins.module_utils._certificates import describe_file
from ansible_collections.mooring.docker.plugins.plugin_utils import authorities
from ansible_collections.mooring.docker.plugins.plugin_utils.findings._finding import APPLY, ERROR, WARNING, Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

_PROVIDED = "have its issuer renew it"


def served(declared: dict[str, Any], certificate: dict[str, Any] | None, whose: str) -> Iterator[Finding]:
    """Findings on a daemon's certificate, as ``host_info`` or ``endpoint_info`` saw it."""
    renew = APPLY if declared["issues"] else _PROVIDED
    if not certificate or certificate["days_left"] is None:
        yield Finding("certificates.unreadable", ERROR, f"{whose} can be read", "it cannot", renew)
        return
    yield from _ends(certificate, declared["renew_days"], whose, renew)
    lacking = sorted(set(declared["names"]) - set(certificate["names"]))
    if lacking:
        yield Finding(
            "certificates.lacks_name", ERROR, f"{whose} has {', '.join(lacking)}", "clients refuse that name", renew
        )
    signer = declared["authorities"]["server"]["signer"]
    if declared["issues"] and signer["key_id"] and certificate["authority_key_id"] != signer["key_id"]:
        yield Finding(
            "certificates.other_signer",
            WARNING,
            f"{whose} is signed by {signer['name']}",
            f"its issuer is {certificate['issuer']} with another key",
            renew,
        )


def trusted(declared: dict[str, Any], certificate: dict[str, Any] | None) -> Iterator[Finding]:
    """Findings on the file of authorities whose clients get in; what is expected is known where the fleet's are."""
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


def controller(directory: str, client_days: int, authority_days: int) -> Iterator[Finding]:
    """Findings on the authorities in ``directory`` and on the clients they vouch for.

    An authority is to be replaced while what it signs, for ``authority_days`` at most, does not outlive it.
    """
    view = authorities.view(directory)
    for kind in authorities.KINDS:
        for one in view[kind]["trusted"]:
            certificate = describe_file(one["certificate"])
            if certificate is not None:
                renew = "run playbooks/rotate_certificates.yml -e rotate=ca"
                yield from _ends(certificate, authority_days, one["name"], renew)
    for one in authorities.outstanding(directory):
        again = "run the same playbook again, rotate_certificates.yml or remove_client.yml, until it ends well"
        severity = ERROR if view["distrusted"] else WARNING
        yield Finding("certificates.rotation", severity, "no rotation or removal has anything left to do", one, again)
    for client in authorities.issued(directory, "client"):
        whose = f"the certificate of client {client['name']}"
        renew = "run playbooks/client.yml there, or playbooks/remove_client.yml if it is gone"
        if client["trusted"]:
            yield from _ends(client, client_days, whose, renew)


def _ends(certificate: dict[str, Any], days: int, whose: str, renew: str) -> Iterator[Finding]:
    day, left = certificate["not_after"][:10], certificate["days_left"]
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
