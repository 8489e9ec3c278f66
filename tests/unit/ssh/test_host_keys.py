"""A public key that a machine tells is one whole key of a plain type; nothing else gets into a file of keys."""

from __future__ import annotations

import base64
import subprocess
from pathlib import Path

import pytest
from ansible_collections.mooring.docker.plugins.module_utils._client.ssh_config import SshConfig
from ansible_collections.mooring.docker.plugins.module_utils._ssh import keys as ssh_keys
from ansible_collections.mooring.docker.plugins.module_utils._ssh import sshd
from hypothesis import given
from hypothesis import strategies as st

URL = "ssh://docker-remote@192.0.2.7"


def public(*fields: bytes, kind: str | None = None) -> str:
    """A key with such fields, the first of which is its type."""
    blob = b"".join(len(one).to_bytes(4, "big") + one for one in fields)
    return f"{kind or fields[0].decode()} {base64.b64encode(blob).decode()}"


ED25519 = public(b"ssh-ed25519", b"k" * 32)
MODULUS = b"\0" + b"\xc1" * 257
assert public(b"ssh-rsa", b"\1\0\1", MODULUS).endswith("wQ==")
WHOLE = [
    ED25519,
    public(b"ssh-rsa", b"\1\0\1", MODULUS),
    public(b"ecdsa-sha2-nistp256", b"nistp256", b"\4" + b"p" * 64),
    public(b"sk-ssh-ed25519@openssh.com", b"k" * 32, b"ssh:"),
    public(b"sk-ecdsa-sha2-nistp256@openssh.com", b"nistp256", b"\4" + b"p" * 64, b"ssh:docker"),
]
CUT = public(b"ssh-ed25519", b"k" * 31)

WRONG = [
    "",
    None,
    ["x"],
    ED25519.split()[1],
    f"{ED25519}\n@cert-authority * {ED25519}",
    f"{ED25519}\r192.0.2.8 {ED25519}",
    f"{ED25519}\u2028{ED25519}",
    f"@cert-authority {ED25519}",
    f"@revoked {ED25519}",
    f"* {ED25519}",
    f'command="id" {ED25519}',
    f"192.0.2.8 {ED25519}",
    ED25519.replace("ssh-ed25519", "ssh-rsa"),
    ED25519.replace("ssh-ed25519", "SSH-ED25519"),
    ED25519[:-1],
    ED25519[:-4],
    f"{ED25519}AAAA",
    # The same bytes, written otherwise.
    public(b"ssh-rsa", b"\1\0\1", MODULUS).replace("wQ==", "wR=="),
    CUT,
    public(b"ssh-ed25519", b"k" * 33),
    public(b"ssh-ed25519", b"k" * 32, b"more"),
    public(b"ssh-ed25519"),
    public(b"ssh-ed25519", b"k" * 32, kind="ssh-ed25519-cert-v01@openssh.com"),
    public(b"ssh-ed25519-cert-v01@openssh.com", b"nonce", b"k" * 32),
    public(b"ssh-rsa", b"\1\0\1", b"\xc1" * 256),
    public(b"ssh-rsa", b"\1\0\1", b"\0\0" + b"\xc1" * 255),
    public(b"ssh-rsa", b"\1\0\1", b"\1" * 64),
    public(b"ecdsa-sha2-nistp256", b"nistp384", b"\4" + b"p" * 64),
    public(b"ecdsa-sha2-nistp256", b"nistp256", b"\2" + b"p" * 64),
    public(b"sk-ssh-ed25519@openssh.com", b"k" * 32, b"a\nb"),
    public(b"ssh-dss", b"p", b"q", b"g", b"y"),
    public(b"ssh-unheard-of", b"k" * 32),
]


@pytest.mark.parametrize("key", WHOLE)
def test_a_whole_key_is_taken_without_its_comment(key: str) -> None:
    assert ssh_keys.whole_key(key) == key
    assert ssh_keys.whole_key(f"{key} root@host * @cert-authority") == key


@pytest.mark.parametrize("words", ["ed25519", "ecdsa -b 256", "ecdsa -b 384", "ecdsa -b 521", "rsa -b 2048"])
def test_keys_as_ssh_keygen_makes_them(tmp_path: Path, words: str) -> None:
    subprocess.run(["ssh-keygen", "-q", "-t", *words.split(), "-N", "", "-f", tmp_path / "key"], check=True)
    text = (tmp_path / "key.pub").read_text()
    assert text.startswith(ssh_keys.whole_key(text.strip()))


@pytest.mark.parametrize("key", WRONG)
def test_what_is_not_exactly_a_key_is_refused(key: object) -> None:
    with pytest.raises(ValueError, match="is no "):
        ssh_keys.whole_key(key)
    assert ssh_keys.host_keys_problem([ED25519, key])


@given(st.text() | st.builds("{} {}".format, st.sampled_from([one.split()[0] for one in WHOLE]), st.text()))
def test_no_other_text_is_a_key(text: str) -> None:
    with pytest.raises(ValueError, match="is no "):
        ssh_keys.whole_key(text)


@given(st.sampled_from(WHOLE), st.text(), st.text())
def test_whatever_stands_around_a_key_it_is_one_line(key: str, before: str, behind: str) -> None:
    try:
        found = ssh_keys.whole_key(f"{before}{key}{behind}")
    except ValueError:
        return
    assert found == key


def test_a_server_has_few_keys() -> None:
    assert ssh_keys.host_keys_problem([ED25519] * 16) is None
    assert "more than an SSH server has" in str(ssh_keys.host_keys_problem([ED25519] * 17))
    assert "must be a list" in str(ssh_keys.host_keys_problem({"a": ED25519}))


@pytest.mark.parametrize("key", [one for one in WRONG if one])
def test_nothing_else_is_written(tmp_path: Path, key: str) -> None:
    ssh = SshConfig("lab", str(tmp_path), str(tmp_path / "config"))
    with pytest.raises(ValueError, match=f"host_keys of {URL}: .*is no "):
        ssh.changes([URL], {URL: [key]})


def test_what_was_written_before_and_is_no_key_goes(tmp_path: Path) -> None:
    (tmp_path / "known_hosts").write_text(f"192.0.2.7 {CUT}\n192.0.2.7 {ED25519}\n@cert-authority * {ED25519}\n")
    ssh = SshConfig("lab", str(tmp_path), str(tmp_path / "config"))
    ssh.write(ssh.changes([URL], {}))
    assert (tmp_path / "known_hosts").read_text() == f"192.0.2.7 {ED25519}\n"


def test_a_host_tells_its_plain_keys_alone(tmp_path: Path) -> None:
    for name, text in {"a": f"{ED25519} root@a\n", "b": CUT, "c": f"{WHOLE[1]}\n"}.items():
        (tmp_path / f"{name}.pub").write_text(text)
    assert sshd._host_keys([str(tmp_path / name) for name in "abcd"]) == [ED25519, WHOLE[1]]


def test_nothing_is_forwarded_to_a_daemons_host(tmp_path: Path) -> None:
    """As ssh itself reads it, whatever the user does with other hosts."""
    config = tmp_path / "config"
    config.write_text("Host *\n  ForwardAgent yes\n  ForwardX11 yes\n  LocalForward 8080 localhost:80\n")
    ssh = SshConfig("lab", str(tmp_path / "lab"), str(config))
    ssh.write(ssh.changes([URL], {URL: [ED25519]}))

    def settings(destination: str) -> set[str]:
        line = ["ssh", "-F", str(config), "-G", destination]
        return set(subprocess.run(line, capture_output=True, text=True, check=True).stdout.splitlines())

    assert settings("docker-remote@192.0.2.7") >= {"forwardagent no", "forwardx11 no", "clearallforwardings yes"}
    assert settings("root@192.0.2.7") >= {"forwardagent yes", "forwardx11 yes", "clearallforwardings no"}
