"""What is written beside the daemon's configuration, and what is refused of it."""

from __future__ import annotations

import configparser
import datetime
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.mooring.docker.plugins.module_utils._files import audit, package_proxy, prune, registries
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

PEM = serialization.Encoding.PEM


def _pair() -> tuple[str, str, str]:
    """A certificate, its key, and the same key with a passphrase."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "registry")])
    now = datetime.datetime.now(datetime.timezone.utc)
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, now, now + datetime.timedelta(1))
    kind = serialization.PrivateFormat.PKCS8
    texts = [
        builder.sign(key, hashes.SHA256()).public_bytes(PEM),
        key.private_bytes(PEM, kind, serialization.NoEncryption()),
        key.private_bytes(PEM, kind, serialization.BestAvailableEncryption(b"secret")),
    ]
    certificate, plain, encrypted = (text.decode() for text in texts)
    return certificate, plain, encrypted


CERTIFICATE, KEY, ENCRYPTED = _pair()


# Registries ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "registry", ["registry.example.com", "registry.example.com:5000", "10.1.0.7:5000", "[fd00::7]:5000"]
)
def test_a_registry_has_a_directory_of_its_name(registry: str) -> None:
    declared = {registry: {"ca": f"{CERTIFICATE}\n\n", "certificate": CERTIFICATE, "key": KEY}}
    assert list(registries.problems(declared)) == []
    directory = f"/etc/docker/certs.d/{registry}"
    assert registries.files(declared) == {
        f"{directory}/ca.crt": (CERTIFICATE, "0644"),
        f"{directory}/client.cert": (CERTIFICATE, "0644"),
        f"{directory}/client.key": (KEY, "0600"),
    }


def test_several_authorities_are_in_one_file() -> None:
    assert list(registries.problems({"registry": {"ca": CERTIFICATE + CERTIFICATE}})) == []


@pytest.mark.parametrize(
    ("declared", "problem"),
    [
        ({"../../cron.d/x": {"ca": CERTIFICATE}}, "'../../cron.d/x' must be HOST or HOST:PORT"),
        ({"..": {"ca": CERTIFICATE}}, "'..' must be HOST or HOST:PORT"),
        ({"": {"ca": CERTIFICATE}}, "'' must be HOST or HOST:PORT"),
        ({"https://registry": {"ca": CERTIFICATE}}, "'https://registry' must be HOST or HOST:PORT"),
        ({"r": {"ca": "/etc/ssl/ca.pem"}}, "r: ca has no certificate in PEM"),
        ({"r": {"ca": CERTIFICATE[:80] + "!!" + CERTIFICATE[80:]}}, "r: ca has no certificate in PEM"),
        ({"r": {"ca": KEY}}, "r: ca has no certificate in PEM"),
        ({"r": {"certificate": CERTIFICATE}}, "r: certificate and key belong together"),
        ({"r": {"key": KEY}}, "r: certificate and key belong together"),
        ({"r": {"certificate": CERTIFICATE, "key": CERTIFICATE}}, "r: key has no private key in PEM"),
        ({"r": {"certificate": CERTIFICATE, "key": ENCRYPTED}}, "r: key is encrypted"),
        ({"r": {}}, "r: give ca, or certificate and key"),
        ({"r": {"crt": CERTIFICATE}}, "r: crt is none of ca, certificate, key"),
        ({"r": CERTIFICATE}, "r: must be a mapping of ca, certificate, key"),
    ],
)
def test_what_is_no_certificate_of_a_registry_is_refused(declared: Any, problem: str) -> None:
    found = list(registries.problems(declared))
    assert len(found) == 1
    assert found[0].startswith(problem)


# The package manager ---------------------------------------------------------------------------------

PROXIES = {
    "http": "http://alice:hunter2@proxy.example.com:3128",
    "https": "http://proxy.example.com:3128",
    "no_proxy": ["mirror.example.com", ".example.com", "10.0.0.0/8", "192.0.2.7"],
}


def test_apt_reads_what_is_written(tmp_path: Path) -> None:
    path = tmp_path / "proxy"
    path.write_text(package_proxy.text(PROXIES))
    said = subprocess.run(
        ["apt-config", "--config-file", str(path), "dump"], capture_output=True, text=True, check=True
    )
    found = [line for line in said.stdout.splitlines() if line.startswith("Acquire::http") and "roxy" in line]
    assert f'Acquire::http::Proxy "{PROXIES["http"]}";' in found
    assert f'Acquire::https::Proxy "{PROXIES["https"]}";' in found
    # apt knows no domains and no networks.
    for scheme in ("http", "https"):
        assert [line for line in found if line.startswith(f"Acquire::{scheme}::Proxy::")] == [
            f'Acquire::{scheme}::Proxy::mirror.example.com "DIRECT";',
            f'Acquire::{scheme}::Proxy::192.0.2.7 "DIRECT";',
        ]


def test_a_proxy_for_one_scheme_is_none_for_the_other() -> None:
    assert "Acquire::http:" not in package_proxy.text({"https": "http://proxy:1"})


@pytest.mark.parametrize(
    ("proxies", "problem"),
    [
        ({"http": "proxy.example.com:3128"}, "http must begin with http://"),
        ({"https": "socks5://proxy:1"}, "https must begin with http://"),
        ({"http": 'http://a"b@proxy:1'}, "http must have no space"),
        ({"http": "http://a\nb@proxy:1"}, "http must have no space"),
    ],
)
def test_what_apt_would_misread_is_refused(proxies: dict[str, str], problem: str) -> None:
    (found,) = package_proxy.problems(proxies)
    assert found.startswith(problem)
    assert "a" + '"b' not in found


# Pruning ---------------------------------------------------------------------------------------------


def _commands(declared: dict[str, Any], socket: str = "/run/docker.sock") -> list[str]:
    text = prune.files({"schedule": "weekly", **declared}, socket)[f"{prune.DIRECTORY}/{prune.SERVICE}"]
    return re.findall("^ExecStart=(.*)$", text, re.MULTILINE)


def test_volumes_are_removed_only_by_their_own_word() -> None:
    assert _commands({}) == ["/usr/bin/docker --host unix:///run/docker.sock system prune --force"]
    assert _commands({"volumes": True})[1:] == ["/usr/bin/docker --host unix:///run/docker.sock volume prune --force"]


def test_filters_hold_for_all_that_is_removed() -> None:
    filters = ["until=168h", "label!=keep"]
    assert _commands({"filters": filters, "all_images": True, "volumes": True}, "/srv/100%/d.sock") == [
        "/usr/bin/docker --host unix:///srv/100%%/d.sock system prune --force --all "
        "--filter until=168h --filter label!=keep",
        # docker refuses until for volumes.
        "/usr/bin/docker --host unix:///srv/100%%/d.sock volume prune --force --filter label!=keep",
    ]


def test_the_units_are_units_and_the_timer_is_one_of_boot() -> None:
    for path, text in prune.files({"schedule": "Sun 03:00"}, "/run/docker.sock").items():
        assert path.startswith("/etc/systemd/system/mooring-prune.")
        unit = configparser.ConfigParser(interpolation=None)
        unit.read_string(text)
        if path == prune.TIMER_PATH:
            assert unit["Timer"]["OnCalendar"] == "Sun 03:00"
            assert unit["Install"]["WantedBy"] == "timers.target"
        else:
            # It does not start an engine that somebody has stopped.
            assert (unit["Unit"]["Requisite"], unit["Service"]["Type"]) == ("docker.service", "oneshot")


@pytest.mark.parametrize(
    ("declared", "problem"),
    [
        ({"schedule": "weekly\nExecStart=/bin/sh"}, "schedule 'weekly\\nExecStart=/bin/sh' must be a time of systemd"),
        ({"schedule": ""}, "schedule '' must be"),
        ({"schedule": "weekly", "filters": ["until=1h; rm"]}, "filters 'until=1h; rm' must be"),
        ({"schedule": "weekly", "filters": ["dangling=false"]}, "filters 'dangling=false' must be"),
        ({"schedule": "weekly", "filters": ["label=a b"]}, "filters 'label=a b' must be"),
        ({"schedule": "weekly", "filters": ["label=$HOME"]}, "filters 'label=$HOME' must be"),
        ({"schedule": "weekly", "filters": ["until=1h", "until=2h"]}, "filters have until= twice"),
    ],
)
def test_what_systemd_or_docker_would_misread_is_refused(declared: dict[str, Any], problem: str) -> None:
    (found,) = prune.problems(declared)
    assert found.startswith(problem)


@pytest.mark.parametrize(
    "filters", [["until=168h"], ["until=2026-01-31T12:00:00+01:00"], ["label=keep"], ["label!=com.example.keep=yes/no"]]
)
@pytest.mark.parametrize(
    "schedule", ["weekly", "Sun 03:00", "*-*-* 02..04:00/30:00", "Mon,Tue *-*-01 04:00:00 Europe/Berlin"]
)
def test_what_their_manuals_have_is_taken(schedule: str, filters: list[str]) -> None:
    assert list(prune.problems({"schedule": schedule, "filters": filters})) == []


# auditd ----------------------------------------------------------------------------------------------


def test_all_of_section_1_1_that_debian_has_is_watched() -> None:
    watched = re.findall(r"^-w (/\S+) -p rwxa -k docker$", audit.text(), re.MULTILINE)
    # docker-bench-security, tests/1_host_configuration.sh: 1.1.3 to 1.1.18 but for Red Hat's file.
    assert {
        "/usr/bin/dockerd", "/run/containerd", "/var/lib/docker", "/etc/docker", "/etc/default/docker",
        "/etc/docker/daemon.json", "/usr/bin/containerd", "/usr/bin/containerd-shim",
        "/usr/bin/containerd-shim-runc-v1", "/usr/bin/containerd-shim-runc-v2", "/usr/bin/runc",
    } <= set(watched)  # fmt: skip
    assert {path.rpartition("/")[2] for path in watched} >= {"docker.service", "docker.socket"}
    assert len(watched) == len(set(watched))
