"""One host: its directory, its boot, its end."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import re
import socket
import subprocess
import time
import uuid
from dataclasses import dataclass
from pathlib import Path

from lab import engine, network, processes, shell
from lab.errors import LabError
from lab.identity import Identity
from lab.image import Images, cache
from lab.inventory import Host

ANSWER_WITHIN = 60.0
POWER_OFF_WITHIN = 5.0

# Runs systemd-nspawn, again whenever the host reboots (nspawn then ends with 133). $1 is the control group
# to live in; empty, it is the one that systemd has given us. The mount namespace is the machine's own, so
# what is mounted here is seen by nobody else: where the lab's machine has cgroup v1 controllers mounted, the
# host gets the v2 hierarchy instead, without which no container starts in it. Two hosts in one control group
# would fight over it, and so would this shell and its nspawn: every boot gets a fresh group of its own.
START = r"""
set -eu
group=$1
shift
if [ "$(stat -f -c %T /sys/fs/cgroup)" != cgroup2fs ]; then
    unified=$(findmnt --noheadings --raw --types cgroup2 --output TARGET | head -n 1)
    if [ -n "$unified" ]; then
        mount --bind "$unified" /sys/fs/cgroup
    else
        mount -t cgroup2 cgroup2 /sys/fs/cgroup
    fi
fi
[ -n "$group" ] || group=$(sed -n 's/^0::.//p' /proc/self/cgroup)
group=/sys/fs/cgroup/$group
mkdir -p "$group/shell"
echo $$ > "$group/shell/cgroup.procs"
for level in "$group/../../.." "$group/../.." "$group/.." "$group"; do
    for controller in cpu cpuset memory pids io; do
        # Without it (cgroup v1 has it, or systemd has decided already) the host works, but cannot limit.
        echo "+$controller" > "$level/cgroup.subtree_control" || true
    done 2> /dev/null
done
status=133
while [ "$status" -eq 133 ]; do
    find "$group/boot" -depth -type d -exec rmdir {} + 2> /dev/null || true
    mkdir -p "$group/boot"
    status=0
    sh -c 'echo $$ > "$0/boot/cgroup.procs"; exec systemd-nspawn "$@"' "$group" "$@" || status=$?
done
exit "$status"
"""


@dataclass(frozen=True)
class Machine:
    """A host of the lab on this machine's disk and in its process table."""

    lab: Identity
    host: Host

    @property
    def directory(self) -> Path:
        return self.lab.machines / self.host.name

    @property
    def root(self) -> Path:
        return self.directory / "root"

    @property
    def console(self) -> Path:
        return self.directory / "console.log"

    @property
    def address(self) -> str:
        return str(self.lab.address(self.host.octet))

    @property
    def name(self) -> str:
        """For nspawn; short, so that nspawn's `vb-` interface is named after it in full."""
        return f"{self.lab.id}{self.host.octet:03d}"

    @property
    def interface(self) -> str:
        return f"vb-{self.name}"

    @property
    def cgroup(self) -> str:
        return f"mooring-lab/{self.lab.id}/{self.host.name}"

    @property
    def unit(self) -> str:
        return f"mooring-lab-{self.name}"

    @property
    def running(self) -> bool:
        return bool(processes.running(self.root))

    def answers(self, timeout: float = 0.5) -> bool:
        """Whether an SSH server speaks at the host's address."""
        try:
            with socket.create_connection((self.address, 22), timeout) as connection:
                # The whole greeting, and ours: a connection cut short is an error in the host's journal.
                greeting = connection.recv(256)
                connection.sendall(b"SSH-2.0-mooring\r\n")
                return greeting.startswith(b"SSH-")
        except OSError:
            return False

    def create(self, images: Images, fellows: list[Host]) -> None:
        """Make the host's root directory. It gets its name when it is complete, and never before."""
        shell.remove_tree(self.directory)
        self.directory.mkdir(parents=True)
        root = self.directory / "root.new"
        images.copy(self.host.suite, root)
        if self.host.engine:
            engine.add(self.host, root, cache() / "engines")
        etc = root / "etc"
        shell.write(etc / "machine-id", uuid.uuid4().hex + "\n", 0o444)
        shell.write(etc / "hostname", self.host.name + "\n")
        shell.write(etc / "hosts", _hosts_file(self.lab, self.host, fellows))
        shell.write(etc / "resolv.conf", resolvers())
        shell.write(etc / "systemd/network/10-lab.network", self._network_file())
        host_key = etc / "ssh/ssh_host_ed25519_key"
        shell.run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", self.host.name, "-f", host_key)
        keys = root / "home/admin/.ssh"
        keys.mkdir(mode=0o700)
        shell.write(keys / "authorized_keys", (self.lab.ssh / "id_ed25519.pub").read_text(), 0o600)
        home = keys.parent.stat()
        for path in (keys, keys / "authorized_keys"):
            os.chown(path, home.st_uid, home.st_gid)
        save(self.directory, self.host)
        root.replace(self.root)

    def introduce(self, fellows: list[Host]) -> None:
        """Tell a host that is there already who its fellows are now."""
        file = self.root / "etc/hosts"
        if not file.is_symlink() and file.is_file():
            present = file.read_text()
            wanted = _replace_block(present, fellows_block(self.lab, fellows))
            if wanted != present:
                shell.write(file, wanted)

    def host_key(self) -> str:
        """The line by which this machine's SSH knows the host."""
        key = (self.root / "etc/ssh/ssh_host_ed25519_key.pub").read_text().split()
        return f"{self.address} {key[0]} {key[1]}\n"

    def boot(self) -> None:
        """Start the host; it outlives us, our terminal and our session."""
        self._clear()
        scope = (
            # With systemd as PID 1 the control groups are its own: ask it for one that is ours to divide.
            *("systemd-run", "--scope", "--quiet", "--collect", f"--unit={self.unit}"),
            *("--property=Delegate=yes", f"--description=Mooring lab host {self.host.name}", "--"),
        )
        command = [
            *(scope if under_systemd() else ()),
            *("unshare", "--mount", "--propagation", "slave", "--"),
            *("sh", "-c", START, "mooring-lab", "" if under_systemd() else self.cgroup),
            f"--directory={self.root}",
            f"--machine={self.name}",
            f"--hostname={self.host.name}",
            f"--network-bridge={self.lab.bridge}",
            *("--boot", "--register=no", "--keep-unit", "--console=passive"),
            *("--link-journal=no", "--resolv-conf=off", "--timezone=off"),
            # What dockerd and the container runtimes ask for and nspawn withholds from lesser guests.
            *("--capability=all", "--system-call-filter=@keyring bpf add_key keyctl"),
        ]
        with self.console.open("ab") as console:
            subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=console,
                start_new_session=True,
                cwd="/",
                env={"PATH": os.environ.get("PATH", os.defpath), "LANG": "C.UTF-8"},
            )

    def wait_answering(self, seconds: float = ANSWER_WITHIN) -> None:
        """Wait until `admin` can log in, or say what the host said last."""
        deadline = time.monotonic() + seconds
        started = time.monotonic()
        while time.monotonic() < deadline:
            if self.answers() and self._login():
                return
            if time.monotonic() - started > 1 and not self.running:
                raise LabError(f"{self.host.name} ended while it booted{self._last_words()}")
            time.sleep(0.1)
        raise LabError(f"{self.host.name} does not answer SSH after {seconds:g} s{self._last_words()}")

    def stop(self) -> None:
        """Power the host off, and pull the plug on what does not obey (some systemd never do)."""
        if self.running:
            asked = processes.power_off(self.root)
            if not (asked and processes.wait_gone([self.root], POWER_OFF_WITHIN)):
                processes.kill(self.root)
                if not processes.wait_gone([self.root], POWER_OFF_WITHIN):
                    raise LabError(f"{self.host.name} cannot be ended: process {processes.running(self.root)}")
        self._clear()

    def destroy(self) -> None:
        self.stop()
        shell.remove_tree(self.directory)

    def _clear(self) -> None:
        """Remove what an nspawn that was killed leaves behind."""
        if under_systemd():
            shell.succeeds("systemctl", "stop", f"{self.unit}.scope")
        _remove_cgroup(self.cgroup)
        network.detach(self.interface)
        nspawn = Path("/run/systemd/nspawn")
        for leftover in nspawn.glob(f"*/{self.name}"):
            shell.remove_tree(leftover)
        with contextlib.suppress(FileNotFoundError):
            inode = self.root.stat()
            (nspawn / "locks" / f"inode-{inode.st_dev}:{inode.st_ino}").unlink()

    def _login(self) -> bool:
        return shell.succeeds(
            *("ssh", "-F", "none", "-i", self.lab.ssh / "id_ed25519", "-o", "BatchMode=yes"),
            *("-o", f"UserKnownHostsFile={self.lab.ssh / 'known_hosts'}", "-o", "StrictHostKeyChecking=yes"),
            *("-o", "ControlPath=none", "-o", "ConnectTimeout=2", f"admin@{self.address}", "sudo -n true"),
            timeout=10,
        )

    def _network_file(self) -> str:
        # Sorts before systemd's own 80-container-host0.network, which would ask for DHCP.
        return f"""\
[Match]
Name=host0

[Network]
Address={self.address}/24
Address={self.lab.address6(self.host.octet)}/64
Gateway={self.lab.gateway}
DHCP=no
IPv6AcceptRA=no
LinkLocalAddressing=ipv6
"""

    def _last_words(self) -> str:
        with contextlib.suppress(OSError):
            console = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", self.console.read_text(errors="replace"))
            lines = shell.tail(console, 15)
            with contextlib.suppress(LabError):
                journal = shell.run(
                    *("journalctl", "--quiet", "--no-pager", "--priority=warning", "--lines=15"),
                    *("--directory", self.root / "var/log/journal"),
                    timeout=10,
                )
                lines += shell.tail(journal, 15)
            if lines:
                return "; its last words:\n  " + "\n  ".join(lines)
        return ""


def save(directory: Path, host: Host) -> None:
    """Remember what a machine's directory was made for."""
    shell.write(directory / "host.json", json.dumps(dataclasses.asdict(host)) + "\n")


def present(lab: Identity) -> list[Machine]:
    """The machines that exist, whole or half-made, whatever the inventory says by now."""
    if not lab.machines.is_dir():
        return []
    return [Machine(lab, load(directory)) for directory in sorted(lab.machines.iterdir()) if directory.is_dir()]


def resolvers() -> str:
    """The machine's resolvers, as a host can reach them: not through the machine's loopback."""
    for file in (Path("/etc/resolv.conf"), Path("/run/systemd/resolve/resolv.conf")):
        lines = usable_resolvers(file.read_text()) if file.exists() else []
        if any(line.startswith("nameserver") for line in lines):
            return "\n".join(lines) + "\n"
    raise LabError("this machine's resolver listens on its loopback only: hosts need one they can reach")


def usable_resolvers(text: str) -> list[str]:
    """The lines of a resolv.conf without comments and without resolvers on the loopback."""
    lines = [line.strip() for line in text.splitlines()]
    return [line for line in lines if line and line[0] not in "#;" and not re.match(r"nameserver\s+(127\.|::1$)", line)]


def under_systemd() -> bool:
    """Whether PID 1 of this machine is systemd (as sd_booted(3) tells)."""
    return Path("/run/systemd/system").is_dir()


def load(directory: Path) -> Host:
    """A directory without a complete record is what a killed run left: it has no address yet."""
    try:
        record = json.loads((directory / "host.json").read_text())
        return Host(**{**record, "name": directory.name})
    except (OSError, ValueError, TypeError):
        return Host(directory.name, "", 0)


def _hosts_file(lab: Identity, host: Host, fellows: list[Host]) -> str:
    own = f"127.0.0.1 localhost\n127.0.1.1 {host.name}\n::1 localhost ip6-localhost ip6-loopback\n"
    return own + fellows_block(lab, fellows)


def fellows_block(lab: Identity, hosts: list[Host]) -> str:
    lines = [f"{lab.address(host.octet)} {host.name}" for host in hosts]
    return "\n".join([BEGIN, *lines, END, ""])


BEGIN, END = "# the lab: begin", "# the lab: end"


def _replace_block(text: str, block: str) -> str:
    pattern = re.compile(rf"^{BEGIN}\n.*?^{END}\n", re.MULTILINE | re.DOTALL)
    return pattern.sub(lambda _: block, text) if pattern.search(text) else text


def _remove_cgroup(name: str) -> None:
    """End what is left in a control group of ours and remove it, wherever v2 is mounted.

    When nspawn is gone the kernel is still busy with the last of its processes.
    """
    for mount in ("/sys/fs/cgroup/unified", "/sys/fs/cgroup"):
        group = Path(mount, name)
        if not (group / "cgroup.procs").exists():
            continue
        with contextlib.suppress(OSError):
            (group / "cgroup.kill").write_text("1")
        deadline = time.monotonic() + 3
        while group.exists() and time.monotonic() < deadline:
            for directory, _, _ in os.walk(group, topdown=False):
                with contextlib.suppress(OSError):
                    Path(directory).rmdir()
            time.sleep(0.02)
        for parent in (group.parent, group.parent.parent):
            with contextlib.suppress(OSError):
                parent.rmdir()
