"""Declared networks carry what they should and no more; one that differs is made again, or refused while it is used."""

from __future__ import annotations

import functools
import json
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
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
MADE_IN = "roles/docker_engine/tasks/carry_out.yml"

run = functools.partial(reach.run, limit=",".join(HOSTS))


def declare(*networks: dict[str, Any], **variables: Any) -> reach.Run:
    """A run with these networks that must succeed."""
    done = run(docker_network_networks=list(networks), **variables)
    assert done.status == 0, "\n".join(done.failures.values()) or done.output
    return done


def everywhere(of: Callable[[str], Any]) -> dict[str, Any]:
    """What is so of each host, looked at at the same time."""
    with ThreadPoolExecutor() as pool:
        return dict(zip(HOSTS, pool.map(of, HOSTS)))


def networks(name: str) -> dict[str, dict[str, Any]]:
    """The networks of a host by name, as the engine tells them."""
    listed = json.loads(docker(name, "network inspect $(docker network ls --quiet)"))
    return {network["Name"]: network for network in listed}


def subnets(network: dict[str, Any]) -> list[str]:
    return sorted(one["Subnet"] for one in network["IPAM"]["Config"])


def docker(name: str, line: str) -> str:
    return str(reach.over_ssh(name).check_output(f"docker {line}"))


def all_of_docker(name: str) -> list[str]:
    """Ids of all networks, and the process of the daemon that told them."""
    ids = sorted(docker(name, "network ls --no-trunc --quiet").splitlines())
    return [*ids, reach.over_ssh(name).check_output("pidof dockerd")]


@pytest.fixture(scope="module", autouse=True)
def made() -> Iterator[reach.Run]:
    """The run that made the networks, and a network that somebody else made before."""

    def prepare(name: str) -> None:
        host = reach.over_ssh(name)
        host.run_expect(
            [0], "docker image inspect busybox:lab || tar -C / -c bin/busybox | docker import - busybox:lab"
        )
        host.run_expect([0], "docker network create --subnet 10.77.5.0/24 foreign")

    def clear(name: str) -> None:
        reach.over_ssh(name).run("docker rm --force $(docker ps --all --quiet --filter label=mooring.test=networks)")
        reach.over_ssh(name).run("docker network rm foreign")

    everywhere(prepare)
    yield declare(*ALL)
    everywhere(clear)
    assert run().status == 0


@pytest.fixture
def web() -> Iterator[Callable[..., list[str]]]:
    """``web(host, network)`` starts a container that serves its network's name, and returns its addresses there."""
    started: list[tuple[str, str]] = []

    def start(name: str, network: str, container: str = "net-web") -> list[str]:
        serve = f"/bin/busybox mkdir /www; echo {network} > /www/index.html; exec /bin/busybox httpd -f -h /www"
        started.append((name, container))
        docker(
            name,
            f"run --detach --name {container} --label mooring.test=networks"
            f" --network {network} busybox:lab /bin/busybox sh -c '{serve}'",
        )
        end = json.loads(docker(name, f"inspect {container}"))[0]["NetworkSettings"]["Networks"][network]
        return [address for address in (end["IPAddress"], end["GlobalIPv6Address"]) if address]

    yield start
    for name, container in started:
        reach.over_ssh(name).run(f"docker rm --force {container}")


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


def test_networks_are_what_was_declared(made: reach.Run) -> None:
    for name, seen in everywhere(networks).items():
        assert set(made.steps[name]) >= {"networks"}
        # The second network of the declared pool, docker0's being the first where it has no address of its own.
        assert subnets(seen["plain"])[0].startswith("172.31.")
        assert seen["plain"]["Options"]["com.docker.network.driver.mtu"] == "1300"
        assert seen["plain"]["Labels"]["tier"] == "front"
        assert seen["closed"]["Internal"]
        assert seen["six"]["EnableIPv6"]
        assert subnets(seen["six"]) == ["10.77.2.0/24", "fd77:2::/64"]
        assert (seen["macvlan"]["Driver"], seen["macvlan"]["Options"]["parent"]) == ("macvlan", "host0")


def test_second_run_asks_docker_for_nothing(made: reach.Run) -> None:
    """Also where a declared network is somebody else's, and as declared."""
    again = declare(*ALL, {"name": "foreign"})
    assert (again.changed, again.steps) == (dict.fromkeys(HOSTS, 0), {name: {} for name in HOSTS})
    # The control: the same reading of a report finds it in a run that makes some.
    assert [any(str(path).endswith(MADE_IN) for path in one.paths) for one in (made, again)] == [True, False]


def test_containers_of_two_hosts_talk_over_macvlan(web: Callable[..., list[str]]) -> None:
    for name, fellow in ((ONE, OTHER), (OTHER, ONE)):
        (address,) = web(name, "macvlan")
        assert ask(fellow, "macvlan", address) == "macvlan"
    for name in HOSTS[:2]:
        seen = reach.managed(name).ansible("mooring.docker.bridge_info", check=False)
        (parent,) = seen["parents"]
        (child,) = parent["children"]
        assert (parent["interface"], child["kind"], child["name"]) == ("host0", "macvlan", "net-web")


def test_internal_network_has_no_way_out(web: Callable[..., list[str]]) -> None:
    assert everywhere(lambda name: can_leave(name, "plain")) == dict.fromkeys(HOSTS, True)
    assert everywhere(lambda name: can_leave(name, "closed")) == dict.fromkeys(HOSTS, False)
    (address,) = web(ONE, "closed")
    assert ask(ONE, "closed", address) == "closed"


def test_network_with_ipv6_carries_it(web: Callable[..., list[str]]) -> None:
    def carried(name: str) -> list[str]:
        addresses = web(name, "six")
        assert len(addresses) == 2
        assert int(addresses[0].rpartition(".")[2]) >= 128
        return [ask(name, "six", address) for address in addresses]

    assert everywhere(carried) == {name: ["six", "six"] for name in HOSTS}


MOVED = {**CLOSED, "ranges": [{"subnet": "10.77.9.0/24"}]}


def test_networks_that_cannot_be_are_refused_with_every_reason_and_nothing_is_touched(
    web: Callable[..., list[str]],
) -> None:
    for name in HOSTS:
        web(name, "closed")
        # One that does not run would not start again.
        web(name, "plain", "net-stopped")
        docker(name, "stop --time 0 net-stopped")
    before = everywhere(all_of_docker)
    wanted = [
        MOVED,
        MACVLAN,
        {"name": "foreign", "internal": True},
        {"name": "x", "driver": "macvlan", "driver_options": {"parent": "eth7"}},
        {"name": "y"},
        {"name": "z", "driver": "overlay"},
    ]
    done = run(docker_network_networks=wanted)
    assert set(done.failures) == set(HOSTS)
    for name in HOSTS:
        reasons = [
            "'closed' is there with ranges 10.77.1.0/24 instead of 10.77.9.0/24, and net-web would lose it",
            "'plain' is declared no more, and net-stopped would lose it",
            "'foreign' is there with internal false instead of true, and it is not Mooring's to remove",
            "'x': parent eth7 is no interface of this host; it has lo, host0",
            "'z': an overlay network needs a manager of a swarm, and this host is none: run `docker swarm init`",
        ]
        assert [reason for reason in reasons if reason not in done.failures[name]] == [], done.failures[name]
        # Nobody uses it, and it would go by itself.
        assert "six" not in done.failures[name]
    assert everywhere(all_of_docker) == before


def test_networks_that_differ_are_made_again_and_only_unused_ones_of_mooring_removed() -> None:
    """An option and a label that are declared no more go with it."""
    wanted = [{"name": "plain"}, MOVED, MACVLAN]
    before = everywhere(all_of_docker)
    foretold = run(check=True, docker_network_networks=wanted)
    assert everywhere(all_of_docker) == before
    done = declare(*wanted)
    summary = "make again plain, closed; remove six"
    assert [one.steps for one in (foretold, done)] == [{name: {"networks": summary} for name in HOSTS}] * 2
    # docker_gwbridge is what an engine keeps of a swarm that it has left.
    own = {"bridge", "host", "none", "docker_gwbridge"}
    for name, seen in everywhere(networks).items():
        assert set(seen) - own == {"plain", "closed", "macvlan", "foreign"}
        assert subnets(seen["closed"]) == ["10.77.9.0/24"]
        # The inventory's own for all networks of a host takes its place.
        declared = reach.declared(name)["mtu"]
        assert int(seen["plain"]["Options"].get("com.docker.network.driver.mtu", 1500)) == declared
        assert "tier" not in seen["plain"]["Labels"]
    again = declare(*wanted)
    assert (again.changed, again.steps) == (dict.fromkeys(HOSTS, 0), {name: {} for name in HOSTS})


@pytest.fixture(scope="module")
def without_live_restore() -> None:
    """Live-restore and swarm exclude each other, so the hosts go without for the while."""
    declare(IPVLAN, docker_engine_live_restore=False)


def test_containers_of_two_hosts_talk_over_ipvlan(without_live_restore: None, web: Callable[..., list[str]]) -> None:
    for seen in everywhere(networks).values():
        assert (seen["ipvlan"]["Driver"], seen["ipvlan"]["Options"]["parent"]) == ("ipvlan", "host0")
    if "Unknown device type" in reach.over_ssh(ONE).run("ip link add probe link host0 type ipvlan").stderr:
        pytest.skip("this machine's kernel has no ipvlan, see `make emulated`: no container can join the network")
    reach.over_ssh(ONE).run_expect([0], "ip link delete probe")
    for name, fellow in ((ONE, OTHER), (OTHER, ONE)):
        (address,) = web(name, "ipvlan")
        assert ask(fellow, "ipvlan", address) == "ipvlan"


def test_overlay_is_made_by_a_manager_of_a_swarm(without_live_restore: None) -> None:
    overlay = {"name": "over", "driver": "overlay", "attachable": True}
    declared = {"limit": OTHER, "docker_engine_live_restore": False, "docker_network_networks": [overlay]}
    docker(OTHER, f"swarm init --advertise-addr {reach.declared(OTHER)['address']}")
    try:
        done = reach.run(**declared)
        assert done.status == 0, done.failures
        over = networks(OTHER)["over"]
        assert (over["Scope"], over["Attachable"]) == ("swarm", True)
        assert reach.run(**declared).changed == {OTHER: 0}
    finally:
        docker(OTHER, "swarm leave --force")
