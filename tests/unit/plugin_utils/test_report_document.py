"""The report's document: what observations and findings become."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import fleets
import jsonschema
import pytest
from ansible_collections.mooring.docker.plugins.plugin_utils.report import document
from ansible_collections.mooring.docker.plugins.plugin_utils.report.document import document as make

SCHEMA = json.loads(Path(document.__file__).with_name("schema.json").read_text(encoding="utf-8"))


def of(*hosts: dict[str, Any], findings: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    return make(list(hosts), findings or [], fleets.CLIENTS, "production", fleets.GENERATED)


def one(host: dict[str, Any]) -> dict[str, Any]:
    return of(host)["hosts"][0]


# --- the schema


def validate(report: dict[str, Any]) -> None:
    jsonschema.Draft202012Validator(SCHEMA, format_checker=jsonschema.FormatChecker()).validate(report)


def test_the_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA["properties"]["version"]["const"] == document.VERSION


@pytest.mark.parametrize("containers", [0, 1, 5, 60])
def test_the_document_is_what_the_schema_says(containers: int) -> None:
    lost = {"name": "lost", "address": None, "error": "No route to host"}
    validate(
        of(fleets.host(containers=containers), lost, findings=[fleets.finding("lost"), fleets.finding("elsewhere")])
    )


def test_the_schema_knows_every_key() -> None:
    """Each key that is taken out or added is a violation, wherever it stands."""

    def mutations(value: Any) -> Any:
        if isinstance(value, dict):
            for key in list(value):
                kept = value.pop(key)
                yield key
                value[key] = kept
            value["surplus"] = 1
            yield "surplus"
            del value["surplus"]
        for child in value.values() if isinstance(value, dict) else value if isinstance(value, list) else []:
            yield from mutations(child)

    report = of(fleets.host(containers=3), findings=[fleets.finding("web-1"), fleets.finding("elsewhere")])
    validate(report)
    checked = 0
    for _key in mutations(report):
        checked += 1
        with pytest.raises(jsonschema.ValidationError):
            validate(report)
    assert checked > 100


# --- hosts and findings


def test_the_worst_hosts_come_first() -> None:
    hosts = [fleets.host(name) for name in ("fine", "warned", "broken", "fine-too")] + [{"name": "lost"}]
    told = {"warned": ["warning", "warning"], "broken": ["error"], "fine-too": ["info"]}
    report = of(*hosts, findings=[fleets.finding(name, severity) for name in told for severity in told[name]])
    assert [host["name"] for host in report["hosts"]] == ["lost", "broken", "warned", "fine-too", "fine"]
    assert report["totals"]["findings"] == {"error": 1, "warning": 2, "info": 1}
    assert report["totals"]["as_declared"] == 2


def test_no_findings_and_no_look_for_them_are_two_things() -> None:
    assert of(fleets.host())["verified"]
    report = make([fleets.host()], None, fleets.CLIENTS, "production", fleets.GENERATED)
    assert not report["verified"]
    validate(report)


def test_errors_come_before_warnings() -> None:
    found = [fleets.finding("web-1", severity) for severity in ("info", "warning", "error")]
    report = of(fleets.host(), findings=found)
    assert [one["severity"] for one in report["hosts"][0]["findings"]] == ["error", "warning", "info"]


def test_findings_of_others_are_told_apart() -> None:
    report = of(fleets.host(), findings=[fleets.finding("controller", "warning")])
    assert [one["host"] for one in report["elsewhere"]] == ["controller"]
    assert report["hosts"][0]["findings"] == []
    assert report["totals"]["findings"]["warning"] == 1


def test_a_host_that_was_not_observed_is_not_as_declared() -> None:
    report = of({"name": "lost", "address": None, "error": "No route to host"})
    assert (report["hosts"][0]["observed"], report["hosts"][0]["error"]) == (False, "No route to host")
    assert report["totals"]["as_declared"] == 0
    assert report["versions"] == []


def test_hosts_with_the_same_versions_stand_together() -> None:
    old = fleets.host("old")
    old["host"]["engine"]["version"] = "20.10.24"
    report = of(fleets.host("a"), old, fleets.host("b"))
    assert [(one["engine"], one["hosts"]) for one in report["versions"]] == [
        ("20.10.24", ["old"]),
        ("26.1.5+dfsg1", ["a", "b"]),
    ]


def test_the_certificate_that_ends_first_is_at_the_top() -> None:
    report = of(fleets.host("a", days_left=30), fleets.host("b", days_left=-1), fleets.host("c", days_left=9))
    assert [one["host"] for one in report["certificates"]] == ["b", "c", "a"]
    assert report["totals"]["days_left"] == -1


# --- endpoints


def door(probe: dict[str, Any], listening: str = "tcp://[::]:2376", **host: Any) -> dict[str, Any]:
    seen = fleets.host() | {"endpoints": [probe]}
    seen["host"] = seen["host"] | {"listening": [listening]} | host
    (found,) = one(seen)["endpoints"]
    return found


def test_what_was_seen_from_outside_belongs_to_what_listens() -> None:
    found = door(fleets.tls("192.0.2.7", "web-1"))
    assert (found["url"], found["listening"], found["transport"]) == ("tcp://[::]:2376", True, "tls")
    assert found["access"] == {"kind": "certificate", "owner": None, "group": None, "names": fleets.NAMES}


@pytest.mark.parametrize(
    ("url", "listening"),
    [
        ("tcp://192.0.2.7:2376", "tcp://0.0.0.0:2375"),
        ("tcp://192.0.2.7:2376", "tcp://192.0.2.8:2376"),
        ("tcp://192.0.2.7:2376", "unix:///run/docker.sock"),
        ("unix:///run/other.sock", "unix:///run/docker.sock"),
    ],
)
def test_what_was_seen_elsewhere_does_not(url: str, listening: str) -> None:
    seen = fleets.host() | {"endpoints": [fleets.probe(url, reachable=False, error="Connection refused")]}
    seen["host"]["listening"] = [listening]
    heard, asked = one(seen)["endpoints"]
    assert (heard["url"], heard["listening"], heard["access"]["kind"]) == (listening, True, "unknown")
    assert (asked["url"], asked["listening"], asked["error"]) == (url, False, "Connection refused")


@pytest.mark.parametrize(
    ("mode", "members", "access"),
    [
        ("0660", ["alice"], ("accounts", "root", "docker", ["alice"])),
        ("0660", [], ("accounts", "root", "docker", [])),
        ("0600", ["alice"], ("accounts", "root", None, [])),
        ("0640", ["alice"], ("accounts", "root", None, [])),
        ("0060", ["alice"], ("accounts", None, "docker", ["alice"])),
        ("0662", ["alice"], ("everyone_here", None, None, [])),
    ],
)
@pytest.mark.parametrize("inside", [True, False])
def test_a_socket_is_for_those_who_may_write(mode: str, members: list[str], access: Any, inside: bool) -> None:
    url = "unix:///run/docker.sock"
    socket = {"path": "/run/docker.sock", "owner": "root", "group": "docker", "mode": mode, "group_members": members}
    seen = door(fleets.probe(url, socket=None if inside else socket), url, sockets=[socket] if inside else [])
    assert tuple(seen["access"].values()) == access


@pytest.mark.parametrize(
    ("url", "known", "kind"),
    [
        ("tcp://192.0.2.7:2375", {"plaintext_accepted": True}, "everyone"),
        ("tcp://127.0.0.1:2375", {"plaintext_accepted": True}, "everyone_here"),
        ("tcp://192.0.2.7:2375", {"client_certificate_required": False}, "everyone"),
        ("tcp://192.0.2.7:2375", {"client_certificate_required": True}, "certificate"),
        # Behind a port that takes both, nobody needs a certificate.
        ("tcp://192.0.2.7:2375", {"client_certificate_required": True, "plaintext_accepted": True}, "everyone"),
        ("tcp://192.0.2.7:2375", {}, "unknown"),
    ],
)
def test_who_may_use_a_port(url: str, known: dict[str, bool], kind: str) -> None:
    assert door(fleets.probe(url, **known), url)["access"]["kind"] == kind


ALICE = {"ssh": {"user": "docker-remote", "clients": ["bob", "alice"]}}


@pytest.mark.parametrize(
    ("accounts", "keys", "listening", "names"),
    [
        ({"docker-remote": {}}, "5c3f", True, ["alice", "bob"]),
        ({"docker-remote": {}}, None, False, []),
        ({"another": {}}, "5c3f", False, []),
    ],
)
def test_clients_over_ssh_get_in_where_account_and_keys_are(
    accounts: Any, keys: str | None, listening: bool, names: list[str]
) -> None:
    host = fleets.host() | ALICE
    host["host"]["ssh"] = {"accounts": accounts, "authorized_keys": keys}
    door = one(host)["endpoints"][-1]
    assert (door["url"], door["listening"]) == ("ssh://docker-remote@192.0.2.7", listening)
    assert (door["access"]["kind"], door["access"]["names"]) == ("keys", names)
    validate(of(host))


def test_there_is_no_way_by_ssh_without_clients() -> None:
    host = fleets.host() | {"ssh": {"user": "docker-remote", "clients": []}}
    assert not [one for one in one(host)["endpoints"] if one["transport"] == "ssh"]


def test_a_client_whose_certificate_is_void_does_not_get_in() -> None:
    good, ended, lost = ({**fleets.CLIENTS[0], "name": name} for name in ("good", "ended", "lost"))
    ended["days_left"], lost["trusted"] = -1, False
    report = make([fleets.host()], None, [good, lost, ended], "production", fleets.GENERATED)
    assert report["hosts"][0]["endpoints"][0]["access"]["names"] == ["good"]
    assert [client["name"] for client in report["clients"]] == ["ended", "good", "lost"]
    validate(report)


# --- networks


def segments(host: dict[str, Any]) -> dict[str, list[tuple[Any, ...]]]:
    return {
        segment["name"]: [(end["veth"], end["container"], end["addresses"]) for end in segment["ends"]]
        for segment in one(host)["segments"]
    }


def test_containers_hang_on_their_bridges() -> None:
    assert segments(fleets.host(containers=3)) == {
        "docker0": [
            ("veth0000000", "service-0", ["172.17.0.2/24"]),
            ("veth0000001", "service-1", ["172.17.0.3/24"]),
        ],
        "br-2099ffdfb623": [("veth0000002", "service-2", ["10.77.0.4/24"])],
    }


def test_a_veth_that_was_not_seen_leaves_the_engines_word() -> None:
    host = fleets.host(containers=1)
    host["bridge"]["bridges"][0]["ports"] = [{"interface": "veth9", "container": None}]
    assert segments(host)["docker0"] == [("veth9", None, []), (None, "service-0", ["10.0.0.2/24"])]


@pytest.mark.parametrize(
    ("mode", "kind", "name", "outward"),
    [
        ("host", "host", "host", True),
        ("none", "none", "none", False),
        (f"container:{0:064x}", "container", "service-0", False),
        ("container:gone", "container", "gone", False),
    ],
)
def test_containers_without_a_network_of_their_own(mode: str, kind: str, name: str, outward: bool) -> None:
    host = fleets.host(containers=1)
    host["bridge"]["containers"].append(fleets.container(1, mode) | {"networks": {}})
    (found,) = (one for one in one(host)["segments"] if one["kind"] != "bridge")
    assert (found["kind"], found["name"], found["outward"]) == (kind, name, outward)
    assert [end["container"] for end in found["ends"]] == ["service-1"]


def test_a_network_may_be_called_container() -> None:
    host = fleets.host(containers=0)
    host["bridge"]["networks"].append(fleets.network("container", "macvlan"))
    host["bridge"]["containers"] = [fleets.container(0, "container")]
    assert [(one["kind"], one["name"]) for one in one(host)["segments"]][2:] == [("network", "container")]


def test_networks_without_a_bridge_are_shown_where_somebody_is_in_them() -> None:
    host = fleets.host(containers=0)
    host["bridge"]["networks"] += [fleets.network("lan", "macvlan"), fleets.network("empty", "macvlan")]
    host["bridge"]["containers"] = [fleets.container(0, "lan")]
    assert segments(host) == {"docker0": [], "br-2099ffdfb623": [], "lan": [(None, "service-0", ["10.0.0.2/24"])]}


def test_networks_of_macvlan_sit_on_an_interface_of_the_host() -> None:
    host = fleets.host(containers=0)
    host["bridge"]["networks"].append(fleets.network("lan", "macvlan"))
    host["bridge"]["containers"] = [fleets.container(0, "lan"), fleets.container(1, "lan")]
    seen = {"kind": "macvlan", "name": "service-0", "interface": "eth0", "addresses": ["10.0.0.2/24", "fe80::1/64"]}
    host["bridge"]["parents"] = [{"interface": "eth1", "mtu": 1500, "children": [seen]}]
    lan = one(host)["segments"][-1]
    assert (lan["kind"], lan["network"], lan["parent"]) == ("network", "macvlan", "eth1")
    # The other was not seen by the kernel: the engine's word.
    assert [(end["interface"], end["addresses"]) for end in lan["ends"]] == [
        ("eth0", ["10.0.0.2/24"]),
        (None, ["10.0.0.3/24"]),
    ]
    validate(of(host))


def test_containers_that_do_not_run_hang_on_nothing() -> None:
    host = fleets.host(containers=0)
    host["bridge"]["containers"] = [fleets.container(0, "bridge", state="exited")]
    assert segments(host) == {"docker0": [], "br-2099ffdfb623": [], "stopped": [(None, "service-0", [])]}


def test_an_internal_network_leads_nowhere() -> None:
    host = fleets.host(containers=0)
    host["bridge"]["networks"][0]["internal"] = True
    assert [one["outward"] for one in one(host)["segments"]] == [True, False]


def test_an_uplink_of_both_families_is_one() -> None:
    (uplink,) = one(fleets.host())["uplinks"]
    assert uplink["gateways"] == ["192.0.2.1", "2001:db8::1"]
    assert uplink["addresses"] == ["192.0.2.7/24", "2001:db8::7/64"]


@pytest.mark.parametrize(
    ("policy", "address", "reach"),
    [
        ("open", "0.0.0.0", ("everyone", [])),
        ("closed", "::", ("nobody", [])),
        ({"allow": [{"sources": ["192.0.2.0/24"]}]}, "0.0.0.0", ("sources", ["192.0.2.0/24"])),
        ({"allow": [{"sources": ["192.0.2.0/24"]}]}, "127.0.0.1", ("host", [])),
        ({"allow": [{"sources": ["a", "b"], "interfaces": ["eth1"]}]}, "::", ("sources", ["a by eth1", "b by eth1"])),
        ({"allow": [{"interfaces": ["eth1", "wg*"]}]}, "0.0.0.0", ("sources", ["all by eth1", "all by wg*"])),
        ({"allow": [{"sources": ["a"], "ports": [80]}]}, "0.0.0.0", ("sources", ["a"])),
        ({"allow": [{"sources": ["a"], "ports": ["79-81/tcp"]}]}, "0.0.0.0", ("sources", ["a"])),
        ({"allow": [{"sources": ["a"], "ports": ["80/udp", 81]}]}, "0.0.0.0", ("nobody", [])),
        ({"allow": [{"sources": ["a"]}, {"ports": ["80/tcp"]}]}, "0.0.0.0", ("everyone", [])),
        ({"allow": []}, "0.0.0.0", ("nobody", [])),
        (None, "0.0.0.0", ("unknown", [])),
        ("open", "127.0.0.1", ("host", [])),
        ("open", "::1", ("host", [])),
    ],
)
def test_who_reaches_a_published_port(policy: Any, address: str, reach: Any) -> None:
    host = fleets.host(containers=1) | {"published": policy}
    host["bridge"]["containers"][0]["published"] = [
        {"host_address": address, "host_port": 80, "container_port": 80, "protocol": "tcp"}
    ]
    (binding,) = one(host)["containers"][0]["published"]
    assert (binding["reach"], binding["sources"]) == reach


# --- text


@pytest.mark.parametrize("text", ["\x1b[31mred", "a\nb", "\u202eright to left", "\ud800", "\x00", "\u2028"])
def test_nothing_steers_a_terminal(text: str) -> None:
    report = of(fleets.host(text), findings=[fleets.finding(text)])
    assert report["hosts"][0]["name"].isprintable()
    assert report["hosts"][0]["findings"], "the host's findings are still its own"
    json.dumps(report, ensure_ascii=False).encode()


def test_other_scripts_stay() -> None:
    assert one(fleets.host("café-日本"))["name"] == "café-日本"
