# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report as one HTML file that needs nothing else: no script, no font, no network."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jinja2
import markupsafe

from . import document, svg, topology


def page(report: dict[str, Any]) -> str:
    """The page of a document. Its texts are anybody's: Jinja escapes them all, but for the pictures' markup."""
    here = Path(__file__).parent
    # An environment of its own: Ansible's templates would take what stands in braces for an expression.
    environment = jinja2.Environment(
        autoescape=True,
        loader=jinja2.FileSystemLoader(here),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["reach"] = topology.reach
    return environment.get_template("page.html.j2").render(
        report,
        severities=document.SEVERITIES,
        style=markupsafe.Markup((here / "page.css").read_text(encoding="utf-8") + svg.style()),
        picture=lambda host, number: markupsafe.Markup(svg.inline(host, f"host-{number}")),
    )
