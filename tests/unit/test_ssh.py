"""Which keys get in over SSH, what sshd must be set to for it, and what a client's ssh is told."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest
from ansible_collections.mooring.docker.plugins.module_utils import _ssh_keys, _sshd
from ansible_collections.mooring.docker.plugins.module_utils._ssh_config import SshConfig
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
    found = "; ".join(_ssh_keys.problems(clients))
    assert reason in found
    assert SECRET not in found


@pytest.mark.parametrize(
    "kind", ["ssh-rsa", "ecdsa-sha2-nistp256", "sk-ssh-ed25519@openssh.com", "ssh-mldsa44-ed25519"]
)
def test_keys_of_every_type_are_taken(kind: str) -> None:
    assert _ssh_keys.problems({"alice@laptop": f"{public(kind, b'x', b'y')} of alice\n"}) == []


@given(st.text(min_size=1, max_size=80))
def test_no_text_brings_a_line_or_an_option_of_its_own(text: str) -> None:
    """Whatever is let through, each line of the file begins with Mooring's restriction."""
    for clients in ({"alice": text}, {"alice": f"{ALICE}{text}"}, {text: ALICE}):
        if not _ssh_keys.problems(clients):
            lines = _ssh_keys.authorized_keys(clients, "/run/docker.sock").split("\n")
            assert len(lines) == 3
            assert lines[1].startswith(
                'restrict,command="docker --host unix:///run/docker.sock system dial-stdio" ssh-'
            )


def test_comment_is_the_client_of_the_inventory() -> None:
    text = _ssh_keys.authorized_keys({"bob": f"{BOB} x", "alice": f"{ALICE} y z"}, "/srv/d.sock")
    assert [line.split()[-1] for line in text.splitlines()[1:]] == ["alice", "bob"]
    assert text.count('command="docker --host unix:///srv/d.sock system dial-stdio"') == 2


OPEN = {
    "pubkeyauthentication": ["yes"],
    "authorizedkeysfile": [".ssh/authorized_keys", ".ssh/authorized_keys2"],
    "authenticationmethods": ["any"],
    "forcecommand": ["none"],
    "chrootdirectory": ["none"],
    "pubkeyacceptedalgorithms": ["ssh-ed25519,rsa-sha2-512,rsa-sha2-256"],
}


def obstacles(**settings: str) -> str:
    """What keeps the account out where sshd is set to these as well."""
    changed = {**OPEN, **{name: value.split() for name, value in settings.items()}}
    return "; ".join(_sshd.obstacles(changed, "docker-remote", "docker", ["ssh-ed25519", "ssh-rsa"]))


@pytest.mark.parametrize(
    ("name", "value", "way_out"),
    [
        ("pubkeyauthentication", "no", "PubkeyAuthentication no: say yes"),
        ("authorizedkeysfile", "/etc/ssh/keys/%u", "say .ssh/authorized_keys as well"),
        ("authorizedkeysfile", "none", "say .ssh/authorized_keys as well"),
        ("authenticationmethods", "publickey,password", "say publickey"),
        ("forcecommand", "internal-sftp", "ForceCommand internal-sftp: say none"),
        ("chrootdirectory", "/srv", "ChrootDirectory /srv: say none"),
        ("denyusers", "docker-*", "DenyUsers docker-*: it names docker-remote"),
        ("denygroups", "docker", "DenyGroups docker: it names docker"),
        ("allowusers", "admin deploy@10.0.0.0/8", "AllowUsers admin deploy@10.0.0.0/8: add docker-remote"),
        ("allowusers", "* !docker-remote", "add docker-remote"),
        ("allowgroups", "ssh-users", "AllowGroups ssh-users: add docker"),
        ("pubkeyacceptedalgorithms", "ssh-ed25519", "lacks ssh-rsa"),
    ],
)
def test_setting_that_keeps_the_account_out_is_named(name: str, value: str, way_out: str) -> None:
    assert way_out in obstacles(**{name: value})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("authorizedkeysfile", "%h/.ssh/authorized_keys"),
        ("authorizedkeysfile", "/var/lib/mooring-ssh/.ssh/authorized_keys /etc/ssh/keys/%u"),
        ("authenticationmethods", "publickey,password publickey"),
        ("denyusers", "root docker-remote@192.0.2.1"),
        ("allowusers", "admin docker-remote@192.0.2.0/24"),
        ("allowusers", "docker-remot?"),
        ("allowgroups", "ssh-users docker"),
    ],
)
def test_setting_that_lets_it_in_is_no_obstacle(name: str, value: str) -> None:
    assert obstacles(**{name: value}) == ""


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
