"""Each difference between what is declared and what is observed is one finding, and no difference is none."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from ansible_collections.mooring.docker.plugins.filter.findings import finding_line, host_findings
from ansible_collections.mooring.docker.plugins.plugin_utils.findings import network, on_host

DECLARED = {
    "endpoints": ["unix:///var/run/docker.sock", "tcp://0.0.0.0:2376"],
    "socket": {"owner": "root", "group": "docker", "mode": "0660"},
    "users": ["deploy"],
    "tls": True,
    "issues": True,
    "certificate_files": {"certificate": "/t/server/cert.pem", "key": "/t/server/key.pem", "client_ca": "/t/ca.pem"},
    "names": ["DNS:trixie"],
    "renew_days": 30,
    "authorities": {
        "server": {"signer": {"key_id": "aa", "name": "Mooring server CA 1"}},
        "client": {"fingerprints": ["f1"]},
    },
    "client": "cert.pem",
}
CERTIFICATE = {
    "days_left": 90,
    "not_after": "2027-01-01T00:00:00Z",
    "names": ["DNS:trixie"],
    "issuer": "CN=x",
    "authority_key_id": "aa",
    "bundle": ["f0"],
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


HOST = {
    "system": {"kernel": "Linux", "systemd": True, "apt": True, "root": True, "distribution": "debian"},
    "engine": {
        "installed": True,
        "version": "26.1.5+dfsg1",
        "cli_version": "26.1.5+dfsg1",
        "api_version": "1.45",
        "service": {"active": "active", "enabled": "enabled", "pid": 7},
    },
    "configuration": {
        "error": None,
        "edited": [],
        "tls": {"tlskey": "/t/server/key.pem"},
        "pending": {"action": "nothing", "reasons": []},
    },
    "listening": ["tcp://[::]:2376", "unix:///run/docker.sock"],
    "sockets": [
        {"path": "/run/docker.sock", "owner": "root", "group": "docker", "mode": "0660", "group_members": ["deploy"]}
    ],
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


def ids(found: dict[str, Any], **declared: Any) -> list[str]:
    one = {**DECLARED, **declared}
    return [finding.id for finding in on_host(one, found["observed"], found["tried"], [found["probe"]])]


def test_no_difference_is_no_finding() -> None:
    assert ids(seen()) == []


# What is wrong: where, with what value, and the one finding that tells of it.
HOST_FAULTS: list[tuple[str, Any, str]] = [
    ("engine/installed", False, "engine.missing"),
    ("engine/cli_version", None, "engine.cli_missing"),
    ("engine/cli_version", "20.10.24", "engine.cli_differs"),
    ("engine/service/enabled", "disabled", "engine.disabled"),
    ("engine/service/active", "inactive", "engine.stopped"),
    ("engine/api_version", None, "engine.silent"),
    ("listening", ["unix:///run/docker.sock"], "endpoints.missing"),
    ("listening", [*HOST["listening"], "tcp://127.0.0.1:2375"], "endpoints.undeclared"),
    ("sockets/0/mode", "0666", "sockets.mode"),
    ("sockets/0/owner", "nobody", "sockets.owner"),
    ("sockets/0/group_members", ["deploy", "mallory"], "sockets.members"),
    ("sockets/0/group_members", [], "sockets.user_missing"),
    ("configuration/error", "no JSON", "configuration.broken"),
    ("configuration/edited", ["debug"], "configuration.edited"),
    ("configuration/pending", {"action": "restart", "reasons": ["changed: mtu"]}, "configuration.pending"),
    ("certificates/~t~ca.pem", None, "certificates.no_client_authority"),
    ("certificates/~t~ca.pem/bundle", ["f1", "f2"], "certificates.other_client_authority"),
    ("files/~etc~docker~daemon.json/owner", "mallory", "files.owner"),
    ("files/~etc~docker~daemon.json/mode", "0622", "files.writable"),
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
        ({"certificate": {**CERTIFICATE, "authority_key_id": "bb"}}, "certificates.other_signer"),
        ({"certificate": {**CERTIFICATE, "days_left": None}}, "certificates.unreadable"),
    ],
)
def test_one_fault_of_an_endpoint_is_one_finding(change: dict[str, Any], finding: str) -> None:
    found = seen()
    found["probe"]["endpoint"].update(change)
    assert ids(found) == [finding]


def test_the_dry_run_has_its_findings() -> None:
    found = seen()
    found["tried"] = {"files": ["/etc/docker/daemon.json"]}
    assert ids(found) == ["configuration.differs"]
    found["tried"] = {"msg": "bip is set twice"}
    assert ids(found) == ["configuration.refused"]


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


def test_tags_choose_subjects_and_a_line_says_it_all() -> None:
    found = seen()
    found["observed"]["host"]["engine"]["service"]["enabled"] = "disabled"
    found["probe"]["endpoint"]["certificate"]["days_left"] = -3

    def asked(tags: list[str], skipped: list[str]) -> list[str]:
        results = found["observed"], found["tried"], [found["probe"]]
        return [finding_line(one) for one in host_findings(DECLARED, *results, "trixie", tags, skipped)]

    assert len(asked(["all"], [])) == 2
    assert len(asked(["all"], ["engine"])) == 1
    assert asked(["certificates"], []) == [
        "trixie: error certificates.expired: expected: the daemon's certificate is valid; "
        "found: it ended on 2027-01-01; remedy: run playbooks/site.yml"
    ]


def test_networks_are_as_declared() -> None:
    options = {"bip": "172.30.0.1/24", "mtu": 1400}
    backend = {"name": "backend", "ranges": [{"subnet": "172.30.8.0/24"}]}
    there: dict[str, Any] = {
        "bridges": [{"name": "docker0", "addresses": ["172.30.0.1/24", "fe80::1/64"]}],
        "networks": [
            {"name": "bridge", "options": {"com.docker.network.driver.mtu": "1400"}, "subnets": []},
            {"name": "backend", "options": {}, "subnets": [{"subnet": "172.30.8.0/24"}]},
        ],
    }

    def found(**change: Any) -> list[str]:
        now = {**there, **change}
        return [one.id for one in (*network.bridge(options, now), *network.networks([backend], now))]

    assert found() == []
    assert found(bridges=[]) == ["bridge.missing"]
    assert found(bridges=[{"name": "docker0", "addresses": ["172.17.0.1/16"]}]) == ["bridge.address"]
    assert found(networks=there["networks"][:1]) == ["networks.missing"]
    bridge, other = copy.deepcopy(there["networks"])
    bridge["options"] = {}
    assert found(networks=[bridge, other]) == ["bridge.mtu"]
    other["subnets"][0]["subnet"] = "172.30.9.0/24"
    assert found(networks=[there["networks"][0], other]) == ["networks.range"]
