"""A daemon is reached over SSH by those who may, by a key that opens nothing else of the host."""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import docker
import pytest
import reach
from clients import ACCOUNT, HOSTS, Client, Shared, ask, converge, everywhere, new_key, per_host, run, ssh, ssh_line

ECHO = ["/bin/busybox", "echo", "moored"]
KEYS = "/var/lib/mooring-ssh/.ssh/authorized_keys"
DROP_IN = "/etc/ssh/sshd_config.d/00-mooring.conf"
NEIGHBOURS = {"bookworm": ["trixie", "forky"], "trixie": ["bookworm"]}
"""Hosts of the lab that are clients of others."""

THEIRS = "Host elsewhere\n  Port 2022\n"
"""What such a host's root had in ~/.ssh/config before."""

# The SDK of the host's distribution, which knows no contexts, by the user's ssh.
SDK = """
import docker
client = docker.DockerClient(base_url="{url}", use_ssh_client=True)
print(client.containers.run("busybox:lab", ["/bin/busybox", "echo", "moored"], remove=True).decode())
"""


@dataclass
class SshClient(Client):
    """This machine as a client whose ssh has a configuration of its own: ssh(1) takes no other home than the user's."""

    @property
    def variables(self) -> dict[str, Any]:
        """The role's variables for it."""
        return {**super().variables, "docker_client_ssh_config": str(self.directory / "config")}

    def join(self, *hosts: str, **variables: Any) -> reach.Run:
        """Become a client that has a key."""
        return super().join(*hosts, docker_client_ssh_key=True, **variables)

    @property
    def environment(self) -> dict[str, str]:
        """Variables by which programs that run ssh run it with that configuration."""
        program = self.directory / "bin" / "ssh"
        program.parent.mkdir(exist_ok=True)
        program.write_text(f'#!/bin/sh\nexec /usr/bin/ssh -F {self.directory}/config "$@"\n')
        program.chmod(0o755)
        return {"PATH": f"{program.parent}:{os.environ['PATH']}"}

    def docker(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run the CLI."""
        with pytest.MonkeyPatch.context() as patched:
            patched.setenv("PATH", self.environment["PATH"])
            return super().docker(*words)

    @property
    def public_key(self) -> str:
        """What the inventory says of it."""
        return (self.directory / "id_ed25519.pub").read_text()


@dataclass
class Fleet:
    """The fleet with its clients over SSH: this machine, two hosts of the lab, and one who leaves."""

    here: SshClient
    leaver: Path
    keys: dict[str, str]

    def declare(self, *names: str, **variables: Any) -> reach.Run:
        """A run with these clients alone."""
        return converge(docker_engine_ssh_clients={name: self.keys[name] for name in names}, **variables)

    def join(self, *hosts: str, **keys: str) -> reach.Run:
        """Make this machine and hosts of the lab clients, where the fleet's hosts know these keys."""
        done = self.here.join(*hosts, docker_engine_ssh_clients=keys)
        assert done.status == 0, done.failures
        return done


@pytest.fixture(scope="module")
def over_ssh(fleet: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """As an operator does it: keys are made on the clients, listed in the inventory, and the contexts follow."""
    directory = tmp_path_factory.mktemp("ssh")
    found = Fleet(SshClient(directory / "here"), new_key(directory / "leaver"), {})
    found.here.directory.mkdir()
    for name in NEIGHBOURS:
        host = reach.over_ssh(name)
        host.run_expect([0], f"mkdir -p -m 700 /root/.ssh && printf %s {shlex.quote(THEIRS)} > /root/.ssh/config")
    found.join(*NEIGHBOURS)
    found.keys.update(here=found.here.public_key, leaver=found.leaver.with_suffix(".pub").read_text())
    for name in NEIGHBOURS:
        found.keys[name] = reach.over_ssh(name).check_output("cat /root/.docker/lab/id_ed25519.pub")
    found.declare(*found.keys)
    found.join(*NEIGHBOURS, **found.keys)
    yield found
    for name in NEIGHBOURS:
        reach.over_ssh(name).run_expect([0], "rm -r /root/.ssh/config /root/.docker/lab/id_ed25519*")


def test_second_run_changes_nothing(over_ssh: Fleet) -> None:
    unchanged = dict.fromkeys(HOSTS, 0)
    assert over_ssh.declare(*over_ssh.keys).changed == unchanged
    assert over_ssh.join(*NEIGHBOURS, **over_ssh.keys).changed == {**unchanged, "localhost": 0}


@pytest.mark.parametrize("name", HOSTS)
def test_cli_and_sdk_here(over_ssh: Fleet, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    done = over_ssh.here.docker("--context", f"{name}-ssh", "run", "--rm", "busybox:lab", *ECHO)
    assert done.stdout.strip() == "moored", done.stderr
    monkeypatch.setenv("PATH", over_ssh.here.environment["PATH"])
    engine = docker.DockerClient(
        base_url=f"ssh://{ACCOUNT}@{reach.declared(name)['address']}", use_ssh_client=True, timeout=30
    )
    assert engine.info()["Name"] == name
    assert engine.containers.run("busybox:lab", ECHO, remove=True).decode().strip() == "moored"
    # Its connection ends with the session, which another test takes away.
    engine.close()


@pytest.mark.parametrize(("client", "name"), [(one, name) for one in NEIGHBOURS for name in NEIGHBOURS[one]])
def test_cli_and_sdk_on_another_host(over_ssh: Fleet, client: str, name: str) -> None:
    host = reach.over_ssh(client)
    assert host.check_output(f"docker --context {name}-ssh run --rm busybox:lab {' '.join(ECHO)}") == "moored"
    packages = "python3-docker python3-paramiko"
    host.run_expect([0], f"dpkg -s {packages} || apt-get install -qq --no-install-recommends {packages}")
    script = SDK.format(url=f"ssh://{ACCOUNT}@{reach.declared(name)['address']}")
    assert host.check_output("python3 -c %s", script) == "moored"


FORBIDDEN = {
    "a command": (["HOST", "id"], "uid="),
    "a shell": (["-tt", "HOST", "id"], "uid="),
    "a connection onward": (["-W", "127.0.0.1:22", "HOST"], "SSH-2.0"),
}
"""What a key must not open: words for ssh, and what is seen where it does."""


@pytest.mark.parametrize("name", HOSTS)
def test_the_key_opens_nothing_else(over_ssh: Fleet, name: str) -> None:
    key = over_ssh.here.directory / "id_ed25519"
    operator = reach.declared(name)
    for what, (words, sign) in FORBIDDEN.items():
        free = ssh(name, Path(operator["key"]), *words, user=operator["user"])
        assert sign in free.stdout, f"an operator's key opens {what}, or this test could not fail"
        assert sign not in ssh(name, key, *words).stdout, f"the key opens {what}"
    # What sshd itself says of the keys: it lists what each may.
    free = ssh(name, Path(operator["key"]), "-v", "HOST", "true", user=operator["user"])
    assert "key options: agent-forwarding port-forwarding pty user-rc x11-forwarding" in free.stderr
    kept = ssh(name, key, "-v", "HOST", "true")
    assert f"{KEYS}:" in kept.stderr
    assert "key options: command\n" in kept.stderr.replace("\r", "")


@pytest.mark.parametrize("name", HOSTS)
def test_the_key_moves_no_files(over_ssh: Fleet, name: str, tmp_path: Path) -> None:
    variables = reach.declared(name)
    known = f"UserKnownHostsFile={variables['state']}/ssh/known_hosts"

    def fetch(program: list[str], user: str, key: str) -> bool:
        target = tmp_path / "fetched"
        # The daemon waits for HTTP, and these programs for their own protocol.
        line = [
            "timeout",
            "5",
            *program,
            "-F",
            "none",
            "-o",
            known,
            "-o",
            "IdentitiesOnly=yes",
            "-o",
            "BatchMode=yes",
            "-i",
            key,
        ]
        subprocess.run(
            [*line, f"{user}@{variables['address']}:/etc/hostname", str(target)],
            stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=30,
        )  # fmt: skip
        found = target.exists() and target.read_text().strip() == name
        target.unlink(missing_ok=True)
        return found

    for program in (["scp"], ["scp", "-O"], ["sftp"]):
        if program != ["scp", "-O"]:
            assert fetch(program, variables["user"], variables["key"]), "an operator's key does, or this could not fail"
        assert not fetch(program, ACCOUNT, str(over_ssh.here.directory / "id_ed25519"))


def test_environment_of_the_host_leads_nowhere_else(over_ssh: Fleet) -> None:
    host = reach.over_ssh("trixie")
    host.run_expect(
        [0], "cp -p /etc/environment /root/environment; echo DOCKER_HOST=tcp://127.0.0.1:1 >> /etc/environment"
    )
    try:
        assert "127.0.0.1:1" in host.run(f"su - {ACCOUNT} -c 'docker version'").stderr
        assert over_ssh.here.docker("--context", "trixie-ssh", "version").returncode == 0
    finally:
        host.run_expect([0], "mv /root/environment /etc/environment")


@pytest.mark.parametrize("name", HOSTS)
def test_the_account_cannot_change_its_keys(over_ssh: Fleet, name: str) -> None:
    host = reach.over_ssh(name)
    assert host.check_output(f"id -Gn {ACCOUNT}") == "docker"
    assert host.check_output(f"getent shadow {ACCOUNT}").split(":")[1] == "*"
    before = host.file(KEYS).content_string
    for attempt in (f"echo x >> {KEYS}", f"rm {KEYS}", f"mv {KEYS} {KEYS}2", "touch ~/.ssh/authorized_keys2",
                    "mv ~/.ssh ~/x", "mkdir ~/x", f"chmod 666 {KEYS}"):  # fmt: skip
        assert host.run("su - %s -c %s", ACCOUNT, attempt).rc != 0, attempt
    assert host.file(KEYS).content_string == before
    assert host.run(f"su - {ACCOUNT} -c 'cat {KEYS}'").rc == 0, "the account can run commands, or this could not fail"


def test_no_password_opens_the_account(over_ssh: Fleet, tmp_path: Path) -> None:
    """Also where sshd takes passwords: its drop-in keeps the account from them, and one that somebody set is taken away
    by the next run.
    """
    host = reach.over_ssh("trixie")
    answer = tmp_path / "answer"
    answer.write_text("#!/bin/sh\necho moored\n")
    answer.chmod(0o755)
    line = ["ssh", "-F", "none", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-p", "2222",
            "-o", "PreferredAuthentications=password", "-o", "NumberOfPasswordPrompts=1"]  # fmt: skip

    def enter() -> str:
        done = subprocess.run(
            [*line, f"{ACCOUNT}@{reach.declared('trixie')['address']}", "echo in"], stdin=subprocess.DEVNULL,
            env={**os.environ, "SSH_ASKPASS": str(answer), "SSH_ASKPASS_REQUIRE": "force"},
            capture_output=True, text=True, check=False, timeout=30,
        )  # fmt: skip
        return done.stdout.strip()

    host.run_expect([0], "/usr/sbin/sshd -p 2222 -o PasswordAuthentication=yes -o PidFile=/run/sshd-2222.pid")
    try:
        assert enter() == ""
        host.run_expect([0], f"echo {ACCOUNT}:moored | chpasswd")
        assert enter() == ""
        host.run_expect([0], f"mv {DROP_IN} /root/kept && kill -HUP $(cat /run/sshd-2222.pid) && sleep 0.5")
        assert enter() == "in", "a password opens it without the drop-in, or this test could not fail"
        host.run_expect([0], f"mv /root/kept {DROP_IN}")
        assert over_ssh.declare(*over_ssh.keys, limit="trixie").changed == {"trixie": 1}
        assert enter() == ""
    finally:
        host.run_expect([0], "kill $(cat /run/sshd-2222.pid)")


def test_clients_know_their_hosts(over_ssh: Fleet) -> None:
    """A key of a host that the client was not told is not trusted; the next run tells it."""
    known = over_ssh.here.directory / "known_hosts"
    told = known.read_text()
    address = reach.declared("trixie")["address"]
    ours, impostors = (
        next(line for line in told.splitlines() if line.startswith(f"{reach.declared(name)['address']} "))
        for name in ("trixie", "forky")
    )
    wrong = f"{address} {impostors.split(' ', 1)[1]}"
    for text in (told.replace(ours, wrong), told.replace(f"{ours}\n", "")):
        known.write_text(text)
        refused = over_ssh.here.docker("--context", "trixie-ssh", "version")
        assert "Host key verification failed" in refused.stderr
    assert over_ssh.join(**over_ssh.keys).changed["localhost"] == 1
    assert known.read_text() == told
    assert over_ssh.here.docker("--context", "trixie-ssh", "version").returncode == 0


def test_what_cannot_be_is_refused_with_nothing_changed(over_ssh: Fleet) -> None:
    """Of each kind of refusals one, on a host each: of keys, of accounts, of settings of sshd."""
    private = (over_ssh.here.directory / "id_ed25519").read_text()
    everywhere(
        {
            "trixie": "useradd --create-home somebody",
            # By its files, which the sshd that runs has not read here.
            "forky": "printf 'Match Group docker\\n  ForceCommand x\\n' > /etc/ssh/sshd_config.d/00-a.conf",
        }
    )
    try:
        entry = reach.over_ssh("trixie").check_output("getent passwd somebody")
        done = run(
            docker_engine_ssh_clients=per_host({"bookworm": {"alice": private}}, over_ssh.keys),
            docker_engine_ssh_user=per_host({"trixie": "somebody"}, ACCOUNT),
        )
        assert done.status != 0
        assert done.changed == dict.fromkeys(HOSTS, 0)
        assert "docker_engine_ssh_clients alice: that is a private key" in done.failures["bookworm"]
        assert private.splitlines()[1] not in done.output + "".join(done.failures.values())
        assert "docker_engine_ssh_user somebody: there is an account of that name" in done.failures["trixie"]
        assert "(/etc/ssh/sshd_config.d/00-a.conf line 1) may hold for docker-remote" in done.failures["forky"]
        assert reach.over_ssh("trixie").check_output("getent passwd somebody") == entry
        assert over_ssh.here.docker("--context", "trixie-ssh", "version").returncode == 0
    finally:
        everywhere({"trixie": "userdel --remove somebody", "forky": "rm /etc/ssh/sshd_config.d/00-a.conf"})


def test_a_new_account_takes_the_place_of_the_old_one_and_a_socket_elsewhere_is_followed(over_ssh: Fleet) -> None:
    host = reach.over_ssh("trixie")
    variables: dict[str, Any] = {
        "limit": "trixie",
        "docker_engine_ssh_user": "docker-other",
        "docker_engine_ssh_clients": over_ssh.keys,
        "docker_engine_endpoints": ["unix:///run/elsewhere/docker.sock"],
    }
    foretold = run(check=True, **variables)
    assert (foretold.status, foretold.changed["trixie"] > 0) == (0, True)
    assert host.user("docker-other").exists is False
    assert run(**variables).status == 0
    assert (host.user("docker-other").exists, host.user(ACCOUNT).exists) == (True, False)
    key = over_ssh.here.directory / "id_ed25519"
    assert "Permission denied" in ssh("trixie", key, "HOST").stderr
    host.run_expect([1], "docker version")
    assert ask(ssh_line("trixie", key, "HOST", user="docker-other")) == "HTTP/1.0 200 OK"
    over_ssh.declare(*over_ssh.keys, limit="trixie")
    assert over_ssh.here.docker("--context", "trixie-ssh", "version").returncode == 0


def test_who_is_not_listed_stays_out(over_ssh: Fleet, tmp_path: Path) -> None:
    """A stranger always, and who was taken out with the next run, also of an open connection; the others stay."""
    stranger = new_key(tmp_path / "stranger")
    for name in HOSTS:
        assert "Permission denied" in ssh(name, stranger, "HOST").stderr
        assert ssh(name, over_ssh.leaver, "HOST").returncode == 0
    lingering = [Shared(name, over_ssh.leaver, tmp_path / name).open() for name in HOSTS]
    assert {one.ping() for one in lingering} == {"HTTP/1.0 200 OK"}
    assert over_ssh.declare(*(over_ssh.keys.keys() - {"leaver"})).changed == dict.fromkeys(HOSTS, 1)
    assert {one.ping() for one in lingering} == {""}
    for name in HOSTS:
        assert "Permission denied" in ssh(name, over_ssh.leaver, "HOST").stderr
        assert over_ssh.here.docker("--context", f"{name}-ssh", "version").returncode == 0


def test_without_clients_nothing_is_left(over_ssh: Fleet) -> None:
    assert over_ssh.declare(check=True).changed == dict.fromkeys(HOSTS, 1)
    assert over_ssh.here.docker("--context", "trixie-ssh", "version").returncode == 0
    assert over_ssh.declare().changed == dict.fromkeys(HOSTS, 1)
    for name in HOSTS:
        host = reach.over_ssh(name)
        assert not host.user(ACCOUNT).exists
        assert not host.file("/var/lib/mooring-ssh").exists
        assert "Permission denied" in ssh(name, over_ssh.here.directory / "id_ed25519", "HOST").stderr
    over_ssh.join(*NEIGHBOURS)
    for name in NEIGHBOURS:
        host = reach.over_ssh(name)
        assert host.file("/root/.ssh/config").content_string == THEIRS
        assert not host.file("/root/.docker/lab/known_hosts").exists
        assert not host.file("/root/.docker/lab/ssh_config").exists
        assert "-ssh" not in host.check_output("docker context ls --format '{{.Name}}'")
    assert over_ssh.declare().changed == dict.fromkeys(HOSTS, 0)
