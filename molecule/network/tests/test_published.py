"""Who reaches a published port is who is declared, by every way there is, whatever ufw, firewalld and Docker say.

A stranger and this machine knock from outside. The stranger is a network namespace of the next of the lab's hosts, with
addresses of its own on the hosts' network, and with routes to the containers' own addresses.
"""

from __future__ import annotations

import concurrent.futures
import json
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import reach

HOSTS = ["bookworm", "trixie", "forky"]
NEIGHBOUR = dict(zip(HOSTS, HOSTS[1:] + HOSTS[:1]))
# A container on docker0, one on a bridge with a name that nobody declared, and one that has an IPv6 address.
PUBLISHED = {"web": 8080, "hand": 8081, "six": 8082}
NETWORKS = {
    "web": "",
    "hand": "--subnet 10.66.0.0/24 --opt com.docker.network.bridge.name=hand0",
    "six": "--ipv6 --subnet 10.67.0.0/24 --subnet fd00:6::/64",
}
LOCAL = 8083
"""Published on 127.0.0.1, by the first container."""
_SERVE = "/bin/busybox mkdir /www; echo moored > /www/index.html; exec /bin/busybox httpd -f -p 80 -h /www"
_ASK = """
import concurrent.futures, json, sys, urllib.request
def ask(url):
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url, timeout=3) as response:
            return response.read() == b"moored\\n"
    except OSError:
        return False
with concurrent.futures.ThreadPoolExecutor(len(sys.argv)) as pool:
    print(json.dumps([url for url, there in zip(sys.argv[1:], pool.map(ask, sys.argv[1:])) if there]))
"""


def converge(limit: str = ",".join(HOSTS), **variables: Any) -> reach.Run:
    """A run that must succeed."""
    done = reach.run(limit=limit, **variables)
    assert done.status == 0, "\n".join(done.failures.values()) or done.output
    return done


def everywhere(ask: Callable[[str], Any]) -> dict[str, Any]:
    """What is answered for each host, asked at the same time."""
    with concurrent.futures.ThreadPoolExecutor() as pool:
        return dict(zip(HOSTS, pool.map(ask, HOSTS)))


def answers(source: str | None, ways: dict[str, str], inside: str = "") -> set[str]:
    """Which of the ways, name to URL, lead from a host, or this machine, to a container.

    ``inside`` is what to put before a command of the host.
    """
    if source is None:
        done = subprocess.run([sys.executable, "-c", _ASK, *ways.values()], capture_output=True, text=True, check=True)
        output = done.stdout
    else:
        line = f"{inside} python3 -c %s " + "%s " * len(ways)
        output = reach.over_ssh(source).check_output(line, _ASK, *ways.values())
    return {name for name, url in ways.items() if url in json.loads(output)}


def published(name: str) -> dict[str, str]:
    """The ways to the published ports of a host."""
    declared = reach.declared(name)
    hosts = {"IPv4": declared["address"], "IPv6": f"[{declared['address6']}]"}
    return {
        f"{one} by {family}": f"http://{host}:{port}/"
        for one, port in PUBLISHED.items()
        for family, host in hosts.items()
    }


def addresses(name: str) -> dict[str, str]:
    """The containers' own addresses on a host."""
    template = "{{range .NetworkSettings.Networks}}{{json .}}{{end}}"
    ends = reach.over_ssh(name).check_output(f"docker inspect --format %s {' '.join(PUBLISHED)}", template)
    found = {}
    for one, said in zip(PUBLISHED, map(json.loads, ends.splitlines())):
        for address in filter(None, (said["IPAddress"], said["GlobalIPv6Address"])):
            found[f"{one} at {address}"] = address
    return found


INSIDE = "ip netns exec stranger"


def _arrive(name: str, *routes: str) -> None:
    """Have the stranger of a host there, with routes by the host: its neighbour may have been booted since."""
    declared, neighbour = reach.declared(name), reach.declared(NEIGHBOUR[name])
    own = re.sub(r"(\d+)$", r"2\1", neighbour["address"]), re.sub(r"(\w+)$", r"2\1", neighbour["address6"])
    build = [
        "ip netns add stranger",
        "ip link add stranger link host0 netns stranger type macvlan mode bridge",
        f"ip -n stranger address add {own[0]}/24 dev stranger",
        f"ip -n stranger address add {own[1]}/64 dev stranger nodad",
        "ip -n stranger link set stranger up",
        # So that it takes the answers of 127.0.0.1, which it has not itself.
        f"{INSIDE} sh -c 'for one in /proc/sys/net/ipv4/conf/*/route_localnet; do echo 1 > $one; done'",
    ]
    lead = [
        f"ip -n stranger route replace {route} via {declared['address6' if ':' in route else 'address']}"
        for route in routes
    ]
    line = f"test -e /run/netns/stranger || {{ {' && '.join(build)}; }}"
    reach.over_ssh(NEIGHBOUR[name]).run_expect([0], " && ".join([line, *lead]))


def from_outside(name: str) -> set[str]:
    """The ways that lead a stranger to any container of a host."""
    found = addresses(name)
    _arrive(name, *found.values())
    own = {way: f"http://[{one}]/" if ":" in one else f"http://{one}/" for way, one in found.items()}
    return answers(NEIGHBOUR[name], {**published(name), **own}, INSIDE)


def by_loopback(name: str) -> bool:
    """Whether a stranger, who takes the host for the way to 127.0.0.1, gets in there.

    Engines before 28 publish on loopback for everybody on the same wire.
    """
    _arrive(name, "127.0.0.1")
    return knock(reach.over_ssh(NEIGHBOUR[name]), INSIDE, "127.0.0.1", LOCAL)


def knock(host: Any, inside: str, address: str, port: int) -> bool:
    """Whether a web server or sshd answers what is inside a host. bookworm's wget of busybox dies of its -T."""
    line = rf"printf 'GET / HTTP/1.0\r\n\r\n' | {inside} /bin/busybox nc -w 3 {address} {port}"
    answer = host.run(line).stdout
    return answer.endswith("moored\n") or answer.startswith("SSH-2.0")


def from_inside(name: str) -> set[str]:
    """What containers reach: another on their network, ports of their own and of another network, and the world."""
    host, own = reach.over_ssh(name), reach.declared(name)
    web = next(address for way, address in addresses(name).items() if way.startswith("web"))
    ways = {
        "container on its network": ("beside", web, 80),
        "own port": ("web", own["address"], 8080),
        "port of its network": ("beside", own["address"], 8080),
        "port of the bridge with a name": ("beside", own["address"], 8081),
        "port from the bridge with a name": ("hand", own["address"], 8080),
        "port by IPv6": ("six", own["address6"], 8080),
        "out": ("beside", reach.declared(NEIGHBOUR[name])["address"], 22),
    }
    host.run_expect([0], "docker run -d --name beside busybox:lab /bin/busybox sleep 1000")
    try:
        with concurrent.futures.ThreadPoolExecutor() as pool:
            said = pool.map(lambda way: knock(host, f"docker exec -i {way[0]}", way[1], way[2]), ways.values())
            return {way for way, answer in zip(ways, said) if answer}
    finally:
        host.run("docker rm --force beside")


def wait_served(name: str) -> None:
    """Until the host itself gets in to all ports."""
    deadline = time.monotonic() + 60
    while answers(name, published(name)) != set(published(name)):
        assert time.monotonic() < deadline
        time.sleep(0.5)


def reached(name: str) -> tuple[set[str], set[str]]:
    """The ways that lead a stranger, and this machine, to any container of a host that serves."""
    wait_served(name)
    with concurrent.futures.ThreadPoolExecutor() as pool:
        stranger, this_machine = pool.submit(from_outside, name), pool.submit(answers, None, published(name))
        return stranger.result(), this_machine.result()


def traces(name: str) -> str:
    """Everything in which the filter could leave a trace."""
    return str(
        reach.over_ssh(name).check_output(
            "ls -d /etc/mooring /run/mooring; nft list tables | grep mooring;"
            " find /etc/systemd /run/mooring -ls | awk '{print $3, $5, $6, $11, $13}'; true"
        )
    )


@pytest.fixture(scope="module")
def before() -> Iterator[dict[str, str]]:
    """Containers that serve HTTP on all hosts, and the traces there are before the filter comes."""
    everywhere(_prepare)
    kept = everywhere(traces)
    yield kept
    reach.over_ssh("trixie").run("ufw --force disable")
    reach.over_ssh("forky").run("systemctl stop firewalld && systemctl restart docker")
    everywhere(
        lambda name: reach.over_ssh(name).run(
            f"docker rm --force {' '.join(PUBLISHED)}; docker network rm hand six; ip netns delete stranger"
        )
    )
    if everywhere(traces) != kept:
        converge()


def _prepare(name: str) -> None:
    host = reach.over_ssh(name)
    # The filter would bring nftables, and two of them are to have a firewall of their own later. firewalld must not
    # start with its package: stopped while it starts, it leaves its rules behind.
    packages = {"trixie": "nftables ufw", "forky": "nftables firewalld"}.get(name, "nftables")
    install = f"apt-get install -qq --no-install-recommends {packages}"
    host.run_expect([0], "systemctl mask --now firewalld")
    host.run_expect([0], f"{install} || {{ apt-get update -qq && {install}; }}")
    host.run_expect([0], "systemctl unmask firewalld")
    assert "firewalld" not in host.check_output("nft list tables")
    host.run_expect([0], "docker image inspect busybox:lab || tar -C / -c bin/busybox | docker import - busybox:lab")
    for one, options in NETWORKS.items():
        host.run(f"docker rm --force {one}; docker network rm {one}")
        if options:
            host.run_expect([0], f"docker network create {options} {one}")
        ports = f"-p {PUBLISHED[one]}:80" + (f" -p 127.0.0.1:{LOCAL}:80" if one == "web" else "")
        line = f"docker run -d --restart always --name {one} --network {one if options else 'bridge'} {ports}"
        host.run_expect([0], f"{line} busybox:lab /bin/busybox sh -c '{_SERVE}'")
    wait_served(name)


@pytest.fixture(scope="module")
def control(before: dict[str, str]) -> dict[str, set[str]]:
    """What a stranger reaches without the filter."""
    return everywhere(from_outside)


@pytest.fixture(scope="module")
def loopback(control: dict[str, set[str]]) -> dict[str, bool]:
    """Whether a neighbour gets in to what is published on loopback, without the filter."""
    return everywhere(by_loopback)


@pytest.fixture(scope="module")
def inside(loopback: dict[str, bool]) -> dict[str, set[str]]:
    """What containers reach without the filter: engines before 28 keep networks apart also by published ports."""
    return everywhere(from_inside)


@pytest.fixture(scope="module")
def behind_ufw(inside: dict[str, set[str]]) -> set[str]:
    """What a stranger reaches on trixie where ufw is active and denies."""
    lines = ["ufw allow 22/tcp", "ufw allow 2376/tcp", "ufw --force enable"]
    lines += [f"ufw allow from {_this_machine('trixie')[1]} to any port 8080 proto tcp"]
    # Containers reach published ports by docker-proxy, which is the host's for ufw.
    lines += [f"ufw allow in on {bridge}" for bridge in ("docker0", "hand0")]
    lines += [f"ufw allow from {subnet}" for subnet in ("10.67.0.0/24", "fd00:6::/64")]
    for line in lines:
        reach.over_ssh("trixie").run_expect([0], line)
    assert "deny (incoming)" in reach.over_ssh("trixie").check_output("ufw status verbose")
    found = from_outside("trixie")
    if reach.BACKEND == "nftables":
        # Else no run would be let do anything there: containers get no packets.
        reach.over_ssh("trixie").run_expect([0], "ufw default allow routed")
    return found


@pytest.fixture(scope="module")
def behind_firewalld(inside: dict[str, set[str]]) -> set[str]:
    """What a stranger reaches on forky where firewalld runs and lets in nothing but SSH and the daemon's endpoint."""
    host = reach.over_ssh("forky")
    mine = f"rule family=ipv6 source address={_this_machine('forky')[1]} port port=8080 protocol=tcp accept"
    for option in ("--add-port=2376/tcp", f"--add-rich-rule='{mine}'"):
        host.run_expect([0], f"firewall-offline-cmd {option}")
    _renew_firewalld(host)
    wait_served("forky")
    return from_outside("forky")


def _renew_firewalld(host: Any) -> None:
    """(Re)start firewalld, and with it the daemon, which gives its bridges to one that it finds when it starts."""
    runs = "timeout 30 sh -c 'until firewall-cmd --quiet --state; do sleep 0.5; done'"
    # systemd refuses more than three starts of docker within a minute.
    host.run_expect([0], f"systemctl restart firewalld && {runs} && systemctl reset-failed docker")
    host.run_expect([0], "systemctl restart docker")
    assert host.check_output("firewall-cmd --get-zone-of-interface docker0") == "docker"


@pytest.fixture(scope="module")
def closed(behind_ufw: set[str], behind_firewalld: set[str]) -> reach.Run:
    """All hosts closed."""
    return converge(docker_network_published="closed")


def _this_machine(name: str) -> list[str]:
    """The addresses of this machine in the lab: those of its bridge end in 1."""
    declared = reach.declared(name)
    return [re.sub(r"\d+$", "1", declared["address"]), re.sub(r"[^:]+$", "1", declared["address6"])]


def _policy() -> dict[str, Any]:
    return {
        "docker_network_published": {
            "allow": [
                {"sources": _this_machine("trixie"), "ports": [8080]},
                {"interfaces": ["host0"], "ports": ["8082-8083/tcp"]},
            ]
        }
    }


@pytest.fixture(scope="module")
def opened(closed: reach.Run) -> reach.Run:
    """All hosts with two ports open: one for this machine, one for all who come in by the uplink."""
    return converge(**_policy())


# What the policy lets a stranger and this machine reach; on trixie ufw keeps the stranger from docker-proxy.
def _engine(name: str) -> int:
    """The number of the engine's release."""
    return int(reach.over_ssh(name).check_output("dockerd --version").split()[2].partition(".")[0])


def _expected(name: str) -> tuple[set[str], set[str]]:
    web, six = {"web by IPv4", "web by IPv6"}, {"six by IPv4", "six by IPv6"}
    # Before 27 docker-proxy carries IPv6, and is the host's for ufw.
    strangers = six - {"six by IPv6"} if name == "trixie" and _engine(name) < 27 else six
    return strangers, web | strangers


def _hold(*names: str) -> None:
    with concurrent.futures.ThreadPoolExecutor() as pool:
        found = dict(zip(names, pool.map(reached, names)))
    assert found == {name: _expected(name) for name in names}


@pytest.mark.parametrize("name", HOSTS)
def test_without_the_filter_all_ports_are_open(control: dict[str, set[str]], name: str) -> None:
    assert set(published(name)) <= control[name]
    # Since 28 Docker itself drops what is routed to containers.
    assert bool(control[name] - set(published(name))) == (_engine(name) < 28)


def test_dry_run_shows_the_filter_and_touches_nothing(before: dict[str, str], loopback: dict[str, bool]) -> None:
    line = [*reach.command(limit="forky", check=True, docker_network_published="closed"), "--diff"]
    shown = subprocess.run(line, cwd=reach.PROJECT, capture_output=True, text=True, check=True).stdout
    assert "+++ after: table inet mooring_published" in shown
    # The rule of the engine that runs, which is on no disk yet.
    assert re.search(r'\+.*socket cgroupv2 level 2 "system.slice/docker.service" goto outside', shown)
    assert traces("forky") == before["forky"]


def test_ufw_alone_closes_nothing_that_docker_forwards(behind_ufw: set[str]) -> None:
    found = {"web by IPv4", "hand by IPv4", "six by IPv4"} & behind_ufw
    # What dockerd's nftables accept comes to ufw's chains, too.
    assert found == (set() if reach.BACKEND == "nftables" else {"web by IPv4", "hand by IPv4", "six by IPv4"})


def test_firewalld_alone_closes_nothing_that_docker_forwards(behind_firewalld: set[str]) -> None:
    assert {"web by IPv4", "hand by IPv4", "six by IPv4"} <= behind_firewalld


def test_closed_is_closed_to_everybody_outside(closed: reach.Run) -> None:
    assert everywhere(reached) == dict.fromkeys(HOSTS, (set(), set()))


def test_network_that_was_made_later_is_closed_too_and_whole_in_itself(closed: reach.Run) -> None:
    """Its bridge has a name that the filter has not learned yet."""
    host, own = reach.over_ssh("bookworm"), reach.declared("bookworm")
    late = "docker run -d --network late --name"
    try:
        host.run_expect([0], "docker network create --opt com.docker.network.bridge.name=late0 late")
        host.run_expect([0], f"{late} server -p 8084:80 busybox:lab /bin/busybox sh -c '{_SERVE}'")
        host.run_expect([0], f"{late} beside busybox:lab /bin/busybox sleep 1000")
        inside = "docker exec -i beside"
        address = host.check_output("docker inspect -f '{{.NetworkSettings.Networks.late.IPAddress}}' server")
        assert any(knock(host, inside, address, 80) for _attempt in range(10))
        assert knock(host, inside, reach.declared(NEIGHBOUR["bookworm"])["address"], 22)
        ways = {"IPv4": f"http://{own['address']}:8084/", "IPv6": f"http://[{own['address6']}]:8084/"}
        assert knock(host, "", "127.0.0.1", 8084)
        assert answers(NEIGHBOUR["bookworm"], ways) == set()
    finally:
        host.run("docker rm --force server beside; docker network rm late")


@pytest.mark.parametrize("name", HOSTS)
def test_host_reaches_its_own_ports(closed: reach.Run, name: str) -> None:
    ways = {**published(name), **{way: f"http://{host}:8080/" for way, host in _LOOPBACK.items()}}
    assert answers(name, ways) == set(ways)


_LOOPBACK = {"IPv4 loopback": "127.0.0.1", "IPv6 loopback": "[::1]"}


def test_containers_reach_what_they_reached_before(inside: dict[str, set[str]], closed: reach.Run) -> None:
    for name in HOSTS:
        assert {"container on its network", "own port", "out"} <= inside[name]
    assert everywhere(from_inside) == inside


def test_the_hosts_own_services_stay(closed: reach.Run) -> None:
    """SSH is how all of this goes; the endpoint answers plain HTTP itself."""
    for name in ("trixie", "forky"):
        address = reach.declared(name)["address"]
        done = subprocess.run(
            ["curl", "-sm", "5", "--noproxy", "*", f"http://{address}:2376"],
            capture_output=True,
            text=True,
            check=False,
        )
        assert "HTTPS server" in done.stdout


def test_allowed_sources_and_interfaces_get_in_and_nobody_else(opened: reach.Run) -> None:
    _hold(*HOSTS)


def test_nobody_gets_in_by_loopback(loopback: dict[str, bool], opened: reach.Run) -> None:
    assert loopback == {name: _engine(name) < 28 for name in HOSTS}
    assert everywhere(by_loopback) == dict.fromkeys(HOSTS, False)


def test_filter_holds_after_restarts_of_engine_and_firewalls(opened: reach.Run) -> None:
    def restart(name: str) -> None:
        host = reach.over_ssh(name)
        host.run_expect([0], "systemctl restart docker")
        if name == "trixie":
            host.run_expect([0], "ufw reload && systemctl restart ufw")
        elif name == "forky":
            host.run_expect([0], "firewall-cmd --reload")
            _renew_firewalld(host)
        else:
            # It flushes everybody's tables; Docker's come back with the engine.
            host.run_expect([0], "systemctl restart nftables && systemctl restart docker")

    everywhere(restart)
    _hold(*HOSTS)


def test_filter_holds_after_the_engine_died_and_after_a_boot_and_a_run_changes_nothing(opened: reach.Run) -> None:
    running = reach.over_ssh("forky").check_output("pidof dockerd")
    reach.over_ssh("forky").run_expect([0], f"systemctl reset-failed docker; kill -9 {running}")
    reach.pull_the_plug("trixie")
    answers_again = "for _ in $(seq 60); do docker ps -q && exit 0; sleep 1; done; exit 1"
    for name in ("forky", "trixie"):
        reach.over_ssh(name).run_expect([0], answers_again)
    assert reach.over_ssh("forky").check_output("pidof dockerd") != running
    assert "active" in reach.over_ssh("trixie").check_output("ufw status").split()
    _hold("forky", "trixie")
    assert converge(**_policy()).changed == dict.fromkeys(HOSTS, 0)


def test_filter_that_was_flushed_by_hand_is_found_and_repaired(opened: reach.Run) -> None:
    reach.over_ssh("bookworm").run_expect([0], "nft delete table inet mooring_published")
    reach.over_ssh("forky").run_expect([0], "rm /run/mooring/published-engine.nft")
    status, wrong = _verify()
    assert status != 0
    assert "bookworm: error filter.not_live: expected: table inet mooring_published" in wrong
    assert "forky: error filter.not_live" in wrong
    # The ports that should be closed to this machine, which the host that lost its filter opens.
    assert "bookworm: error published.reached: expected: port 8081 " in wrong
    assert "forky: error published.reached" not in wrong
    assert "trixie: error" not in wrong
    done = converge(**_policy())
    assert [name for name, count in done.changed.items() if count] == ["bookworm", "forky"]
    _hold("bookworm", "forky")
    assert _verify()[0] == 0


def _verify() -> tuple[int, str]:
    """The status of verify, and what it finds of the policy."""
    line = [*reach.command("verify", limit=",".join(HOSTS), **_policy()), "--tags", "filter,published"]
    done = subprocess.run(line, cwd=reach.PROJECT, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout


def test_engine_that_is_down_takes_nothing_from_the_filter(inside: dict[str, set[str]], opened: reach.Run) -> None:
    host = reach.over_ssh("bookworm")
    rules = host.check_output("cat /etc/mooring/published.nft")
    assert "hand0" in rules
    host.run_expect([0], "systemctl stop docker.socket docker")
    converge(limit="bookworm", **_policy())
    assert host.check_output("cat /etc/mooring/published.nft") == rules
    assert from_inside("bookworm") == inside["bookworm"]
    _hold("bookworm")


def _take_back(name: str, policy: Any, meanwhile: str, seconds: int = 6) -> None:
    """A change that nobody confirms, and what happens until the host has taken it back."""
    host = reach.over_ssh(name)
    words = json.dumps({"policy": policy, "confirm": seconds})
    answer = reach.managed(name).ansible("mooring.docker.published_ports", words, check=False)
    assert answer["changed"]
    assert answer["armed"]
    host.run_expect([0], meanwhile)
    deadline = time.monotonic() + 20
    while host.run("test -e /var/lib/mooring/confirm/reverted").rc != 0:
        assert time.monotonic() < deadline
        time.sleep(0.2)
    assert "nobody confirmed" in host.check_output("cat /var/lib/mooring/confirm/reverted")
    assert "not all of it worked" not in host.check_output("cat /var/lib/mooring/confirm/reverted")


def test_opening_that_nobody_confirms_is_taken_back_whole(opened: reach.Run) -> None:
    """Also by the engine that was started meanwhile, whose docker-proxy the old filter did not know."""
    _take_back("bookworm", "open", "! nft list table inet mooring_published && systemctl restart docker")
    _hold("bookworm")
    # What is included is there too, for a flush.
    reach.over_ssh("bookworm").run_expect([0], "systemctl restart nftables && systemctl restart docker.service")
    _hold("bookworm")


def test_opening_is_taken_back_without_an_engine(opened: reach.Run) -> None:
    host = reach.over_ssh("bookworm")
    _take_back("bookworm", "open", "systemctl stop docker.socket docker")
    assert "hand0" in host.check_output("nft list table inet mooring_published")
    host.run_expect([0], "systemctl start docker")
    _hold("bookworm")
    assert converge(limit="bookworm", **_policy()).changed == {"bookworm": 0}


@pytest.fixture
def machines(opened: reach.Run) -> Iterator[str]:
    """A bridge of virtual machines on forky, and the URL of one of them, to which the neighbour has a route.

    The bridge's name begins as the names of Docker's bridges do.
    """
    host, neighbour = reach.over_ssh("forky"), reach.over_ssh(NEIGHBOUR["forky"])
    lines = [
        # Here it lets nobody in to virtual machines.
        "systemctl stop firewalld && systemctl restart docker",
        "ip link add br-lan type bridge && ip address add 10.77.0.1/24 dev br-lan && ip link set br-lan up",
        "ip netns add machine && ip link add inside netns machine type veth peer name outside",
        "ip link set outside master br-lan up",
        "ip -n machine address add 10.77.0.2/24 dev inside && ip -n machine link set inside up",
        "ip -n machine route add default via 10.77.0.1",
        "mkdir -p /tmp/www && echo moored > /tmp/www/index.html",
        "iptables -I FORWARD -i host0 -o br-lan -j ACCEPT && iptables -I FORWARD -i br-lan -o host0 -j ACCEPT",
        "systemd-run --unit machine --quiet ip netns exec machine /bin/busybox httpd -f -p 80 -h /tmp/www",
    ]
    try:
        for line in lines:
            host.run_expect([0], line)
        neighbour.run_expect([0], "ip route replace 10.77.0.0/24 via %s", reach.declared("forky")["address"])
        yield "http://10.77.0.2/"
    finally:
        neighbour.run("ip route delete 10.77.0.0/24")
        host.run("systemctl stop machine; ip netns delete machine; ip link delete br-lan; rm -r /tmp/www")
        host.run("iptables -D FORWARD -i host0 -o br-lan -j ACCEPT; iptables -D FORWARD -i br-lan -o host0 -j ACCEPT")


def test_bridge_that_is_nobodys_is_refused_and_left_alone_once_it_is_named(machines: str) -> None:
    files = traces("forky")
    done = reach.run(limit="forky", docker_network_published="closed")
    assert "docker_network_other_bridges" in done.failures["forky"]
    assert "br-lan" in done.failures["forky"]
    assert traces("forky") == files
    converge(limit="forky", docker_network_published="closed", docker_network_other_bridges=["br-lan"])
    assert answers(NEIGHBOUR["forky"], {"machine": machines}) == {"machine"}
    assert from_outside("forky") == set()
    # What a virtual machine sends comes from outside.
    address = reach.declared("forky")["address"]
    inside = "ip netns exec machine"
    assert knock(reach.over_ssh("forky"), inside, address, 22)
    assert not knock(reach.over_ssh("forky"), inside, address, 8080)


def test_open_leaves_no_trace(before: dict[str, str], control: dict[str, set[str]], opened: reach.Run) -> None:
    # The control: the filter leaves traces as long as it is there.
    assert [name for name, now in everywhere(traces).items() if now == before[name]] == []
    converge(docker_network_published="open")
    assert everywhere(traces) == before
    assert from_outside("bookworm") == control["bookworm"]


def test_closing_that_nobody_confirms_leaves_no_trace(before: dict[str, str], control: dict[str, set[str]]) -> None:
    _take_back("bookworm", "closed", "nft list table inet mooring_published", 3)
    assert traces("bookworm") == before["bookworm"]
    assert from_outside("bookworm") == control["bookworm"]
