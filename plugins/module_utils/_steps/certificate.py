# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Step: install a certificate beside its key, and the authorities that the machine trusts."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from .._config import state
from .._tls import pair
from .failure import StepError

if TYPE_CHECKING:
    from collections.abc import Mapping

OPTIONS: dict[str, Any] = {
    "pair": {"type": "path"},
    "certificate": {"type": "str"},
    "trust_file": {"type": "path"},
    "trusted": {"type": "str"},
}


def execute(options: Mapping[str, Any], check_mode: bool = False) -> dict[str, Any]:
    """As mooring.docker.certificate_pair does with a certificate; either may be absent. Raises StepError."""
    try:
        if options["trust_file"]:
            state.write(Path(options["trust_file"]), options["trusted"], 0o644)
        if options["certificate"]:
            pair.install(Path(options["pair"]), options["certificate"])
    except OSError as error:
        raise StepError(str(error)) from error
    return {"changed": True}
