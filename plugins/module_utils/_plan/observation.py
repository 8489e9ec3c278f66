# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the plan is made from: the host, the addresses it gets, and a dry run of its configuration. Changes nothing."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from .._apply import composition
from .._config import options, redaction
from .._config.classification import ApplyPlan
from .._config.fragments import ConfigError
from .._engine import daemon, planning
from .._firewall import backend
from .._host import observation as host_observation
from .._network.sysctls import FORWARDING
from .._system import platforms
from .._system.asking import asking_once
from .._system.observed import Host
from . import (
    addresses,
    apply,
    certificate,
    configuration,
    filter_preview,
    firewall_backend,
    packages,
    selection,
    sysctls,
)
from .declaration import Declaration


@dataclass(frozen=True)
class Observation:
    """``host`` is as ``host_info`` tells it; the rest is there only for a host that can carry an engine.

    ``addresses`` are the ``options`` that the plan chose and the ``problems`` that prevented it. ``network_fragment``
    is the whole fragment 20-network. ``composition`` is what ``_apply.composition.configure`` answers for the fragments
    that ``--tags`` asks for, None where it asks for none or the host cannot carry them: ``refused`` says why.
    ``filter_previews`` are the changes of packet filters as nft lists them, where nft could be asked.
    ``pending`` is what the files that are there already ask of the daemon, None for nothing. ``secrets`` are those of
    the configuration, declared and observed.
    """

    host: Host
    addresses: dict[str, Any] = field(default_factory=lambda: {"options": {}, "problems": []})
    network_fragment: dict[str, Any] = field(default_factory=dict)
    composition: dict[str, Any] | None = None
    refused: list[str] = field(default_factory=list)
    pending: ApplyPlan | None = None
    filter_previews: filter_preview.Previews = field(default_factory=dict)
    secrets: frozenset[str] = field(default_factory=frozenset, repr=False)

    @property
    def chosen(self) -> dict[str, Any]:
        """The options that the address plan chose."""
        options_chosen: dict[str, Any] = self.addresses["options"]
        return options_chosen

    @property
    def apply(self) -> ApplyPlan:
        """What is to be done with the daemon, once the files are written that this run writes."""
        if self.composition is not None:
            planned: ApplyPlan = self.composition["plan"]
            if planned.action != "nothing":
                return planned
        return self.pending or ApplyPlan("nothing")

    @property
    def is_applied(self) -> bool:
        """Whether the daemon runs with all that is declared: nothing is to be written, applied or tested."""
        if self.host["configuration"]["untested"]:
            return False
        is_written = self.composition is not None and not self.composition["files"]
        is_active = self.host["engine"]["service"]["active"] == "active"
        return is_active and is_written and self.apply.action == "nothing"


def observe(declaration: Declaration, verifies: bool = False, asked_at: float | None = None) -> Observation:
    """Look at the host and try the declaration on it.

    ``verifies`` is for who compares and changes nothing: bridges are looked at too, and the configuration is tried
    without the TLS files, which have findings of their own. ``asked_at`` is ``host_info``'s option.
    """
    with asking_once():
        return _observe(declaration, verifies, asked_at)


def _observe(declaration: Declaration, verifies: bool, asked_at: float | None) -> Observation:
    host = _host(declaration, verifies, asked_at)
    if platforms.problem(host["system"]):
        return Observation(host)
    network = declaration["network"]
    chosen = addresses.choose(declaration, network, host) if network else {"options": {}, "problems": []}
    fragments = configuration.content(declaration, chosen["options"])
    secrets = frozenset(daemon.secrets().union(*map(options.secrets, fragments.values())))
    tried, refused = _try(declaration, host, fragments, secrets, verifies)
    previews, unloadable = ({}, []) if verifies else filter_preview.preview(declaration, host)
    return Observation(
        host=host,
        addresses=chosen,
        network_fragment=fragments.get(selection.NETWORK_FRAGMENT, {}),
        composition=tried,
        refused=[*refused, *unloadable],
        filter_previews=previews,
        pending=_pending(declaration, host, tried),
        secrets=secrets,
    )


def _host(declaration: Declaration, bridges: bool, asked_at: float | None) -> Host:
    engine = declaration["engine"]
    users = [engine["socket"]["owner"], engine["ssh"]["user"], *engine["users"]] if engine else []
    has_nftables = firewall_backend.is_declared(declaration) or backend.is_nftables(backend.configured())
    return host_observation.observe(
        names=packages.looked_up(declaration),
        users=users,
        groups=[engine["socket"]["group"]] if engine else [],
        certificates=certificate.looked_up(declaration),
        ssh_user=engine["ssh"]["user"] if engine else None,
        bridges=bridges,
        asked_at=asked_at,
        sysctl_names=[*sysctls.looked_up(declaration), *(FORWARDING if has_nftables else ())],
        nftables_backend=firewall_backend.is_declared(declaration),
        ssh_socket=engine["ssh"]["socket"] if engine and engine["ssh"]["clients"] else None,
    )


def _try(
    declaration: Declaration,
    host: Host,
    fragments: dict[str, dict[str, Any]],
    secrets: frozenset[str],
    without_tls: bool,
) -> tuple[dict[str, Any] | None, list[str]]:
    """A dry run of the fragments that are asked for, and why the host refuses them.

    What the host refuses does not depend on tags, so all fragments are tried too where not all are asked for.
    """
    if host["configuration"]["error"]:
        return None, []  # Nothing can be composed, and the plan refuses it.
    names = selection.fragments(declaration)
    is_due = without_tls or certificate.is_due(declaration, host)
    is_made = without_tls or (is_due and selection.asks_for_step("certificate", declaration))
    tries = {(tuple(fragments), is_due), (tuple(names), is_made)} if names else {(tuple(fragments), is_due)}
    tried, refused = None, []
    for chosen, tls_to_come in sorted(tries, reverse=True):
        try:
            answer = _configure(declaration, {name: fragments[name] for name in chosen}, tls_to_come)
        except ConfigError as error:
            reason: str = redaction.scrubbed(str(error), secrets)
            refused.append(reason)
        else:
            if names and chosen == tuple(names) and tls_to_come == is_made:
                tried = answer
    return (None if refused else tried), list(dict.fromkeys(refused))


def _configure(declaration: Declaration, fragments: dict[str, dict[str, Any]], tls_to_come: bool) -> dict[str, Any]:
    role = apply.settings(declaration)
    engine = declaration["engine"]
    return composition.configure(
        fragments,
        role["on_conflict"],
        dict(engine["socket"]) if engine and selection.ENGINE_FRAGMENT in fragments else None,
        role["restart"],
        may_drain=role["containers"] == "drain",
        tls_to_come=tls_to_come,
        may_move=role["data_root_change"] == "move",
        check_mode=True,
    )


def _pending(declaration: Declaration, host: Host, tried: dict[str, Any] | None) -> ApplyPlan | None:
    """What the files that are there ask of the daemon, where the dry run does not say it already."""
    seen = host["configuration"]["pending"]
    is_told = tried is not None and tried["plan"].action != "nothing"
    if is_told or seen is None or seen["action"] == "nothing":
        return None
    return planning.observe(may_drain=apply.settings(declaration)["containers"] == "drain").plan
