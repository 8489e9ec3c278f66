"""No certificate ends unnoticed: near its end a normal run renews it, past it verification fails with the date.

The certificates are issued by a controller whose clock is behind (libfaketime), so that their end is as near as a test
needs it; all that follows, the daemons and their clients included, lives in real time.
"""

from __future__ import annotations

import datetime
import subprocess
from typing import Any

import pytest
import reach
from clients import ENDPOINTS, HOSTS, Client, at_once, command, converge, everywhere, run

SOON, ENDED = "trixie", "forky"
"""The hosts whose certificates end soon, and have ended."""

SERVER_DAYS, CLIENT_DAYS = 397, 90
"""How long certificates are valid, the roles' defaults."""


def issue_so_that_left(playbook: str, valid: int, left: int, **variables: Any) -> None:
    """Run a playbook that issues a certificate, valid for so many days, at such a time that so many are left now."""
    done = subprocess.run(
        ["faketime", "-m", "-f", f"-{valid - left}d", *command(playbook, **variables)],
        cwd=reach.PROJECT, capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:]


def server(name: str) -> dict[str, Any]:
    """The certificate of a daemon, as host_info tells of it unasked, and when the daemon was started."""
    host = reach.managed(name).ansible("mooring.docker.host_info", check=False, become=True)["host"]
    found: dict[str, Any] = host["certificates"][host["configuration"]["tls"]["tlscert"]]
    return {**found, "pid": host["engine"]["service"]["pid"]}


def own(client: Client) -> str:
    """The serial number and the end of the client's certificate."""
    words = ["openssl", "x509", "-noout", "-serial", "-enddate", "-in", str(client.directory / "cert.pem")]
    return subprocess.run(words, check=True, capture_output=True, text=True).stdout


def ended(days: int) -> str:
    """The day on which something ended so many days ago."""
    now = datetime.datetime.now(datetime.timezone.utc)
    return (now - datetime.timedelta(days=days)).strftime("%Y-%m-%d")


def verify(client: Client, *words: str) -> subprocess.CompletedProcess[str]:
    """Verify the fleet as a monitoring system does."""
    return reach.findings([*command("verify", verify_client=str(client.directory)), *words])


def test_a_good_fleet_has_no_findings(client: Client) -> None:
    # What tests before this one have left.
    converge()
    done = verify(client)
    assert (done.returncode, done.stdout) == (0, "")


def test_certificates_are_renewed_in_time_and_ended_ones_fail_with_the_date(client: Client) -> None:
    """A daemon's and a client's that end soon, and another daemon's that has ended."""
    left = {SOON: 10, ENDED: -3}
    at_once(lambda name: issue_so_that_left("renew_server_certificates", SERVER_DAYS, left[name], limit=name), *left)
    issue_so_that_left("client", CLIENT_DAYS, 10, **client.variables, docker_client_renew=True)
    before, own_before = server(SOON), own(client)
    assert before["days_left"] in (9, 10)
    # The control: dockerd goes on with it and says nothing, but no client takes it.
    assert "certificate has expired" in client.docker("--context", ENDED, "version").stderr
    of_client = f": warning certificates.ends_soon: expected: the certificate of client {client.directory.name}"
    for words in ([], ["--tags", "certificates"]):
        failed = verify(client, *words)
        assert failed.returncode != 0
        told = {line.partition(":")[0]: line for line in failed.stdout.splitlines()}
        assert len(failed.stdout.splitlines()) == len(told) == 3, failed.stdout
        assert told.pop(ENDED) == (
            f"{ENDED}: error certificates.expired: expected: the daemon's certificate is valid; "
            f"found: it ended on {ended(3)}; remedy: run playbooks/site.yml"
        )
        assert told[SOON].startswith(f"{SOON}: warning certificates.ends_soon")
        assert before["not_after"][:10] in told.pop(SOON)
        assert of_client in told.popitem()[1]
    without = verify(client, "--skip-tags", "certificates")
    assert (without.returncode, without.stdout) == (0, "")

    converge()
    # What ends soon is no failure.
    warned = verify(client)
    assert (warned.returncode, len(warned.stdout.splitlines())) == (0, 1)
    assert of_client in warned.stdout
    converge("client", **client.variables)
    after = server(SOON)
    assert after["serial_number"] != before["serial_number"]
    assert after["pid"] != before["pid"]
    assert after["days_left"] == SERVER_DAYS - 1
    assert own(client) != own_before
    for name in HOSTS:
        assert client.docker("--context", name, "version").returncode == 0


def test_ended_certificate_of_a_client_fails_with_the_date(client: Client) -> None:
    issue_so_that_left("client", CLIENT_DAYS, -3, **client.variables, docker_client_renew=True)
    assert client.docker("--context", ENDED, "version").returncode != 0
    failed = verify(client, "--tags", "certificates")
    assert failed.returncode != 0
    assert f"the certificate of client {client.directory.name} is valid; found: it ended on {ended(3)}" in failed.stdout

    converge("client", **client.variables)
    assert client.docker("--context", ENDED, "version").returncode == 0
    assert verify(client).stdout == ""


@pytest.mark.usefixtures("client")
def test_verification_changes_nothing() -> None:
    listing = "find /etc /var/lib/mooring /usr/lib/systemd -xdev -type f -printf '%p %C@\\n' | sort; docker network ls"
    before = everywhere(listing)
    assert all(before.values())
    assert run("verify", docker_engine_endpoints=[*ENDPOINTS, "tcp://0.0.0.0:2999"]).status != 0
    assert everywhere(listing) == before
