"""What dockerd takes and containers choke on is refused with its reason; what is documented is let through."""

from __future__ import annotations

import ipaddress
from typing import Any

import pytest
from ansible_collections.mooring.docker.plugins.module_utils._config.options import OPTIONS
from ansible_collections.mooring.docker.plugins.module_utils._config.validation import problems
from hypothesis import given
from hypothesis import strategies as st


def ulimit(name: str, soft: Any, hard: Any, named: str | None = None) -> dict[str, Any]:
    return {"default-ulimits": {name: {"Name": named or name, "Soft": soft, "Hard": hard}}}


WRONG: list[tuple[dict[str, Any], str]] = [
    # What containers get
    (ulimit("nofile", 20, 10), "default-ulimits: nofile: Soft 20 is above Hard 10"),
    (ulimit("nproc", -1, 10), "Soft -1 is above Hard 10"),
    (ulimit("nofile", 1024, -1), "cannot be unlimited"),
    (ulimit("nofile", 1024, 2**31), "more than the kernel has"),
    (ulimit("nofile", 1, 1, "nproc"), "dockerd goes by the Name"),
    (ulimit("files", 1, 1), "there is no such limit"),
    (ulimit("nofile", "1024", 1024), "Soft must be a whole number"),
    ({"default-ulimits": {"nofile": {"Hard": 10, "Soft": 1}}}, "Name is missing"),
    ({"default-ulimits": {"nofile": {"Name": "nofile", "Hrad": 10}}}, "did you mean Hard?"),
    ({"default-ulimits": {"nofile": {"Name": "nofile", "name": "nproc"}}}, "the same field"),
    ({"default-ulimits": {"nofile": 1024}}, "{Name: nofile, Soft: NUMBER, Hard: NUMBER}"),
    ({"default-ulimits": ["nofile=1024"]}, "must be a mapping"),
    ({"default-shm-size": "64X"}, "must be a size"),
    ({"default-shm-size": 67108864}, "in quotes"),
    ({"default-shm-size": "0"}, "must be a size"),
    ({"runtimes": {"x": {}}}, "either a path or a runtimeType"),
    ({"runtimes": {"x": {"path": "runsc", "runtimeType": "io.containerd.runsc.v1"}}}, "either a path or"),
    ({"runtimes": {"x": {"path": "bin/runsc"}}}, "path must be absolute"),
    ({"runtimes": {"x": {"path": "runsc", "options": {"TypeUrl": "x"}}}}, "options do not go with a path"),
    ({"runtimes": {"x": {"runtimeType": "io.containerd.runsc.v1", "runtimeArgs": ["-v"]}}}, "runtimeArgs do not go"),
    ({"runtimes": {"x": {"runtimeType": "runsc"}}}, "io.containerd.runsc.v1"),
    ({"runtimes": {"x": {"path": "/usr/bin/runsc", "args": ["--debug"]}}}, "write runtimeArgs"),
    ({"runtimes": {"x": {"paht": "/usr/bin/runsc"}}}, "did you mean path?"),
    ({"runtimes": {"runc": {"path": "/usr/bin/other"}}}, "built-in"),
    ({"exec-opts": ["native.cgroupdriver=systmed"]}, "native.cgroupdriver must be systemd or cgroupfs, not 'systmed'"),
    ({"exec-opts": ["isolation=hyperv"]}, "no such option"),
    ({"exec-opts": ["native.cgroupdriver=systemd"], "cgroup-parent": "/apps"}, "must be a slice"),
    ({"node-generic-resources": ["gpu"]}, "NAME=VALUE"),
    ({"node-generic-resources": ["gpu=1", "gpu=2"]}, "one number"),
    ({"node-generic-resources": ["gpu=-1"]}, "one number"),
    ({"storage-opts": ["overlay2.sise=20G"]}, "overlay2.size"),
    ({"storage-opts": ["overlay2.size=lots"]}, "must be a size"),
    ({"storage-opts": ["overlay2.size"]}, "NAME=VALUE"),
    ({"storage-driver": "overlay2", "storage-opts": ["btrfs.min_space=1G"]}, "the storage driver is overlay2"),
    ({"seccomp-profile": "default"}, "must be builtin, unconfined"),
    ({"userns-remap": "a:b:c"}, "USER:GROUP"),
    ({"builder": {"gc": {"enabled": "yes"}}}, "gc enabled must be true or false"),
    ({"builder": {"gc": {"enabled": True, "defaultKeepStorage": "20 gigs"}}}, "defaultKeepStorage must be a size"),
    ({"builder": {"garbage": {}}}, "garbage is no field"),
    ({"features": {"containerd-snapshotter": "true"}}, "true or false"),
    # The daemon
    ({"labels": ["tier=front", "tier=back"]}, "tier is there twice"),
    ({"labels": ["com.docker.tier=front"]}, "Docker's own"),
    ({"default-stop-timeout": -1}, "from 0"),
    ({"min-api-version": "v1.44"}, "in quotes"),
    ({"min-api-version": 1.44}, "in quotes"),
    ({"min-api-version": "1.23"}, "from"),
    ({"nri-opts": {"enabled": True}}, "did you mean enable?"),
    ({"nri-opts": {"enable": "true"}}, "enable must be true or false"),
    ({"rootless": True}, "run as root"),
    ({"metrics-addr": "9323"}, "ADDRESS:PORT"),
    ({"metrics-addr": "::1:9323"}, "ADDRESS:PORT"),
    ({"metrics-addr": "127.0.0.1:99999"}, "ADDRESS:PORT"),
    ({"containerd-namespace": "plugins.moby"}, "Docker's plugins"),
    ({"containerd": "containerd.sock"}, "absolute path"),
    ({"data-root": "/srv/docker", "exec-root": "/srv/docker"}, "two directories"),
    *[
        ({"data-root": path}, "directory of its own")
        for path in ("/", "/var/", "/var/lib/..", "//etc", "/proc/x", "/home")
    ],
    ({"data-root": "srv/docker"}, "absolute"),
    # Over the network
    ({"proxies": {"http-proxy": "notaurl"}}, "proxies: http-proxy must be http://HOST:PORT"),
    ({"proxies": {"https-proxy": "ftp://proxy.example.com"}}, "socks5://"),
    ({"proxies": {"http-proxy": "http://proxy example:3128"}}, "http://HOST:PORT"),
    ({"proxies": {"no-proxy": "a.example b.example"}}, "commas"),
    ({"proxies": {"no-proxy": "http://a.example"}}, "commas"),
    ({"proxies": {"no-proxy": ["a.example"]}}, "commas"),
    ({"proxies": {"http_proxy": "http://proxy.example.com"}}, "did you mean http-proxy?"),
    ({"proxies": {"ftp-proxy": "http://proxy.example.com"}}, "ftp-proxy"),
    ({"insecure-registries": ["http://a b"]}, "HOST:PORT"),
    ({"insecure-registries": ["registry.example.com/path"]}, "has a path"),
    ({"insecure-registries": ["registry.example.com:port"]}, "HOST:PORT"),
    ({"insecure-registries": ["registry_1:5000"]}, "no name of a host"),
    ({"insecure-registries": ["10.0.0.0/33"]}, "no network"),
    ({"registry-mirrors": ["mirror.example.com"]}, "https://HOST"),
    ({"registry-mirrors": ["ftp://mirror.example.com"]}, "https://HOST"),
    ({"registry-mirrors": ["https://user:secret@mirror.example.com"]}, "a user or a password"),
    ({"registry-mirrors": ["https://mirror.example.com?a=b"]}, "must end before"),
    ({"dns-opts": ["bogus option"]}, "has a space"),
    ({"dns-opts": ["ndots"]}, "ndots:NUMBER"),
    ({"dns-opts": ["ndots:two"]}, "ndots:NUMBER"),
    ({"dns-opts": ["singel-request"]}, "did you mean single-request?"),
    ({"dns-search": ["a_b.example"]}, "no domain"),
    ({"dns-search": ["10.0.0.1"]}, "no domain"),
    ({"dns": ["resolver.example.com"]}, "no IP address"),
    ({"host-gateway-ips": ["192.0.2.1", "192.0.2.2"]}, "at most one"),
    ({"host-gateway-ips": ["192.0.2.1"], "host-gateway-ip": "192.0.2.1"}, "old name"),
    ({"default-network-opts": {"bridge": {"com.docker.network.driver.mtu": "big"}}}, "68 to 65535"),
    ({"default-network-opts": {"bridge": {"com.docker.network.bridge.enable_icc": "no"}}}, "true or false"),
    ({"bridge-accept-fwmark": "0x100000000"}, "32 bits"),
    ({"bridge": "a-bridge-with-a-long-name"}, "15 characters"),
    ({"bridge": "br0", "bip6": "fd00:30::1/64"}, "exclude each other"),
    ({"icc": False, "iptables": False}, "iptables"),
]


@pytest.mark.parametrize(("config", "reason"), WRONG)
def test_what_cannot_work_is_refused_with_its_reason(config: dict[str, Any], reason: str) -> None:
    assert any(reason in problem for problem in problems(config)), problems(config)


# Docker's own examples (docker/cli docs/reference/dockerd.md), then what people write.
RIGHT: list[dict[str, Any]] = [
    ulimit("nofile", 64000, 64000),
    ulimit("core", 0, 0),
    ulimit("memlock", -1, -1),
    ulimit("nofile", 1024, 1048576),
    {"default-ulimits": {"nofile": {"name": "nofile", "soft": 1024, "hard": 4096}}},
    {"default-ulimits": {}},
    {"default-shm-size": "64M"},
    {"default-shm-size": "1.5 GiB"},
    {
        "runtimes": {
            "gvisor": {
                "runtimeType": "io.containerd.runsc.v1",
                "options": {"TypeUrl": "io.containerd.runsc.v1.options", "ConfigPath": "/etc/containerd/runsc.toml"},
            },
            "youki": {"path": "/usr/local/bin/youki"},
            "cc-runtime": {"path": "cc-runtime", "runtimeArgs": ["--debug"]},
            "shim": {"runtimeType": "/usr/local/bin/containerd-shim-x-v1"},
        }
    },
    # As nvidia-ctk runtime configure writes it.
    {"runtimes": {"nvidia": {"args": [], "path": "nvidia-container-runtime"}}, "default-runtime": "nvidia"},
    {"default-runtime": "io.containerd.runsc.v1"},
    {"default-runtime": "com.example.kata.version"},
    {"exec-opts": ["native.cgroupdriver=systemd"], "cgroup-parent": "docker-apps.slice"},
    {"exec-opts": ["native.cgroupdriver=cgroupfs"], "cgroup-parent": "/docker-apps"},
    {"node-generic-resources": ["NVIDIA-GPU=UUID1", "NVIDIA-GPU=UUID2", "apple=3"]},
    {"storage-driver": "overlay2", "storage-opts": ["overlay2.size=20G", "overlay2.override_kernel_check=true"]},
    {"storage-driver": "zfs", "storage-opts": ["zfs.fsname=zroot/docker"]},
    {"storage-driver": "devicemapper", "storage-opts": ["dm.thinpooldev=/dev/mapper/thin-pool"]},
    {"storage-driver": "btrfs", "storage-opts": ["btrfs.min_space=10G"]},
    {"seccomp-profile": "/etc/docker/seccomp.json"},
    {"seccomp-profile": "unconfined"},
    *[{"userns-remap": value} for value in ("default", "testuser", "testuser:testuser", "5000", "5000:5000")],
    {"builder": {"gc": {"enabled": True, "defaultKeepStorage": "10GB", "policy": [{"keepStorage": "10GB"}]}}},
    {"builder": {"GC": {"Enabled": True, "DefaultReservedSpace": "10%"}, "entitlements": {"network-host": True}}},
    {"features": {"cdi": True, "containerd-snapshotter": True}},
    {"features": {}},
    {"labels": ["com.example.environment=production", "com.example.storage=extfs", "com.example.storage=extfs"]},
    {"default-stop-timeout": 0},
    {"shutdown-timeout": -1},
    {"min-api-version": "1.24"},
    {"nri-opts": {"enable": True, "plugin-path": "/opt/nri/plugins", "socket-path": "/run/nri.sock"}},
    {"metrics-addr": "127.0.0.1:9323"},
    {"metrics-addr": "[::1]:9323"},
    {"metrics-addr": ":9323"},
    {"log-level": "trace"},
    {"containerd": "unix:///run/containerd/containerd.sock"},
    *[
        {"data-root": path}
        for path in ("/mnt/docker-data", "/home/docker", "/var/lib/docker", "/mnt", "/data/", "/opt/x")
    ],
    {
        "proxies": {
            "http-proxy": "http://proxy.example.com:80",
            "https-proxy": "https://proxy.example.com:443",
            "no-proxy": "*.test.example.com,.example.org,127.0.0.0/8",
        }
    },
    {"proxies": {"http-proxy": "http://user:p%40ss@[2001:db8::1]:3128/", "https-proxy": "socks5://127.0.0.1:1080"}},
    {"proxies": {"http-proxy": "proxy.example.com:3128", "no-proxy": "localhost, 10.0.0.1 ,*"}},
    {"insecure-registries": ["registry.example.com:5000", "10.1.0.0/16", "[::1]:5000", "localhost", "192.0.2.1"]},
    {"insecure-registries": ["http://registry.example.com:5000", "10.1.2.3/16"]},
    {"registry-mirrors": ["https://mirror.example.com", "http://10.0.0.1:5000/", "https://mirror.gcr.io"]},
    {"dns-opts": ["ndots:2", "timeout:3", "rotate", "single-request-reopen", "use-vc", "future-option"]},
    {"dns-search": ["example.com", "svc.cluster.local.", "."]},
    {"dns": ["8.8.8.8", "2001:4860:4860::8888"]},
    {"host-gateway-ips": ["192.0.2.1", "2001:db8::1111"]},
    {"default-network-opts": {"bridge": {"com.docker.network.driver.mtu": "1234"}, "vendor": {"x": "y"}}},
    {"bridge-accept-fwmark": "0x1/0x3"},
    {"bridge": "br-lan.10"},
    {"icc": False},
    {"rootless": False},
    {"allow-direct-routing": False, "firewall-backend": "nftables"},
    {"cdi-spec-dirs": ["/etc/cdi/", "/var/run/cdi"]},
    {"swarm-default-advertise-addr": "eth0"},
]


@pytest.mark.parametrize("config", RIGHT)
def test_what_is_documented_is_let_through(config: dict[str, Any]) -> None:
    assert problems(config) == []
    assert problems(config, whole=False) == []


@given(st.ip_addresses(v=4), st.integers(8, 32), st.integers(1, 65535))
def test_every_registry_by_its_address_is_let_through(address: ipaddress.IPv4Address, length: int, port: int) -> None:
    network = ipaddress.ip_network(f"{address}/{length}", strict=False)
    assert problems({"insecure-registries": [str(address), f"{address}:{port}", str(network)]}) == []
    assert problems({"registry-mirrors": [f"http://{address}:{port}"], "metrics-addr": f"{address}:{port}"}) == []
    assert problems({"proxies": {"http-proxy": f"http://{address}:{port}"}}) == []


@given(st.text(), st.sampled_from(sorted(OPTIONS)))
def test_any_text_and_list_of_texts_is_judged(text: str, key: str) -> None:
    """A check ends with an answer whatever it is given."""
    for value in (text, [text], {text: text}, {text: {text: text}}, {"x": {"path": text}}, None, 1.5):
        assert isinstance(OPTIONS[key].check(value), (str, type(None)))


@given(st.integers(-1, 2**62), st.integers(-1, 2**62))
def test_soft_limit_never_exceeds_the_hard_one(soft: int, hard: int) -> None:
    is_right = hard == -1 or (soft != -1 and soft <= hard)
    assert (problems(ulimit("nproc", soft, hard)) == []) is is_right


def test_rules_of_versions() -> None:
    typed = {"runtimes": {"kata": {"runtimeType": "io.containerd.kata.v2"}}}
    assert "runtimeType" in "; ".join(problems(typed, (20, 10)))
    assert problems(typed, (26, 1)) == []
    with_path = {"registry-mirrors": ["https://mirror.example.com/hub"]}
    assert "takes no path" in "; ".join(problems(with_path, (20, 10)))
    assert problems(with_path, (26, 1)) == []


def test_share_may_refer_to_what_the_host_has() -> None:
    assert problems({"default-runtime": "nvidia"}, whole=False) == []
    assert "not one of the runtimes" in "; ".join(problems({"default-runtime": "nvidia"}))
