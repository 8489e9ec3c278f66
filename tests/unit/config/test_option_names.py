"""Names that dockerd ignores, or dies of, are refused with the right one; every version has its own options."""

from __future__ import annotations

import pytest
from ansible_collections.mooring.docker.plugins.module_utils._config.option_names import UNUSABLE
from ansible_collections.mooring.docker.plugins.module_utils._config.options import OPTIONS, needs_restart
from ansible_collections.mooring.docker.plugins.module_utils._config.validation import problems


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("Data-Root", "it is written data-root"),
        ("data_root", "it is written data-root"),
        ("DEBUG", "it is written debug"),
        ("data-rot", "did you mean data-root?"),
        ("label", "it is labels"),
        ("host", "it is hosts"),
        ("add-runtime", "it is runtimes"),
        ("http-proxy", "write proxies: {http-proxy: ...}"),
        ("containerd-plugins-namespace", "the flag --containerd-plugins-namespace"),
        ("containerd-plugin-namespace", "the flag --containerd-plugins-namespace"),
        ("resolv-conf", "dns, dns-opts and dns-search"),
        ("nonsense", "no such option of dockerd"),
    ],
)
def test_name_is_refused_with_the_right_one(name: str, words: str) -> None:
    (problem,) = problems({name: "x"})
    assert problem.startswith(f"{name}: ")
    assert words in problem


def test_unusable_names_are_no_rows() -> None:
    assert not set(UNUSABLE) & set(OPTIONS)


# Option and value: the first version that takes it, the first that takes it no more (moby, tags v20.10.0 to v29.7.2).
LIVES = [
    ("default-stop-timeout", 30, (29, 7), None),
    ("nri-opts", {"enable": True}, (29, 2), None),
    ("min-api-version", "1.44", (29, 0), None),
    ("firewall-backend", "iptables", (29, 0), None),
    ("bridge-accept-fwmark", "0x1", (29, 0), None),
    ("allow-direct-routing", True, (28, 2), None),
    ("host-gateway-ips", ["192.0.2.1"], (28, 0), None),
    ("bip6", "fd00:30::1/64", (28, 0), None),
    ("ip-forward-no-drop", True, (28, 0), None),
    ("cdi-spec-dirs", ["/etc/cdi"], (25, 0), None),
    ("log-format", "json", (25, 0), None),
    ("default-network-opts", {}, (24, 0), None),
    ("proxies", {}, (23, 0), None),
    ("api-cors-header", "*", None, (28, 0)),
    ("allow-nondistributable-artifacts", [], None, (28, 0)),
    ("oom-score-adjust", -500, None, (25, 0)),
    ("graph", "/srv/docker", None, (23, 0)),
    ("cluster-store", "consul://192.0.2.1", None, (23, 0)),
]


@pytest.mark.parametrize(("name", "value", "since", "until"), LIVES)
def test_option_is_refused_before_and_after_its_time(
    name: str, value: object, since: tuple[int, int] | None, until: tuple[int, int] | None
) -> None:
    if since is not None:
        before = (since[0], since[1] - 1) if since[1] else (since[0] - 1, 99)
        assert "has no such option, which came with" in "; ".join(problems({name: value}, before))
        assert problems({name: value}, since) == []
    if until is not None:
        assert "has no such option" in "; ".join(problems({name: value}, until))
        assert problems({name: value}, (20, 10)) == []


def test_way_out_of_an_option_that_is_gone() -> None:
    assert "use data-root" in "; ".join(problems({"graph": "/srv/docker"}, (28, 5)))
    assert "leave it out" in "; ".join(problems({"allow-nondistributable-artifacts": []}, (28, 5)))


def test_new_options_are_reloaded_as_dockerd_does_it() -> None:
    nri, timeout = {"nri-opts": {"enable": True}}, {"default-stop-timeout": 30}
    assert needs_restart({}, {**nri, **timeout}, (29, 7)) == set()
    assert needs_restart(nri, {}, (29, 7)) == set()
    # SIGHUP leaves the timeout as it was where the file has none.
    assert needs_restart(timeout, {}, (29, 7)) == {"default-stop-timeout"}


def test_dockers_full_example_is_let_through() -> None:
    """docker/cli docs/reference/dockerd.md at 29, without what stands for a default, which dockerd ignores as well."""
    example = {
        "allow-direct-routing": False,
        "authorization-plugins": [],
        "builder": {
            "gc": {
                "enabled": True,
                "defaultReservedSpace": "10GB",
                "policy": [
                    {"maxUsedSpace": "512MB", "keepDuration": "48h", "filter": ["type=source.local"]},
                    {"reservedSpace": "10GB", "maxUsedSpace": "100GB", "keepDuration": "1440h"},
                    {"reservedSpace": "50GB", "minFreeSpace": "20GB", "maxUsedSpace": "200GB", "all": True},
                ],
            }
        },
        "containerd": "/run/containerd/containerd.sock",
        "containerd-namespace": "docker",
        "debug": True,
        "default-address-pools": [{"base": "172.30.0.0/16", "size": 24}, {"base": "172.31.0.0/16", "size": 24}],
        "default-cgroupns-mode": "private",
        "default-network-opts": {},
        "default-runtime": "runc",
        "default-shm-size": "64M",
        "default-ulimits": {"nofile": {"Hard": 64000, "Name": "nofile", "Soft": 64000}},
        "dns": [],
        "dns-opts": [],
        "dns-search": [],
        "exec-opts": [],
        "experimental": False,
        "features": {"cdi": True, "containerd-snapshotter": True},
        "proxies": {
            "http-proxy": "http://proxy.example.com:80",
            "https-proxy": "https://proxy.example.com:443",
            "no-proxy": "*.test.example.com,.example.org",
        },
        "icc": False,
        "init": False,
        "init-path": "/usr/libexec/docker-init",
        "insecure-registries": [],
        "ip": "0.0.0.0",
        "ip-forward": False,
        "ip-masq": False,
        "iptables": True,
        "ip6tables": False,
        "ipv6": False,
        "labels": [],
        "live-restore": True,
        "log-driver": "json-file",
        "log-format": "text",
        "log-opts": {
            "cache-disabled": "false",
            "cache-max-file": "5",
            "cache-max-size": "20m",
            "cache-compress": "true",
            "env": "os,customer",
            "labels": "somelabel",
            "max-file": "5",
            "max-size": "10m",
        },
        "max-concurrent-downloads": 3,
        "max-concurrent-uploads": 5,
        "max-download-attempts": 5,
        "no-new-privileges": False,
        "node-generic-resources": ["NVIDIA-GPU=UUID1", "NVIDIA-GPU=UUID2"],
        "raw-logs": False,
        "registry-mirrors": [],
        "runtimes": {
            "cc-runtime": {"path": "/usr/bin/cc-runtime"},
            "custom": {"path": "/usr/local/bin/my-runc-replacement", "runtimeArgs": ["--debug"]},
        },
        "selinux-enabled": False,
        "shutdown-timeout": 15,
        "storage-opts": [],
        "userland-proxy": False,
        "userland-proxy-path": "/usr/libexec/docker-proxy",
    }
    assert problems(example, (29, 7)) == []
