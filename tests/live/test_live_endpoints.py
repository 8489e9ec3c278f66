"""The daemon listens where it was declared and nowhere else, and over TLS to nobody without a certificate."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.mooring.docker.plugins.module_utils._firewall import endpoint_filter
from ansible_collections.mooring.docker.plugins.plugin_utils import names


def _observed(url: str) -> str:
    """An endpoint as it is observed: dockerd opens all IPv4 addresses for IPv6 too, and systemd its socket."""
    url = "unix:///run/docker.sock" if url == "fd://" else url
    return url.replace("://0.0.0.0:", "://[::]:").replace("unix:///var/run/", "unix:///run/")


@pytest.fixture
def tried(seen: Any, observed: Any, declared: Any) -> list[Any]:
    """The endpoints for other machines, as endpoint_info tried them from this one."""
    if not declared["tls"]:
        pytest.skip("declares no endpoint over TLS")
    assert observed["engine"]["service"]["active"] == "active", "no engine runs that could be reached"
    if not seen["reached"]:
        pytest.skip("declares no endpoint for other machines")
    return list(seen["reached"])


@pytest.fixture
def left_out(observed: Any, declared: Any) -> bool:
    """Whether docker_engine_allowed_clients leaves this machine out, as far as its address is known."""
    client = observed["network"]["client"]
    return client in declared["controller"] and endpoint_filter.lets_in(declared["allowed"], client) is False


@pytest.fixture
def reached(tried: list[Any], left_out: bool) -> list[Any]:
    """The endpoints that this machine may reach."""
    if left_out:
        pytest.skip("docker_engine_allowed_clients leaves this machine out")
    return tried


def test_daemon_listens_on_the_declared_endpoints_and_no_other(observed: Any, declared: Any) -> None:
    assert sorted(map(_observed, observed["listening"])) == sorted(map(_observed, declared["endpoints"]))


def test_endpoints_can_be_reached(reached: list[Any]) -> None:
    assert [one["url"] for one in reached if not one["reachable"]] == []


def test_endpoints_cannot_be_reached_by_who_is_left_out(tried: list[Any], left_out: bool) -> None:
    if not left_out:
        pytest.skip("docker_engine_allowed_clients lets this machine in")
    assert [one["url"] for one in tried if one["reachable"]] == []


def test_plain_text_stays_out(reached: list[Any]) -> None:
    assert [one["url"] for one in reached if one["transport"] != "tls" or one["plaintext_accepted"] is not False] == []


def test_no_certificate_stays_out(reached: list[Any]) -> None:
    assert [one["url"] for one in reached if one["client_certificate_required"] is not True] == []


def test_obsolete_versions_of_tls_stay_out(reached: list[Any]) -> None:
    taken = {version for one in reached for version, is_taken in one["versions"].items() if is_taken}
    assert taken <= {"TLSv1.2", "TLSv1.3"}


def test_certificates_are_of_the_fleets_authority(reached: list[Any]) -> None:
    assert [one["error"] for one in reached if one["trusted"] is False] == []


def test_client_gets_in(reached: list[Any]) -> None:
    tried = [one for one in reached if one["authenticated"] is not None]
    if not tried:
        pytest.skip("no client to try it as: see --client")
    assert [one["error"] for one in tried if not one["authenticated"]] == []


def test_certificates_have_the_names_and_none_of_another_host(reached: list[Any], declared: Any) -> None:
    for one in reached:
        lacking, _undeclared, foreign = names.compared(
            declared["names"], one["certificate"]["names"], declared["fleet"] if declared["issues"] else {}
        )
        assert (lacking, foreign) == ([], {})


def test_certificates_have_days_left(reached: list[Any], declared: Any) -> None:
    for one in reached:
        assert one["certificate"]["days_left"] >= declared["renew_days"], one["certificate"]["not_after"]
