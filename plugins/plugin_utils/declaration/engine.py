# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the variables of the role docker_engine declare, and what is refused of it before any host is asked."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ...module_utils._config import endpoints, validation
from ...module_utils._firewall import endpoint_filter
from ...module_utils._plan.declaration import EngineDeclaration, IssuedTls, Options, ProvidedTls, Socket, TlsFiles
from ...module_utils._ssh import keys as ssh_keys
from .. import keys, names
from .place import Authorities, Place
from .variables import Variables

_OWN_OPTIONS = ("hosts", "tls", "tlsverify", "tlscacert", "tlscert", "tlskey", "live-restore")
"""Options of daemon.json that have variables of their own."""


def declare(variables: Variables, place: Place, signs: bool = True) -> tuple[EngineDeclaration | None, list[str]]:
    """The declaration of the host at ``place``, or why there is none: sentences that begin with a variable.

    ``variables`` are those of docker_engine, as ``variables.read`` returns them. ``place`` has authorities where
    ``issues`` says that they are needed. ``signs`` tells whether certificates may be issued, which takes a passphrase.
    """
    problems = list(_problems(variables, place, signs))
    return (None, problems) if problems else (_declaration(variables, place), [])


def issues(variables: Variables) -> bool:
    """Whether the fleet's own authorities issue the server's certificate."""
    return _uses_tls(variables) and variables["docker_engine_provided_certificate"] is None


def _uses_tls(variables: Variables) -> bool:
    return bool(variables["docker_engine_tls"] and _tcp(variables))


def _tcp(variables: Variables) -> list[str]:
    return [url for url in variables["docker_engine_endpoints"] or [] if url.startswith("tcp://")]


def _declaration(variables: Variables, place: Place) -> EngineDeclaration:
    urls = variables["docker_engine_endpoints"]
    return {
        "options": _options(variables),
        "on_conflict": variables["docker_engine_on_conflict"],
        "restart": variables["docker_engine_restart"],
        "containers": variables["docker_engine_containers"],
        "data_root_change": variables["docker_engine_data_root_change"],
        "timeout": variables["docker_engine_timeout"],
        "confirm": variables["docker_engine_confirm_timeout"],
        "socket": _socket(variables),
        "users": variables["docker_engine_users"],
        "users_exclusive": variables["docker_engine_users_exclusive"],
        "ssh": {
            "clients": variables["docker_engine_ssh_clients"],
            "user": variables["docker_engine_ssh_user"],
            "group": variables["docker_engine_socket_group"],
            "socket": [*endpoints.socket_paths(urls), "/run/docker.sock"][0],
        },
        "filter_rules": endpoint_filter.rules(urls, variables["docker_engine_allowed_clients"]) or None,
        "require_filters": variables["docker_engine_require_filters"],
        "issued": _issued(variables, place, place.authorities) if place.authorities and issues(variables) else None,
        "provided": _provided(variables) if _uses_tls(variables) and not issues(variables) else None,
    }


def _options(variables: Variables) -> Options:
    """The role's share of daemon.json."""
    options: Options = {
        "hosts": endpoints.daemon_hosts(variables["docker_engine_endpoints"]),
        "live-restore": variables["docker_engine_live_restore"],
    }
    if _uses_tls(variables):
        files = _tls_files(variables)
        options |= {
            "tlsverify": True,
            "tlscacert": files["client_ca"],
            "tlscert": files["certificate"],
            "tlskey": files["key"],
        }
    if variables["docker_engine_data_root"] is not None:
        options["data-root"] = variables["docker_engine_data_root"]
    return {**options, **variables["docker_engine_options"]}


def _socket(variables: Variables) -> Socket:
    return {
        "paths": endpoints.socket_paths(variables["docker_engine_endpoints"]),
        "owner": variables["docker_engine_socket_owner"],
        "group": variables["docker_engine_socket_group"],
        "mode": variables["docker_engine_socket_mode"],
    }


def _tls_files(variables: Variables) -> TlsFiles:
    provided = variables["docker_engine_provided_certificate"]
    if provided is not None:
        return {"certificate": provided["certificate"], "key": provided["key"], "client_ca": provided["client_ca"]}
    directory = variables["docker_engine_tls_directory"]
    # Key and certificate change together: "server" is a link to the directory of the latest pair.
    return {
        "certificate": f"{directory}/server/cert.pem",
        "key": f"{directory}/server/key.pem",
        "client_ca": f"{directory}/client-ca.pem",
    }


def _issued(variables: Variables, place: Place, authorities: Authorities) -> IssuedTls:
    signer = authorities.server["signer"]
    return {
        "files": _tls_files(variables),
        "names": names.server_names(
            place.name,
            place.address,
            variables["docker_engine_certificate_names"],
            variables["docker_engine_endpoints"],
        ),
        "renew_days": variables["docker_engine_certificate_renew_days"],
        "reissue": "asked for" if variables["docker_engine_certificate_renew"] else "",
        "signer": {"name": signer["name"], "key_id": signer["key_id"]},
        "client_fingerprints": authorities.client["fingerprints"],
        "authority_work": authorities.work,
    }


def _provided(variables: Variables) -> ProvidedTls:
    return {
        "files": _tls_files(variables),
        "names": variables["docker_engine_certificate_names"],
        "authorities": variables["docker_engine_client_authorities"],
    }


def _problems(variables: Variables, place: Place, signs: bool) -> Iterator[str]:
    yield from _endpoint_problems(variables)
    hosts = variables["docker_engine_probe_hosts"]
    for name in dict.fromkeys(name for name in hosts if name not in place.hosts):
        yield f"docker_engine_probe_hosts names what is no host of the inventory: {name}"
    yield from _option_problems(variables)
    mode = variables["docker_engine_socket_mode"]
    if not re.fullmatch("0?[0-7]{2}0", mode):
        yield (
            f"docker_engine_socket_mode {mode} must be an octal mode that leaves out the world, such as "
            '"0660": the socket is root on the host'
        )
    if issues(variables) and signs:
        yield from _passphrase_problems(variables)
    if issues(variables):
        yield from names.problems(
            place.name,
            place.address,
            variables["docker_engine_certificate_names"],
            variables["docker_engine_endpoints"],
            place.fleet,
        )
    if variables["docker_engine_users_exclusive"] and variables["docker_engine_socket_group"] == "root":
        yield (
            "docker_engine_users_exclusive: nobody but root is to be in the group of the socket, which is root: say "
            "false"
        )
    yield from _ssh_problems(variables)


def _endpoint_problems(variables: Variables) -> Iterator[str]:
    for problem in endpoints.problems(
        variables["docker_engine_endpoints"],
        variables["docker_engine_tls"],
        variables["docker_engine_plaintext_loopback"],
    ):
        yield f"docker_engine_endpoints {problem}"
    for problem in endpoint_filter.problems(variables["docker_engine_allowed_clients"] or []):
        yield f"docker_engine_allowed_clients {problem}"


def _option_problems(variables: Variables) -> Iterator[str]:
    options = variables["docker_engine_options"]
    for problem in validation.problems(options, whole=False):
        yield f"docker_engine_options {problem}"
    root = variables["docker_engine_data_root"]
    if root is not None:
        yield from validation.problems({"data-root": root}, names={"data-root": "docker_engine_data_root"}, whole=False)
        if options.get("data-root", root) != root:
            yield (
                f"docker_engine_data_root is {root}, and docker_engine_options has data-root {options['data-root']}: "
                "take the latter out"
            )
    for name in _OWN_OPTIONS:
        if name in options:
            yield f"docker_engine_options may not have {name}, which has a variable of its own"


def _passphrase_problems(variables: Variables) -> Iterator[str]:
    passphrase = variables["docker_engine_ca_passphrase"]
    if not passphrase:
        yield (
            f"docker_engine_ca_passphrase is needed for the TLS endpoint {_tcp(variables)[0]}: take it from a vault or "
            "the environment"
        )
    elif problem := keys.passphrase_problem(passphrase, "docker_engine_ca_passphrase"):
        yield problem


def _ssh_problems(variables: Variables) -> Iterator[str]:
    clients, user = variables["docker_engine_ssh_clients"], variables["docker_engine_ssh_user"]
    group, mode = variables["docker_engine_socket_group"], variables["docker_engine_socket_mode"]
    for problem in ssh_keys.problems(clients):
        yield f"docker_engine_ssh_clients {problem}"
    if not re.fullmatch(ssh_keys.ACCOUNT, user):
        yield f"docker_engine_ssh_user {user} is no name of an account"
    if clients and group == "root":
        yield (
            "docker_engine_socket_group root: clients over SSH (docker_engine_ssh_clients) need a group for the socket "
            "that has nothing else, such as docker"
        )
    if clients and not re.fullmatch("0?[0-7][67]0", mode):
        yield (
            f"docker_engine_socket_mode {mode} keeps the socket from its group, and with it clients over SSH "
            '(docker_engine_ssh_clients): say "0660"'
        )
