"""What the variables of docker_engine declare, and what of it is refused on the controller."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.mooring.docker.plugins.plugin_utils.declaration import engine
from ansible_collections.mooring.docker.plugins.plugin_utils.declaration.place import Authorities, Place
from declaring import resolved

TCP = {
    "docker_engine_endpoints": ["unix:///run/docker.sock", "tcp://0.0.0.0:2376"],
    "docker_engine_ca_passphrase": "long enough for keys",
}
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ9Z6Qz3v3YyKX8k0aVY0c8mXk8x0tYQw1m0v2kq8bQz alice"
AUTHORITIES = Authorities(
    server={"signer": {"name": "Mooring server CA 1", "key_id": "aa", "key": "/srv/fleet/pki/server-1-key.pem"}},
    client={"fingerprints": ["f1"]},
    work=["make Mooring client CA 1"],
)
PLACE = Place(
    name="trixie",
    address="192.0.2.7",
    hosts=["trixie", "forky"],
    fleet={"trixie": ["DNS:trixie", "IP:192.0.2.7"], "forky": ["DNS:forky", "IP:192.0.2.8"]},
    authorities=AUTHORITIES,
)


def _declared(**variables: Any) -> Any:
    declaration, problems = engine.declare(resolved("docker_engine", **variables), PLACE)
    assert problems == []
    return declaration


def _problems(**variables: Any) -> list[str]:
    declaration, problems = engine.declare(resolved("docker_engine", **variables), PLACE)
    assert (declaration is None) == bool(problems)
    return problems


def test_an_engine_without_declaration_listens_on_its_socket() -> None:
    declaration = _declared()
    assert declaration["options"] == {"hosts": ["fd://"], "live-restore": True}
    assert declaration["socket"] == {
        "paths": ["/run/docker.sock"],
        "owner": "root",
        "group": "docker",
        "mode": "0660",
    }
    assert (declaration["issued"], declaration["provided"], declaration["filter_rules"]) == (None, None, None)


def test_a_tcp_endpoint_has_tls_by_the_fleet_s_authorities() -> None:
    declaration = _declared(
        **TCP, docker_engine_certificate_names=["build.example.com"], docker_engine_options={"debug": True}
    )
    assert declaration["options"] == {
        "hosts": ["fd://", "tcp://0.0.0.0:2376"],
        "live-restore": True,
        "tlsverify": True,
        "tlscacert": "/etc/docker/tls/client-ca.pem",
        "tlscert": "/etc/docker/tls/server/cert.pem",
        "tlskey": "/etc/docker/tls/server/key.pem",
        "debug": True,
    }
    assert declaration["provided"] is None
    assert declaration["issued"] == {
        "files": {
            "certificate": "/etc/docker/tls/server/cert.pem",
            "key": "/etc/docker/tls/server/key.pem",
            "client_ca": "/etc/docker/tls/client-ca.pem",
        },
        "names": ["DNS:localhost", "IP:127.0.0.1", "DNS:trixie", "IP:192.0.2.7", "DNS:build.example.com"],
        "renew_days": 30,
        "reissue": "",
        "signer": {"name": "Mooring server CA 1", "key_id": "aa"},
        "client_fingerprints": ["f1"],
        "authority_work": ["make Mooring client CA 1"],
    }


def test_neither_the_passphrase_nor_the_fleet_travels() -> None:
    told = repr(_declared(**TCP))
    assert "long enough" not in told
    assert "forky" not in told
    assert "key.pem" in told
    assert "/srv/fleet" not in told


def test_a_certificate_is_issued_anew_where_that_is_asked_for() -> None:
    assert _declared(**TCP, docker_engine_certificate_renew=True)["issued"]["reissue"] == "asked for"


def test_a_certificate_from_elsewhere_needs_no_authorities() -> None:
    files = {"certificate": "/c.pem", "key": "/k.pem", "client_ca": "/ca.pem"}
    variables = resolved(
        "docker_engine",
        docker_engine_endpoints=TCP["docker_engine_endpoints"],
        docker_engine_provided_certificate=files,
        docker_engine_certificate_names=["forky"],
        docker_engine_client_authorities=["CN=Company clients"],
    )
    assert not engine.issues(variables)
    declaration, problems = engine.declare(variables, Place(name="trixie", address="192.0.2.7"))
    assert declaration is not None, problems
    assert declaration["provided"] == {"files": files, "names": ["forky"], "authorities": ["CN=Company clients"]}
    assert declaration["issued"] is None
    assert declaration["options"]["tlscert"] == "/c.pem"


def test_data_root_is_the_one_of_the_options_too() -> None:
    assert "data-root" not in _declared()["options"]
    assert _declared(docker_engine_data_root="/srv/docker")["options"]["data-root"] == "/srv/docker"
    same = {"docker_engine_data_root": "/srv/docker", "docker_engine_options": {"data-root": "/srv/docker"}}
    assert _declared(**same)["options"]["data-root"] == "/srv/docker"


def test_plaintext_on_loopback_has_no_tls_and_is_filtered() -> None:
    declaration = _declared(
        docker_engine_endpoints=["fd://", "tcp://127.0.0.1:2375"],
        docker_engine_tls=False,
        docker_engine_plaintext_loopback=True,
    )
    assert "tlsverify" not in declaration["options"]
    assert (declaration["issued"], declaration["provided"]) == (None, None)
    assert "tcp dport 2375" in declaration["filter_rules"]
    assert declaration["ssh"]["socket"] == "/run/docker.sock"


def test_nobody_is_let_in_by_an_empty_list_and_everybody_without_one() -> None:
    assert _declared(**TCP)["filter_rules"] is None
    assert "counter drop" in _declared(**TCP, docker_engine_allowed_clients=[])["filter_rules"]


def test_clients_over_ssh_reach_the_first_socket() -> None:
    declaration = _declared(
        docker_engine_endpoints=["unix:///srv/docker.sock"], docker_engine_ssh_clients={"alice": KEY}
    )
    assert declaration["ssh"] == {
        "clients": {"alice": KEY},
        "user": "docker-remote",
        "group": "docker",
        "socket": "/srv/docker.sock",
    }


@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        (
            {"docker_engine_endpoints": ["fd://", "udp://[::]:1"]},
            "docker_engine_endpoints 'udp://[::]:1' has no known scheme",
        ),
        ({"docker_engine_endpoints": []}, "docker_engine_endpoints must be a list with at least one endpoint"),
        (
            {"docker_engine_endpoints": ["fd://", "tcp://0.0.0.0:2375"], "docker_engine_tls": False},
            "docker_engine_endpoints 'tcp://0.0.0.0:2375' without TLS would give root on the host",
        ),
        (
            {"docker_engine_allowed_clients": ["192.0.2.1/24"]},
            "docker_engine_allowed_clients '192.0.2.1/24' is no network",
        ),
        (
            {"docker_engine_probe_hosts": ["nobody"]},
            "docker_engine_probe_hosts names what is no host of the inventory: nobody",
        ),
        ({"docker_engine_options": {"debgu": True}}, "docker_engine_options debgu: no such option of dockerd"),
        (
            {"docker_engine_options": {"live-restore": False}},
            "docker_engine_options may not have live-restore, which has a variable of its own",
        ),
        ({"docker_engine_data_root": "/etc"}, "docker_engine_data_root: must be a directory of its own"),
        (
            {"docker_engine_data_root": "/srv/a", "docker_engine_options": {"data-root": "/srv/b"}},
            "docker_engine_data_root is /srv/a, and docker_engine_options has data-root /srv/b: take the latter out",
        ),
        ({"docker_engine_socket_mode": "0666"}, "docker_engine_socket_mode 0666 must be an octal mode that leaves out"),
        ({"docker_engine_socket_mode": "0660\n"}, "docker_engine_socket_mode 0660\n must be an octal mode"),
        (
            {**TCP, "docker_engine_ca_passphrase": ""},
            "docker_engine_ca_passphrase is needed for the TLS endpoint tcp://0.0.0.0:2376: take it from a vault",
        ),
        (
            {**TCP, "docker_engine_ca_passphrase": "short"},
            "docker_engine_ca_passphrase must have at least 12 characters",
        ),
        (
            {**TCP, "docker_engine_certificate_names": ["forky"]},
            "docker_engine_certificate_names forky is also for forky, another host of the inventory",
        ),
        (
            {"docker_engine_users_exclusive": True, "docker_engine_socket_group": "root"},
            "docker_engine_users_exclusive: nobody but root is to be in the group of the socket, which is root",
        ),
        (
            {"docker_engine_ssh_clients": {"alice": "ssh-ed25519"}},
            "docker_engine_ssh_clients alice: must be the one line",
        ),
        ({"docker_engine_ssh_user": "Docker"}, "docker_engine_ssh_user Docker is no name of an account"),
        (
            {"docker_engine_ssh_clients": {"alice": KEY}, "docker_engine_socket_group": "root"},
            "docker_engine_socket_group root: clients over SSH (docker_engine_ssh_clients) need a group for the socket",
        ),
        (
            {"docker_engine_ssh_clients": {"alice": KEY}, "docker_engine_socket_mode": "0600"},
            "docker_engine_socket_mode 0600 keeps the socket from its group, and with it clients over SSH",
        ),
    ],
)
def test_what_cannot_be_right_is_refused(variables: dict[str, Any], sentence: str) -> None:
    (problem,) = _problems(**variables)
    assert problem.startswith(sentence)


def test_all_problems_are_told_at_once() -> None:
    problems = _problems(
        docker_engine_socket_mode="0666", docker_engine_probe_hosts=["nobody"], docker_engine_ssh_user="-"
    )
    assert len(problems) == 3


def test_names_matter_only_where_a_certificate_is_issued() -> None:
    assert _problems(docker_engine_certificate_names=["forky"]) == []


def test_no_secret_is_told() -> None:
    (problem,) = _problems(docker_engine_options={"registry-mirrors": "https://user:hunter2@mirror.example.com"})
    assert "hunter2" not in problem
