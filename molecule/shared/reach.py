"""How the tests of all scenarios reach the lab: a host over SSH, its declared variables, a run of a playbook."""

from __future__ import annotations

import contextlib
import functools
import json
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import forge
import testinfra
from ansible_collections.mooring.docker.plugins.plugin_utils import authorities

from lab import connections, identity, inventory, processes
from lab.machine import Machine

# molecule wants colours, which would stand in what the tests read.
os.environ.update(ANSIBLE_FORCE_COLOR="false", ANSIBLE_NOCOLOR="true")

PROJECT = Path(__file__).resolve().parents[2]
INVENTORY = PROJECT / "inventory" / "lab"
BACKEND = os.environ.get("MOORING_BACKEND", "")
"""The packet filter that dockerd was told of, "" where its own choice counts."""

_VARIABLES = """{{ {
    'address': ansible_host, 'address6': lab_address6, 'user': ansible_user, 'key': ansible_ssh_private_key_file,
    'options': ansible_ssh_common_args, 'interpreter': ansible_python_interpreter,
    'endpoints': docker_engine_endpoints, 'state': lab_state,
    'bridge_address': docker_network_bridge_address | default(none), 'mtu': docker_network_mtu | default(1500),
} }}"""


@functools.cache
def managed(name: str, inventory: Path = INVENTORY) -> Any:
    """The host as Ansible reaches it, for the collection's modules."""
    return testinfra.get_host(f"ansible://{name}", ansible_inventory=str(inventory), force_ansible=True)


@functools.cache
def declared(name: str, inventory: Path = INVENTORY) -> dict[str, Any]:
    """What the inventory declares for a host, as the roles see it."""
    answer = managed(name, inventory).ansible("debug", f'msg="{_VARIABLES}"', check=False)
    found: dict[str, Any] = answer["msg"]
    return found


@functools.cache
def over_ssh(name: str, inventory: Path = INVENTORY) -> Any:
    """The host over plain SSH, ten times as quick as a run of Ansible for each command."""
    variables = declared(name, inventory)
    return testinfra.get_host(
        f"ssh://{variables['user']}@{variables['address']}",
        ssh_identity_file=variables["key"],
        ssh_extra_args=variables["options"],
        sudo=True,
    )


def pki() -> Path:
    """The directory of the lab's authorities."""
    return Path(declared("trixie")["state"]) / "pki"


def passphrase_file() -> Path:
    """The file that the lab's inventory takes the authorities' passphrase from."""
    return Path(declared("trixie")["state"]) / "passphrase"


def authority(kind: str, directory: Path) -> forge.Issuer:
    """Who signs in the lab, "server" or "client"; what it issues goes to ``directory`` and into no index."""
    signer = authorities.view(str(pki()))[kind]["signer"]
    pair = (signer["certificate"], signer["key"])
    return forge.holder(directory, pair, passphrase_file().read_text().strip())


def forget_connections() -> None:
    """End the connections to the lab that Ansible and testinfra share and keep open."""
    connections.close(identity.identify(INVENTORY, os.environ))


def machine(name: str) -> Machine:
    """A lab host as this machine sees it."""
    found = identity.identify(INVENTORY, os.environ)
    return next(Machine(found, host) for host in inventory.read(INVENTORY) if host.name == name)


def pull_the_plug(*names: str) -> None:
    """All hosts, or those named, lose their power, and get it back."""
    found = identity.identify(INVENTORY, os.environ)
    machines = [Machine(found, host) for host in inventory.read(INVENTORY) if host.name in names or not names]
    for machine in machines:
        processes.kill(machine.root)
    assert processes.wait_gone([machine.root for machine in machines], 10)
    # They lead nowhere now.
    forget_connections()
    subprocess.run(["python", "-m", "lab", "up", str(INVENTORY)], cwd=PROJECT, check=True)


@functools.cache
def docker_cli() -> str:
    """The docker CLI on this machine."""
    done = subprocess.run([PROJECT / "lab" / "docker-cli"], check=True, capture_output=True, text=True)
    return done.stdout.strip()


def in_container(host: Any, image: str, command: str) -> str:
    """The output of a command in a container of its own.

    On a busy machine runc now and then fails to start one ("read init-p: connection reset by peer"). That is status
    125, docker's own, says nothing of the command, and is tried again.
    """
    for _attempt in range(3):
        done = host.run(f"docker run --rm {image} {command}")
        if done.rc != 125:
            break
    assert done.rc == 0, done.stderr
    return str(done.stdout).strip()


@dataclass
class Run:
    """What a run of a playbook came to: its exit status, each host's tally, warnings, failure, and plan.

    ``paths`` are the files of its tasks.
    """

    status: int
    stats: dict[str, dict[str, int]] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)
    warnings: dict[str, list[str]] = field(default_factory=dict)
    steps: dict[str, dict[str, str]] = field(default_factory=dict)
    paths: set[Path] = field(default_factory=set)
    output: str = ""

    @property
    def changed(self) -> dict[str, int]:
        """How much changed on each host."""
        return {name: tally["changed"] for name, tally in self.stats.items()}


def by_host(values: Mapping[str, Any]) -> str:
    """A variable to which one run gives another value on each host; on those not named it has its role's default."""
    return f"{{{{ {dict(values)!r}.get(inventory_hostname, omit) }}}}"


def environment(checkout: Path = PROJECT) -> dict[str, str]:
    """The variables by which Ansible runs the code of a checkout.

    One other than this checkout is at DIRECTORY/ansible_collections/mooring/docker.
    """
    if checkout == PROJECT:
        return dict(os.environ)
    another = {"ANSIBLE_CONFIG": str(checkout / "ansible.cfg"), "ANSIBLE_COLLECTIONS_PATH": str(checkout.parents[2])}
    return {**os.environ, **another}


def command(
    playbook: str = "site",
    limit: str = "",
    check: bool = False,
    tags: str = "",
    checkout: Path = PROJECT,
    inventory: Path = INVENTORY,
    **variables: Any,
) -> list[str]:
    """The command line of ``ansible-playbook`` for a playbook on the lab."""
    words = ["ansible-playbook", "-i", str(inventory), str(checkout / "playbooks" / f"{playbook}.yml")]
    # A limit, even to all, leaves out this machine, which no inventory names.
    words += ["--limit", limit] if limit else []
    words += ["--tags", tags] if tags else []
    return [*words, "--extra-vars", json.dumps(variables), *(["--check"] if check else [])]


def findings(words: Sequence[str]) -> subprocess.CompletedProcess[str]:
    """Run a verification, by its command line, as a monitoring system does: it prints a line for each finding alone."""
    return subprocess.run(
        words, cwd=PROJECT, capture_output=True, text=True, check=False, timeout=120,
        env={**os.environ, "ANSIBLE_STDOUT_CALLBACK": "mooring.docker.quiet"},
    )  # fmt: skip


def run(
    playbook: str = "site",
    limit: str = "",
    check: bool = False,
    tags: str = "",
    prefix: Sequence[str] = (),
    checkout: Path = PROJECT,
    inventory: Path = INVENTORY,
    **variables: Any,
) -> Run:
    """Run a playbook as an operator does, with further variables; ``prefix`` is a command to run it by."""
    done = subprocess.run(
        [*prefix, *command(playbook, limit, check, tags, checkout, inventory, **variables)],
        cwd=checkout,
        env={**environment(checkout), "ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json"},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    found = Run(done.returncode, output=done.stdout[-3000:] + done.stderr[-3000:])
    start = done.stdout.find("{")
    if start >= 0:
        report = json.loads(done.stdout[start:])
        found.stats = report["stats"]
        for task in (task for play in report["plays"] for task in play["tasks"]):
            found.paths.add(Path(task["task"]["path"].rpartition(":")[0]))
            for name, result in task["hosts"].items():
                found.warnings.setdefault(name, []).extend(map(str, result.get("warnings") or []))
                if result.get("failed") or result.get("unreachable"):
                    found.failures[name] = str(result.get("msg"))
                elif "steps" in (result.get("plan") or {}):
                    found.steps[name] = {step["name"]: step["summary"] for step in result["plan"]["steps"]}
    return found


def start(words: list[str]) -> subprocess.Popen[bytes]:
    """Start a run of a playbook and leave it to itself."""
    quiet = subprocess.DEVNULL
    return subprocess.Popen(words, cwd=PROJECT, stdin=quiet, stdout=quiet, stderr=quiet, start_new_session=True)


def kill(process: subprocess.Popen[bytes]) -> None:
    """The controller is gone at once, workers and all; its connections stay behind as they would."""
    if process.poll() is None:
        # Ansible's workers are in sessions of their own (ansible.executor.process.worker), and would go on.
        for pid in [process.pid, *_descendants(process.pid)]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
    process.wait()


def _descendants(pid: int) -> list[int]:
    """The processes that a process has started, and those that they have started."""
    found = []
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        for listed in Path(f"/proc/{pid}/task").glob("*/children"):
            for child in map(int, listed.read_text(encoding="ascii").split()):
                found += [child, *_descendants(child)]
    return found
