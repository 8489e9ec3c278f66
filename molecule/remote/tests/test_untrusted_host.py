"""A host that answers what it likes harms nobody else: no variable, no file, no other host, and no terminal."""

from __future__ import annotations

import base64
import json
import os
import re
import subprocess
import unicodedata
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import reach
from clients import HOSTS, Client, command, everywhere

PLACE = "/run/untrusted"
REAL = "/usr/bin/untrusted-python"
"""The interpreter, beside which its library is."""

# It runs the real one and says something else: "merge" goes into the reply, "say" takes the reply's place, "stderr" and
# "status" are those of the process.
WRAPPER = f"""#!{REAL}
import json, pathlib, subprocess, sys
place = pathlib.Path("{PLACE}")
lie = json.loads((place / "lie.json").read_text())
with (place / "used").open("a") as log:
    log.write("used\\n")
def merged(truth, more):
    for key, value in more.items():
        both = isinstance(value, dict) and isinstance(truth.get(key), dict)
        truth[key] = merged(truth[key], value) if both else value
    return truth
done = subprocess.run(["{REAL}", *sys.argv[1:]], stdin=sys.stdin, stdout=subprocess.PIPE)
said = done.stdout.strip()
if said.startswith(b"{{"):
    said = json.dumps(merged(json.loads(said), lie.get("merge", dict()))).encode()
said = lie["say"].encode() * lie.get("times", 1) if "say" in lie else said
sys.stderr.write(lie.get("stderr", ""))
sys.stdout.buffer.write(said)
sys.stdout.flush()
sys.exit(lie.get("status", done.returncode))
"""

STEERING = "\x1b]0;pwned\x07\x1b[2J\x9b31m\x7f\x08\r\u202egnp.exe\u2066\u200b\u2028\U000e0041"
"""What steers terminals, and what turns or hides text."""

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcH"
FACTS = {
    "docker_engine_certificate_names": ["evil.example"],
    "docker_engine_certificate_days": 9999,
    "docker_engine_certificate_renew": True,
    "docker_engine_ssh_clients": {"mallory": KEY},
    "verify_days": 5000,
}
"""What a host would like to decide."""

Lie = dict[str, Any]
Done = subprocess.CompletedProcess[str]


def _writing(path: str, text: str) -> str:
    """The shell's command that writes a file."""
    return f"echo {base64.b64encode(text.encode()).decode()} | base64 -d > {path}"


def lie(lies: dict[str, Lie]) -> None:
    """Let hosts lie from now on, and no others."""
    everywhere({name: _writing(f"{PLACE}/lie.json", json.dumps(lies.get(name, {}))) for name in HOSTS})


def used() -> dict[str, int]:
    """How often each host was asked through its interpreter."""
    return {name: int(said) for name, said in everywhere(f"wc -l < {PLACE}/used").items()}


def play(words: list[str], callback: str = "mooring.docker.quiet", **environment: str) -> Done:
    """Run a playbook as an operator sees it, with all that would reach the terminal in the standard output."""
    done = subprocess.run(
        words,
        cwd=reach.PROJECT,
        env={**os.environ, "ANSIBLE_STDOUT_CALLBACK": callback, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=300,
        check=False,
    )
    return Done(words, done.returncode, done.stdout.decode(errors="surrogateescape"))


def beside(*runs: list[Any], **environment: str) -> list[Done]:
    """Several runs at once, each the arguments of ``play``."""
    with ThreadPoolExecutor() as pool:
        return list(pool.map(lambda words: play(*words, **environment), runs))


def steering(text: str) -> list[str]:
    """Characters that are more than text."""
    return sorted({one for one in text if unicodedata.category(one) in ("Cc", "Cf", "Cs", "Zl", "Zp") and one != "\n"})


@pytest.fixture(scope="module")
def liars(client: Client) -> Iterator[None]:
    """Hosts whose interpreter is one that lies when it is told to."""

    found = f"$(realpath {reach.declared(HOSTS[0])['interpreter']})"
    steps = [
        f"mkdir {PLACE}",
        f"touch {PLACE}/used",
        f"echo '{{}}' > {PLACE}/lie.json",
        _writing(f"{PLACE}/wrapper", WRAPPER),
        f"chmod -R 777 {PLACE}",
        f"cp {found} {REAL}",
        f"mount --bind {PLACE}/wrapper {found}",
    ]
    try:
        everywhere(" && ".join(steps))
        yield
    finally:
        everywhere(f"umount {found}; rm -rf {REAL} {PLACE}")


@pytest.fixture
def ping(tmp_path: Path) -> list[str]:
    """A play with a module of Ansible's own, which then tells what has become a variable."""
    fact = "observations | default('none')"
    message = f"{{{{ inventory_hostname }}}}: {{{{ {fact} }}}}, {{{{ ansible_facts.{fact} }}}}"
    tasks = [{"ansible.builtin.ping": {}}, {"ansible.builtin.debug": {"msg": [message]}}]
    playbook = tmp_path / "play.json"
    playbook.write_text(json.dumps([{"hosts": "docker_hosts", "gather_facts": False, "tasks": tasks}]))
    return ["ansible-playbook", "-i", str(reach.INVENTORY), str(playbook)]


def test_hosts_lie(liars: None, ping: list[str]) -> None:
    """The control of all below: what a host says arrives, and with Ansible's default it is a variable."""
    lie({name: {"merge": {"ansible_facts": {"observations": "/pwned"}}} for name in HOSTS})
    before = used()
    shown = play(ping, ANSIBLE_INJECT_FACT_VARS="true").stdout.splitlines()
    assert set(shown) >= {f"{name}: /pwned, /pwned" for name in HOSTS}
    assert sorted(play(ping).stdout.splitlines()) == sorted(f"{name}: none, /pwned" for name in HOSTS)
    assert all(times > before[name] for name, times in used().items())


PLAYBOOKS = ["site", "verify", "report", "client", "renew_server_certificates", "replace_authorities",
             "replace_client_authority_now"]  # fmt: skip


def test_no_run_begins_where_facts_become_variables(liars: None, tmp_path: Path) -> None:
    before, paths = used(), {"observations": str(tmp_path / "seen"), "directory": str(tmp_path / "report")}
    for playbook, done in zip(
        PLAYBOOKS, beside(*([command(one, **paths)] for one in PLAYBOOKS), ANSIBLE_INJECT_FACT_VARS="true"), strict=True
    ):
        assert done.returncode != 0, playbook
        assert "set ANSIBLE_INJECT_FACT_VARS=false" in done.stdout, playbook
    assert used() == before
    assert not list(tmp_path.iterdir())


def test_a_configuration_of_ones_own_is_told_the_line(liars: None, tmp_path: Path) -> None:
    configuration = tmp_path / "ansible.cfg"
    configuration.write_text("[defaults]\nhost_key_checking = true\n")
    before = used()
    done = play(command("verify"), ANSIBLE_CONFIG=str(configuration))
    assert done.returncode != 0
    assert f'write "inject_facts_as_vars = false" below [defaults] into {configuration}' in done.stdout
    assert used() == before


def test_no_fact_changes_a_variable(liars: None, tmp_path: Path) -> None:
    """Neither of Mooring's modules nor of Ansible's: paths, names, days, clients and inventories stay as declared."""
    paths = ("observations", "directory", "docker_engine_ca_directory", "docker_engine_tls_directory")
    more = {
        "ansible_facts": {**FACTS, **{name: str(tmp_path / name) for name in paths}},
        "add_host": {"host_name": "mallory", "groups": ["docker_hosts"]},
        "add_group": "docker_hosts",
        "ansible_stats": {"data": {"pwned": 1}, "per_host": False},
        "results": [{"skipped": True}],
        "_ansible_item_label": "pwned",
        "_ansible_no_log": True,
    }
    lie({name: {"merge": more} for name in HOSTS})
    certificate = "cat /etc/docker/tls/server/cert.pem"
    issued = {name: reach.over_ssh(name).check_output(certificate) for name in HOSTS}
    before = used()
    runs = {one: command(one) for one in ("verify", "site")}
    runs["report"] = command("report", directory=str(tmp_path / "drawn"))
    for playbook, done in zip(runs, beside(*([words, "default"] for words in runs.values())), strict=True):
        assert done.returncode == 0, done.stdout[-3000:]
        assert not re.search("mallory|pwned", done.stdout), done.stdout
        assert playbook != "site" or re.findall(r"changed=(\d+)", done.stdout) == ["0"] * len(HOSTS)
    assert all(times > before[name] for name, times in used().items())
    assert [path.name for path in tmp_path.iterdir()] == ["drawn"]
    assert {name: reach.over_ssh(name).check_output(certificate) for name in HOSTS} == issued


def test_a_host_key_is_one_key_of_that_host(liars: None, tmp_path: Path) -> None:
    """Nor do others pay for hosts that say otherwise: they have their contexts."""
    addresses = {name: reach.declared(name)["address"] for name in HOSTS}
    *lying, honest = HOSTS
    lies = (
        {"host": {"ssh": {"host_keys": [f"{KEY}\n{addresses[honest]} {KEY}"]}}},
        {"host": {"ssh": {"host_keys": [f"@cert-authority * {KEY}"]}}, "failed": True, "msg": "host.ssh.host_keys"},
    )
    lie({name: {"merge": more} for name, more in zip(lying, lies)})
    joining = Client(tmp_path / "client")
    variables = {**joining.variables, "docker_client_ssh_config": str(tmp_path / "config")}
    done = play(
        command("client", **variables, docker_engine_ssh_clients={"alice": KEY}), DOCKER_CONFIG=str(joining.directory)
    )
    assert done.returncode != 0
    assert not steering(done.stdout)
    for name in lying:
        assert re.search(f"^{name}: .*host.ssh.host_keys", done.stdout, re.MULTILINE), done.stdout
    known = (joining.directory / "known_hosts").read_text()
    assert {line.split()[0] for line in known.splitlines()} == {addresses[honest]}
    assert KEY not in known
    assert joining.docker("--context", honest, "version").returncode == 0


# What hosts say at a time, and what Mooring shows of it.
WORDS: list[list[tuple[Lie, str]]] = [
    [
        ({"merge": {"failed": True, "msg": STEERING, "exception": STEERING}}, r"\x1b]0;pwned\x07\x1b[2J\x9b31m"),
        ({"merge": {"failed": True, "msg": "no", "warnings": [STEERING]}}, "no"),
        ({"say": STEERING, "stderr": STEERING}, "host_plan ended with status 0 and without a reply"),
    ],
    [
        ({"say": "", "stderr": STEERING, "status": 255}, r"\x1b]0;pwned"),
        ({"merge": {"failed": True, "msg": "no", "_ansible_x": STEERING, "results": STEERING}}, "no"),
        ({"say": STEERING + '\n{"failed": true, "msg": "no"}\n' + STEERING}, "no"),
    ],
]


@pytest.mark.parametrize("words", WORDS)
def test_no_word_of_a_host_steers_the_terminal(liars: None, ping: list[str], words: list[tuple[Lie, str]]) -> None:
    """Neither Mooring's own playbooks, with either callback, nor Ansible's own modules with Mooring's."""
    lie({name: what for name, (what, _shown) in zip(HOSTS, words, strict=True)})
    site = command("site")
    quiet, loud, others = beside([site], [site, "default"], [ping])
    for done in (quiet, loud, others):
        assert done.returncode != 0
        assert not steering(done.stdout)
    for name, (_what, shown) in zip(HOSTS, words, strict=True):
        assert re.search(f"{name}.*{re.escape(shown)}", quiet.stdout)
        assert shown in loud.stdout
        assert f"{name}: " in others.stdout


def test_findings_are_a_line_each(liars: None) -> None:
    """What a finding quotes of a host is neither a line of its own nor more than text."""
    forged = f"1.0\nweb-1: error engine.version: forged{STEERING}"
    lie({name: {"merge": {"host": {"engine": {"running_version": forged}}}} for name in HOSTS})
    done = play(command("verify"))
    assert not steering(done.stdout)
    for name in HOSTS:
        assert re.search(f"^{name}: error engine.version_differs: .*forged", done.stdout, re.MULTILINE), done.stdout
    assert not any(line.startswith("web-1") for line in done.stdout.splitlines())


# Replies of two hosts at a time, and what is said of them.
WRONG: list[list[tuple[Lie, str]]] = [
    [
        ({"merge": {"host": []}}, "host must be a dictionary and is a list"),
        ({"merge": {"host": {"engine": {"installed": "yes"}}}}, "host.engine.installed must be true or false"),
    ],
    [
        ({"merge": {"ansible_facts": [], "ansible_stats": 5, "failed": "no"}}, "failed must be true or false"),
        ({"say": '{"host": ' + "[" * 5000}, "cannot be read"),
    ],
    [
        ({"say": "{" + " " * 1023, "times": 18 * 2**10}, "and may have"),
        ({"merge": {"host": {"listening": 5}}}, "host.listening must be a list and is a whole number"),
    ],
]


@pytest.mark.parametrize("number", range(len(WRONG)))
def test_a_reply_of_another_shape_fails_its_host_alone(liars: None, number: int, tmp_path: Path) -> None:
    """The other one is verified, and reported."""
    honest = HOSTS[number]
    lying = [name for name in HOSTS if name != honest]
    lie({name: what for name, (what, _reason) in zip(lying, WRONG[number])})
    done = play(command("verify", directory=str(tmp_path)))
    assert done.returncode != 0
    for name, (_what, reason) in zip(lying, WRONG[number]):
        line = f"^{name}: error host.unobserved: .*{re.escape(reason)}"
        assert re.search(line, done.stdout, re.MULTILINE), done.stdout
    assert not re.search(f"^{honest}: ", done.stdout, re.MULTILINE), done.stdout
    report = json.loads((tmp_path / "report.json").read_text())
    assert {host["name"]: host["observed"] for host in report["hosts"]} == {name: name == honest for name in HOSTS}
