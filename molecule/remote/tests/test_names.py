"""Root on one host cannot get, keep or be given a certificate by which it could deceive the clients of another."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import reach
from ansible_collections.mooring.docker.plugins.module_utils._tls.certificates import describe
from ansible_collections.mooring.docker.plugins.plugin_utils import generations
from clients import HOSTS, Client, command, converge, everywhere, let_in, on_hosts, run
from forge import SERVER

VICTIM = dict(zip(HOSTS, [*HOSTS[1:], HOSTS[0]], strict=True))
"""Whom each host would deceive."""


def address(name: str) -> str:
    return str(reach.declared(name)["address"])


def deployed(name: str) -> list[str]:
    """What the certificate of a host is for."""
    found: list[str] = describe(reach.over_ssh(name).file("/etc/docker/tls/server/cert.pem").content)["names"]
    return found


def expected(name: str) -> list[str]:
    return ["DNS:localhost", f"DNS:{name}", "IP:127.0.0.1", f"IP:{address(name)}"]


@pytest.fixture
def greedy(client: Client) -> Iterator[None]:
    """Each host has taken the address of another, and one that nobody declared."""
    take = "ip link add mooring-greedy type bridge && ip link set mooring-greedy up"
    for taken in ("{}/32", "2001:db8:77::7/128"):
        take += f" && ip address add {taken} dev mooring-greedy"
    everywhere({name: take.format(address(VICTIM[name])) for name in HOSTS})
    yield
    everywhere("ip link delete mooring-greedy")


def _install(name: str, place: Path) -> None:
    """Let a daemon have a certificate of the fleet's authority that is for another host too."""
    names = [name, address(name), "localhost", "127.0.0.1", "2001:db8:77::7"]
    victim = VICTIM[name]
    # By what stands for its address (the Go of forky, 1.27, reads no such certificate), by its name, by its address.
    names.append({"bookworm": f"::ffff:{address(victim)}", "trixie": victim.upper(), "forky": address(victim)}[name])
    for path, to in zip(
        reach.authority("server", place).issue(name, SERVER, names=names, until=90), ("cert", "key"), strict=True
    ):
        reach.over_ssh(name).run_expect([0], "echo %s > /etc/docker/tls/server/%s.pem", Path(path).read_text(), to)


@pytest.mark.usefixtures("greedy")
def test_certificate_is_never_for_another_host(client: Client, tmp_path: Path) -> None:
    for name in HOSTS:
        _install(name, tmp_path / name)
    everywhere("systemctl restart docker")
    # The control: this is what a host answers.
    for name, answer in on_hosts("mooring.docker.host_info").items():
        seen = {one["address"] for one in answer["host"]["network"]["addresses"]}
        assert {f"{address(VICTIM[name])}/32", "2001:db8:77::7/128"} <= seen

    verified = reach.findings([*command("verify", verify_client=str(client.directory)), "--tags", "certificates"])
    assert verified.returncode != 0
    for name in HOSTS:
        what = f"DNS:{VICTIM[name]}" if name == "trixie" else f"IP:{address(VICTIM[name])}"
        assert (
            f"{name}: error certificates.name_of_another_host: "
            "expected: the daemon's certificate is for this host alone; "
            f"found: also for {what} of {VICTIM[name]}; remedy: run playbooks/site.yml"
        ) in verified.stdout
        assert f"{name}: warning certificates.undeclared_name" in verified.stdout

    # At once, and for what is declared.
    assert all(converge().changed.values())
    assert {name: deployed(name) for name in HOSTS} == {name: expected(name) for name in HOSTS}
    assert let_in(client) == HOSTS


def test_name_of_another_host_is_refused_before_anything_is_touched(client: Client) -> None:
    before = {name: deployed(name) for name in HOSTS}
    everybody: list[Any] = [address(name) for name in HOSTS]
    done = run(docker_engine_certificate_names=["docker.example.com", *everybody], docker_engine_certificate_renew=True)
    assert done.changed == dict.fromkeys(HOSTS, 0)
    for name in HOSTS:
        said = done.failures[name]
        for other in HOSTS:
            assert (f"docker_engine_certificate_names {address(other)} is also for {other}" in said) is (other != name)
        assert "docker.example.com" not in said
    assert {name: deployed(name) for name in HOSTS} == before


@pytest.mark.usefixtures("client")
def test_signer_is_the_last_line(tmp_path: Path) -> None:
    """Whatever led there: a role of somebody else's, a variable that came from elsewhere."""
    state = reach.declared("trixie")["state"]
    options = "kind=server place=/etc/docker/tls days=1 passphrase=irrelevant"
    ended = str(tmp_path / "ended")
    generations.make(ended, "server", 1, "long enough for keys", 397, 0)
    for name, more, why in (
        ("trixie", f"names=DNS:trixie,IP:{address('forky')}", f"IP:{address('forky')} is for forky"),
        ("forky", "", "DNS:forky is for forky"),
        ("../../escaped", "", "cannot be that of a file"),
        ("trixie", f"authorities={ended}", "Mooring server CA 1 ended on"),
    ):
        answer = reach.managed("trixie").ansible(
            "mooring.docker.issue_certificate", f"authorities={state}/pki name={name} {options} {more}", check=False
        )
        assert why in answer["msg"], answer
    assert reach.over_ssh("trixie").check_output("ls /etc/docker/tls | grep -c server-") == "1"
    assert list(Path(state).rglob("*escaped*")) == []
