"""The script that takes a change back is plain shell, does what it says, and is that of the version before."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from ansible_collections.mooring.docker.plugins.module_utils._apply import revert_script
from ansible_collections.mooring.docker.plugins.module_utils._firewall import docker_proxy, nftables
from unit.apply.fake_host import run_script

BEFORE = Path(__file__).parent / "revert_scripts"
"""What version 0.1.0 wrote for the changes below."""
SOCKETS = ["/run/docker.sock", "/srv/a b.sock"]
BRIDGE = ["172.17.0.1/16", "fd00::1/64"]
DRAINED = ["id-database", "id-web"]
LISTED = """\
table inet mooring_%s {
	chain input {
		socket cgroupv2 level 2 "system.slice/docker.service" goto outside
	}
}
"""


class _Table(nftables.Table):
    """A table that was not looked for."""

    def __init__(self) -> None:
        self.name = "endpoint"
        self.files = dict.fromkeys(
            map(
                Path, ("/etc/mooring/endpoint.nft", "/etc/mooring/load", "/etc/systemd/system/mooring-nftables.service")
            )
        )


class _Published(docker_proxy.Filter):
    """The same for published ports."""

    def __init__(self, present: str | None) -> None:
        self.name = "published"
        self.present = present
        self.files = dict.fromkeys(map(Path, ("/etc/mooring/published.nft", "/etc/mooring/published-engine")))


def _text(name: str) -> str:
    return (BEFORE / name).read_text()


@pytest.fixture
def _listed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nftables, "live", lambda name, *_options: LISTED % name)
    monkeypatch.setattr(docker_proxy, "RULE", Path("/nowhere/rule"))


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (revert_script.restart_daemon(BRIDGE, SOCKETS, DRAINED), "undo-drained.sh"),
        (revert_script.restart_daemon(BRIDGE, [], []), "undo-restart.sh"),
        (revert_script.stop_daemon(None), "undo-first-start.sh"),
    ],
)
def test_daemon_goes_back_by_the_text_of_before(text: str, name: str) -> None:
    assert text == _text(name)


@pytest.mark.usefixtures("_listed")
@pytest.mark.parametrize(
    ("table", "name"),
    [
        (_Table(), "undo-table.sh"),
        (_Published("a table"), "undo-published.sh"),
        (_Published(None), "undo-published-first.sh"),
    ],
)
def test_table_goes_back_by_the_text_of_before(table: nftables.Table, name: str) -> None:
    assert revert_script.restore_table(table) == _text(name)


FILES = {
    "/var/lib/mooring/good.json": "old-0",
    "/var/lib/mooring/applied.json": "old-1",
    "/etc/docker/daemon.json": "old-2",
    "/etc/systemd/system/docker.socket.d/50-mooring.conf": None,
    "/etc/it's": "old-3",
}


def test_whole_script_is_that_of_before() -> None:
    undo = {"docker.service": _text("undo-drained.sh"), "table inet mooring_endpoint": _text("undo-table.sh")}
    assert revert_script.script(FILES, undo) == _text("revert.sh")


def test_systemd_reads_its_units_again_only_where_they_change() -> None:
    assert "daemon-reload" in revert_script.script({"/etc/systemd/system/x.service": "old-0"}, {})
    assert "daemon-reload" not in revert_script.script({"/etc/docker/daemon.json": "old-0"}, {})


@pytest.mark.parametrize("path", sorted(BEFORE.glob("*.sh")), ids=lambda path: path.stem)
def test_every_piece_is_posix_shell(path: Path) -> None:
    text = path.read_text() if path.name == "revert.sh" else revert_script.script({}, {"owner": path.read_text()})
    assert subprocess.run(["dash", "-n"], input=text, text=True, check=False).returncode == 0


@pytest.mark.parametrize("addresses", [None, [], BRIDGE])
def test_bridge_goes_back_by_posix_shell(addresses: list[str] | None) -> None:
    text = revert_script.restore_bridge(addresses)
    assert subprocess.run(["dash", "-n"], input=text, text=True, check=False).returncode == 0
    assert ("ip link delete docker0" in text) is (addresses is None)


# What it does --------------------------------------------------------------------------------------


class _Pending:
    """A host on which the script of before is pending, as the directory has it after a change."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.directory = root / "var/lib/mooring/confirm"
        for path, text in {
            **{f"var/lib/mooring/confirm/old-{number}": f"old {number}\n" for number in range(4)},
            "var/lib/mooring/confirm/revert": _text("revert.sh"),
            "var/lib/mooring/confirm/armed.json": "{}",
            "var/lib/mooring/confirm/deadline": "this-boot 500 30\n",
            "var/lib/mooring/drained.json": "[]",
            "var/lib/mooring/good.json": "new",
            "etc/docker/daemon.json": "new",
            "etc/systemd/system/docker.socket.d/50-mooring.conf": "new",
            "etc/systemd/system/mooring-revert.service": "unit",
            "etc/systemd/system/sysinit.target.wants/mooring-revert.service": "link",
            "proc/uptime": "600.25 1.00\n",
            "proc/sys/kernel/random/boot_id": "this-boot\n",
            "sys/class/net/docker0/mtu": "1500",
            "running": "id-other\n",
            "addresses": "3: docker0 inet 10.9.0.1/24 x\n3: docker0 inet 172.17.0.1/16 x\n",
        }.items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(text)

    def run(self, *words: str) -> int:
        return run_script(self.root, (self.directory / "revert").read_text(), *words).returncode

    def log(self) -> list[str]:
        return (self.root / "log").read_text().splitlines()

    def reverted(self) -> str:
        return (self.directory / "reverted").read_text()

    def is_as_before(self) -> bool:
        texts = [(self.root / path.lstrip("/")).read_text() for path, name in FILES.items() if name]
        absent = [self.root / path.lstrip("/") for path, name in FILES.items() if name is None]
        return texts == [f"old {number}\n" for number in range(4)] and not any(path.exists() for path in absent)


@pytest.fixture
def pending(tmp_path: Path) -> _Pending:
    return _Pending(tmp_path)


def test_failed_change_is_reverted_before_its_time(pending: _Pending) -> None:
    (pending.root / "proc/uptime").write_text("1.00 1.00\n")
    assert pending.run("now") == 0
    assert pending.is_as_before()
    assert pending.reverted().endswith(" the change failed\n")
    assert sorted(path.name for path in pending.directory.iterdir()) == ["reverted"]
    assert not list(pending.root.glob("etc/systemd/system/**/mooring-revert.service"))


def test_daemon_and_containers_follow_in_order(pending: _Pending) -> None:
    pending.run("now")
    log = pending.log()
    marks = [
        "systemctl daemon-reload",
        f"docker --host unix://{pending.root}/run/docker.sock stop id-other",
        "systemctl stop docker.service docker.socket",
        "ip address delete 10.9.0.1/24 dev docker0",
        "ip address replace fd00::1/64 dev docker0",
        "systemctl start --job-mode=ignore-dependencies docker.socket",
        "systemctl start --job-mode=ignore-dependencies docker.service",
        *(
            f"docker --host unix://{pending.root}/run/docker.sock start id-{name}"
            for name in ("database", "web", "other")
        ),
        "nft -f -",
    ]
    assert [line for line in log if line in marks] == marks
    assert "ip address delete 172.17.0.1/16 dev docker0" not in log
    assert not (pending.root / "var/lib/mooring/drained.json").exists()


def test_nothing_happens_before_its_time(pending: _Pending) -> None:
    (pending.root / "proc/uptime").write_text("499.99 1.00\n")
    assert pending.run() == 0
    assert pending.log() == []
    assert (pending.directory / "revert").exists()


def test_nothing_happens_once_it_is_confirmed(pending: _Pending) -> None:
    text = _text("revert.sh")
    (pending.directory / "revert").unlink()
    assert run_script(pending.root, text).returncode == 0
    assert pending.log() == []


def test_change_that_nobody_confirms_is_reverted(pending: _Pending) -> None:
    assert pending.run() == 0
    assert pending.is_as_before()
    assert pending.reverted().endswith(" nobody confirmed the change within 30 s\n")


def test_boot_reverts_the_files_and_starts_nothing(pending: _Pending) -> None:
    (pending.root / "proc/sys/kernel/random/boot_id").write_text("another-boot\n")
    assert pending.run() == 0
    assert pending.is_as_before()
    assert "started anew" in pending.reverted()
    assert pending.log() == ["systemctl daemon-reload"]


@pytest.mark.parametrize(
    ("fails", "exists", "status", "record_stays"),
    [
        ("start id-web", "id-web", 1, True),
        # It was removed meanwhile.
        ("start id-web", "", 0, False),
        ("start .*docker.service", "", 1, True),
        ("nft", "", 1, False),
        ("daemon-reload", "", 1, False),
    ],
)
def test_what_does_not_work_is_told_and_stops_nothing_else(
    pending: _Pending, fails: str, exists: str, status: int, record_stays: bool
) -> None:
    (pending.root / "fails").write_text(f"{fails}\n")
    (pending.root / "exists").write_text(exists)
    assert pending.run() == status
    assert pending.is_as_before()
    assert ("not all of it worked" in pending.reverted()) is bool(status)
    assert "nft -f -" in pending.log()
    # Who does not run yet is left to the next run.
    assert (pending.root / "var/lib/mooring/drained.json").exists() is record_stays
    assert not (pending.directory / "revert").exists()


def test_file_that_cannot_be_put_back_does_not_keep_the_others(pending: _Pending) -> None:
    (pending.directory / "old-0").unlink()
    assert pending.run() == 1
    assert (pending.root / "etc/docker/daemon.json").read_text() == "old 2\n"
    assert "not all of it worked" in pending.reverted()
