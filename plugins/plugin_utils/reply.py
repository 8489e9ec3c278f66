# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host replies for one of Mooring's modules, as data and nothing else.

To Ansible a reply is more than data: ``ansible_facts`` and ``add_host`` change variables and the inventory,
``ansible_stats`` the end of the run, ``unreachable`` and ``results`` what becomes of the task, keys that begin with
``_ansible_`` how it is shown. A host decides what it replies. So a reply is read here before Ansible reads it, and what
Ansible reads then has the keys that the module documents, in the types that it documents, and texts that are printable.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Union

from ..module_utils._network import mtu
from ..module_utils._plan.selection import ENGINE_FRAGMENT, NETWORK_FRAGMENT
from ..module_utils._plan.steps import STEPS
from ..module_utils._ssh import keys as ssh_keys
from .text import printable, printable_data

MOST = 16 * 2**20
"""Characters of a reply. A host with 200 containers needs less than one of these 16 MiB."""

Shape = Union[
    type,
    None,
    tuple[Any, ...],
    list[Any],
    dict[Any, Any],
    "Optional",
    "HostKeys",
    "OneOf",
    "Exactly",
    "ByName",
    "InOrder",
]
"""A type; None; one of several shapes; [the shape of each element]; {str: the shape of each value}; {key: its shape},
where other keys may stand beside."""


@dataclass(frozen=True)
class Optional:
    """A key that may be missing."""

    shape: Shape


class HostKeys:
    """The public keys of an SSH server."""


class OneOf:
    """One of some texts."""

    def __init__(self, *texts: str) -> None:
        self.texts = texts


@dataclass(frozen=True)
class Exactly:
    """A dictionary with these keys and no others."""

    shape: dict[str, Any]


@dataclass(frozen=True)
class ByName:
    """A dictionary whose ``name`` tells which of the shapes it has."""

    shapes: dict[str, Shape]


@dataclass(frozen=True)
class InOrder:
    """A list of ``shapes``, each at most once, in the order that they have there."""

    shapes: ByName


TEXT = (str, None)
TEXTS = [str]
NUMBER = (int, None)
SWITCH = (bool, None)

_KEY = {"type": str, "bits": NUMBER}
_CERTIFICATE = {
    "sha256": TEXT,
    "bundle": TEXTS,
    "subject": TEXT,
    "issuer": TEXT,
    "serial_number": TEXT,
    "names": TEXTS,
    "extended_key_usage": TEXTS,
    "key_id": TEXT,
    "authority_key_id": TEXT,
    "not_before": TEXT,
    "not_after": TEXT,
    "days_left": NUMBER,
    "key": (_KEY, None),
    "contents": [
        {"sha256": TEXT, "subject": TEXT, "issuer": TEXT, "key_id": TEXT, "authority_key_id": TEXT, "key": (_KEY, None)}
    ],
}
_SOCKET = {"path": str, "owner": str, "group": str, "mode": str, "group_members": TEXTS}
_ENDPOINT = {
    "url": str,
    "reachable": bool,
    "transport": TEXT,
    "plaintext_accepted": SWITCH,
    "client_certificate_required": SWITCH,
    "trusted": SWITCH,
    "authenticated": SWITCH,
    "tls": ({"version": TEXT, "cipher": TEXT}, None),
    "versions": ({str: SWITCH}, None),
    "ciphers": ({str: (TEXTS, None)}, None),
    "certificate": (_CERTIFICATE, None),
    "chain": ([_CERTIFICATE], None),
    "client_authorities": (TEXTS, None),
    "engine_version": TEXT,
    "api_version": TEXT,
    "min_api_version": TEXT,
    "socket": (_SOCKET, None),
    "error": TEXT,
}
_CONTAINER_INTERFACE = {"name": TEXT, "interface": str, "addresses": TEXTS, "mtu": NUMBER}
_NETWORK = {"name": str, "id": str, "driver": str, "internal": bool}
_BRIDGES = {
    "bridges": [
        {
            "name": str,
            "network": TEXT,
            "addresses": TEXTS,
            "mtu": NUMBER,
            "up": SWITCH,
            "ports": [{"interface": str, "container": (_CONTAINER_INTERFACE, None)}],
        }
    ],
    "networks": [_NETWORK],
    "containers": [
        {
            "id": str,
            "name": str,
            "image": str,
            "state": str,
            "network_mode": TEXT,
            "networks": {str: {"addresses": TEXTS}},
            "published": [{"host_address": str, "host_port": int, "container_port": int, "protocol": str}],
        }
    ],
    "parents": [{"interface": str, "children": [_CONTAINER_INTERFACE]}],
    "uplinks": [
        {"interface": str, "family": str, "gateway": TEXT, "metric": int, "addresses": TEXTS, "mtu": int},
    ],
    "connections": ({"count": int, "limit": int}, None),
    "filters_bridged": SWITCH,
    "bypassed": TEXTS,
    "engine_answers": bool,
    "error": TEXT,
}
_SYSTEM = {
    "kernel": str,
    "kernel_version": TEXT,
    "distribution": TEXT,
    "distribution_version": TEXT,
    "distribution_codename": TEXT,
    "python_libraries": TEXTS,
    "systemd": bool,
    "apt": bool,
    "root": bool,
}
_ENGINE = {
    "installed": bool,
    "version": TEXT,
    "cli_version": TEXT,
    "api_version": TEXT,
    "running_version": TEXT,
    "service": {"active": TEXT, "enabled": TEXT, "pid": NUMBER},
    "networks": ([_NETWORK], None),
    "published": TEXTS,
    "used": bool,
}
_GROUP = {
    "gid": int,
    "members": TEXTS,
    "primary": TEXTS,
    "own": TEXTS,
    "administrators": TEXTS,
    "password": bool,
    "holders": [{"pid": int, "name": str, "user": str}],
}
_MATCH = {"where": str, "criteria": TEXTS, "settings": TEXTS}
_SSHD = {"settings": {str: TEXTS}, "error": TEXT}
_SSH = {
    **_SSHD,
    "accounts": {str: {"groups": TEXTS, "shell": str, "password": bool, "expires": bool}},
    "authorized_keys": TEXT,
    "clients": (TEXTS, None),
    "has_home": bool,
    "guarded": bool,
    "drop_in": TEXT,
    "loaded": SWITCH,
    "pending": bool,
    "configuration": {"before": [_MATCH], "after": [_MATCH], "is_included": bool},
    "listeners": TEXTS,
    "trial": (_SSHD, None),
    "host_keys": HostKeys(),
}
_BACKEND = {
    "configured": bool,
    "nft": TEXT,
    "in_swarm": bool,
    "forward": {str: {"policy": TEXT, "rules": TEXTS}},
}
_LINUX = {
    "system": _SYSTEM,
    "clock": {"ahead": (float, int, None)},
    "packages": {str: {"installed": TEXT, "candidate": TEXT}},
    "installation": {"unfinished": {str: str}, "begun": bool},
    "engine": _ENGINE,
    "configuration": {
        "error": TEXT,
        "fragments": dict,
        "effective": TEXTS,
        "addresses": dict,
        "tls": dict,
        "untested": bool,
    },
    "host_files": {
        "differing": TEXTS,
        "leftover": TEXTS,
        "diff": [{"before": str, "after": str, "before_header": str, "after_header": str}],
        "prune": ({"active": TEXT, "enabled": TEXT, "result": TEXT}, None),
        "schedule": TEXT,
    },
    "certificates": {str: (_CERTIFICATE, None)},
    "files": {str: {"kind": str, "owner": str, "group": str, "mode": str}},
    "network": {"addresses": [dict], "interfaces": TEXTS, "bridges": TEXTS, "routes": [dict], "client": TEXT},
    "sysctls": dict,
    "nftables": {str: dict},
    "nftables_backend": (_BACKEND, None),
    "confirm": {"armed": TEXTS},
    "bridge": (_BRIDGES, {"engine_answers": bool, "error": TEXT}, None),
    "users": {str: ({"uid": int, "groups": TEXTS}, None)},
    "groups": {str: (_GROUP, None)},
    "listening": TEXTS,
    "sockets": [_SOCKET],
    "ssh": (_SSH, None),
}
_PATH_TEST = Exactly({"to_container": TEXT, "published": TEXT, "outward": TEXT, "obstacle": TEXT})
_TABLE = {"table": TEXT, "armed": bool}
_STATE = OneOf("present", "absent")
_STEP_PARAMETERS: dict[str, dict[str, Any]] = {
    "host_files": {"write": TEXTS, "remove": TEXTS, "prune": bool},
    "packages": {"required": TEXTS, "optional": TEXTS},
    "sysctls": {"file": str, "parameters": [Exactly({"name": str, "value": Optional(str), "state": _STATE})]},
    "published_filter": {
        "policy": (OneOf("open", "closed"), Exactly({"allow": [dict]})),
        "container_bridges": TEXTS,
        "other_bridges": TEXTS,
        "services": TEXTS,
        "required": bool,
        "confirm": int,
    },
    "ssh_access": {"clients": {str: str}, "user": str, "group": str, "socket": str},
    "endpoint_filter": {"name": OneOf("endpoint"), "rules": str, "state": _STATE, "required": bool, "confirm": int},
    "certificate": {"reason": str, "trust": bool, "authorities": TEXTS, "check": bool},
    "configuration": {
        "fragments": [OneOf(ENGINE_FRAGMENT, NETWORK_FRAGMENT)],
        "chosen": Exactly(
            {
                "bip": Optional(str),
                "bip6": Optional(str),
                "fixed-cidr-v6": Optional(str),
                "default-address-pools": Optional([Exactly({"base": str, "size": int})]),
                mtu.DEFAULTS: Optional(Exactly({mtu.DRIVER: Exactly({mtu.OPTION: str})})),
            }
        ),
        "left_out": TEXTS,
        "on_conflict": str,
        "socket": Exactly(
            {"paths": Optional(TEXTS), "owner": Optional(str), "group": Optional(str), "mode": Optional(str)}
        ),
        "restart": str,
        "containers": str,
        "data_root_change": str,
        "adopted": bool,
        "files": TEXTS,
    },
    "socket_group": {"group": str, "users": TEXTS, "exclusive": bool},
    "apply": {
        "action": OneOf("nothing", "reload", "start", "restart"),
        "restart": str,
        "containers": str,
        "timeout": int,
        "confirm": int,
        "keys": TEXTS,
        "drained": TEXTS,
        "stopped": TEXTS,
        "enable": bool,
        "test": bool,
        "accept_forwarded": TEXTS,
        "pending": TEXT,
    },
    "confirm": {"pending": TEXTS},
    "networks": {
        "make": [dict],
        "remove": [Exactly({"name": str, "id": str, "reason": str})],
        "docker_host": str,
        "timeout": int,
    },
}
_STEPS = InOrder(
    ByName(
        {
            name: Exactly(
                {
                    "name": str,
                    "role": OneOf("docker_engine", "docker_network"),
                    "summary": str,
                    "reasons": TEXTS,
                    "effects": TEXTS,
                    "parameters": Exactly(_STEP_PARAMETERS[name]),
                    "diff": [Exactly({"before": str, "after": str, "before_header": str, "after_header": str})],
                }
            )
            for name in STEPS
        }
    )
)

_DIFF = Optional(({str: TEXT}, [{str: TEXT}]))
_CARRIED_OUT: dict[str, dict[str, Any]] = {
    "host_files": {"written": TEXTS, "removed": TEXTS},
    "packages": {"packages": TEXTS, "finished": TEXTS},
    "key": {"pair": str, "csr": str},
    "certificate": {},
    "configuration": {"effective": (dict, None), "files": TEXTS, "plan": dict, "adopted": bool, "backup": TEXT},
    "socket_group": {"added": TEXTS, "removed": TEXTS, "ended": int, "reconnect": bool},
    "apply": {"action": str, "keys": TEXTS, "reasons": TEXTS, "pending": TEXT, "drained": TEXTS, "armed": bool},
    "confirm": {"confirmed": TEXTS},
    "networks": {"made": TEXTS, "removed": TEXTS},
}
"""What there is of each step in the reply of execute_steps, beside what every module says."""
_FAILED_STEP = Exactly({"name": str, "failed": bool, "msg": str})
_OUTCOME = ByName(
    {
        name: (
            _FAILED_STEP,
            Exactly(
                {
                    "name": str,
                    "changed": bool,
                    "diff": _DIFF,
                    "warnings": Optional(TEXTS),
                    **shape,
                }
            ),
        )
        for name, shape in _CARRIED_OUT.items()
    }
)

REPLIES: dict[str, dict[str, Any]] = {
    "bridge_info": _BRIDGES,
    "certificate_pair": {"pair": str, "csr": Optional(str)},
    "confirm": _CARRIED_OUT["confirm"],
    "daemon_apply": _CARRIED_OUT["apply"],
    "daemon_config": _CARRIED_OUT["configuration"],
    "docker_contexts": {"contexts": {str: str}},
    "endpoint_info": {"endpoint": _ENDPOINT},
    "host_info": {"host": _LINUX},
    "host_plan": {
        "plan": Exactly({"refusals": TEXTS, "steps": _STEPS}),
        "certificate_names": TEXTS,
        "composition": (Exactly({"files": Optional(TEXTS), "msg": Optional(str)}), None),
        "host": (_LINUX, None),
        "test": Optional((Exactly({"problem": TEXT, "obstacle": TEXT, "path": (_PATH_TEST, None)}), None)),
    },
    "execute_steps": {"steps": [_OUTCOME]},
    "install_packages": _CARRIED_OUT["packages"],
    "networks": _CARRIED_OUT["networks"],
    "nftables_table": _TABLE,
    "published_ports": _TABLE,
    "socket_group": _CARRIED_OUT["socket_group"],
    "ssh_access": {"steps": TEXTS, "ending": TEXTS, "ended": int},
}
"""What each module returns where it succeeds."""

_ALWAYS: dict[str, Any] = {
    "changed": Optional(bool),
    "failed": Optional(bool),
    "skipped": Optional(bool),
    "msg": Optional(str),
    "warnings": Optional(TEXTS),
    "exception": Optional(str),
    "diff": _DIFF,
    "invocation": Optional(dict),
}
_STARTED: dict[str, Any] = {
    "ansible_job_id": str,
    "started": (int, bool),
    "finished": (int, bool),
    "results_file": str,
}
"""What there is of a task with ``async`` before it ends."""


def cleaned(module: str, stdout: str, stderr: str, status: int, is_async: bool = False) -> str:
    """The reply of ``module`` in what its process wrote, as JSON that is safe to give to Ansible.

    ``module`` is a key of REPLIES. Where there is no reply, or one that no such module gives, it is a failure that says
    so. ``status`` is the exit status of the process, ``is_async`` whether the module was only started.
    """
    try:
        reply = _read(stdout)
        if reply is None:
            return _no_reply(module, stdout, stderr, status)
        _flatten(reply)
        shape = _STARTED if is_async else REPLIES[module]
        # Nobody may use what is beside a failure, so nothing is.
        shape = _ALWAYS if reply.get("failed") or reply.get("skipped") else {**shape, **_ALWAYS}
        reply = {key: value for key, value in reply.items() if key in shape}
        if _is_not_linux(reply):
            reply["host"] = {"system": reply["host"]["system"]}
            shape = {**shape, "host": {"system": {"kernel": str, "root": bool, "systemd": bool}}}
        problem = mismatch(reply, shape, "")
        if problem:
            return _failure(f"the host's reply for {module} is not one of that module: {problem}")
        if is_async:
            # The process that runs the module removes its directory itself.
            reply["_ansible_suppress_tmpdir_delete"] = True
        return json.dumps(reply, allow_nan=False)
    except (RecursionError, ValueError) as error:
        return _failure(f"the host's reply for {module} cannot be read: {printable(str(error))}")


def mismatch(value: Any, shape: Shape, where: str) -> str | None:
    """The first place in ``value`` that is not as ``shape`` says, and what it says; None where all is."""
    if isinstance(shape, HostKeys):
        problem = ssh_keys.host_keys_problem(value)
        return f"{where}: {printable(problem)}" if problem else None
    if isinstance(shape, OneOf):
        return None if value in shape.texts else f"{where} must be one of {', '.join(shape.texts)}"
    if isinstance(shape, ByName):
        name = value.get("name") if isinstance(value, dict) else None
        known = shape.shapes.get(name) if isinstance(name, str) else None
        return mismatch(value, known, where) if known else f"{where}.name must be one of {', '.join(shape.shapes)}"
    if isinstance(shape, InOrder):
        return mismatch(value, [shape.shapes], where) or _disorder([one["name"] for one in value], shape, where)
    if isinstance(shape, Exactly):
        others = sorted(set(value) - set(shape.shape)) if isinstance(value, dict) else []
        return f"{where}.{printable(others[0])} is unknown" if others else mismatch(value, shape.shape, where)
    if isinstance(shape, tuple):
        found = [mismatch(value, one, where) for one in shape]
        # Of several, the one that looked deepest.
        return None if None in found else max((one for one in found if one), key=lambda one: len(one.partition(" ")[0]))
    if isinstance(shape, list):
        if not isinstance(value, list):
            return f"{where} must be a list and is {_described(value)}"
        places = ((one, shape[0], f"{where}[{number}]") for number, one in enumerate(value))
    elif isinstance(shape, dict):
        if not isinstance(value, dict):
            return f"{where} must be a dictionary and is {_described(value)}"
        if str in shape:
            places = ((one, shape[str], f"{where}.{printable(key)}") for key, one in value.items())
        else:
            lacking = next(
                (key for key, one in shape.items() if key not in value and not isinstance(one, Optional)), None
            )
            if lacking:
                return f"{where}.{lacking} is missing".lstrip(".")
            places = (
                (value[key], one.shape if isinstance(one, Optional) else one, f"{where}.{key}".lstrip("."))
                for key, one in shape.items()
                if key in value
            )
    elif shape is None:
        return None if value is None else f"{where} must be null and is {_described(value)}"
    elif isinstance(shape, type):
        # To Python a switch is a number as well.
        fits = isinstance(value, shape) and (shape is bool or not isinstance(value, bool))
        return None if fits else f"{where} must be {_NAMES[shape]} and is {_described(value)}"
    else:
        raise TypeError(shape)
    return next(filter(None, (mismatch(*place) for place in places)), None)


def _disorder(names: list[str], shape: InOrder, where: str) -> str | None:
    order = [name for name in shape.shapes.shapes if name in names]
    return None if names == order else f"{where} must be {', '.join(order)} and are {', '.join(names)}"


_NAMES = {
    str: "a string",
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    dict: "a dictionary",
    list: "a list",
    type(None): "null",
}


def _described(value: Any) -> str:
    return _NAMES[type(value)]


def _read(stdout: str) -> dict[str, Any] | None:
    """The object that begins with the first line that begins with a brace; None where none does.

    Shells and libraries may have written something before. Raises ValueError for what is no JSON.
    """
    if len(stdout) > MOST:
        raise ValueError(f"it has {len(stdout)} characters, and may have {MOST}")
    start = 0
    for line in stdout.splitlines(keepends=True):
        if line.startswith("{"):
            reply: dict[str, Any] = printable_data(_DECODER.raw_decode(stdout, start)[0])
            return reply
        start += len(line)
    return None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Without what would tell Ansible to make something else of it than a dictionary, or to mind it."""
    return {key: value for key, value in pairs if not key.startswith(("_ansible_", "__ansible_"))}


def _not_a_number(word: str) -> Any:
    raise ValueError(f"{word} is no number of JSON")


_DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_not_a_number)


def _flatten(reply: dict[str, Any]) -> None:
    """Make texts of warnings and of an exception that Ansible describes as objects (ansible-core 2.19 and later)."""
    warnings = reply.get("warnings")
    if isinstance(warnings, list):
        reply["warnings"] = [_event(one).get("msg") if isinstance(one, dict) else one for one in warnings]
    exception = reply.get("exception")
    if isinstance(exception, dict):
        event = _event(exception)
        reply.setdefault("msg", event.get("msg"))
        reply["exception"] = event.get("formatted_traceback")
    if reply.get("exception") is None:
        reply.pop("exception", None)


def _event(summary: dict[str, Any]) -> dict[str, Any]:
    event = summary.get("event")
    return event if isinstance(event, dict) else {}


def _is_not_linux(reply: dict[str, Any]) -> bool:
    """Whether it is ``host_info``'s of another system, of which nothing more is known."""
    try:
        return bool(reply["host"]["system"]["kernel"] != "Linux")
    except (KeyError, TypeError):
        return False


def _no_reply(module: str, stdout: str, stderr: str, status: int) -> str:
    texts = {"module_stdout": printable(stdout, lines=True), "module_stderr": printable(stderr, lines=True)}
    lines = [*texts["module_stdout"].splitlines(), *texts["module_stderr"].splitlines()]
    last = next((line for line in reversed(lines) if line.strip()), "it wrote nothing")
    return _failure(f"{module} ended with status {status} and without a reply: {last}", rc=status, **texts)


def _failure(message: str, **more: Any) -> str:
    return json.dumps({"failed": True, "msg": message, **more})
