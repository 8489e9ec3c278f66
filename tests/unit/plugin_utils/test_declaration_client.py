"""What the variables of docker_client declare, and what of it is refused on the controller."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.mooring.docker.plugins.plugin_utils.declaration import client
from ansible_collections.mooring.docker.plugins.plugin_utils.declaration.place import Authorities
from declaring import resolved

SSH = {"docker_client_contexts": {"trixie": "ssh://docker-remote@192.0.2.7"}}
TLS = {
    "docker_client_contexts": {"trixie": "tcp://192.0.2.7:2376"},
    "docker_client_ca_passphrase": "long enough for keys",
}
AUTHORITIES = Authorities(
    server={"fingerprints": ["s1"], "bundle": "-----BEGIN"},
    client={"signer": {"name": "Mooring client CA 1", "key_id": "cc"}},
    work=[],
)


def _declared(**declared: Any) -> Any:
    declaration, problems = client.declare(resolved("docker_client", **declared), AUTHORITIES)
    assert problems == []
    return declaration


def test_a_client_by_tls_has_a_certificate_by_the_fleet_s_authority() -> None:
    declaration = _declared(**TLS)
    assert (declaration["uses_tls"], declaration["uses_ssh"]) == (True, False)
    assert declaration["files"] == {
        "certificate": "~/.docker/fleet/cert.pem",
        "key": "~/.docker/fleet/key.pem",
        "ca": "~/.docker/fleet/ca.pem",
    }
    assert declaration["issued"] == {
        "directory": "/srv/fleet/pki",
        "days": 90,
        "renew_days": 14,
        "reissue": "",
        "replace": False,
        "signer": {"name": "Mooring client CA 1", "key_id": "cc"},
        "server_fingerprints": ["s1"],
        "authority_work": [],
    }
    assert "long enough" not in repr(declaration)


def test_a_client_over_ssh_needs_no_certificate() -> None:
    declaration = _declared(**SSH)
    assert (declaration["uses_tls"], declaration["uses_ssh"], declaration["issued"]) == (False, True, None)


def test_a_certificate_from_elsewhere_is_not_issued() -> None:
    files = {"certificate": "/c.pem", "key": "/k.pem", "ca": "/ca.pem"}
    declaration = _declared(
        docker_client_contexts=TLS["docker_client_contexts"], docker_client_provided_certificate=files
    )
    assert (declaration["files"], declaration["issued"]) == (files, None)


def test_a_certificate_is_issued_anew_where_that_is_asked_for() -> None:
    assert _declared(**TLS, docker_client_renew=True)["issued"]["reissue"] == "asked for"


@pytest.mark.parametrize(
    ("declared", "sentence"),
    [
        (
            {**TLS, "docker_client_ca_passphrase": ""},
            "docker_client_ca_passphrase is needed for TLS: take it from a vault or the environment",
        ),
        (
            {**TLS, "docker_client_ca_passphrase": "short"},
            "docker_client_ca_passphrase must have at least 12 characters",
        ),
        (
            {**SSH, "docker_client_name": "a b"},
            "docker_client_name a b may have letters, digits and ._@- only, at most 64",
        ),
        ({**SSH, "docker_client_name": "a\n"}, "docker_client_name a\n may have letters"),
        # It is the name of a file in the index of certificates.
        ({**SSH, "docker_client_name": "../a"}, "docker_client_name ../a may have letters"),
        ({**SSH, "docker_client_name": "a/b"}, "docker_client_name a/b may have letters"),
        ({**SSH, "docker_client_name": ".a"}, "docker_client_name .a may have letters"),
    ],
)
def test_what_cannot_be_right_is_refused(declared: dict[str, Any], sentence: str) -> None:
    declaration, (problem,) = client.declare(resolved("docker_client", **declared), AUTHORITIES)
    assert declaration is None
    assert problem.startswith(sentence)


@pytest.mark.parametrize(("key_id", "bundle"), [(None, "-----BEGIN"), ("cc", "")])
def test_authorities_that_are_still_to_be_made_cannot_issue(key_id: str | None, bundle: str) -> None:
    signer = {"name": "Mooring client CA 1", "key_id": key_id}
    unmade = Authorities({"fingerprints": [], "bundle": bundle}, {"signer": signer}, ["make Mooring client CA 1"])
    _declaration, (problem,) = client.declare(resolved("docker_client", **TLS), unmade)
    assert problem == (
        "docker_client_ca_directory /srv/fleet/pki has no authorities yet: run playbooks/site.yml for the fleet first"
    )
