"""A host that is as declared, in the words of ``host_info``, and what a test changes of it."""

from __future__ import annotations

import copy
import hashlib
from typing import Any

import fleets
from ansible_collections.mooring.docker.plugins.module_utils._config.classification import ApplyPlan
from ansible_collections.mooring.docker.plugins.module_utils._firewall import endpoint_filter, nftables
from ansible_collections.mooring.docker.plugins.module_utils._plan import configuration
from ansible_collections.mooring.docker.plugins.module_utils._plan.declaration import (
    Declaration,
    EngineDeclaration,
    NetworkDeclaration,
)
from ansible_collections.mooring.docker.plugins.module_utils._plan.observation import Observation
from ansible_collections.mooring.docker.plugins.module_utils._plan.plan import plan
from ansible_collections.mooring.docker.plugins.module_utils._plan.steps import Plan, Step
from ansible_collections.mooring.docker.plugins.module_utils._ssh import access, sshd
from ansible_collections.mooring.docker.plugins.module_utils._ssh.sshd_config import DROP_IN

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcH"
RULES = endpoint_filter.rules(["tcp://0.0.0.0:2376"], ["192.0.2.0/24"])
CERTIFICATE = "/etc/docker/tls/server/cert.pem"
CLIENT_CA = "/etc/docker/tls/client-ca.pem"
NAMES = ["DNS:web-1", "IP:192.0.2.10"]
PATHS = {"certificate": CERTIFICATE, "key": "/etc/docker/tls/server/key.pem", "client_ca": CLIENT_CA}
ACCESS = access.Access({"alice": KEY}, "docker-remote", "docker", "/run/docker.sock")

ENGINE: EngineDeclaration = {
    "options": {
        "hosts": ["fd://", "tcp://0.0.0.0:2376"],
        "live-restore": True,
        "tlsverify": True,
        "tlscacert": CLIENT_CA,
        "tlscert": CERTIFICATE,
        "tlskey": PATHS["key"],
    },
    "on_conflict": "refuse",
    "restart": "only_without_containers",
    "containers": "keep",
    "data_root_change": "refuse",
    "timeout": 60,
    "confirm": 50,
    "socket": {"paths": ["/run/docker.sock"], "owner": "root", "group": "docker", "mode": "0660"},
    "users": ["deploy"],
    "users_exclusive": True,
    "ssh": {"clients": {"alice": KEY}, "user": "docker-remote", "group": "docker", "socket": "/run/docker.sock"},
    "filter_rules": RULES,
    "require_filters": True,
    "issued": {
        "files": PATHS,  # type: ignore[typeddict-item]
        "names": NAMES,
        "renew_days": 30,
        "reissue": "",
        "signer": {"name": "server-ca", "key_id": "aa"},
        "client_fingerprints": ["f1"],
        "authority_work": [],
    },
    "provided": None,
}
NETWORK: NetworkDeclaration = {
    "options": {"bip": "auto", "default-address-pools": "auto", "mtu": 1450},
    "on_conflict": "refuse",
    "restart": "only_without_containers",
    "containers": "keep",
    "data_root_change": "refuse",
    "timeout": 60,
    "confirm": 50,
    "networks": [],
    "published": "open",
    "other_bridges": [],
    "require_filters": True,
    "endpoints": None,
    "sysctls": {"net.ipv4.ip_forward": 1},
    "reserved": [],
    "check_addresses": True,
    "address_block": None,
    "fleet": [],
    "docker_host": "unix:///run/docker.sock",
}


def _certificate(**more: Any) -> dict[str, Any]:
    return {
        "sha256": "c1",
        "bundle": ["c1"],
        "names": NAMES,
        "not_after": "2027-01-01T00:00:00Z",
        "days_left": 300,
        "authority_key_id": "aa",
        "key_id": "bb",
        "subject": "CN=web-1",
        "issuer": "CN=server-ca",
        "extended_key_usage": ["serverAuth"],
        "key": {"type": "EC", "bits": 256},
        "contents": [],
        **more,
    }


_PACKAGES = ("docker.io", "docker-cli", "docker-buildx", "docker-compose", "python3-cryptography", "apparmor")
HOST: dict[str, Any] = {
    "system": {
        "kernel": "Linux",
        "kernel_version": "6.12.1",
        "systemd": True,
        "apt": True,
        "root": True,
        "distribution": "debian",
        "apparmor_parser": True,
        "python_libraries": ["cryptography"],
    },
    "installation": {"unfinished": {}, "begun": False},
    "packages": {name: {"installed": "2.1", "candidate": "2.1"} for name in (*_PACKAGES, "nftables", "procps")},
    "engine": {
        "installed": True,
        "version": "28.5.2",
        "cli_version": "28.5.2",
        "service": {"active": "active", "enabled": "enabled", "pid": 7},
        "networks": [],
        "swarm": "inactive",
        "swarm_manager": False,
        "published": [],
    },
    "configuration": {
        "error": None,
        "fragments": {},
        "effective": [],
        "stopped": [],
        "untested": False,
        "edited": [],
        "addresses": {},
        "tls": {},
        "pending": {"action": "nothing", "keys": [], "reasons": []},
    },
    "certificates": {CERTIFICATE: _certificate(), CLIENT_CA: _certificate(bundle=["f1"])},
    "files": {},
    "network": {
        "interfaces": ["lo", "eth0", "docker0"],
        "addresses": [{"interface": "eth0", "address": "192.0.2.10/24"}],
        "bridges": ["docker0"],
        "routes": [],
        "neighbours": [],
        "resolvers": [],
        "client": "192.0.2.1",
        "router_advertisements": {},
    },
    "sysctls": {
        "program": "/usr/sbin/sysctl",
        "file": "/etc/sysctl.d/99-zz-mooring.conf",
        "own": ["net.ipv4.ip_forward"],
        "live": {"net.ipv4.ip_forward": "1"},
        "boot": {"net.ipv4.ip_forward": "1"},
    },
    "nftables": {
        "endpoint": {
            "text": nftables.script("endpoint", RULES),
            "live": True,
            "persistent": True,
            "required": True,
            "failed": False,
        }
    },
    "nftables_backend": None,
    "confirm": {"armed": [], "reverted": None},
    "bridge": None,
    "users": {
        "root": {"uid": 0, "groups": ["root"]},
        "deploy": {"uid": 1000, "groups": ["docker"]},
        "docker-remote": {"uid": 990, "groups": ["docker"]},
    },
    "groups": {"docker": fleets.GROUP},
    "listening": ["tcp://0.0.0.0:2376", "unix:///run/docker.sock"],
    "sockets": [],
    "ssh": {
        "accounts": {"docker-remote": ACCESS.account},
        "authorized_keys": hashlib.sha256(ACCESS.keys.encode()).hexdigest(),
        "has_home": True,
        "guarded": True,
        "drop_in": ACCESS.drop_in({"settings": {}}),
        "loaded": True,
        "pending": False,
        "settings": {},
        "error": None,
        "trial": None,
        "configuration": {"before": [], "after": [], "is_included": True},
        "listeners": [],
    },
}
HOST["ssh"]["settings"] = {
    **{name.lower(): value.split() for name, value in sshd.values("/run/docker.sock", {}).items()},
    "pubkeyacceptedalgorithms": ["ssh-ed25519"],
}

COMPOSED: dict[str, Any] = {
    "changed": False,
    "files": [],
    "keys": [],
    "effective": {},
    "adopted": False,
    "backup": None,
    "plan": ApplyPlan("nothing"),
    "diff": [],
}


class Planned:
    """Both roles on a host that is as declared; a test changes it, and asks for the plan."""

    def __init__(self, *roles: str) -> None:
        self.engine: Any = copy.deepcopy(ENGINE) if "engine" in roles or not roles else None
        self.network: Any = copy.deepcopy(NETWORK) if "network" in roles or not roles else None
        self.host = copy.deepcopy(HOST)
        self.addresses: dict[str, Any] = {"options": {}, "problems": []}
        self.composition: Any = copy.deepcopy(COMPOSED)
        self.refused: list[str] = []
        self.pending: ApplyPlan | None = None
        self.secrets: set[str] = set()
        self.run_tags, self.skip_tags = ["all"], list[str]()

    def bare(self) -> Planned:
        """A host on which nothing was done yet."""
        for package in self.host["packages"].values():
            package["installed"] = None
        self.host["engine"].update(installed=False, version=None, cli_version=None, networks=None)
        self.host["engine"]["service"] = {"active": "inactive", "enabled": None, "pid": None}
        self.host["system"]["python_libraries"] = []
        self.host["configuration"]["pending"] = None
        self.host["certificates"] = {CERTIFICATE: None, CLIENT_CA: None}
        self.host["nftables"] = {}
        self.host["groups"]["docker"] = None
        self.host["users"]["docker-remote"] = None
        self.host["listening"] = []
        self.host["sysctls"].update(own=[], program=None, live={"net.ipv4.ip_forward": "0"}, boot={})
        self.host["ssh"].update(
            accounts={}, authorized_keys=None, has_home=False, guarded=False, drop_in=None, loaded=None
        )
        self.compose(ApplyPlan("start", ["bip", "hosts"], ["the daemon is not running"]), "/etc/docker/daemon.json")
        return self

    def compose(self, plan: ApplyPlan, *files: str, **more: Any) -> Planned:
        """What the dry run answers."""
        self.composition.update(
            plan=plan,
            files=list(files),
            keys=plan.keys,
            changed=bool(files),
            **more,
        )
        return self

    def tags(self, *names: str) -> Planned:
        self.run_tags = list(names)
        return self

    @property
    def declaration(self) -> Declaration:
        return {
            "name": "web-1",
            "controller": ["192.0.2.1"],
            "run_tags": self.run_tags,
            "skip_tags": self.skip_tags,
            "engine": self.engine,
            "network": self.network,
        }

    def plan(self) -> Plan:
        fragments = configuration.content(self.declaration, self.addresses["options"])
        observation = Observation(
            host=self.host,
            addresses=self.addresses,
            network_fragment=fragments.get("20-network", {}),
            composition=self.composition,
            refused=self.refused,
            pending=self.pending,
            secrets=frozenset(self.secrets),
        )
        return plan(self.declaration, observation)

    def names(self) -> list[str]:
        found = self.plan()
        assert found["refusals"] == []
        return [step["name"] for step in found["steps"]]

    def step(self, name: str) -> Step:
        (found,) = [step for step in self.plan()["steps"] if step["name"] == name]
        return found

    def refusals(self) -> list[str]:
        found = self.plan()
        assert found["steps"] == [] or not found["refusals"]
        return found["refusals"]


__all__ = ["DROP_IN", "KEY", "PATHS", "RULES", "ApplyPlan", "Planned"]
