"""`python -m lab up|down|status INVENTORY`."""

from __future__ import annotations

import argparse
import contextlib
import os
import secrets
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from lab import connections, inventory, limits, locks, machine, network, requirements, router, shell
from lab.errors import LabError
from lab.identity import STATE, Identity, identify
from lab.image import Images
from lab.inventory import Host
from lab.machine import Machine

_ENVIRONMENT = (
    *("MOORING_LAB", "MOORING_LAB_NETWORK", "MOORING_LAB_MIRROR", "MOORING_CACHE"),
    *("MOORING_ENGINES", "MOORING_ENGINE", "MOORING_BACKEND"),
)


def main() -> int:
    """Run one command. What a person can mend is said in one sentence, without a traceback."""
    parser = argparse.ArgumentParser(prog="python -m lab", description="The hosts of an inventory as real machines.")
    parser.add_argument("command", choices=("up", "down", "status"))
    parser.add_argument("inventory", type=Path)
    arguments = parser.parse_args()
    try:
        _become_root()
        lab = identify(arguments.inventory, os.environ)
        if arguments.command == "down":
            down(lab)
        elif arguments.command == "status":
            status(lab, inventory.read(arguments.inventory))
        else:
            up(lab, inventory.read(arguments.inventory))
    except LabError as error:
        print(f"lab: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("lab: interrupted; `up` completes it, `down` removes it", file=sys.stderr)
        return 130
    return 0


def up(lab: Identity, hosts: list[Host]) -> None:
    """Boot what is missing, leave what answers alone, and clear what an interrupted run left."""
    started = time.monotonic()
    machines = [Machine(lab, host) for host in hosts]
    with _alone(lab):
        _remove_undeclared(lab, hosts)
        network_is_up = Path("/sys/class/net", lab.bridge).exists()
        idle = network_is_up and all(one.running and one.answers(3) for one in machines)
        if not idle:
            requirements.check()
            limits.ensure()
            network.refuse_collision(lab)
        absent = [one for one in machines if not one.root.exists()]
        images = Images() if absent else None
        if images:
            images.build_missing({one.host.suite for one in absent})
        network.ensure(lab)
        _ensure_secrets(lab)
        if images:
            _each(absent, lambda one: one.create(images, hosts))
        for one in machines:
            one.introduce(hosts)
        known_hosts = "".join(one.host_key() for one in machines)
        shell.write(lab.ssh / "known_hosts", known_hosts)
        if not idle:
            _each(machines, _bring_up)
    addresses = ", ".join(f"{one.host.name} {one.address}" for one in machines)
    print(f"lab {lab.id} is up after {time.monotonic() - started:.1f} s: {addresses}")


def down(lab: Identity) -> None:
    """Remove the lab, whole or half-built, without a trace. Base images stay in the cache."""
    if not (lab.state.exists() or Path("/sys/class/net", lab.bridge).exists()):
        print(f"lab {lab.id} is not there")
    with _alone(lab):
        connections.close(lab)
        _each(machine.present(lab), Machine.destroy)
        router.remove(lab)
        network.remove(lab)
        shell.remove_tree(lab.state)
        limits.restore()
        network.restore_forwarding()


def status(lab: Identity, hosts: list[Host]) -> None:
    """Print one line per declared host."""
    print(f"lab {lab.id}, network {lab.network}, bridge {lab.bridge}")
    for host in hosts:
        one = Machine(lab, host)
        state = "absent" if not one.root.exists() else "off" if not one.running else "no SSH"
        print(f"{host.name:<16} {host.suite:<10} {one.address:<16} {'up' if one.answers() else state}")


@contextlib.contextmanager
def _alone(lab: Identity) -> Iterator[None]:
    """One run at a time works on a lab. Where there is no lab afterwards, no trace of the run is left either."""
    with locks.held(lab.lock, announce="waiting for another run of this lab"):
        try:
            yield
        finally:
            if not lab.state.exists():
                lab.lock.unlink()
                with contextlib.suppress(OSError):
                    STATE.rmdir()


def _bring_up(one: Machine) -> None:
    """A host that runs but does not answer gets a moment (it may be booting), and then a power cycle."""
    if one.running:
        with contextlib.suppress(LabError):
            one.wait_answering(20)
            return
        print(f"{one.host.name}: runs but does not answer, restarting it", flush=True)
        one.stop()
    connections.close(one.lab, one.address)
    started = time.monotonic()
    one.boot()
    one.wait_answering()
    print(f"{one.host.name}: {one.host.suite} at {one.address} after {time.monotonic() - started:.1f} s", flush=True)


def _remove_undeclared(lab: Identity, hosts: list[Host]) -> None:
    """The inventory is the only description: what it does not declare (any more, or so) goes."""
    for one in machine.present(lab):
        if one.host not in hosts:
            one.destroy()


def _ensure_secrets(lab: Identity) -> None:
    """The lab's own SSH key and passphrase, for whoever called us, also through sudo."""
    for directory in (lab.state, lab.ssh, lab.ssh / "control"):
        directory.mkdir(exist_ok=True, parents=True)
    lab.machines.mkdir(exist_ok=True, mode=0o700)
    key = lab.ssh / "id_ed25519"
    if not key.exists():
        fresh = lab.ssh / "fresh"
        for leftover in lab.ssh.glob("fresh*"):
            leftover.unlink()
        shell.run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", f"mooring-lab-{lab.id}", "-f", fresh)
        fresh.with_suffix(".pub").replace(key.with_suffix(".pub"))
        fresh.replace(key)
    # The authorities'. Ansible's lookup "password" leaves a lock behind where it is killed.
    passphrase = lab.state / "passphrase"
    if not passphrase.exists():
        fresh = lab.state / "passphrase.fresh"
        fresh.touch(mode=0o600)
        fresh.write_text(secrets.token_urlsafe(24), encoding="ascii")
        fresh.replace(passphrase)
    owner = int(os.environ.get("SUDO_UID", "0")), int(os.environ.get("SUDO_GID", "0"))
    for path in (lab.ssh, lab.ssh / "control", key, key.with_suffix(".pub"), passphrase):
        os.chown(path, *owner)


def _each(machines: list[Machine], action: Callable[[Machine], None]) -> None:
    """Do it to all at once, and let every one finish before the first failure is told."""
    with ThreadPoolExecutor(max_workers=max(1, len(machines))) as pool:
        outcomes = [pool.submit(action, one) for one in machines]
    errors = [error for outcome in outcomes if (error := outcome.exception()) is not None]
    for error in errors:
        if not isinstance(error, LabError):
            raise error
    if errors:
        raise LabError("\n".join(str(error) for error in errors))


def _become_root() -> None:
    """Namespaces, bridges and mounts need root: go on through sudo where we are not."""
    if sys.platform != "linux" or os.geteuid() == 0:
        return
    keep = f"--preserve-env={','.join(_ENVIRONMENT)}"
    try:
        os.execvp("sudo", ["sudo", keep, sys.executable, "-m", "lab", *sys.argv[1:]])
    except OSError:
        raise LabError("needs root (it makes namespaces, a bridge and mounts), and there is no sudo") from None


if __name__ == "__main__":
    sys.exit(main())
