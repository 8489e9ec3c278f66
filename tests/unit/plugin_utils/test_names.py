"""A host's certificate is for what the operator declared, and never for another host."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.mooring.docker.plugins.plugin_utils.names import (
    canonical,
    compared,
    fleet,
    foreign,
    index_problem,
    owners,
    problems,
    server_names,
)

FLEET = {
    "web-1.example.com": ["DNS:web-1.example.com", "IP:192.0.2.1"],
    "web-2.example.com": ["DNS:web-2.example.com", "IP:192.0.2.2"],
    "db": ["DNS:db", "IP:2001:db8::3"],
    # The same machine twice, and two behind one address.
    "alias": ["DNS:alias", "IP:192.0.2.1"],
    "vagrant": ["DNS:vagrant", "IP:127.0.0.1"],
}
HOST, ADDRESS = "web-1.example.com", "192.0.2.1"
TCP = ["unix:///run/docker.sock", "tcp://0.0.0.0:2376"]


class Broken(dict[str, Any]):
    """Variables of a host whose address is a template that cannot be worked out."""

    def __getitem__(self, name: str) -> Any:
        raise RuntimeError(name)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Build.Example.COM.", "DNS:build.example.com"),
        ("*.example.com", "DNS:*.example.com"),
        ("under_score", "DNS:under_score"),
        ("192.0.2.7", "IP:192.0.2.7"),
        ("2001:DB8:0::7", "IP:2001:db8::7"),
        ("[2001:db8::7]", "IP:2001:db8::7"),
        ("fe80::1%eth0", "IP:fe80::1"),
        # Clients take one for the other.
        ("::ffff:192.0.2.7", "IP:192.0.2.7"),
        ("::ffff:c000:207", "IP:192.0.2.7"),
        ("", None),
        ("*", None),
        ("w*.example.com", None),
        ("a.*.example.com", None),
        ("-dash", None),
        ("300.1.1.1", None),
        ("192.0.2", None),
        ("a b", None),
        ("a/b", None),
        ("a..b", None),
        ("bücher.example", None),
        ("a\nb", None),
        ("a\n", None),
        ("x" * 64, None),
        ("x." * 130, None),
    ],
)
def test_name_is_written_in_one_way(text: str, name: str | None) -> None:
    assert canonical(text) == name


def test_certificate_is_for_what_is_declared_and_nothing_else() -> None:
    declared = ["Build.example.com", "192.0.2.7"]
    assert server_names("trixie", "192.0.2.7", declared, [*TCP, "tcp://[2001:db8::7]:2376"]) == [
        "DNS:localhost", "IP:127.0.0.1", "DNS:trixie", "IP:192.0.2.7", "DNS:build.example.com", "IP:2001:db8::7",
    ]  # fmt: skip
    # What can be no name is left out, and so is everywhere.
    assert server_names("web 1", "/var/chroot", [], ["tcp://[::]:2376", "tcp://nonsense"]) == [
        "DNS:localhost", "IP:127.0.0.1",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("declared", "endpoints", "owner"),
    [
        (["docker.example.com", "198.51.100.7", "web-3.example.com"], TCP, None),
        # Its own, however it is written, and what every host is called.
        ([HOST.upper(), "::ffff:192.0.2.1", "127.0.0.1", "127.1.2.3", "::1", "localhost"], TCP, None),
        (["web-2.example.com"], TCP, "web-2.example.com"),
        (["WEB-2.Example.com."], TCP, "web-2.example.com"),
        (["*.example.com"], TCP, "web-2.example.com"),
        (["*.web-1.example.com", "*.com"], TCP, None),
        (["192.0.2.2"], TCP, "web-2.example.com"),
        (["::ffff:192.0.2.2"], TCP, "web-2.example.com"),
        (["2001:db8:0:0::3"], TCP, "db"),
        (["DB"], TCP, "db"),
        (["alias"], TCP, "alias"),
        ([], ["tcp://192.0.2.2:2376"], "web-2.example.com"),
        ([], ["tcp://[::ffff:192.0.2.2]:2376"], "web-2.example.com"),
        ([], ["tcp://web-2.example.com:2376"], "web-2.example.com"),
        ([], ["tcp://192.0.2.1:2376", "tcp://127.0.0.1:2377"], None),
    ],
)
def test_name_of_another_host_is_refused(declared: list[str], endpoints: list[str], owner: str | None) -> None:
    said = problems(HOST, ADDRESS, declared, endpoints, FLEET)
    if owner is None:
        assert said == []
        return
    (sentence,) = said
    variable = "docker_engine_certificate_names" if declared else "docker_engine_endpoints"
    value = declared[0] if declared else endpoints[0].removeprefix("tcp://").rpartition(":")[0].strip("[]")
    assert sentence.startswith(f"{variable} {value} is also for {owner}, another host of the inventory")
    assert "take it out" in sentence


def test_what_is_no_name_is_refused() -> None:
    (sentence,) = problems(HOST, ADDRESS, ["not a name"], TCP, {})
    assert sentence.startswith("docker_engine_certificate_names 'not a name' is neither a name nor an address: write ")


def test_hosts_that_share_an_address_keep_it() -> None:
    names = server_names("alias", "192.0.2.1", [], TCP)
    assert owners(names, "alias", "192.0.2.1", FLEET) == {}
    assert owners(names, "stranger", "198.51.100.1", FLEET) == {"DNS:alias": "alias", "IP:192.0.2.1": HOST}


def test_fleet_is_known_by_names_and_addresses() -> None:
    hostvars = {
        "a": {"ansible_host": "192.0.2.1"},
        "B": {},
        "c": {"ansible_host": "C.example.com"},
        "mapped": {"ansible_host": "::ffff:192.0.2.3"},
        "d": Broken(),
        "e": {"ansible_host": "/var/chroot"},
    }
    assert fleet(hostvars, hostvars) == {
        "a": ["DNS:a", "IP:192.0.2.1"],
        "B": ["DNS:b"],
        "c": ["DNS:c", "DNS:c.example.com"],
        "mapped": ["DNS:mapped", "IP:192.0.2.3"],
        "d": ["DNS:d"],
        "e": ["DNS:e"],
    }


def test_deployed_certificate_is_compared() -> None:
    wanted = server_names(HOST, ADDRESS, [], TCP)
    deployed = ["DNS:localhost", "DNS:WEB-1.example.com", "IP:192.0.2.1", "IP:fd00::1", "DNS:w*.example.com", "DNS:a b"]
    lacking, undeclared, foreign = compared(wanted, deployed, FLEET)
    assert lacking == ["IP:127.0.0.1"]
    assert undeclared == ["DNS:a b", "IP:fd00::1"]
    assert foreign == {"DNS:w*.example.com": "web-2.example.com"}
    assert compared(wanted, wanted, FLEET) == ([], [], {})


@pytest.mark.parametrize("name", ["trixie", "web-1.example.com", "2001:db8::7", "web 1", "büro", "a..b"])
def test_inventory_name_that_can_be_a_file(name: str) -> None:
    assert index_problem(name) is None


@pytest.mark.parametrize(
    "name", ["", "..", ".", ".hidden", "../../etc/cron.d/x", "/etc/x", "a/b", "a\nb", "a\0b", "x" * 200]
)
def test_inventory_name_that_would_leave_the_index(name: str) -> None:
    assert index_problem(name)
    assert any(said.startswith("the inventory name ") for said in problems(name, ADDRESS, [], TCP, {}))


def test_names_of_other_hosts_are_a_reason() -> None:
    fleet = {"trixie": ["DNS:trixie", "IP:192.0.2.7"], "forky": ["DNS:forky", "IP:192.0.2.8"]}
    wanted = ["DNS:trixie", "IP:192.0.2.7"]
    assert foreign(["DNS:trixie", "IP:fd00::7"], wanted, fleet) == ""
    assert foreign(["DNS:trixie", "DNS:forky"], wanted, fleet) == "it is also for DNS:forky of forky"
    assert foreign(["DNS:Forky", "IP:192.0.2.8"], wanted, fleet) == (
        "it is also for DNS:forky of forky, IP:192.0.2.8 of forky"
    )
