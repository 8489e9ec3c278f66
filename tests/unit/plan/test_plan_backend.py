"""``firewall-backend: nftables`` is refused where dockerd would not start with it, or would carry nothing."""

from __future__ import annotations

from typing import Any, Callable

import pytest
from planned_host import ApplyPlan, Planned

VARIABLE = "docker_network_firewall_backend: nftables"
FORWARDING = ["net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding", "net.ipv6.conf.default.forwarding"]
DROP = {"policy": "DROP", "rules": []}
OF_UFW = {"policy": "DROP", "rules": ["-A FORWARD -j ufw-before-forward", "-A FORWARD -j ufw-track-forward"]}


def planned(*roles: str) -> Planned:
    """A host with engine 29 whose rules are iptables', which is to have nftables'."""
    found = Planned(*roles)
    found.host["engine"].update(version="29.7.2", cli_version="29.7.2")
    found.host["sysctls"].update(
        live=dict.fromkeys(FORWARDING, "1"), boot=dict.fromkeys(FORWARDING, None), own=[], program="/usr/sbin/sysctl"
    )
    found.host["nftables_backend"] = {
        "configured": False,
        "nft": "/usr/sbin/nft",
        "in_swarm": False,
        "forward": {"iptables": {"policy": "ACCEPT", "rules": []}, "ip6tables": {"policy": "ACCEPT", "rules": []}},
    }
    options: dict[str, Any] = {"firewall-backend": "nftables"}
    (found.network or found.engine)["options"].update(options)
    if found.network:
        found.network["sysctls"] = {}
    found.compose(ApplyPlan("restart", [*options], ["changed: firewall-backend"]), "/etc/docker/daemon.json")
    found.composition["effective"] = options
    return found


def test_it_is_planned_where_it_can_be_and_forwarding_stays_on_over_a_boot() -> None:
    found = planned()
    assert found.names() == ["sysctls", "configuration", "apply"]
    assert found.step("sysctls")["parameters"]["parameters"] == [
        {"name": "net.ipv4.ip_forward", "value": "1", "state": "present"}
    ]
    # With iptables dockerd switches it on by itself.
    found.network["options"]["firewall-backend"] = found.composition["effective"]["firewall-backend"] = "iptables"
    assert found.names() == ["configuration", "apply"]


def test_forwarding_of_ipv6_stays_on_where_a_network_has_it() -> None:
    found = planned()
    found.network["networks"] = [{"name": "six", "ipv6": True}]
    kept = [one["name"] for one in found.step("sysctls")["parameters"]["parameters"]]
    assert kept == FORWARDING


def _engine(**changes: Any) -> Callable[[Planned], Any]:
    return lambda found: found.host["engine"].update(changes)


def _backend(**changes: Any) -> Callable[[Planned], Any]:
    return lambda found: found.host["nftables_backend"].update(changes)


def _forwarding(*names: str) -> Callable[[Planned], Any]:
    return lambda found: found.host["sysctls"]["live"].update(dict.fromkeys(names, "0"))


def _bare(found: Planned) -> None:
    found.host["engine"].update(installed=False, version=None)
    found.host["packages"]["docker.io"].update(installed=None, candidate="28.5.2+dfsg4-5")


REFUSALS: list[tuple[Callable[[Planned], Any], str, str]] = [
    (_engine(version="28.5.2+dfsg4"), "takes engine 29.0 or later, and this host has engine 28.5.2+dfsg4", "leave it"),
    (_bare, "takes engine 29.0 or later, and this host would install docker.io 28.5.2+dfsg4-5", "leave it out"),
    (_backend(in_swarm=True), "does not go with a swarm, of which this host is a node", "docker swarm leave"),
    (_engine(swarm="pending"), "does not go with a swarm, of which this host is a node", "docker swarm leave"),
    (
        lambda found: [
            _backend(nft=None)(found),
            found.engine.update(filter_rules=None),
            found.host["packages"]["nftables"].update(installed=None),
        ],
        "takes the program nft, which this host does not have",
        "Install the package nftables first",
    ),
    # Its package is installed, so apt would not bring it back for Mooring's own filter.
    (
        _backend(nft=None),
        "takes the program nft, which this host does not have",
        "Install the package nftables first",
    ),
    (
        _forwarding("net.ipv4.ip_forward"),
        "takes net.ipv4.ip_forward = 1, now and after a boot",
        "Set docker_network_sysctls: {net.ipv4.ip_forward: 1}",
    ),
    (
        lambda found: [
            _forwarding(*FORWARDING[1:])(found),
            found.composition["effective"].update(ipv6=True),
        ],
        "takes net.ipv6.conf.all.forwarding, net.ipv6.conf.default.forwarding = 1",
        "Set docker_network_sysctls: {net.ipv6.conf.all.forwarding: 1, net.ipv6.conf.default.forwarding: 1}",
    ),
    (
        lambda found: found.network.update(sysctls={"net.ipv4.ip_forward": 0}),
        "takes net.ipv4.ip_forward = 1, now and after a boot",
        "docker_network_ip_forward: false",
    ),
    (
        _backend(forward={"iptables": {"policy": "ACCEPT", "rules": []}, "ip6tables": OF_UFW}),
        "leaves containers without packets: the chain FORWARD of ip6tables has the policy DROP and rules of others "
        "(-A FORWARD -j ufw-before-forward and 1 more)",
        "DEFAULT_FORWARD_POLICY",
    ),
]


@pytest.mark.parametrize(("change", "sentence", "way_out"), REFUSALS)
def test_it_is_refused_where_it_cannot_be(change: Callable[[Planned], Any], sentence: str, way_out: str) -> None:
    found = planned()
    change(found)
    (refused,) = found.refusals()
    assert refused.startswith(f"{VARIABLE} {sentence}")
    assert way_out in refused


ALLOWED: dict[str, Callable[[Planned], Any]] = {
    "no swarm": _engine(swarm="inactive"),
    # moby 29.7, config_linux.go: IsSwarmCompatible
    "a swarm whose rules dockerd leaves alone": lambda found: [
        _backend(in_swarm=True)(found),
        found.composition["effective"].update(iptables=False),
    ],
    "a swarm by dockerd's own word": lambda found: [
        _backend(in_swarm=True)(found),
        found.composition["effective"].update(features={"swarm-nftables": True}),
    ],
    "nft that this run installs": lambda found: [
        _backend(nft=None)(found),
        found.host["packages"]["nftables"].update(installed=None),
    ],
    "forwarding that this run switches on": lambda found: [
        _forwarding("net.ipv4.ip_forward")(found),
        found.network.update(sysctls={"net.ipv4.ip_forward": 1}),
    ],
    "forwarding that the operator looks after": lambda found: [
        _forwarding(*FORWARDING)(found),
        found.composition["effective"].update({"ip-forward": False}),
    ],
    "no forwarding of IPv6 without IPv6": _forwarding(*FORWARDING[1:]),
    "a policy that no daemon's rules have to do with": lambda found: [
        _backend(forward={"iptables": OF_UFW})(found),
        found.composition["effective"].update(iptables=False),
    ],
}


@pytest.mark.parametrize("change", ALLOWED.values(), ids=list(ALLOWED))
def test_it_is_not_refused_where_it_can_be(change: Callable[[Planned], Any]) -> None:
    found = planned()
    change(found)
    assert found.refusals() == []


def test_nobody_who_leaves_the_installation_out_gets_nft_by_it() -> None:
    found = planned().tags("configure", "apply")
    found.host["nftables_backend"]["nft"] = None
    found.host["packages"]["nftables"]["installed"] = None
    (refused,) = found.refusals()
    assert "takes the program nft" in refused


def test_kernel_parameters_that_are_not_asked_for_are_not_set() -> None:
    found = planned().tags("configure", "apply")
    found.host["sysctls"]["live"]["net.ipv4.ip_forward"] = "0"
    found.network["sysctls"] = {"net.ipv4.ip_forward": 1}
    (refused,) = found.refusals()
    assert "takes net.ipv4.ip_forward = 1" in refused


def test_an_old_engine_is_told_once() -> None:
    found = planned()
    found.host["engine"]["version"] = "28.5.2"
    found.composition = None
    found.refused = ["firewall-backend: engine 28.5 has no such option, which came with 29.0", "another reason"]
    assert [refused.partition(" takes")[0] for refused in found.refusals()] == [VARIABLE, "another reason"]


def test_an_engine_used_alone_keeps_no_parameter_over_a_boot() -> None:
    found = planned("engine")
    (refused,) = found.refusals()
    assert refused.startswith("docker_engine_options firewall-backend: nftables takes net.ipv4.ip_forward = 1")
    found.host["sysctls"]["boot"]["net.ipv4.ip_forward"] = "1"
    assert found.refusals() == []


def test_what_somebody_else_wrote_into_daemon_json_is_told_as_that() -> None:
    found = planned()
    del found.network["options"]["firewall-backend"]
    found.host["nftables_backend"].update(configured=True, in_swarm=True)
    (refused,) = found.refusals()
    assert refused.startswith("firewall-backend: nftables in /etc/docker/daemon.json does not go with a swarm")


def test_dockerds_own_policy_ends_with_the_change() -> None:
    found = planned()
    found.host["nftables_backend"]["forward"] = {"iptables": DROP, "ip6tables": DROP}
    step = found.step("apply")
    assert step["parameters"]["accept_forwarded"] == ["iptables", "ip6tables"]
    assert step["summary"].endswith("let the chain FORWARD of iptables and ip6tables accept what no rule decides")
    assert any("the policy DROP of iptables and ip6tables" in effect for effect in step["effects"])


def test_a_policy_that_an_interrupted_run_has_left_is_due_by_itself() -> None:
    found = planned()
    found.host["nftables_backend"].update(configured=True, forward={"iptables": DROP})
    found.compose(ApplyPlan("nothing"))
    assert found.names() == ["sysctls", "apply"]
    assert (
        found.tags("apply").step("apply")["summary"] == "let the chain FORWARD of iptables accept what no rule decides"
    )
    found.composition = None
    assert found.step("apply")["parameters"]["accept_forwarded"] == ["iptables"]
    found.host["nftables_backend"]["configured"] = False
    assert found.names() == []


def test_a_daemon_with_iptables_keeps_its_policy() -> None:
    found = planned()
    found.host["nftables_backend"].update(configured=True, forward={"iptables": DROP})
    found.composition["effective"] = found.network["options"] = {"firewall-backend": "iptables"}
    assert found.step("apply")["parameters"]["accept_forwarded"] == []
