"""Which keys get in over SSH, what sshd must be set to for it, and what a client's ssh is told."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
from ansible_collections.mooring.docker.plugins.module_utils._client.ssh_config import SshConfig
from ansible_collections.mooring.docker.plugins.module_utils._ssh import access as ssh_access
from ansible_collections.mooring.docker.plugins.module_utils._ssh import keys as ssh_keys
from ansible_collections.mooring.docker.plugins.module_utils._ssh import sshd, sshd_config
from ansible_collections.mooring.docker.plugins.module_utils._ssh.access import Access
from ansible_collections.mooring.docker.plugins.module_utils._system.processes import Process
from hypothesis import given
from hypothesis import strategies as st


def public(kind: str = "ssh-ed25519", *fields: bytes) -> str:
    """A key of the type with such fields, as in a file .pub."""
    strings = [kind.encode(), *(fields or (b"\x07" * 32,))]
    blob = b"".join(len(one).to_bytes(4, "big") + one for one in strings)
    return f"{kind} {base64.b64encode(blob).decode()}"


ALICE, BOB = public("ssh-ed25519", b"a" * 32), public("ssh-ed25519", b"b" * 32)
SECRET = "b3BlbnNzaC1rZXktdjEAAAAABG5vbmU"
ARMOURED = f"-----BEGIN OPENSSH PRIVATE KEY-----\n{SECRET}\n-----END OPENSSH PRIVATE KEY-----\n"


@pytest.mark.parametrize(
    ("clients", "reason"),
    [
        ([ALICE], "names with a public key each"),
        ({"a b": ALICE}, "letters, digits"),
        ({"a\nssh-ed25519": ALICE}, "letters, digits"),
        ({"alice": None}, "one line"),
        ({"alice": ""}, "one line"),
        ({"alice": f"{ALICE}\n{BOB}"}, "one line"),
        ({"alice": f'command="id" {ALICE}'}, "options before the key"),
        ({"alice": f"no-pty {ALICE}"}, "options before the key"),
        ({"alice": ARMOURED}, "private key"),
        ({"alice": ALICE.split()[1]}, "one line"),
        ({"alice": "/root/.ssh/id.pub x"}, "type of a key"),
        ({"alice": ALICE[:-8]}, "cut short"),
        ({"alice": ALICE.replace("ssh-ed25519", "ssh-rsa")}, "cut short or changed"),
        ({"alice": "ssh-ed25519 #!"}, "cut short"),
        ({"alice": public("ssh-ed25519-cert-v01@openssh.com")}, "certificate"),
        ({"alice": ALICE, "bob": f"{ALICE} another comment"}, "has the key of alice"),
    ],
)
def test_what_is_no_client_is_refused(clients: object, reason: str) -> None:
    found = "; ".join(ssh_keys.problems(clients))
    assert reason in found
    assert SECRET not in found


@pytest.mark.parametrize(
    "kind", ["ssh-rsa", "ecdsa-sha2-nistp256", "sk-ssh-ed25519@openssh.com", "ssh-mldsa44-ed25519"]
)
def test_keys_of_every_type_are_taken(kind: str) -> None:
    assert ssh_keys.problems({"alice@laptop": f"{public(kind, b'x', modulus(3072))} of alice\n"}) == []


def modulus(bits: int) -> bytes:
    """A number of that many bits as SSH writes it, with a zero in front of the highest bit."""
    return (1 << bits - 1).to_bytes(bits // 8 + 1, "big")


@pytest.mark.parametrize(
    ("key", "why"),
    [
        (public("ssh-rsa", b"\1\0\1", modulus(2048)), "RSA key of 2048 bits and must have at least 3072"),
        (public("ssh-rsa", b"\1\0\1", modulus(3071)), "RSA key of 3071 bits"),
        (public("ssh-rsa", b"\1\0\1", b"\0" * 400 + modulus(1024)), "RSA key of 1024 bits"),
        (public("ssh-rsa", b"\1\0\1"), "RSA key of 0 bits"),
        (public("ssh-dss", modulus(1024), modulus(160), b"g", b"y"), "DSA key"),
    ],
)
def test_weak_keys_are_refused(key: str, why: str) -> None:
    assert why in "; ".join(ssh_keys.problems({"alice": key}))


@given(st.text(min_size=1, max_size=80))
def test_no_text_brings_a_line_or_an_option_of_its_own(text: str) -> None:
    """Whatever is let through, each line of the file begins with Mooring's restriction."""
    for clients in ({"alice": text}, {"alice": f"{ALICE}{text}"}, {text: ALICE}):
        if not ssh_keys.problems(clients):
            lines = ssh_keys.authorized_keys(clients, "/run/docker.sock").split("\n")
            assert len(lines) == 3
            assert lines[1].startswith(
                'restrict,command="docker --host unix:///run/docker.sock system dial-stdio" ssh-'
            )


def test_comment_is_the_client_of_the_inventory() -> None:
    text = ssh_keys.authorized_keys({"bob": f"{BOB} x", "alice": f"{ALICE} y z"}, "/srv/d.sock")
    assert [line.split()[-1] for line in text.splitlines()[1:]] == ["alice", "bob"]
    assert text.count('command="docker --host unix:///srv/d.sock system dial-stdio"') == 2


SOCKET = "/run/docker.sock"
KNOWN = {"pidfile": ["/run/sshd.pid"], "pubkeyacceptedalgorithms": ["ssh-ed25519,rsa-sha2-512,rsa-sha2-256"]}
VALUES = sshd.values(SOCKET, KNOWN)
EFFECTIVE = {**KNOWN, **{name.lower(): value.split() for name, value in VALUES.items()}}
LISTENER = "sshd: /usr/sbin/sshd -D [listener] 0 of 10-100 startups"
CALM = {"before": [], "after": [], "is_included": True}


def observed(**changed: Any) -> dict[str, Any]:
    """A host on which all is as declared for alice and bob."""
    return {
        "accounts": {"docker-remote": {"groups": ["docker"], "shell": "/bin/sh", "password": False, "expires": False}},
        "authorized_keys": hashlib.sha256(ACCESS.keys.encode()).hexdigest(),
        "has_home": True,
        "guarded": True,
        "drop_in": sshd.drop_in("docker-remote", SOCKET, KNOWN),
        "loaded": True,
        "pending": False,
        "configuration": CALM,
        "listeners": [LISTENER],
        "settings": EFFECTIVE,
        "error": None,
        "trial": None,
        **changed,
    }


ACCESS = Access({"alice": ALICE, "bob": BOB}, "docker-remote", "docker", SOCKET)


def obstacles(*, seen: dict[str, Any] | None = None, **settings: str) -> str:
    """What keeps the account out, or lets it do more, where sshd is set to these as well."""
    changed = {**EFFECTIVE, **{name: value.split() for name, value in settings.items()}}
    types = ["ssh-ed25519", "ssh-rsa"]
    return "; ".join(sshd.obstacles(seen or observed(settings=changed), "docker-remote", "docker", SOCKET, types))


def test_sshd_as_it_should_be_has_no_obstacle() -> None:
    assert obstacles() == ""


@pytest.mark.parametrize(
    ("name", "value", "way_out"),
    [
        ("denyusers", "docker-*", "DenyUsers docker-*: it names docker-remote"),
        ("denygroups", "docker", "DenyGroups docker: it names docker"),
        ("allowusers", "admin deploy@10.0.0.0/8", "AllowUsers admin deploy@10.0.0.0/8: add docker-remote"),
        ("allowusers", "* !docker-remote", "add docker-remote"),
        ("allowgroups", "ssh-users", "AllowGroups ssh-users: add docker"),
        ("pubkeyacceptedalgorithms", "ssh-ed25519", "lacks ssh-rsa"),
        ("refuseconnection", "yes", "RefuseConnection yes: say no"),
    ],
)
def test_setting_that_keeps_the_account_out_is_named(name: str, value: str, way_out: str) -> None:
    assert way_out in obstacles(**{name: value})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("denyusers", "root docker-remote@192.0.2.1"),
        ("allowusers", "admin docker-remote@192.0.2.0/24"),
        ("allowusers", "docker-remot?"),
        ("allowgroups", "ssh-users docker"),
        ("refuseconnection", "no"),
    ],
)
def test_setting_that_lets_it_in_is_no_obstacle(name: str, value: str) -> None:
    assert obstacles(**{name: value}) == ""


def test_the_account_gets_a_command_and_nothing_else() -> None:
    """By whichever way of logging in, and whatever its keys say."""
    assert VALUES["ForceCommand"] == "docker --host unix:///run/docker.sock system dial-stdio"
    assert VALUES["AuthorizedKeysFile"] == str(sshd.KEYS)
    refused = {
        "no": ["AllowAgentForwarding", "AllowStreamLocalForwarding", "AllowTcpForwarding", "GatewayPorts", "PermitTTY",
               "PermitTunnel", "PermitUserRC", "X11Forwarding", "HostbasedAuthentication", "PasswordAuthentication",
               "KbdInteractiveAuthentication", "PermitEmptyPasswords"],
        "none": ["PermitListen", "PermitOpen", "AcceptEnv", "AuthorizedKeysCommand", "AuthorizedPrincipalsCommand",
                 "AuthorizedPrincipalsFile", "TrustedUserCAKeys"],
        "yes": ["DisableForwarding", "PubkeyAuthentication"],
        "publickey": ["AuthenticationMethods"],
    }  # fmt: skip
    assert {name: VALUES.get(name) for names in refused.values() for name in names} == {
        name: value for value, names in refused.items() for name in names
    }


@pytest.mark.parametrize("name", VALUES)
def test_setting_of_the_block_that_is_not_in_force_is_named(name: str) -> None:
    """Whatever the reason, sshd's own word counts."""
    assert f"{name} is another, not {VALUES[name]}" in obstacles(**{name.lower(): "another"})
    unset = {key: words for key, words in EFFECTIVE.items() if key != name.lower()}
    assert f"{name} is not set" in obstacles(seen=observed(settings=unset))


def test_what_the_account_may_send_is_nothing_more() -> None:
    assert "AcceptEnv is none LANG, not none" in obstacles(acceptenv="none LANG")


def test_what_was_tried_counts_before_the_block_is_there() -> None:
    """By its files sshd takes a certificate as yet; with the block it would not."""
    loose = {**EFFECTIVE, "trustedusercakeys": ["/etc/ssh/ca.pub"]}
    assert obstacles(seen=observed(settings=loose, trial={"settings": EFFECTIVE, "error": None})) == ""
    assert "TrustedUserCAKeys" in obstacles(seen=observed(trial={"settings": loose, "error": None}))
    assert "Bad option" in obstacles(seen=observed(trial={"settings": {}, "error": "Bad option"}))
    assert "no sshd" in obstacles(seen=observed(settings={}, error="no sshd"))


def test_sshd_that_reads_another_file_is_named() -> None:
    for title in ("sshd: /usr/sbin/sshd -D -f /etc/ssh/other [listener] 0 of 10-100 startups",
                  "sshd: /usr/sbin/sshd -f/etc/ssh/other -D [listener] 0 of 10-100 startups",
                  "sshd: /usr/sbin/sshd --unknown [listener] 0 of 10-100 startups",
                  "sshd: /usr/sbin/sshd -Df /etc/ssh/other [listener] 0 of 10-100 startups"):  # fmt: skip
        assert "reads another configuration" in obstacles(seen=observed(listeners=[LISTENER, title]))
    for title in (LISTENER, "sshd: /usr/sbin/sshd -D -f /etc/ssh/sshd_config -o Port=2222 [listener] 0 of 10-100",
                  "sshd: /usr/sbin/sshd -o PidFile=/run/other -p 2222 [listener] 0 of 10-100 startups"):  # fmt: skip
        assert obstacles(seen=observed(listeners=[title])) == ""


INCLUDE = "Include /etc/ssh/sshd_config.d/*.conf\n"


def surveyed(main: str, **others: str) -> str:
    """What is wrong with a configuration, where ``others`` are drop-ins by their names without .conf."""
    files = {"/etc/ssh/sshd_config": main}
    files.update({f"/etc/ssh/sshd_config.d/{name.replace('_', '-')}.conf": text for name, text in others.items()})

    def find(pattern: str) -> list[str]:
        return sorted(path for path in files if PurePosixPath(path).match(pattern))

    seen = sshd_config.survey(lambda path: files.get(str(path)), find)
    return "; ".join(sshd_config.problems(seen, "docker-remote", "docker", VALUES))


FORCED = "Match Group docker\n  ForceCommand /bin/true\n"


@pytest.mark.parametrize(
    ("main", "others"),
    [
        (INCLUDE, {}),
        (f"Port 22\nForceCommand x\nTrustedUserCAKeys /x\n{INCLUDE}", {}),
        ("# x\n  include  sshd_config.d/*.conf # y\n", {}),
        ('Include="/etc/ssh/sshd_config.d/*.conf"\n', {}),
        ("Include /etc/none/* /etc/ssh/sshd_config.d/00-mooring.conf\n", {}),
        # Behind Mooring's nothing can take from it.
        (f"{INCLUDE}{FORCED}", {"zz": FORCED, "x00": "Match all\n  PermitTTY yes\n"}),
        # Before it, what cannot hold for the account, or sets nothing of it.
        (INCLUDE, {"00_a": "Match User admin\n  ForceCommand x\n"}),
        (INCLUDE, {"00_a": "Match Group sudo,wheel Address 10.0.0.0/8\n  PermitTTY yes\n"}),
        (INCLUDE, {"00_a": "Match User *,!docker-remote\n  PermitTTY yes\n"}),
        (INCLUDE, {"00_a": "Match invalid-user User 'admin' # docker-remote\n  PermitTTY yes\n"}),
        (INCLUDE, {"00_a": "Match Address 10.0.0.0/8\n  ClientAliveInterval 7\n"}),
        (f"{INCLUDE}Match User admin\nAcceptEnv FOO\n", {}),
        (f"AcceptEnv LANG LC_*\n{INCLUDE}AcceptEnv FOO\n", {}),
        # A block in a file ends with the file.
        (INCLUDE, {"00_a": "Match User admin\n  PermitTTY no\n", "00_b": "PermitTTY yes\n"}),
    ],
)
def test_configuration_that_leaves_the_block_its_force(main: str, others: dict[str, str]) -> None:
    assert surveyed(main, **others) == ""


@pytest.mark.parametrize(
    ("main", "others", "why"),
    [
        ("Port 22\n", {}, "begin /etc/ssh/sshd_config with the line Include /etc/ssh/sshd_config.d/*.conf"),
        ("Include /etc/ssh/*\n", {}, "does not read"),
        (f"Match all\n{INCLUDE}", {}, "does not read"),
        (f"Match User admin\n{INCLUDE}", {}, "does not read"),
        (f"{FORCED}Match all\n", {}, "does not read"),
        (INCLUDE, {"00_a": FORCED}, "Match Group docker (/etc/ssh/sshd_config.d/00-a.conf line 1) may hold for"),
        (INCLUDE, {"00_a": "x y\nmatch=Address 10.0.0.0/8\n\tpermittty=yes\n"}, "00-a.conf line 2"),
        (INCLUDE, {"00_a": "Match LocalPort 2222\nTrustedUserCAKeys /x\n"}, "trustedusercakeys"),
        (INCLUDE, {"00_a": 'Match User "docker-*"\nTrustedUserCAKeys /x\n'}, "trustedusercakeys"),
        (INCLUDE, {"00_a": "Match User=docker-*\nTrustedUserCAKeys /x\n"}, "trustedusercakeys"),
        (INCLUDE, {"00_a": "Match invalid-user\nForceCommand x\n"}, "forcecommand"),
        # Names, words and lines as sshd tells them apart, and a value that is called like a criterion.
        (INCLUDE, {"00_a": "Match User 'docker-remote'\nForceCommand x\n"}, "forcecommand"),
        (INCLUDE, {"00_a": "Match User docker-'rem'\"ote\"\nForceCommand x\n"}, "forcecommand"),
        (INCLUDE, {"00_a": "\"Match\" Address ::/0\nForceCommand x\n"}, "forcecommand"),
        (INCLUDE, {"00_a": "=Match Address ::/0\n\"ForceCommand\"x\n"}, "forcecommand"),
        (INCLUDE, {"00_a": "Match Address ::/0\n# \x0cMatch User admin\nForceCommand x\n"}, "forcecommand"),
        (INCLUDE, {"00_a": "Match Host user Address ::/0\nForceCommand x\n"}, "forcecommand"),
        ("Include '/etc/ssh/sshd_config.d/*.conf'\n", {"00_a": FORCED}, "may hold for"),
        # Around an Include, whatever is in the file holds where the block does.
        ("Match Address ::/0\nInclude extra\nMatch all\n", {}, "does not read"),
        (INCLUDE, {"00_a": "Match Address ::/0\nInclude /etc/ssh/sshd_config.d/x.inc.conf\n",
                   "x.inc": "PermitTTY yes\n"}, "Match Address ::/0 (/etc/ssh/sshd_config.d/x.inc.conf)"),
        (f"{INCLUDE}Match Address 10.0.0.0/8\nAcceptEnv FOO\n", {}, "AcceptEnv is added"),
        (INCLUDE, {"zz": "Match Group docker\nAcceptEnv FOO\n"}, "Match User *,!docker-remote"),
    ],
)  # fmt: skip
def test_configuration_that_could_take_its_force_is_refused(main: str, others: dict[str, str], why: str) -> None:
    assert why in surveyed(main, **others)


@pytest.mark.parametrize(
    ("patterns", "listed"),
    [
        (["*"], True),
        (["*", "!admin"], True),
        (["*", "!docker-*"], False),
        (["!docker-remote"], False),
        (["docker-remot?"], True),
        (["docker-remote[ab]"], False),
        ([], False),
    ],
)
def test_a_list_of_patterns_is_read_as_sshd_does(patterns: list[str], listed: bool) -> None:
    assert sshd_config.listed("docker-remote", patterns) is listed


def test_files_that_include_each_other_end() -> None:
    assert "does not read" in surveyed("Include /etc/ssh/sshd_config\n")


@pytest.mark.parametrize(
    ("title", "is_session", "is_nameless"),
    [
        ("sshd: docker-remote [priv]", True, False),
        ("sshd-session: docker-remote [priv]", True, False),
        ("sshd-session: docker-remote [postauth]", True, False),
        ("sshd: docker-remote@notty", True, False),
        ("sshd: docker-remote", True, False),
        ("sshd: docker-remote-2 [priv]", False, False),
        ("sshd: admin [priv]", False, False),
        ("sshd: unknown [priv]", False, False),
        ("sshd: docker-remote [net]", True, False),
        ("sshd-auth: docker-remote [session-auth]", True, False),
        ("sshd: [accepted]", False, True),
        ("sshd: [net]", False, True),
        ("sshd-auth: [session-auth]", False, True),
        ("sshd-session: [accepted]", False, True),
        ("/usr/sbin/sshd -D -R", False, True),
        (LISTENER, False, False),
        # Of a process that is none of sshd's, nothing is believed.
        ("", False, False),
    ],
)
def test_processes_of_sshd_are_told_by_their_titles(
    title: str, is_session: bool, is_nameless: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    process = Process(7, 1, "sshd", frozenset({0}), frozenset({0}))
    monkeypatch.setattr(sshd, "_title", lambda _process: title)
    assert (sshd.is_session(process, "docker-remote"), sshd.is_nameless(process)) == (is_session, is_nameless)


def test_titles_of_others_are_not_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sshd.processes, "title", lambda _process: "sshd: docker-remote [priv]")
    monkeypatch.setattr(sshd.processes, "program", lambda process: "sshd" if process.pid == 7 else "python3")
    expected = {(7, 0): True, (8, 0): False, (7, 1000): False}
    for (pid, user), is_session in expected.items():
        process = Process(pid, 1, "sshd", frozenset({user}), frozenset())
        assert sshd.is_session(process, "docker-remote") is is_session


def test_connection_that_begins_before_sshd_has_read_its_configuration_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also one that comes in at the last moment, and then says nothing until the account is there."""
    titles = {1: LISTENER}
    moments = {"read": 0}

    def tell(_pid: int, _signal: int) -> None:
        titles[7] = "sshd: [accepted]"
        moments["read"] += 1

    def end(chosen: Any, _asked: Any) -> int:
        return len([titles.pop(one.pid) for one in running() if chosen(one)])

    def running() -> list[Process]:
        return [Process(pid, 0, "sshd", frozenset({0}), frozenset({0})) for pid in titles]

    monkeypatch.setattr(sshd, "_title", lambda process: titles[process.pid])
    monkeypatch.setattr(sshd, "started", lambda *_arguments: moments["read"])
    monkeypatch.setattr(ssh_access, "_GRACE", 0)
    monkeypatch.setattr(ssh_access.os, "kill", tell)
    monkeypatch.setattr(ssh_access.processes, "running", running)
    monkeypatch.setattr(ssh_access.processes, "end", end)
    ssh_access._load({})
    assert titles == {1: LISTENER}


@pytest.mark.parametrize(
    ("changed", "todo"),
    [
        ({}, []),
        ({"loaded": None}, []),
        ({"drop_in": None, "loaded": None}, ["sshd", "load"]),
        ({"drop_in": "", "loaded": True}, ["sshd", "load"]),
        ({"loaded": False}, ["load"]),
        ({"accounts": {}, "authorized_keys": None, "guarded": False}, ["account", "home", "keys"]),
        ({"authorized_keys": "another"}, ["keys"]),
        ({"guarded": False}, ["home"]),
        ({"pending": True}, ["finish"]),
    ],
)
def test_steps_that_are_due(changed: dict[str, Any], todo: list[str]) -> None:
    seen = observed(**changed)
    assert ssh_access.steps(ACCESS, seen) == todo
    assert ssh_access.due(seen, ACCESS.clients, "docker-remote", "docker", SOCKET) is bool(todo)


def test_without_clients_all_of_it_is_due_to_go() -> None:
    nobody = replace(ACCESS, clients={})
    assert ssh_access.steps(nobody, observed()) == ["sshd", "load", "remove"]
    gone = observed(accounts={}, has_home=False, drop_in=None, authorized_keys=None, guarded=False, loaded=None)
    assert ssh_access.steps(nobody, gone) == []
    assert ssh_access.steps(nobody, {**gone, "has_home": True}) == ["remove"]
    assert ssh_access.steps(nobody, {**gone, "settings": {}, "error": "no sshd"}) == []


def test_account_of_another_name_is_due_to_go() -> None:
    assert ssh_access.steps(replace(ACCESS, user="other"), observed()) == ["sshd", "load", "account", "remove"]


@pytest.mark.parametrize(
    ("before", "after", "lost"),
    [
        ({"alice": ALICE}, {"alice": ALICE, "bob": BOB}, False),
        ({"alice": ALICE}, {"another-name": ALICE}, False),
        ({"alice": ALICE, "bob": BOB}, {"bob": BOB}, True),
        ({"alice": ALICE}, {"alice": BOB}, True),
    ],
)
def test_key_that_is_lost_ends_sessions(before: dict[str, str], after: dict[str, str], lost: bool) -> None:
    old, new = (ssh_keys.authorized_keys(clients, SOCKET) for clients in (before, after))
    assert bool(ssh_keys.grants(old) - ssh_keys.grants(new)) is lost


def test_line_by_hand_and_another_socket_are_lost() -> None:
    text = ssh_keys.authorized_keys({"alice": ALICE}, SOCKET)
    assert ssh_keys.grants(f"{text}{BOB} bob\n") - ssh_keys.grants(text) == {BOB}
    assert ssh_keys.grants(text) - ssh_keys.grants(ssh_keys.authorized_keys({"alice": ALICE}, "/elsewhere"))


URLS = ["ssh://docker-remote@192.0.2.7", "ssh://docker-remote@[2001:db8::7]:2222", "ssh://other@web.example"]


def told(directory: Path, urls: list[str], keys: dict[str, list[str]]) -> SshConfig:
    """A client's ssh, told of these."""
    ssh = SshConfig("lab", str(directory / "lab"), str(directory / "config"))
    ssh.write(ssh.changes(urls, keys))
    assert ssh.changes(urls, keys) == {}
    return ssh


def test_hosts_are_told_by_address_port_and_user(tmp_path: Path) -> None:
    told(tmp_path, [*URLS, "tcp://192.0.2.9:2376"], {url: [ALICE] for url in URLS})
    known = (tmp_path / "lab" / "known_hosts").read_text()
    assert known == f"192.0.2.7 {ALICE}\n[2001:db8::7]:2222 {ALICE}\nweb.example {ALICE}\n"
    own = (tmp_path / "lab" / "ssh_config").read_text()
    assert "Match user docker-remote originalhost 192.0.2.7,2001:db8::7\n" in own
    assert "Match user other originalhost web.example\n" in own
    # A daemon's host is one that the fleet has told, and gets no way back to the client.
    for setting in ("StrictHostKeyChecking yes", "ForwardAgent no", "ForwardX11 no", "ClearAllForwardings yes"):
        assert own.count(f"  {setting}\n") == 2


def test_host_that_could_not_be_asked_stays_known(tmp_path: Path) -> None:
    told(tmp_path, URLS, {url: [ALICE] for url in URLS})
    told(tmp_path, URLS[:2], {URLS[0]: [BOB]})
    known = (tmp_path / "lab" / "known_hosts").read_text()
    assert known == f"192.0.2.7 {BOB}\n[2001:db8::7]:2222 {ALICE}\n"


@pytest.mark.parametrize("theirs", ["", "Host a\n  User b\n", "# mine\nInclude d/*\nMatch all\n  Port 7\n", "Port 7"])
def test_the_users_configuration_is_left_as_it_was(tmp_path: Path, theirs: str) -> None:
    config = tmp_path / "dotfiles"
    config.write_text(theirs)
    config.chmod(0o640)
    (tmp_path / "config").symlink_to(config)
    told(tmp_path, URLS, {})
    assert config.read_text().startswith("# Mooring: lab\nInclude ")
    other = SshConfig("other", str(tmp_path / "other"), str(tmp_path / "config"))
    other.write(other.changes(URLS, {}))
    # One fleet does not push away the other's line.
    assert told(tmp_path, URLS, {}).changes(URLS, {}) == {}
    other.write(other.changes([], {}))
    told(tmp_path, [], {})
    assert config.read_text() == theirs
    assert config.stat().st_mode & 0o777 == 0o640
    assert (tmp_path / "config").is_symlink()
    assert list((tmp_path / "lab").iterdir()) == []


def test_line_that_a_block_would_narrow_is_moved(tmp_path: Path) -> None:
    line = f'Include "{tmp_path}/lab/ssh_config"\n'
    (tmp_path / "config").write_text(f"Host a\n{line}")
    told(tmp_path, URLS, {})
    assert (tmp_path / "config").read_text() == f"# Mooring: lab\n{line}Host a\n"


@pytest.mark.parametrize(
    "url", ["ssh://192.0.2.7", "ssh://a@b c", "ssh://a@b,c", "ssh://-oProxyCommand@x y", "ssh://a@b/c"]
)
def test_what_ssh_cannot_follow_is_refused(tmp_path: Path, url: str) -> None:
    with pytest.raises(ValueError, match="write ssh://"):
        told(tmp_path, [url], {})


def test_clients_are_named_behind_their_keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "authorized_keys"
    monkeypatch.setattr(sshd, "KEYS", path)
    assert sshd.clients() == []
    path.write_text(ssh_keys.authorized_keys({"bob": f"{BOB} x", "alice": ALICE}, SOCKET) + f"\n{BOB} by hand\n")
    assert sshd.clients() == ["alice", "bob", "hand"]
    path.unlink()
    path.mkdir()
    assert sshd.clients() is None
