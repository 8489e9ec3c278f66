"""Each difference between what is declared and what is observed is one finding, and no difference is none."""

from __future__ import annotations

import copy
import hashlib
from typing import Any

import fleets
import pytest
from ansible_collections.mooring.docker.plugins.module_utils._firewall import nftables
from ansible_collections.mooring.docker.plugins.module_utils._ssh import sshd
from ansible_collections.mooring.docker.plugins.module_utils._ssh.access import Access
from ansible_collections.mooring.docker.plugins.plugin_utils import verification
from ansible_collections.mooring.docker.plugins.plugin_utils.findings import cis, network, on_host
from ansible_collections.mooring.docker.plugins.plugin_utils.findings._finding import line

DECLARED = {
    "endpoints": ["unix:///var/run/docker.sock", "tcp://0.0.0.0:2376"],
    "socket": {"owner": "root", "group": "docker", "mode": "0660"},
    "users": ["deploy", "docker-remote"],
    "tls": True,
    "issues": True,
    "certificate_files": {"certificate": "/t/server/cert.pem", "key": "/t/server/key.pem", "client_ca": "/t/ca.pem"},
    "names": ["DNS:trixie"],
    "fleet": {"trixie": ["DNS:trixie", "IP:192.0.2.7"], "forky": ["DNS:forky", "IP:192.0.2.8"]},
    "client_authorities": [],
    "renew_days": 30,
    "authorities": {
        "server": {"signer": {"key_id": "aa", "name": "Mooring server CA 1"}},
        "client": {"fingerprints": ["f1"]},
    },
    "client": "cert.pem",
    "allowed": None,
    "probe_hosts": {"forky": "192.0.2.8"},
    "controller": ["192.0.2.1"],
    "filters": {"endpoint": "rules"},
    "require_filters": True,
    "ssh": {"clients": {"alice": "ssh-ed25519 AAAA"}, "user": "docker-remote", "group": "docker", "socket": "/d.sock"},
}
CERTIFICATE = {
    "days_left": 90,
    "not_after": "2027-01-01T00:00:00Z",
    "names": ["DNS:trixie"],
    "issuer": "CN=x",
    "authority_key_id": "aa",
    "bundle": ["f0"],
    "key": {"type": "EC", "bits": 256},
    "contents": [
        {
            "sha256": "f0",
            "subject": "CN=y",
            "issuer": "CN=x",
            "key_id": "bb",
            "authority_key_id": "aa",
            "key": {"type": "EC", "bits": 256},
        }
    ],
}
PROBE = {
    "url": "tcp://192.0.2.7:2376",
    "reachable": True,
    "transport": "tls",
    "plaintext_accepted": False,
    "client_certificate_required": True,
    "trusted": True,
    "authenticated": True,
    "certificate": CERTIFICATE,
    "error": None,
}


def file(kind: str = "file", mode: str = "0644", leads_to: str | None = None) -> dict[str, Any]:
    return {"kind": kind, "owner": "root", "group": "root", "mode": mode, "leads_to": leads_to}


SSHD = {"pidfile": ["/run/sshd.pid"], "pubkeyacceptedalgorithms": ["ssh-ed25519"]}
ACCESS = Access(**DECLARED["ssh"])
SSH = {
    "accounts": {"docker-remote": {"groups": ["docker"], "shell": "/bin/sh", "password": False, "expires": False}},
    "authorized_keys": hashlib.sha256(ACCESS.keys.encode()).hexdigest(),
    "has_home": True,
    "guarded": True,
    "drop_in": sshd.drop_in("docker-remote", "/d.sock", SSHD),
    "loaded": True,
    "pending": False,
    "configuration": {"before": [], "after": [], "is_included": True},
    "listeners": ["sshd: /usr/sbin/sshd -D [listener] 0 of 10-100 startups"],
    "settings": {
        **SSHD,
        **{name.lower(): value.split() for name, value in sshd.values("/d.sock", SSHD).items()},
    },
    "error": None,
    "trial": None,
    "host_keys": [],
}

HOST = {
    "ssh": SSH,
    "groups": {
        "docker": {
            **fleets.GROUP,
            "holders": [{"pid": 8, "name": "sh", "user": "deploy"}, {"pid": 9, "name": "sh", "user": "docker-remote"}],
        }
    },
    "system": {
        "kernel": "Linux",
        "systemd": True,
        "apt": True,
        "root": True,
        "distribution": "debian",
        "apparmor_parser": True,
    },
    "installation": {"unfinished": {}, "begun": False},
    "engine": {
        "storage": [
            {
                "path": "/d",
                "holds": ["images"],
                "size": 9 << 30,
                "free": 1 << 30,
                "inodes_free": 9999,
                "read_only": False,
            },
            {
                "path": "/b",
                "holds": ["volumes"],
                "size": 9 << 30,
                "free": 1 << 30,
                "inodes_free": None,
                "read_only": False,
            },
        ],
        "programs": {"runc": "/usr/bin/runc"},
        "installed": True,
        "version": "26.1.5+dfsg1",
        "cli_version": "26.1.5+dfsg1",
        "api_version": "1.45",
        "running_version": "26.1.5+dfsg1",
        "package": {"name": "docker.io", "version": "26.1.5+dfsg1-9+deb13u1"},
        "containerd": {"active": "active", "enabled": "enabled"},
        "service": {"active": "active", "enabled": "enabled", "pid": 7},
        "swarm": "inactive",
        "networks": [{"name": "bridge", "options": {"com.docker.network.bridge.enable_icc": "false"}}],
        # As CIS recommends it.
        "settings": {
            "apparmor": True,
            "authorization-plugins": ["opa"],
            "cgroup-parent": "",
            "default-ulimits": {"nofile": {}},
            "experimental": False,
            "insecure-registries": ["127.0.0.0/8"],
            "iptables": True,
            "live-restore": True,
            "log-driver": "journald",
            "log-level": "info",
            "no-new-privileges": True,
            "seccomp-profile": "builtin",
            "storage-driver": "overlay2",
            "userland-proxy": False,
            "userns-remap": True,
        },
    },
    "clock": {"ahead": 0.7},
    "network": {"client": "192.0.2.1"},
    "nftables": {
        "endpoint": {
            "text": nftables.script("endpoint", "rules"),
            "live": True,
            "persistent": True,
            "required": True,
            "failed": False,
        }
    },
    # Policies that drop are dockerd's with iptables, which is not configured to use nftables.
    "nftables_backend": {
        "configured": False,
        "nft": "/usr/sbin/nft",
        "in_swarm": False,
        "forward": {
            "iptables": {"policy": "DROP", "rules": []},
            "ip6tables": {"policy": "DROP", "rules": ["-A FORWARD -j ufw6-before-forward"]},
        },
    },
    "configuration": {
        "error": None,
        "edited": [],
        "stopped": [],
        "old_data_root": None,
        "untested": False,
        "tls": {"tlskey": "/t/server/key.pem", "tlsverify": True},
        "pending": {"action": "nothing", "keys": [], "reasons": []},
    },
    "listening": ["tcp://[::]:2376", "unix:///run/docker.sock"],
    "sockets": [
        {"path": "/run/docker.sock", "owner": "root", "group": "docker", "mode": "0660", "group_members": ["deploy"]}
    ],
    "host_files": {"differing": [], "leftover": [], "diff": [], "prune": None, "schedule": None},
    "files": {
        "/etc/docker/daemon.json": file(mode="0600"),
        "/run/containerd/containerd.sock": file("socket", "0660"),
        "/t/server": file("link", "0777", "/t/server-1"),
        "/t/server-1": file("directory", "0700"),
        "/t/server-1/key.pem": file(mode="0600"),
        "/t/server/key.pem": file(mode="0600"),
        "/var/lib/mooring": file("directory", "0700"),
    },
    "certificates": {"/t/server/cert.pem": CERTIFICATE, "/t/ca.pem": {**CERTIFICATE, "bundle": ["f1"]}},
}


def seen() -> dict[str, Any]:
    """A host without a fault: the results of host_info, daemon_config and endpoint_info."""
    return copy.deepcopy({"observed": {"host": HOST}, "tried": {"files": []}, "probe": {"endpoint": PROBE}})


def ids(found: dict[str, Any], *others: dict[str, Any], **declared: Any) -> list[str]:
    one = {**DECLARED, **declared}
    return [finding.id for finding in on_host(one, found["observed"], found["tried"], [found["probe"], *others])]


def test_no_difference_is_no_finding() -> None:
    assert ids(seen()) == []


# What is wrong: where, with what value, and the one finding that tells of it.
HOST_FAULTS: list[tuple[str, Any, str]] = [
    ("engine/installed", False, "engine.missing"),
    ("installation/unfinished", {"docker.io": "half-configured"}, "engine.unfinished"),
    ("engine/cli_version", None, "engine.cli_missing"),
    ("engine/cli_version", "20.10.24", "engine.cli_differs"),
    ("engine/version", None, "engine.broken"),
    ("engine/version", "26.1.4", "engine.version_differs"),
    ("engine/running_version", "26.1.4", "engine.version_differs"),
    ("engine/package/version", "5:28.5.2-1~debian.13~trixie", "engine.version_differs"),
    ("groups/docker/holders", [{"pid": 10, "name": "tmux", "user": "bob"}], "sockets.holders"),
    ("groups/docker/administrators", ["bob", "deploy"], "sockets.group_open"),
    ("groups/docker/password", True, "sockets.group_open"),
    ("ssh/pending", True, "ssh.pending"),
    ("ssh/accounts/docker-other", {}, "ssh.left_over"),
    ("ssh/accounts", {}, "ssh.account"),
    ("ssh/accounts/docker-remote/groups", ["docker", "sudo"], "ssh.account"),
    ("ssh/accounts/docker-remote/shell", "/bin/bash", "ssh.account"),
    ("ssh/accounts/docker-remote/password", True, "ssh.account"),
    ("ssh/accounts/docker-remote/expires", True, "ssh.account"),
    ("ssh/authorized_keys", None, "ssh.keys"),
    ("ssh/authorized_keys", "another", "ssh.keys"),
    ("ssh/guarded", False, "ssh.home"),
    ("ssh/drop_in", None, "ssh.drop_in"),
    ("ssh/drop_in", "", "ssh.drop_in"),
    ("ssh/loaded", False, "ssh.not_loaded"),
    ("ssh/error", "no sshd", "ssh.unobserved"),
    ("ssh/settings/trustedusercakeys", ["/etc/ssh/ca.pub"], "ssh.settings"),
    ("ssh/settings/allowusers", ["admin"], "ssh.settings"),
    ("ssh/configuration/is_included", False, "ssh.settings"),
    ("system/apparmor_parser", False, "engine.apparmor"),
    ("engine/settings/apparmor", False, "engine.apparmor"),
    ("engine/containerd/active", "inactive", "engine.containerd_stopped"),
    ("clock/ahead", 61.0, "host.clock"),
    ("clock/ahead", -61.0, "host.clock"),
    ("nftables", {}, "filter.missing"),
    ("nftables/endpoint/text", "others", "filter.differs"),
    ("nftables/endpoint/live", False, "filter.not_live"),
    ("nftables/endpoint/persistent", False, "filter.not_persistent"),
    ("nftables/endpoint/required", False, "filter.not_required"),
    ("nftables/endpoint/failed", True, "filter.unit_failed"),
    ("engine/service/enabled", "disabled", "engine.disabled"),
    ("engine/service/active", "inactive", "engine.stopped"),
    ("engine/api_version", None, "engine.silent"),
    ("engine/storage/0/read_only", True, "engine.storage"),
    ("engine/storage/0/free", 5 << 20, "engine.storage"),
    ("engine/storage/0/inodes_free", 7, "engine.storage"),
    ("engine/programs/runc", None, "engine.program_missing"),
    ("listening", ["unix:///run/docker.sock"], "endpoints.missing"),
    ("listening", ["tcp://[::]:2376"], "endpoints.missing"),
    ("listening", [*HOST["listening"], "tcp://127.0.0.1:2375"], "endpoints.undeclared"),
    ("sockets/0/mode", "0666", "sockets.mode"),
    ("sockets/0/mode", "0660+", "sockets.list"),
    ("sockets/0/owner", "nobody", "sockets.owner"),
    ("sockets/0/group_members", ["deploy", "mallory"], "sockets.members"),
    ("sockets/0/group_members", [], "sockets.user_missing"),
    ("configuration/error", "no JSON", "configuration.broken"),
    ("configuration/stopped", ["web"], "configuration.drained"),
    ("configuration/untested", True, "configuration.untested"),
    ("configuration/edited", ["debug"], "configuration.edited"),
    (
        "configuration/pending",
        {"action": "restart", "keys": ["bip"], "reasons": ["changed: bip"]},
        "configuration.pending",
    ),
    ("certificates/~t~ca.pem", None, "certificates.no_client_authority"),
    ("certificates/~t~ca.pem/bundle", ["f1", "f2"], "certificates.other_client_authority"),
    ("files/~etc~docker~daemon.json/owner", "mallory", "files.owner"),
    ("files/~etc~docker~daemon.json/mode", "0622", "files.writable"),
    ("files/~etc~docker~daemon.json/mode", "0620", "files.writable"),
    ("files/~etc~docker~daemon.json/mode", "0602", "files.writable"),
    ("files/~etc~docker~daemon.json/mode", "0604", "files.readable"),
    ("files/~etc~docker~daemon.json/mode", "0640", "files.readable"),
    ("files/~etc~docker~daemon.json/mode", "0644", "files.readable"),
    ("files/~t~server~key.pem/mode", "0640", "files.key"),
    ("files/~t~old-key.pem", file(mode="0600"), "files.stray_key"),
    ("system/systemd", False, "host.unfit"),
]


def spoil(root: Any, path: str, value: Any) -> None:
    """Put ``value`` at ``path``, in which ~ stands for the / of a key."""
    *parents, last = [part.replace("~", "/") for part in path.split("/")]
    for part in parents:
        root = root[int(part)] if part.isdigit() else root[part]
    root[last] = value


@pytest.mark.parametrize(("path", "value", "finding"), HOST_FAULTS)
def test_one_fault_on_the_host_is_one_finding(path: str, value: Any, finding: str) -> None:
    found = seen()
    spoil(found["observed"]["host"], path, value)
    assert ids(found) == [finding]


@pytest.mark.parametrize(
    ("problem", "obstacle", "findings"),
    [
        (None, None, []),
        ("a container does not start: no such runtime", None, ["engine.container"]),
        (None, "the daemon forbids it", ["engine.container_untested"]),
    ],
)
def test_container_that_was_run_has_its_findings(problem: Any, obstacle: Any, findings: list[str]) -> None:
    found = seen()
    found["observed"]["test"] = {"problem": problem, "obstacle": obstacle, "path": None}
    assert ids(found) == findings


@pytest.mark.parametrize(
    ("what", "finding"),
    [
        ("to_container", "bridge.unreachable"),
        ("published", "published.unreachable"),
        ("outward", "bridge.no_answer"),
        ("obstacle", "bridge.path_untested"),
    ],
)
def test_connections_that_did_not_come_up_are_findings(what: str, finding: str) -> None:
    found = seen()
    tried = dict.fromkeys(("to_container", "published", "outward", "obstacle"))
    found["observed"]["test"] = {"problem": None, "obstacle": None, "path": tried}
    assert ids(found) == []
    tried[what] = "172.17.0.2:7: timed out"
    assert ids(found) == [finding]


@pytest.mark.parametrize(
    ("change", "finding"),
    [
        ({"reachable": False, "transport": None, "error": "refused"}, "endpoints.unreachable"),
        ({"plaintext_accepted": True, "transport": "plaintext"}, "endpoints.plaintext"),
        ({"client_certificate_required": False}, "endpoints.open"),
        ({"client_certificate_required": None}, "endpoints.unclear"),
        ({"trusted": False, "authenticated": False, "error": "unknown"}, "endpoints.untrusted"),
        ({"authenticated": False, "error": "refused"}, "endpoints.refused"),
        ({"certificate": {**CERTIFICATE, "days_left": 29}}, "certificates.ends_soon"),
        # Nobody trusts it then: still one finding.
        ({"certificate": {**CERTIFICATE, "days_left": -1}, "trusted": False}, "certificates.expired"),
        ({"certificate": {**CERTIFICATE, "names": []}}, "certificates.lacks_name"),
        (
            {"certificate": {**CERTIFICATE, "names": ["DNS:trixie", "IP:192.0.2.8"]}},
            "certificates.name_of_another_host",
        ),
        ({"certificate": {**CERTIFICATE, "names": ["DNS:TRIXIE", "IP:fd00::7"]}}, "certificates.undeclared_name"),
        ({"certificate": {**CERTIFICATE, "key": {"type": "RSA", "bits": 2048}}}, "certificates.weak_key"),
        ({"certificate": {**CERTIFICATE, "authority_key_id": "bb"}}, "certificates.other_signer"),
        ({"certificate": {**CERTIFICATE, "days_left": None}}, "certificates.unreadable"),
    ],
)
def test_one_fault_of_an_endpoint_is_one_finding(change: dict[str, Any], finding: str) -> None:
    found = seen()
    found["probe"]["endpoint"].update(change)
    assert ids(found) == [finding]


@pytest.mark.parametrize(
    ("path", "value", "finding"),
    [
        # Names beyond those that are declared are the issuer's business.
        ("probe/endpoint/certificate/names", ["DNS:trixie", "DNS:*.example.com", "IP:192.0.2.8"], []),
        ("probe/endpoint/certificate/key", {"type": "DSA", "bits": 2048}, ["certificates.weak_key"]),
        ("ca/contents/0/key_id", "aa", ["certificates.unfit_client_authority"]),
        ("ca/contents/0/key", {"type": "RSA", "bits": 1024}, ["certificates.unfit_client_authority"]),
        ("ca/contents", CERTIFICATE["contents"] * 2, []),
        ("ca/contents", [], ["certificates.unfit_client_authority"]),
    ],
)
def test_provided_certificate_has_its_findings(path: str, value: Any, finding: list[str]) -> None:
    found = seen()
    spoil({**found, "ca": found["observed"]["host"]["certificates"]["/t/ca.pem"]}, path, value)
    assert ids(found, issues=False) == finding


@pytest.mark.parametrize(
    ("allowed", "reachable", "finding"),
    [
        (None, True, []),
        (["192.0.2.8"], True, []),
        (["192.0.2.8"], False, ["endpoints.unreachable"]),
        (["192.0.2.9"], False, []),
        (["192.0.2.9"], True, ["endpoints.reached"]),
    ],
)
def test_filter_is_tried_from_other_machines(allowed: list[str] | None, reachable: bool, finding: list[str]) -> None:
    found = seen()
    # The controller is the host itself.
    found["observed"]["host"]["network"] = {"client": None}
    other = {"item": ["forky", PROBE["url"]], "endpoint": {**PROBE, "reachable": reachable, "error": "timed out"}}
    assert ids(found, other, allowed=allowed) == finding


def test_controller_is_judged_by_the_address_that_it_comes_from() -> None:
    found = seen()
    assert ids(found, allowed=["192.0.2.1"]) == []
    assert ids(found, allowed=["192.0.2.9"]) == ["endpoints.reached"]
    # The session comes through another machine.
    found["observed"]["host"]["network"] = {"client": "198.51.100.1"}
    assert ids(found, allowed=["192.0.2.9"]) == []


def test_what_several_machines_see_alike_is_told_once() -> None:
    found = seen()
    found["probe"]["endpoint"]["client_certificate_required"] = False
    other = {**found["probe"], "item": ["forky", PROBE["url"]]}
    assert ids(found, other) == ["endpoints.open"]


def test_machine_that_cannot_try_an_endpoint_is_a_finding() -> None:
    assert ids(seen(), {"item": ["forky", PROBE["url"]], "msg": "no route"}) == ["endpoints.unobserved"]


def test_the_dry_run_has_its_findings() -> None:
    found = seen()
    found["tried"] = {"files": ["/etc/docker/daemon.json"]}
    assert ids(found) == ["configuration.differs"]
    found["tried"] = {"msg": "bip is set twice"}
    assert ids(found) == ["configuration.refused"]


RUNS = {"active": "active", "enabled": "enabled", "result": "success"}


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({"prune": RUNS}, []),
        ({"prune": {**RUNS, "result": None}}, []),
        ({"prune": {**RUNS, "active": "inactive"}}, ["engine.prune_timer"]),
        ({"prune": {**RUNS, "enabled": "disabled"}}, ["engine.prune_timer"]),
        ({"prune": {**RUNS, "result": "exit-code"}}, ["engine.prune"]),
        ({"differing": ["/etc/docker/certs.d/r/ca.crt"]}, ["configuration.files"]),
        ({"leftover": ["/etc/docker/certs.d/r/ca.crt"]}, ["configuration.files"]),
        # That the timer does not run follows from that.
        (
            {
                "differing": ["/etc/systemd/system/mooring-prune.timer"],
                "prune": {"active": "inactive", "enabled": None, "result": None},
            },
            ["configuration.files"],
        ),
    ],
)
def test_files_beside_the_configuration_and_the_timer_are_as_declared(change: dict[str, Any], found: list[str]) -> None:
    observed = seen()
    observed["observed"]["host"]["host_files"].update(change)
    assert ids(observed) == found


def test_a_host_that_could_not_be_looked_at_is_a_finding() -> None:
    found = seen()
    found["observed"] = {"unreachable": True, "msg": "Task failed: no route\nand more"}
    assert ids(found) == ["host.unreachable"]
    found["observed"] = {"msg": "no Python"}
    assert ids(found) == ["host.unobserved"]


def test_equal_endpoints_are_written_in_many_ways() -> None:
    found = seen()
    found["observed"]["host"]["listening"] = ["tcp://192.0.2.7:2376", "unix:///run/docker.sock"]
    assert ids(found, endpoints=["fd://", "tcp://trixie.example.com:2376"]) == []
    assert ids(found, endpoints=["fd://", "tcp://trixie.example.com:2377"]) == [
        "endpoints.missing",
        "endpoints.undeclared",
    ]


def test_one_socket_is_not_another() -> None:
    urls = [*DECLARED["endpoints"], "unix:///srv/a.sock", "tcp://192.0.2.7:2376"]
    assert ids(seen(), endpoints=urls) == ["endpoints.missing"] * 2


def test_tags_choose_subjects_and_a_line_says_it_all() -> None:
    found = seen()
    found["observed"]["host"]["engine"]["service"]["enabled"] = "disabled"
    found["probe"]["endpoint"]["certificate"]["days_left"] = -3

    def asked(tags: list[str], skipped: list[str]) -> list[str]:
        results = found["observed"], found["tried"], [found["probe"]]
        findings = verification.asked(on_host(DECLARED, *results), "trixie", tags, skipped)
        return [line(finding) for finding in findings]

    assert len(asked(["all"], [])) == 2
    assert len(asked(["all"], ["engine"])) == 1
    assert asked(["certificates"], []) == [
        "trixie: error certificates.expired: expected: the daemon's certificate is valid; "
        "found: it ended on 2027-01-01; remedy: run playbooks/site.yml"
    ]
    # Whatever is asked for, a host that could not be looked at is not one without findings.
    found["observed"] = {"unreachable": True, "msg": "no route"}
    assert len(asked(["certificates"], ["host"])) == 1


def test_networks_are_as_declared() -> None:
    options = {"bip": "172.30.0.1/24", "mtu": 1400}
    backend = {"name": "backend", "ranges": [{"subnet": "172.30.8.0/24"}]}
    there: dict[str, Any] = {
        "bridges": [{"name": "docker0", "addresses": ["172.30.0.1/24", "fe80::1/64"], "ports": []}],
        "networks": [
            {"name": "bridge", "options": {"com.docker.network.driver.mtu": "1400"}, "subnets": []},
            {"name": "backend", "options": {}, "subnets": [{"subnet": "172.30.8.0/24"}]},
        ],
    }

    def found(**change: Any) -> list[str]:
        now = {**there, **change}
        return [one.id for one in (*network.bridge(options, now, []), *network.networks([backend], now))]

    assert found() == []
    assert found(bridges=[]) == ["bridge.missing"]
    assert found(bridges=[{"name": "docker0", "addresses": ["172.17.0.1/16"]}]) == ["bridge.address"]
    assert found(networks=there["networks"][:1]) == ["networks.missing"]
    bridge, other = copy.deepcopy(there["networks"])
    bridge["options"] = {}
    assert found(networks=[bridge, other]) == ["bridge.mtu"]
    other["subnets"][0]["subnet"] = "172.30.9.0/24"
    assert found(networks=[there["networks"][0], other]) == ["networks.range"]


UPLINK = {"interface": "wg0", "family": "inet", "metric": 0, "mtu": 1420}
DOCKER = {
    "name": "shop_default",
    "bridge": "br-1",
    "internal": False,
    "ipv6": False,
    "options": {},
    "labels": {"com.docker.compose.project": "shop"},
}
OPTIONS_1420 = {"com.docker.network.driver.mtu": "1420"}


def larger(uplinks: list[dict[str, Any]], **change: Any) -> list[str]:
    seen = {"networks": [{**DOCKER, **change}], "uplinks": uplinks}
    return [f"{one.id} {one.severity}: {one.expected}: {one.observed}: {one.remedy}" for one in network.uplinks(seen)]


def test_network_with_a_larger_mtu_than_its_uplink_is_found() -> None:
    (found,) = larger([UPLINK])
    assert found.startswith("networks.uplink_mtu warning: ")
    assert "network shop_default have at most the MTU of the uplink wg0, 1420: 1500" in found
    assert "docker_network_mtu: 1420, run playbooks/site.yml, then make the network again (docker compose down" in found
    (found,) = larger([UPLINK], labels={})
    assert "docker network rm and create" in found
    (found,) = larger([UPLINK], labels={"mooring.docker": "managed"})
    assert found.endswith("docker_network_mtu: 1420, run playbooks/site.yml")
    (found,) = larger([UPLINK], name="bridge", bridge="docker0")
    assert found.startswith("bridge.uplink_mtu")


@pytest.mark.parametrize(
    ("uplinks", "change"),
    [
        ([], {}),
        ([{**UPLINK, "mtu": 1500}], {}),
        ([{**UPLINK, "mtu": 9000}], {}),
        ([UPLINK], {"internal": True}),
        ([UPLINK], {"bridge": None}),
        ([UPLINK], {"options": OPTIONS_1420}),
        ([{**UPLINK, "interface": "br-1"}], {}),
        # Only containers with IPv6 leave by it.
        ([{**UPLINK, "family": "inet6"}], {}),
        # Packets take the other one.
        ([{**UPLINK, "metric": 50}, {**UPLINK, "interface": "eth0", "mtu": 1500}], {}),
    ],
)
def test_network_whose_packets_fit_its_uplink_is_none(uplinks: list[dict[str, Any]], change: dict[str, Any]) -> None:
    assert larger(uplinks, **change) == []


def test_the_narrowest_way_out_counts() -> None:
    six = {**UPLINK, "family": "inet6", "interface": "he0", "metric": 1024, "mtu": 1280}
    for ways, name in (
        ([UPLINK, six], "he0, 1280"),
        ([UPLINK, {**UPLINK, "interface": "wg1", "mtu": 1300}], "wg1, 1300"),
    ):
        (found,) = larger(ways, ipv6=True)
        assert name in found


def test_docker0_that_somebody_changed_is_the_bridges_finding_alone() -> None:
    found = seen()
    reason = "bip is '172.31.77.1/24', declared '172.31.0.1/24'"
    found["observed"]["host"]["configuration"]["pending"] = {"action": "restart", "keys": ["bip"], "reasons": [reason]}
    assert ids(found) == []


def test_engine_of_no_package_and_no_containerd_of_its_own_is_fine() -> None:
    found = seen()
    found["observed"]["host"]["engine"].update(package=None, containerd=None)
    assert ids(found) == []


def test_socket_of_another_group_is_a_finding() -> None:
    """Whom it lets in by that group is not known, so those who are declared are missing."""
    found = seen()
    found["observed"]["host"]["sockets"][0]["group"] = "adm"
    assert ids(found) == ["sockets.group", "sockets.user_missing"]


def test_policy_that_iptables_keeps_is_a_finding_where_the_rules_are_nftables() -> None:
    found = seen()
    found["observed"]["host"]["nftables_backend"]["configured"] = True
    told = list(on_host(DECLARED, found["observed"], found["tried"], [found["probe"]]))
    assert [finding.id for finding in told] == ["filter.forward_dropped", "filter.forward_dropped"]
    assert "others have rules there, such as -A FORWARD -j ufw6-before-forward" in told[1].observed
    assert "ip6tables -P FORWARD ACCEPT" in told[1].remedy
    # Filters that the daemon leaves alone are the operator's.
    found["observed"]["host"]["engine"]["settings"].update(iptables=False, ip6tables=False)
    assert ids(found) == ["cis.2.4"]


def test_filter_that_is_not_declared_is_a_finding() -> None:
    assert ids(seen(), filters={"endpoint": ""}) == ["filter.undeclared"]


@pytest.mark.parametrize(
    ("path", "value", "number"),
    [
        ("engine/networks/0/options", {}, "2.2"),
        ("engine/settings/log-level", "debug", "2.3"),
        ("engine/settings/iptables", False, "2.4"),
        ("engine/settings/insecure-registries", ["127.0.0.0/8", "old.example.com"], "2.5"),
        ("engine/settings/storage-driver", "aufs", "2.6"),
        ("configuration/tls", {}, "2.7"),
        ("engine/settings/default-ulimits", {}, "2.8"),
        ("engine/settings/userns-remap", False, "2.9"),
        ("engine/settings/cgroup-parent", "/other", "2.10"),
        ("engine/settings/authorization-plugins", [], "2.12"),
        ("engine/settings/log-driver", "json-file", "2.13"),
        ("engine/settings/no-new-privileges", False, "2.14"),
        ("engine/settings/live-restore", False, "2.15"),
        ("engine/settings/userland-proxy", True, "2.16"),
        ("engine/settings/seccomp-profile", None, "2.17"),
        ("engine/settings/experimental", True, "2.18"),
    ],
)
def test_each_recommendation_that_is_not_followed_informs(path: str, value: Any, number: str) -> None:
    host = seen()["observed"]["host"]
    spoil(host, path, value)
    (finding,) = cis.recommendations(host)
    assert (finding.id, finding.severity) == (f"cis.{number}", "info")


def test_daemon_that_does_not_answer_gets_no_recommendations() -> None:
    host = seen()["observed"]["host"]
    host["engine"].update(settings=None, networks=None)
    assert list(cis.recommendations(host)) == []


KERNEL = {"inet": True, "inet6": False}


@pytest.mark.parametrize(
    ("options", "networks", "kernel", "wrong"),
    [
        ({}, [], KERNEL, []),
        ({"ipv6": True}, [], KERNEL, ["net.ipv6.conf.all.forwarding"]),
        ({}, [{"name": "six", "ipv6": True}], KERNEL, ["net.ipv6.conf.all.forwarding"]),
        ({}, [], {"inet": False, "inet6": False}, ["net.ipv4.ip_forward"]),
        ({"ip-forward": False}, [], {"inet": False, "inet6": False}, []),
        ({"ipv6": True}, [], {"inet": True, "inet6": None}, []),
    ],
)
def test_forwarding_is_on_where_it_is_needed(
    options: dict[str, Any], networks: list[dict[str, Any]], kernel: dict[str, bool | None], wrong: list[str]
) -> None:
    found = list(network.forwarding(options, networks, {"networks": [], "containers": []}, kernel))
    assert [one.expected.split()[0] for one in found] == wrong
    assert {one.id for one in found} <= {"bridge.forwarding_off"}


def test_ipv6_that_is_off_is_told_once() -> None:
    options = {"bip6": "fd00::1/64", "ipv6": True}
    there: dict[str, Any] = {"bridges": [{"name": "docker0", "addresses": []}], "networks": []}
    assert [one.id for one in network.bridge(options, there, ["docker0"])] == ["bridge.ipv6_off"]
    assert [one.id for one in network.bridge(options, there, [])] == ["bridge.address"]
    assert [one.id for one in network.bridge({}, there, ["docker0"])] == []


def ways() -> dict[str, Any]:
    """A container on docker0 and on a network of its own, as bridge_info sees it."""

    def port(address: str, mtu: int) -> dict[str, Any]:
        return {"interface": "veth1", "mtu": mtu, "container": {"id": "c1", "addresses": [address], "mtu": mtu}}

    def docker(name: str, bridge: str, mtu: str) -> dict[str, Any]:
        return {"name": name, "bridge": bridge, "options": {"com.docker.network.driver.mtu": mtu}}

    return {
        "networks": [docker("bridge", "docker0", "1500"), docker("back", "br-1", "1400")],
        "bridges": [
            {"name": "docker0", "ports": [{"container": None}, port("172.30.0.2/24", 1500)]},
            {"name": "br-1", "ports": [port("172.30.8.2/24", 1400)]},
        ],
        "containers": [
            {
                "id": "c1",
                "name": "web",
                "interfaces": ["eth0", "eth1"],
                "networks": {
                    "bridge": {"addresses": ["172.30.0.2/24"]},
                    "back": {"addresses": ["172.30.8.2/24"]},
                    "macvlan": {"addresses": ["192.0.2.9/24"]},
                },
            },
        ],
    }


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        ("containers/0/name", "other", []),
        ("bridges/0/ports", [], ["bridge.cut_off"]),
        ("bridges/1/ports", [], ["networks.cut_off"]),
        ("bridges/1/ports/0/container/addresses", ["172.30.8.3/24"], ["networks.cut_off"]),
        ("bridges/0/ports/1/container/mtu", 1300, ["bridge.mtu"]),
        ("bridges/1/ports/0/mtu", 1500, ["networks.mtu"]),
        # A network without an MTU of its own: both ends agree, whatever it is.
        ("networks/1/options", {}, []),
    ],
)
def test_each_end_is_behind_its_port(path: str, value: Any, expected: list[str]) -> None:
    there = ways()
    spoil(there, path, value)
    assert [one.id for one in network.ways(there)] == expected


def test_container_that_ended_meanwhile_is_not_missed() -> None:
    there = ways()
    there["containers"][0]["interfaces"] = None
    there["bridges"][0]["ports"] = []
    assert list(network.ways(there)) == []


def test_what_is_left_of_clients_over_ssh_is_told() -> None:
    """Where none are declared any more."""
    nobody = {**DECLARED["ssh"], "clients": {}}
    gone = {**SSH, "accounts": {}, "has_home": False, "drop_in": None, "authorized_keys": None, "guarded": False}
    left: list[tuple[dict[str, Any], list[str]]] = [
        ({}, []),
        ({"accounts": SSH["accounts"], "has_home": True, "drop_in": "x"}, ["ssh.left_over"]),
        ({"has_home": True}, ["ssh.left_over"]),
        ({"drop_in": "x", "loaded": False}, ["ssh.left_over"]),
        ({"pending": True}, ["ssh.pending"]),
        # Nobody is to come in: sshd's settings, and whether there is one, are nobody's business.
        ({"settings": {}, "error": "no sshd"}, []),
    ]
    for changed, expected in left:
        found = seen()
        found["observed"]["host"]["ssh"] = {**gone, **changed}
        found["observed"]["host"]["groups"]["docker"]["holders"] = []
        assert ids(found, ssh=nobody, users=["deploy"]) == expected
