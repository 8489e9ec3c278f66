"""The account of clients over SSH is good for one command, however one gets in, and whoever is taken out is out."""

from __future__ import annotations

import base64
import io
import shlex
import socket
import struct
import subprocess
import tarfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import reach
from clients import ACCOUNT, HOSTS, Shared, ask, at_once, everywhere, new_key, on_hosts, run, ssh, ssh_line

OK = "HTTP/1.0 200 OK"
DROP_IN = "/etc/ssh/sshd_config.d/00-mooring.conf"
PENDING = "/var/lib/mooring/ssh.json"
KEYS = "/var/lib/mooring-ssh/.ssh/authorized_keys"

# What an administrator may have set, for everybody and for people.
SSHD = """TrustedUserCAKeys /etc/ssh/test/ca.pub
AuthorizedPrincipalsFile /etc/ssh/test/principals
AuthorizedKeysCommand /etc/ssh/test/keys
AuthorizedKeysCommandUser root
AuthorizedKeysFile .ssh/authorized_keys /etc/ssh/test/others
AcceptEnv MOORING_*
PermitUserEnvironment yes
Match Group docker
  PermitTTY yes
  AllowTcpForwarding yes
"""


class Clients:
    """Keys of two clients, one of nobody's, and a certificate, in a directory of this machine."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.alice, self.bob, self.stranger, self.authority, self.holder = (
            new_key(directory / name) for name in ("alice", "bob", "stranger", "authority", "holder")
        )
        for identity, principals in ((ACCOUNT, ACCOUNT), ("somebody", "somebody")):
            holder = self.holder if identity == ACCOUNT else new_key(directory / identity)
            sign = ["ssh-keygen", "-q", "-s", self.authority, "-I", identity, "-n", principals, f"{holder}.pub"]
            subprocess.run(sign, check=True, capture_output=True)

    def access(self, *names: str, check: bool = False, **options: str) -> dict[str, dict[str, Any]]:
        """Declare that these clients get in, and nobody else; what the module says on each host."""
        keys = {name: (self.directory / f"{name}.pub").read_text() for name in names}
        return on_hosts("mooring.docker.ssh_access", {"clients": keys, **options}, *(["--check"] if check else []))

    def steps(self, *names: str, **options: Any) -> list[str]:
        """The same, where it must succeed: what was due, on all hosts alike."""
        found = self.access(*names, **options)
        steps = [one.get("steps") for one in found.values()]
        assert steps[0] is not None, found
        assert steps == steps[:1] * len(HOSTS)
        return list(steps[0])

    def shared(self, name: str, key: Path) -> Shared:
        """A connection of a client, which stays open."""
        return Shared(name, key, self.directory / f"{name}-{key.name}").open()


@pytest.fixture(scope="module")
def clients(fleet: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clients]:
    """Hosts whose sshd lets in much more than Mooring's keys."""
    found = Clients(tmp_path_factory.mktemp("a"))
    public = {path.stem: path.read_text().strip() for path in found.directory.glob("*.pub")}
    everybody = shlex.quote(public["stranger"])
    everywhere(
        "mkdir -p /etc/ssh/test && cd /etc/ssh/test && echo somebody > principals && "
        f"echo {ACCOUNT} >> principals && echo {shlex.quote(public['authority'])} > ca.pub && "
        f"printf '#!/bin/sh\\necho %s\\n' {shlex.quote(everybody)} > keys && chmod 755 keys && "
        f"echo {shlex.quote(public['bob'])} > others && "
        f"printf %s {shlex.quote(SSHD)} > /etc/ssh/sshd_config.d/50-test.conf && "
        # Who is refused so often as here is shut out for a while.
        "! /usr/sbin/sshd -T | grep -qi persourcepenalties || "
        "sed -i '1i PerSourcePenalties authfail:0' /etc/ssh/sshd_config.d/50-test.conf; systemctl reload ssh"
    )
    found.access("alice")
    yield found
    everywhere("rm -r /etc/ssh/test /etc/ssh/sshd_config.d/50-test.conf && systemctl reload ssh")
    found.access()


WAYS = {"a certificate for the account": "holder", "a certificate for a principal of it": "somebody",
        "AuthorizedKeysCommand": "stranger", "another AuthorizedKeysFile": "bob"}  # fmt: skip


def test_no_way_in_of_sshd_goes_past_the_one_command(clients: Clients) -> None:
    """What sshd lets in without the drop-in is refused with it, and ends with the run that brings it."""
    everywhere(f"mv {DROP_IN} /root/kept && systemctl reload ssh")

    def opened(name: str) -> Shared:
        for way, key in WAYS.items():
            done = ssh(name, clients.directory / key, "HOST", "id -Gn; tty", "-tt")
            assert "docker" in done.stdout, f"{way} opens a shell on {name}, or this test could not fail: {done.stderr}"
        return clients.shared(name, clients.holder)

    lingering = at_once(opened, *HOSTS)
    silent = [socket.create_connection((reach.declared(name)["address"], 22)) for name in HOSTS]
    nameless = "pgrep -c -f '^sshd.*: .accepted' || true"
    assert set(everywhere(nameless).values()) == {"1"}, "somebody has not logged in yet, or this test could not fail"
    assert clients.steps("alice") == ["sshd", "load"]
    assert set(everywhere(nameless).values()) == {"0"}, "they would log in by sshd's settings of before"
    for nobody in silent:
        nobody.close()

    def closed(name: str) -> None:
        assert lingering[name].ping() == "", f"a connection from before lives on on {name}"
        for way, key in WAYS.items():
            done = ssh(name, clients.directory / key, "HOST", "id -Gn")
            assert "Permission denied (publickey)" in done.stderr, f"{way} gets in on {name}"
        assert ask(ssh_line(name, clients.alice, "HOST")) == OK

    at_once(closed, *HOSTS)
    assert clients.steps("alice") == []


def test_certificate_that_a_key_of_a_client_has_changes_nothing(clients: Clients) -> None:
    """A client's own key, signed by an authority that sshd trusts, is that key and no more."""
    sign = ["ssh-keygen", "-q", "-s", clients.authority, "-I", "alice", "-n", ACCOUNT, f"{clients.alice}.pub"]
    subprocess.run(sign, check=True, capture_output=True)
    certificate = clients.directory / "alice-cert.pub"
    try:
        for name in HOSTS:
            assert ask(ssh_line(name, clients.alice, "HOST", "id")) == OK
    finally:
        certificate.unlink()


ENVIRONMENT = f"""for _ in $(seq 100); do pid=$(pgrep -n -u {ACCOUNT} docker) && break; sleep 0.1; done
tr '\\0' '\\n' < /proc/$pid/environ"""


def test_clients_send_no_environment(clients: Clients) -> None:
    for kept in (False, True):
        if not kept:
            everywhere(f"mv {DROP_IN} /root/kept && systemctl reload ssh")
        else:
            clients.access("alice")
        words = ["-o", "SetEnv=MOORING_SENT=1", "HOST"]
        open_ones = [
            subprocess.Popen(ssh_line(name, clients.alice, *words), stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
            for name in HOSTS
        ]
        try:
            found = everywhere(ENVIRONMENT)
        finally:
            for one in open_ones:
                one.kill()
                one.wait()
        for name in HOSTS:
            assert f"LOGNAME={ACCOUNT}" in found[name]
            assert ("MOORING_SENT=1" in found[name]) is not kept, name


def test_drop_in_holds_for_every_address(clients: Clients) -> None:
    wanted = {"forcecommand docker --host unix:///run/docker.sock system dial-stdio", "trustedusercakeys none",
              "authorizedkeyscommand none", "disableforwarding yes", "permittty no", "permituserrc no",
              "acceptenv none", f"authorizedkeysfile {KEYS}", "authenticationmethods publickey"}  # fmt: skip
    for address in ("127.0.0.1", "198.51.100.7", "2001:db8::7"):
        where = f"user={ACCOUNT},host=x,addr={address},laddr={address},lport=22"
        for name, text in everywhere(f"/usr/sbin/sshd -T -C {where}").items():
            lines = [line.split(" ", 1) for line in text.splitlines()]
            found = {f"{line[0].lower()} {line[1]}" for line in lines if len(line) > 1}
            assert wanted <= found, (name, address, wanted - found)
            assert len([line for line in found if line.startswith("acceptenv")]) == 1


OBSTACLES = {
    "bookworm": ("sed -i '/^Include/d' sshd_config", "with the line Include /etc/ssh/sshd_config.d/*.conf"),
    "trixie": ("echo AllowUsers admin root > sshd_config.d/00-a.conf", "AllowUsers admin root: add docker-remote"),
    "forky": ("echo NoSuchSetting > sshd_config.d/00-a.conf", "NoSuchSetting"),
}
"""What somebody did in /etc/ssh, and what is said of it: of each kind one."""


def test_what_would_take_the_drop_in_its_force_is_refused(clients: Clients) -> None:
    """Before anything is touched, and where the drop-in is to be written as where it is there."""
    before = everywhere(f"sha256sum {DROP_IN} {KEYS}")
    everywhere("cp -p /etc/ssh/sshd_config /root/kept-sshd")
    everywhere({name: f"cd /etc/ssh && {did}" for name, (did, _why) in OBSTACLES.items()})
    try:
        for found in (clients.access("alice", "bob"), clients.access("alice", socket="/run/other.sock", check=True)):
            for name, (_did, why) in OBSTACLES.items():
                assert why in found[name]["msg"], name
        assert everywhere(f"sha256sum {DROP_IN} {KEYS}") == before
        everywhere(f"! test -e {PENDING}")
    finally:
        everywhere("mv /root/kept-sshd /etc/ssh/sshd_config; rm -f /etc/ssh/sshd_config.d/00-a.conf")


def test_drop_in_that_sshd_does_not_take_is_put_back(clients: Clients) -> None:
    """As it would be seen only when the file is there: the trial of it does not see this one."""
    before = everywhere(f"sha256sum {DROP_IN}")
    everywhere(f"mkdir -p /etc/ssh/other && ln -sf {DROP_IN} /etc/ssh/other/00-mooring.conf")
    # Read twice, once within a block.
    everywhere(
        "printf 'Match User admin\\nInclude other/*.conf\\nNoSuchSetting\\n' >> /etc/ssh/sshd_config.d/50-test.conf"
    )
    try:
        found = clients.access("alice", socket="/run/other.sock")
        for name in HOSTS:
            assert "NoSuchSetting" in found[name]["msg"], name
        assert everywhere(f"sha256sum {DROP_IN}") == before
    finally:
        everywhere("rm -r /etc/ssh/other && sed -i '/Match User admin/,$d' /etc/ssh/sshd_config.d/50-test.conf")


def test_key_that_is_taken_away_ends_what_is_open(clients: Clients) -> None:
    """Also of others, who connect again; one that is added ends nothing."""
    assert clients.steps("alice", "bob") == ["keys"]
    open_ones = {
        (name, key): clients.shared(name, clients.directory / key) for name in HOSTS for key in ("alice", "bob")
    }
    agent = SlowAgent(clients.directory)
    logging_in = [agent.log_in(name, clients.bob) for name in HOSTS]
    processes = f"pgrep -c -f '^sshd.*: {ACCOUNT} .(priv|postauth)'"
    everywhere(f"for _ in $(seq 100); do [ $({processes}) = 3 ] && exit; sleep 0.1; done; exit 1")
    assert clients.steps("alice", "bob", "stranger") == ["keys"]
    assert {shared.ping() for shared in open_ones.values()} == {OK}
    foretold = clients.access("alice", "stranger", check=True)
    assert all(one["ending"] == [ACCOUNT] for one in foretold.values())
    assert {shared.ping() for shared in open_ones.values()} == {OK}
    assert clients.steps("alice", "stranger") == ["keys"]
    assert {shared.ping() for shared in open_ones.values()} == {""}
    assert set(everywhere(f"pgrep -c -f '^sshd.*: {ACCOUNT}' || true").values()) == {"0"}
    agent.close(logging_in)
    for name in HOSTS:
        assert ask(ssh_line(name, clients.alice, "HOST")) == OK
        assert "Permission denied" in ssh(name, clients.bob, "HOST").stderr
    assert clients.steps("alice") == ["keys"]


class SlowAgent:
    """An agent with one key that never signs: its client has said who it is, and is not logged in (RFC 4253, agent
    protocol: draft-ietf-sshm-ssh-agent).
    """

    def __init__(self, directory: Path) -> None:
        self.path = directory / "agent"
        self.server = socket.socket(socket.AF_UNIX)
        self.server.bind(str(self.path))
        self.server.listen()
        self.blob = b""
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self) -> None:
        """Tell each client of the key, and nothing more."""
        kept = []
        while True:
            try:
                client, _address = self.server.accept()
            except OSError:
                return
            kept.append(client)
            threading.Thread(target=self.answer, args=[client], daemon=True).start()

    def answer(self, client: socket.socket) -> None:
        """SSH_AGENTC_REQUEST_IDENTITIES is 11, its answer 12; SSH_AGENT_FAILURE is 5."""
        while length := client.recv(4):
            kind = client.recv(struct.unpack(">I", length)[0])[0]
            if kind == 13:
                return
            keys = struct.pack(">BII", 12, 1, len(self.blob)) + self.blob + struct.pack(">I", 0)
            body = keys if kind == 11 else b"\x05"
            client.sendall(struct.pack(">I", len(body)) + body)

    def log_in(self, name: str, key: Path) -> subprocess.Popen[bytes]:
        """Begin to log in by a key that this agent says it has."""
        self.blob = base64.b64decode(key.with_suffix(".pub").read_text().split()[1])
        public = ["-o", f"IdentityAgent={self.path}", "HOST"]
        line = ssh_line(name, key.with_suffix(".pub"), *public)
        quiet = subprocess.DEVNULL
        return subprocess.Popen(line, stdin=quiet, stdout=quiet, stderr=quiet)

    def close(self, clients: list[subprocess.Popen[bytes]]) -> None:
        """End it, and who waits for it."""
        self.server.close()
        for one in clients:
            one.kill()
            one.wait()


CUT = """
import os, signal, sys
sys.path.insert(0, "/root/cut")
from ansible_collections.mooring.docker.plugins.module_utils._ssh import access
access._end = lambda *_arguments: os.kill(os.getpid(), signal.SIGKILL)
access.ensure(access.Access(%r, "docker-remote", "docker", "/run/docker.sock"), False)
"""
"""A run that is killed when it begins to end sessions."""


def test_run_that_is_killed_before_sessions_end_is_finished_by_the_next(clients: Clients) -> None:
    clients.access("alice", "bob")
    open_ones = [clients.shared(name, clients.bob) for name in HOSTS]
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz") as tar:
        for path in (reach.PROJECT / "plugins/module_utils").rglob("*.py"):
            tar.add(path, f"cut/ansible_collections/mooring/docker/{path.relative_to(reach.PROJECT)}")
    for name in HOSTS:
        (reach.machine(name).root / "root/cut.tar.gz").write_bytes(archive.getvalue())
    script = CUT % {"alice": clients.alice.with_suffix(".pub").read_text()}
    try:
        everywhere(f"cd /root && tar xzf cut.tar.gz && ! python3 -c {shlex.quote(script)}")
        assert {shared.ping() for shared in open_ones} == {OK}, "the cut came too late, or this could not fail"
        assert set(everywhere(f"grep -c . {KEYS}").values()) == {"2"}, "the cut came too early"
        seen = on_hosts("mooring.docker.host_info", {"ssh_user": ACCOUNT})
        assert all(one["host"]["ssh"]["pending"] for one in seen.values())
        assert clients.steps("alice") == ["finish"]
        assert {shared.ping() for shared in open_ones} == {""}
        assert clients.steps("alice") == []
    finally:
        everywhere("rm -r /root/cut /root/cut.tar.gz")


REMAINS = f"""uid=$(id -u {ACCOUNT})
setsid setpriv --reuid $uid --regid $uid --clear-groups sleep 4000 > /dev/null 2>&1 &
mkdir -p /var/spool/cron/crontabs /var/spool/cron/atjobs /var/lib/systemd/linger
echo '* * * * * id' > /var/spool/cron/crontabs/{ACCOUNT}
touch /var/spool/cron/atjobs/a1 /var/spool/cron/atjobs/a2 /var/lib/systemd/linger/{ACCOUNT}
chown $uid /var/spool/cron/atjobs/a1
docker run --detach --name same-id --user $uid busybox:lab /bin/busybox sleep 4000 > /dev/null
docker run --detach --name same-id-here --pid host --user $uid busybox:lab /bin/busybox sleep 4000 > /dev/null
echo $uid"""


def test_user_id_that_is_freed_has_no_process_left(clients: Clients) -> None:
    """The account of another name takes its place. Containers whose processes have the number are none of it."""
    clients.access("alice")
    open_ones = [clients.shared(name, clients.alice) for name in HOSTS]
    uids = everywhere(REMAINS)
    try:
        found = clients.access("alice", user="docker-other")
        assert all(one["ended"] >= 2 for one in found.values()), found
        assert {shared.ping() for shared in open_ones} == {""}
        said = everywhere(
            f"getent passwd {ACCOUNT}; pgrep -c -x sleep; ls /var/spool/cron/crontabs /var/lib/systemd/linger "
            "/var/spool/cron/atjobs; docker ps --format '{{.Names}}' | sort"
        )
        for name in HOSTS:
            assert said[name].split() == [
                "0", "/var/lib/systemd/linger:", "/var/spool/cron/atjobs:", "a2", "/var/spool/cron/crontabs:",
                "same-id", "same-id-here",
            ], uids  # fmt: skip
            assert ask(ssh_line(name, clients.alice, "HOST", user="docker-other")) == OK
    finally:
        everywhere("docker rm --force same-id same-id-here; rm -rf /var/spool/cron/atjobs/a?")
    assert clients.steps("alice") == ["sshd", "load", "account", "remove"]


def test_without_clients_nothing_is_left(clients: Clients) -> None:
    open_ones = [clients.shared(name, clients.alice) for name in HOSTS]
    assert clients.steps() == ["sshd", "load", "remove"]
    assert {shared.ping() for shared in open_ones} == {""}
    left = everywhere(f"ls -d {DROP_IN} /var/lib/mooring-ssh {PENDING}; getent passwd {ACCOUNT}; true")
    assert set(left.values()) == {""}
    assert clients.steps() == []
    clients.access("alice")


# As somebody else, by a number that subuid(5) gives to whoever runs it.
ANOTHER = """import ctypes, os, time
ctypes.CDLL(None).unshare(0x10000000)
while not open("/proc/self/uid_map").read():
    time.sleep(0.05)
os.setresuid(5, 5, 5)
os.execlp("sleep", "sleep", "4002")
"""


def test_who_is_taken_out_of_the_group_is_root_no_more(clients: Clients) -> None:
    """A session keeps the groups that it began with, and ends. Other groups and other sessions stay."""
    began = "setsid setpriv --reuid {0} --regid {0} --init-groups {1} > /dev/null 2>&1 & "
    everywhere(
        "for user in keeper leaver; do useradd --groups docker,users $user; done; "
        "gpasswd --administrators leaver docker; "
        + began.format("keeper", "sleep 4000") + began.format("leaver", "sleep 4001")
        + began.format("keeper", f"python3 -c {shlex.quote(ANOTHER)}")
        + "another=$!; for _ in $(seq 100); do sleep 0.1; "
        "test -n \"$(cat /proc/$another/uid_map)\" || { echo '5 165541 1' > /proc/$another/uid_map; } 2> /dev/null; "
        "pgrep -u 165541 -f '^sleep 4002' && break; done; pgrep -f '^sleep 4000' && pgrep -u 165541 -f '^sleep 4002'"
    )  # fmt: skip
    try:
        arguments = {"group": "docker", "users": ["keeper"], "exclusive": True}
        for check in (["--check"], []):
            found = on_hosts("mooring.docker.socket_group", arguments, *check)
            assert all((one["removed"], one["ended"]) == (["leaver"], 1) for one in found.values()), found
        said = everywhere(
            "for user in keeper leaver; do id -Gn $user | tr ' ' '\n' | sort | xargs; done; "
            "pgrep -fa '^sleep 400' | cut -d' ' -f2-; grep ^docker: /etc/gshadow | cut -d: -f3,4"
        )
        assert set(said.values()) == {"docker keeper users\nleaver users\nsleep 4000\nsleep 4002\n:keeper"}
        assert not any(one["changed"] for one in on_hosts("mooring.docker.socket_group", arguments).values())
        # As a run that was killed leaves it: out of the group, and the session goes on.
        everywhere("gpasswd --delete keeper docker")
        found = on_hosts("mooring.docker.socket_group", {"group": "docker", "absent": ["keeper", "no-such-user"]})
        assert all((one["removed"], one["ended"]) == ([], 2) for one in found.values()), found
        everywhere("usermod --gid docker keeper")
        refused = on_hosts("mooring.docker.socket_group", {**arguments, "users": []})
        assert all("primary group of keeper" in one["msg"] for one in refused.values())
    finally:
        everywhere("for user in keeper leaver; do userdel -f -r $user; groupdel $user; done 2> /dev/null; true")
    for name in HOSTS:
        assert ask(ssh_line(name, clients.alice, "HOST")) == OK, "the account of clients over SSH stays"


def test_the_operators_own_session_loses_the_group_too(clients: Clients) -> None:
    """By the role: the run comes back over a connection that does not hold it, and the next has nothing to do."""
    name, operator = "trixie", reach.declared("trixie")
    reach.over_ssh(name).run_expect([0], f"gpasswd --add {operator['user']} docker")
    reach.forget_connections()
    declared = {
        "limit": name,
        "docker_engine_users_exclusive": True,
        "docker_engine_ssh_clients": {"alice": clients.alice.with_suffix(".pub").read_text()},
    }
    assert "docker" in ssh(name, Path(operator["key"]), "HOST", "id -Gn", user=operator["user"]).stdout
    done = run(**declared)
    assert (done.status, done.changed) == (0, {name: 1}), done.failures
    assert "docker" not in ssh(name, Path(operator["key"]), "HOST", "id -Gn", user=operator["user"]).stdout
    assert run(**declared).changed == {name: 0}
    assert ask(ssh_line(name, clients.alice, "HOST")) == OK
