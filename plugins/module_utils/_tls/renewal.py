# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When a certificate by the fleet's own authorities is issued anew, and when a file of authorities is replaced.

Names of other hosts of the inventory in a deployed certificate are the controller's business (plugin_utils/names.py):
no host is told of the others.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Optional

from .._system import observed
from . import names

Deployed = Optional[observed.Certificate]
"""A file on the machine as ``certificates.describe`` tells of it; None where there is none."""


def certificate_due(
    deployed: Deployed,
    wanted: list[str],
    renew_days: int,
    signer: Mapping[str, Any],
    reissue: str = "",
) -> str:
    """Why the ``deployed`` certificate must be issued anew; empty when it need not.

    ``wanted`` are the names that it must have, as in "DNS:trixie". What it has beyond them stays until it is renewed.
    ``renew_days`` are the days left below which it is renewed, ``signer`` is the authority that signs now (its ``name``
    and ``key_id``), ``reissue`` why it is issued whatever it is.
    """
    if reissue:
        return reissue
    if not deployed:
        return "there is none"
    days, end = deployed["days_left"], deployed["not_after"]
    if days is None or end is None:
        return "it could not be read"
    if days < renew_days:
        return f"it ends on {end[:10]}, in {days} days"
    lacking = names.lacking(wanted, deployed["names"])
    if lacking:
        return f"it lacks {', '.join(lacking)}"
    if deployed["authority_key_id"] != signer["key_id"]:
        return f"it is not signed by {signer['name']}"
    return ""


def trust_due(deployed: Deployed, fingerprints: list[str]) -> bool:
    """Whether the file of trusted authorities is not that of those with these SHA-256 ``fingerprints``, in order.

    None stand for authorities that are still to be made.
    """
    return not deployed or not fingerprints or bool(deployed["bundle"] != fingerprints)
