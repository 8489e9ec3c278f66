"""Fleets that do not exist, observed: what host_info, endpoint_info and bridge_info would say of them."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]

GENERATED = "2026-11-24T20:15:00Z"
NAMES = ["controller", "ci-runner-1", "alice"]
CLIENTS = [{"name": name, "trusted": True, "not_after": "2027-11-23T20:15:00Z", "days_left": 364} for name in NAMES]

GROUP = {
    "gid": 994,
    "members": ["deploy"],
    "primary": ["docker-remote"],
    "own": ["docker-remote"],
    "administrators": [],
    "password": False,
    "holders": [],
}
"""The group of the socket."""


def host(name: str = "web-1", containers: int = 5, number: int = 7, days_left: int = 364) -> Json:
    """A host with ``containers`` on docker0 and, every third, on the network backend."""
    front = [index for index in range(containers) if index % 3 != 2]
    back = [index for index in range(containers) if index % 3 == 2]
    address = f"192.0.2.{number}"
    return {
        "name": name,
        "address": address,
        "host": host_info(name),
        "endpoints": [unix(), tls(address, name, days_left)],
        "bridge": {
            "bridges": [
                bridge("docker0", "bridge", "172.17.0", [port(index, "172.17.0") for index in front]),
                bridge("br-2099ffdfb623", "backend", "10.77.0", [port(index, "10.77.0") for index in back]),
            ],
            "networks": [network("backend"), network("bridge"), network("host", "host"), network("none", "null")],
            "containers": [container(index, "bridge" if index in front else "backend") for index in range(containers)],
            "uplinks": [uplink("inet", "192.0.2.1", address), uplink("inet6", "2001:db8::1", address)],
            "engine_answers": True,
            "error": None,
        },
        "published": {"allow": [{"sources": ["192.0.2.0/24", "2001:db8::/32"]}]} if number % 2 else "closed",
    }


def host_info(name: str) -> Json:
    return {
        "system": {
            "distribution": "debian",
            "distribution_version": "13",
            "kernel_version": "6.12.48",
            "hostname": name,
        },
        "engine": {
            "installed": True,
            "version": "26.1.5+dfsg1",
            "cli_version": "26.1.5+dfsg1",
            "api_version": "1.45",
            "service": {"active": "active", "enabled": "enabled", "pid": 411},
            "storage": [
                {"path": "/var/lib/docker", "holds": ["volumes", "logs"], "size": 40 << 30, "free": 3 << 29},
                {"path": "/var/lib/containerd", "holds": ["images"], "size": 40 << 30, "free": 3 << 29},
            ],
        },
        "listening": ["tcp://[::]:2376", "unix:///run/docker.sock"],
    }


def probe(url: str, **known: Any) -> Json:
    """What endpoint_info says; every key is there."""
    keys = ("transport", "plaintext_accepted", "client_certificate_required", "certificate", "socket", "error")
    return {"url": url, "reachable": True, **dict.fromkeys(keys)} | known


def unix() -> Json:
    return probe(
        "unix:///run/docker.sock",
        transport="unix",
        socket={
            "path": "/run/docker.sock",
            "owner": "root",
            "group": "docker",
            "mode": "0660",
            "group_members": ["deploy"],
        },
    )


def tls(address: str, name: str, days_left: int = 364) -> Json:
    return probe(
        f"tcp://{address}:2376",
        transport="tls",
        plaintext_accepted=False,
        client_certificate_required=True,
        certificate={
            "subject": f"CN={name}",
            "issuer": "CN=Mooring server CA 1",
            "names": [f"DNS:{name}", f"IP:{address}"],
            "not_after": "2027-11-23T20:15:00Z",
            "days_left": days_left,
        },
    )


def bridge(name: str, of: str | None, prefix: str, ports: list[Json]) -> Json:
    return {
        "name": name,
        "network": of,
        "addresses": [f"{prefix}.1/24", "fe80::42:acff:fe11:1/64"],
        "mtu": 1500,
        "up": True,
        "ports": ports,
    }


def port(index: int, prefix: str) -> Json:
    return {
        "interface": f"veth{index:07x}",
        "container": {
            "name": f"service-{index}",
            "interface": "eth0",
            "addresses": [f"{prefix}.{index + 2}/24", "fe80::42:acff:fe11:2/64"],
        },
    }


def network(name: str, driver: str = "bridge", internal: bool = False) -> Json:
    return {"name": name, "driver": driver, "internal": internal}


def container(index: int, of: str, state: str = "running") -> Json:
    bound = [("0.0.0.0", 8000 + index), ("::", 8000 + index)] if index % 2 == 0 else []
    bound += [("127.0.0.1", 9000 + index)] if index % 5 == 0 else []
    return {
        "id": f"{index:064x}",
        "name": f"service-{index}",
        "image": "busybox:lab",
        "state": state,
        "network_mode": of,
        "networks": {of: {"addresses": [f"10.0.0.{index + 2}/24"]}},
        "published": [
            {"host_address": address, "host_port": number, "container_port": 80, "protocol": "tcp", "proxy": None}
            for address, number in bound
        ],
    }


def uplink(family: str, gateway: str, address: str) -> Json:
    return {
        "interface": "eth0",
        "family": family,
        "gateway": gateway,
        "metric": 0,
        "addresses": [f"{address}/24", "2001:db8::7/64", "fe80::5054:ff:fe12:3456/64"],
        "mtu": 1500,
    }


def finding(of: str, severity: str = "error", identifier: str = "endpoint-plaintext") -> Json:
    return {
        "id": identifier,
        "severity": severity,
        "host": of,
        "expected": "tcp://0.0.0.0:2376 takes TLS only",
        "observed": "HTTP without TLS is answered",
        "remedy": "run playbooks/site.yml with --tags tls,apply",
    }
