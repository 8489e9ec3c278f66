"""What a host cannot carry is refused with the variable, the value and the way out, and then nothing is planned."""

from __future__ import annotations

from typing import Any, Callable

import pytest
from planned_host import CERTIFICATE, CLIENT_CA, ApplyPlan, Planned


def refused(change: Callable[[Planned], Any], *roles: str) -> list[str]:
    planned = Planned(*roles)
    change(planned)
    assert planned.plan()["steps"] == [] or planned.plan()["refusals"] == []
    return planned.refusals()


def on_host(**changes: Any) -> Callable[[Planned], Any]:
    """Changes of parts of the host, such as ``users={"root": None}``."""
    return lambda planned: [planned.host[part].update(change) for part, change in changes.items()]


def named(role: str, **changes: Any) -> Callable[[Planned], Any]:
    return lambda planned: getattr(planned, role).update(changes)


def on_socket(**changes: Any) -> Callable[[Planned], Any]:
    def change(planned: Planned) -> None:
        planned.engine["socket"].update(changes)
        planned.host["groups"].setdefault(planned.engine["socket"]["group"], None)
        planned.host["users"].setdefault(planned.engine["socket"]["owner"], None)

    return change


REFUSALS: list[tuple[Callable[[Planned], Any], str]] = [
    (on_host(system={"systemd": False}), "the host is not run by systemd"),
    (on_host(configuration={"error": "daemon.json is no JSON"}), "daemon.json is no JSON"),
    (on_socket(group="ops"), "docker_engine_socket_group ops: there is no such group"),
    (on_socket(owner="ops"), "docker_engine_socket_owner ops: there is no such user"),
    (on_host(users={"deploy": None}), "docker_engine_users deploy: there is no such user"),
    (
        on_host(groups={"docker": {"gid": 9, "primary": ["eve"], "members": ["deploy"], "own": [], "administrators": [],
                                   "password": False, "holders": []}}),
        "docker_engine_users_exclusive: docker is the primary group of eve",
    ),
    (
        lambda planned: planned.host["ssh"]["accounts"].clear(),
        "docker_engine_ssh_user docker-remote: there is an account of that name (uid 990) that Mooring has not made: "
        "name another",
    ),
    (on_host(engine={"cli_version": None}), "docker_engine_ssh_clients need a docker CLI on the host"),
    (
        on_host(ssh={"error": "sshd: bad", "trial": None}),
        "docker_engine_ssh_clients: sshd would not keep docker-remote to the daemon, or keep it out: "
        "sshd does not tell its settings: sshd: bad",
    ),
    (
        lambda planned: planned.addresses["problems"].append("docker_network_address_block 3: none is free"),
        "docker_network_address_block 3: none is free",
    ),
    (
        lambda planned: planned.network["options"].update(bip="192.0.2.129/25"),
        "bip 192.0.2.129/25 would cut off 192.0.2.0/24 (the network of eth0)",
    ),
    (
        named("network", options={"bip": "198.51.100.1/24"}, reserved=["198.51.100.0/25"]),
        "bip 198.51.100.1/24 would cut off 198.51.100.0/25 (docker_network_reserved)",
    ),
    (
        named("network", options={"bip": "198.51.100.1/24"}, fleet=["198.51.100.7"]),
        "bip 198.51.100.1/24 would cut off 198.51.100.7/32 (198.51.100.7 of the inventory)",
    ),
    (
        lambda planned: [
            on_host(users={"deploy": None})(planned),
            named("engine", users_exclusive=False)(planned),
        ],
        "docker_engine_users deploy: there is no such user",
    ),
    (
        named("network", networks=[{"name": "back", "driver": "macvlan", "driver_options": {"parent": "eth9"}}]),
        "docker_network_networks 'back': parent eth9 is no interface of this host",
    ),
    (
        named("network", sysctls={"net.none": 1}),
        "docker_network_sysctls net.none is unknown to the host's kernel",
    ),
    (
        lambda planned: [
            named("network", published="closed")(planned),
            planned.host["network"].update(bridges=["docker0", "br-0123456789ab", "br0"]),
            planned.host["engine"]["networks"].append(
                {"name": "back", "bridge": "br-0123456789ab", "driver": "bridge", "subnets": [], "labels": {}}
            ),
        ],
        "docker_network_published would close the bridge br0, which is none of Docker's networks",
    ),
    (
        lambda planned: planned.refused.append("log-driver is set in 00-adopted and 10-engine"),
        "log-driver is set in 00-adopted and 10-engine",
    ),
    (
        lambda planned: setattr(planned, "pending", ApplyPlan("restart", ["x"], ["changed: x"], containers=["web"])),
        "restart (changed: x) would stop web, since live-restore is off",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("change", "sentence"), REFUSALS)
def test_what_cannot_be_is_refused(change: Callable[[Planned], Any], sentence: str) -> None:
    (found,) = refused(change)
    assert found.startswith(sentence)


def test_a_controllers_network_is_not_covered() -> None:
    (found,) = refused(lambda planned: planned.network["options"].update(bip="192.0.2.1/32"))[:1]
    assert "would cut off" in found
    assert refused(named("network", options={"bip": "192.0.2.129/25"}, check_addresses=False)) == []


def test_the_bridges_of_declared_networks_collide_with_nothing() -> None:
    def change(planned: Planned) -> None:
        options = {"com.docker.network.bridge.name": "app0"}
        planned.network["networks"] = [
            {"name": "app", "ranges": [{"subnet": "198.51.100.0/24"}], "driver_options": options}
        ]
        planned.host["network"]["addresses"].append({"interface": "app0", "address": "198.51.100.1/24"})

    assert refused(change) == []


@pytest.mark.parametrize("group", ["docker", "root"])
def test_a_group_that_comes_with_the_engine_may_be_missing(group: str) -> None:
    planned = Planned().bare()
    planned.engine["socket"]["group"] = group
    planned.host["groups"] = {group: None}
    assert planned.refusals() == []


def test_one_role_is_not_asked_about_the_other() -> None:
    for role, other in (("engine", "network"), ("network", "engine")):
        planned = Planned(role)
        if other == "engine":
            planned.host.update(users={}, groups={}, ssh=None)
        else:
            planned.addresses["problems"] = []
            planned.host["network"]["addresses"] = [{"interface": "eth0", "address": "172.17.0.1/16"}]
        assert planned.refusals() == []


def test_an_unfit_host_is_asked_nothing_more() -> None:
    planned = Planned()
    planned.host = {"system": {"kernel": "Darwin"}}
    (found,) = planned.refusals()
    assert "macOS" in found


def test_a_waiting_restart_is_no_refusal() -> None:
    planned = Planned()
    planned.engine["restart"] = "never"
    planned.pending = ApplyPlan("restart", ["x"], ["changed: x"], containers=["web"])
    assert planned.refusals() == []


@pytest.mark.parametrize(
    ("tags", "skipped", "is_refused"),
    [
        (["all"], ["install"], True),
        (["apply"], [], True),
        (["all"], [], False),
        (["apply", "install"], [], False),
        (["configure"], [], False),
        (["all"], ["install", "apply"], False),
    ],
)
def test_no_daemon_is_applied_to_that_is_not_installed(tags: list[str], skipped: list[str], is_refused: bool) -> None:
    planned = Planned().bare().tags(*tags)
    planned.skip_tags = skipped
    assert any("there is no docker.service" in sentence for sentence in planned.refusals()) == is_refused


def test_a_provided_certificate_that_cannot_be_right_is_refused() -> None:
    planned = Planned("engine")
    files = planned.engine["issued"]["files"]
    planned.engine.update(issued=None, provided={"files": files, "names": ["web-2"], "authorities": []})
    planned.host["certificates"][CLIENT_CA]["contents"] = [
        {"sha256": "f1", "subject": "CN=c", "issuer": "CN=c", "key_id": "k", "authority_key_id": "k",
         "key": {"type": "EC", "bits": 256}}
    ]  # fmt: skip
    assert planned.refusals() == [f"docker_engine_provided_certificate {CERTIFICATE}: it lacks DNS:web-2"]
    planned.engine["provided"]["names"] = ["WEB-1"]
    assert planned.refusals() == []
    planned.host["certificates"][CERTIFICATE]["days_left"] = -1
    assert "it ended on" in planned.refusals()[0]
    planned.run_tags = ["sysctls"]
    assert "it ended on" in planned.refusals()[0]
