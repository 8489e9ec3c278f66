"""Declared networks carry what they should and no more; one that differs is made again, or refused while it is used."""

from __future__ import annotations

import functools
import json
import os
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
import reach

# The oldest and the newest engine, or all; the first two talk to each other.
HOSTS = ["bookworm", "forky", "trixie"] if os.environ.get("MOORING_THOROUGH") else ["bookworm", "forky"]
ONE, OTHER = HOSTS[:2]


def _on_the_lan(first: int, driver: str) -> dict[str, Any]:
    """A network beside the hosts in the lab's own, each host with 16 addresses that nobody has."""
    part = "{{ lab_network | regex_replace('0/24$', '%s/28' | format((lab_address - 11) * 16 + FIRST)) }}"
    return {
        "name": driver,
        "driver": driver,
        "ranges": [
            {
                "subnet": "{{ lab_network }}",
                "gateway": "{{ lab_network | regex_replace('0/24$', '1') }}",
                "iprange": part.replace("FIRST", str(first)),
            }
        ],
        "driver_options": {"parent": "host0"},
    }


PLAIN = {"name": "plain", "driver_options": {"com.docker.network.driver.mtu": 1300}, "labels": {"tier": "front"}}
CLOSED = {"name": "closed", "internal": True, "ranges": [{"subnet": "10.77.1.0/24"}]}
SIX = {
    "name": "six",
    "ipv6": True,
    "ranges": [{"subnet": "10.77.2.0/24", "iprange": "10.77.2.128/25"}, {"subnet": "fd77:2::/64"}],
}
MACVLAN, IPVLAN = _on_the_lan(64, "macvlan"), _on_the_lan(128, "ipvlan")
ALL = [PLAIN, CLOSED, SIX, MACVLAN]

run = functools.partial(reach.run, limit=",".join(HOSTS))


def declare(*networks: dict[str, Any]) -> None:
    """A run with these networks that must succeed."""
    done = run(docker_network_networks=list(networks))
    assert done.status == 0, "\n".join(done.failures.values()) or done.output


def tasks_of(*networks: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Of a run with these networks: the task's name to each host's result, for the tasks that were not skipped."""
    line = reach.command(limit=",".join(HOSTS), docker_network_networks=list(networks))
    done = subprocess.run(
        line,
        cwd=reach.PROJECT,
        env={**os.environ, "ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json"},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    report = json.loads(done.stdout[done.stdout.index("{") :])
    return {
        task["task"]["name"]: ran
        for play in report["plays"]
        for task in play["tasks"]
        if (ran := {name: result for name, result in task["hosts"].items() if not result.get("skipped")})
    }


def networks(name: str) -> dict[str, dict[str, Any]]:
    """The networks of a host by name, as the module sees them."""
    seen = reach.managed(name).ansible("mooring.docker.bridge_info", check=False)
    return {network["name"]: network for network in seen["networks"]}


def docker(name: str, line: str) -> str:
    return str(reach.over_ssh(name).check_output(f"docker {line}"))


def all_of_docker(name: str) -> str:
    """Ids of all networks, and the life of the daemon, as one text."""
    return docker(name, "network ls --no-trunc --quiet | sort; systemctl show docker --property MainPID")


@pytest.fixture(scope="module", autouse=True)
def _networks() -> Iterator[None]:
    for name in HOSTS:
        reach.over_ssh(name).run_expect(
            [0], "docker image inspect busybox:lab || tar -C / -c bin/busybox | docker import - busybox:lab"
        )
    declare(*ALL)
    yield
    for name in HOSTS:
        reach.over_ssh(name).run("docker rm --force $(docker ps --all --quiet --filter label=mooring.test=networks)")
        reach.over_ssh(name).run("docker network rm foreign")
    assert run().status == 0


@pytest.fixture
def web() -> Iterator[Any]:
    """``web(host, network)`` starts a container that serves its network's name, and returns its addresses there."""
    started: list[str] = []

    def start(name: str, network: str) -> list[str]:
        serve = f"/bin/busybox mkdir /www; echo {network} > /www/index.html; exec /bin/busybox httpd -f -h /www"
        started.append(name)
        docker(
            name,
            "run --detach --name net-web --label mooring.test=networks"
            f" --network {network} busybox:lab /bin/busybox sh -c '{serve}'",
        )
        end = json.loads(docker(name, "inspect net-web"))[0]["NetworkSettings"]["Networks"][network]
        return [address for address in (end["IPAddress"], end["GlobalIPv6Address"]) if address]

    yield start
    for name in started:
        docker(name, "rm --force net-web")


def ask(name: str, network: str, address: str) -> str:
    """What the web server at an address says to a container in a network."""
    url = f"http://[{address}]/" if ":" in address else f"http://{address}/"
    return reach.in_container(
        reach.over_ssh(name),
        f"--network {network} busybox:lab",
        f"/bin/busybox timeout 10 /bin/busybox wget -qO- {url}",
    )


def can_leave(name: str, network: str) -> bool:
    """Whether a container in a network reaches another machine's SSH server."""
    address = reach.declared(OTHER if name == ONE else ONE)["address"]
    line = (
        f"run --rm --network {network} busybox:lab /bin/busybox sh -c '/bin/busybox nc -w 3 {address} 22 < /dev/null'"
    )
    return "SSH" in reach.over_ssh(name).run(f"docker {line}").stdout


@pytest.mark.parametrize("name", HOSTS)
def test_networks_are_what_was_declared(name: str) -> None:
    seen = networks(name)
    assert {"plain", "closed", "six", "macvlan"} <= set(seen)
    # The second network of the declared pool, docker0's being the first where it has no address of its own.
    assert seen["plain"]["subnets"][0]["subnet"].startswith("172.31.")
    assert seen["plain"]["options"]["com.docker.network.driver.mtu"] == "1300"
    assert seen["plain"]["labels"]["tier"] == "front"
    assert seen["closed"]["internal"]
    assert seen["six"]["ipv6"]
    assert sorted(one["subnet"] for one in seen["six"]["subnets"]) == ["10.77.2.0/24", "fd77:2::/64"]
    assert (seen["macvlan"]["driver"], seen["macvlan"]["options"]["parent"]) == ("macvlan", "host0")


def test_second_run_asks_docker_for_nothing() -> None:
    ran = tasks_of(*ALL)
    assert all(not result["changed"] for results in ran.values() for result in results.values())
    ours = [task for task in ran if "docker_network" in task]
    assert [task for task in ours if "Make" in task or "Remove" in task or "Observe" in task] == []
    # The control: the same reading of a report finds them in a run that makes one.
    assert any("Make the network" in task for task in tasks_of(*ALL, {"name": "more"}))
    declare(*ALL)


def test_containers_of_two_hosts_talk_over_macvlan(web: Any) -> None:
    for name, fellow in ((ONE, OTHER), (OTHER, ONE)):
        (address,) = web(name, "macvlan")
        assert ask(fellow, "macvlan", address) == "macvlan"
    for name in HOSTS[:2]:
        seen = reach.managed(name).ansible("mooring.docker.bridge_info", check=False)
        (parent,) = seen["parents"]
        (child,) = parent["children"]
        assert (parent["interface"], child["kind"], child["name"]) == ("host0", "macvlan", "net-web")


def test_internal_network_has_no_way_out(web: Any) -> None:
    for name in HOSTS:
        assert can_leave(name, "plain")
        assert not can_leave(name, "closed")
    (address,) = web(ONE, "closed")
    assert ask(ONE, "closed", address) == "closed"


def test_network_with_ipv6_carries_it(web: Any) -> None:
    for name in HOSTS:
        addresses = web(name, "six")
        assert len(addresses) == 2
        assert int(addresses[0].rpartition(".")[2]) >= 128
        assert [ask(name, "six", address) for address in addresses] == ["six", "six"]


def test_network_that_differs_is_refused_while_it_is_used_and_else_made_again(web: Any) -> None:
    changed = {**CLOSED, "ranges": [{"subnet": "10.77.9.0/24"}]}
    wanted = [PLAIN, changed, SIX, MACVLAN]
    for name in HOSTS:
        web(name, "closed")
    before = {name: all_of_docker(name) for name in HOSTS}
    done = run(docker_network_networks=wanted)
    for name in HOSTS:
        assert "'closed' is there with ranges 10.77.1.0/24 instead of 10.77.9.0/24" in done.failures[name]
        assert "net-web would lose it" in done.failures[name]
        assert all_of_docker(name) == before[name]
        docker(name, "stop --time 0 net-web")
    # A container that does not run would not start again.
    assert set(run(docker_network_networks=wanted).failures) == set(HOSTS)
    for name in HOSTS:
        docker(name, "rm net-web")

    assert all(run(check=True, docker_network_networks=wanted).changed.values())
    assert {name: all_of_docker(name) for name in HOSTS} == before
    declare(*wanted)
    for name in HOSTS:
        assert networks(name)["closed"]["subnets"][0]["subnet"] == "10.77.9.0/24"
    assert set(run(docker_network_networks=wanted).changed.values()) == {0}
    declare(*ALL)


def test_option_and_label_that_are_declared_no_more_go() -> None:
    bare = {"name": "plain"}
    declare(bare, CLOSED, SIX, MACVLAN)
    for name in HOSTS:
        plain = networks(name)["plain"]
        assert "com.docker.network.driver.mtu" not in plain["options"]
        assert "tier" not in plain["labels"]
    declare(*ALL)


def test_only_unused_networks_of_mooring_are_removed(web: Any) -> None:
    for name in HOSTS:
        docker(name, "network create --subnet 10.77.5.0/24 foreign")
    for name in HOSTS:
        web(name, "plain")
    done = run(docker_network_networks=[CLOSED, MACVLAN])
    for name in HOSTS:
        assert "'plain' is declared no more, and net-web would lose it" in done.failures[name]
        assert "six" in networks(name)
        docker(name, "rm --force net-web")
    declare(CLOSED, MACVLAN)
    # docker_gwbridge is what an engine keeps of a swarm that it has left.
    own = {"bridge", "host", "none", "docker_gwbridge"}
    for name in HOSTS:
        assert set(networks(name)) - own == {"closed", "macvlan", "foreign"}
    declare(*ALL)


def test_network_of_somebody_else_is_adopted_as_it_is_or_refused() -> None:
    for name in HOSTS:
        docker(name, "network inspect foreign || docker network create --subnet 10.77.5.0/24 foreign")
    before = {name: all_of_docker(name) for name in HOSTS}
    assert set(run(docker_network_networks=[*ALL, {"name": "foreign"}]).changed.values()) == {0}
    done = run(docker_network_networks=[*ALL, {"name": "foreign", "internal": True}])
    for name in HOSTS:
        assert "'foreign' is there with internal false instead of true" in done.failures[name]
        assert "not Mooring's" in done.failures[name]
    assert {name: all_of_docker(name) for name in HOSTS} == before


@pytest.mark.parametrize(
    ("network", "reason"),
    [
        ({"name": "x", "driver": "macvlan", "driver_options": {"parent": "eth7"}}, "it has lo, host0"),
        ({"name": "x", "driver": "overlay"}, "docker swarm init"),
        ({"name": "x", "ranges": [{"subnet": "fd77:3::/64"}]}, "needs ipv6: true"),
    ],
)
def test_what_a_host_cannot_carry_is_refused_before_anything_is_touched(network: dict[str, Any], reason: str) -> None:
    before = {name: all_of_docker(name) for name in HOSTS}
    done = run(docker_network_networks=[*ALL, {"name": "y"}, network])
    assert all(reason in done.failures[name] for name in HOSTS), done.failures
    assert {name: all_of_docker(name) for name in HOSTS} == before


def test_overlay_is_made_by_a_manager_of_a_swarm() -> None:
    """Live-restore and swarm exclude each other, so this host goes without for the while."""
    wanted = [*ALL, {"name": "over", "driver": "overlay", "attachable": True}]
    declared = {"limit": OTHER, "docker_network_networks": wanted, "docker_engine_live_restore": False}
    assert reach.run(**{**declared, "docker_network_networks": ALL}).status == 0
    docker(OTHER, f"swarm init --advertise-addr {reach.declared(OTHER)['address']}")
    try:
        done = reach.run(**declared)
        assert done.status == 0, done.failures
        over = networks(OTHER)["over"]
        assert (over["scope"], over["attachable"]) == ("swarm", True)
        assert reach.run(**declared).changed == {OTHER: 0}
    finally:
        docker(OTHER, "swarm leave --force")


def test_containers_of_two_hosts_talk_over_ipvlan(web: Any) -> None:
    declare(PLAIN, IPVLAN)
    for name in HOSTS:
        assert (networks(name)["ipvlan"]["driver"], networks(name)["ipvlan"]["options"]["parent"]) == (
            "ipvlan",
            "host0",
        )
    if "Unknown device type" in reach.over_ssh(ONE).run("ip link add probe link host0 type ipvlan").stderr:
        pytest.skip("this machine's kernel has no ipvlan, see `make emulated`: no container can join the network")
    reach.over_ssh(ONE).run_expect([0], "ip link delete probe")
    for name, fellow in ((ONE, OTHER), (OTHER, ONE)):
        (address,) = web(name, "ipvlan")
        assert ask(fellow, "ipvlan", address) == "ipvlan"
