"""Files are as declared, nothing that an operator wrote is lost, and no secret is shown."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from ansible_collections.mooring.docker.plugins.module_utils._config import state
from ansible_collections.mooring.docker.plugins.module_utils._files import audit, managed, prune
from ansible_collections.mooring.docker.plugins.module_utils._steps import host_files
from ansible_collections.mooring.docker.plugins.module_utils._steps.failure import StepError
from ansible_collections.mooring.docker.plugins.module_utils._system import commands

HostFile = managed.HostFile


class Host:
    """A directory in the place of the host's, and systemd's answers."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.said: list[str] = []
        self.fails: dict[str, str] = {}
        self.units: dict[str, dict[str, str]] = {}

    def path(self, name: str) -> str:
        return str(self.root / name)

    def run(self, *words: str, **_options: object) -> subprocess.CompletedProcess[str]:
        self.said.append(" ".join(words))
        reason = next((reason for start, reason in self.fails.items() if self.said[-1].startswith(start)), None)
        return subprocess.CompletedProcess(words, 1 if reason else 0, "", reason or "")

    def execute(self, files: dict[str, HostFile], *remove: str, prune: bool = False) -> dict[str, object]:
        self.said.clear()
        return host_files.execute({"files": files, "remove": list(remove), "prune": prune})


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    here = Host(tmp_path)
    monkeypatch.setattr(state, "STATE", tmp_path / "state")
    monkeypatch.setattr(state, "BACKUPS", tmp_path / "state/backups")
    monkeypatch.setattr(managed, "RECORD", tmp_path / "state/files.json")
    monkeypatch.setattr(prune, "DIRECTORY", str(tmp_path / "systemd"))
    monkeypatch.setattr(prune, "TIMER_PATH", str(tmp_path / "systemd" / prune.TIMER))
    monkeypatch.setattr(audit, "PATH", str(tmp_path / "audit/docker.rules"))
    monkeypatch.setattr(commands, "run", here.run)
    monkeypatch.setattr(commands, "unit_properties", lambda unit: here.units.get(unit, {}))
    return here


def file(text: str, mode: str = "0644") -> HostFile:
    return {"text": text, "mode": mode}


def test_a_file_is_written_once_and_is_then_as_declared(host: Host) -> None:
    declared = {host.path("certs.d/r/ca.crt"): file("ca\n"), host.path("certs.d/r/client.key"): file("k\n", "0600")}
    assert managed.observe(declared)["differing"] == sorted(declared)
    assert host.execute(declared)["written"] == sorted(declared)
    assert Path(host.path("certs.d/r/client.key")).stat().st_mode & 0o777 == 0o600
    seen = managed.observe(declared)
    assert (seen["differing"], seen["leftover"], seen["diff"]) == ([], [], [])
    # Nothing of it is systemd's or auditd's.
    assert host.said == []


def test_a_mode_is_part_of_a_file(host: Host) -> None:
    declared = {host.path("client.key"): file("k\n", "0600")}
    host.execute(declared)
    Path(host.path("client.key")).chmod(0o644)
    assert managed.observe(declared)["differing"] == [host.path("client.key")]


def test_what_is_no_longer_declared_is_removed_with_its_directory(host: Host) -> None:
    path = host.path("certs.d/r/ca.crt")
    host.execute({path: file("ca\n")})
    assert managed.observe({})["leftover"] == [path]
    assert host.execute({}, path)["removed"] == [path]
    assert not Path(path).parent.exists()
    assert managed.observe({})["leftover"] == []
    assert managed.recorded() == set()


def test_only_what_mooring_wrote_is_removed(host: Host) -> None:
    kept = Path(host.path("certs.d/r/other.crt"))
    kept.parent.mkdir(parents=True)
    kept.write_text("operator's")
    host.execute({host.path("certs.d/r/ca.crt"): file("ca\n")})
    assert host.execute({}, host.path("certs.d/r/ca.crt"), str(kept))["removed"] == [host.path("certs.d/r/ca.crt")]
    assert kept.read_text() == "operator's"


def test_an_operators_file_is_kept_before_it_is_replaced(host: Host) -> None:
    path = Path(host.path("ca.crt"))
    path.write_text("operator's")
    host.execute({str(path): file("ca\n")})
    host.execute({str(path): file("another ca\n")})
    (kept,) = (host.root / "state/backups").iterdir()
    assert kept.read_text() == "operator's"


def test_an_operators_file_that_is_as_declared_stays_his(host: Host) -> None:
    path = Path(host.path("ca.crt"))
    path.write_text("ca\n")
    path.chmod(0o644)
    assert managed.observe({str(path): file("ca\n")})["differing"] == []
    assert managed.observe({})["leftover"] == []


def test_a_run_that_is_cut_leaves_nothing_that_no_later_one_removes(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = host.path("a.crt"), host.path("b.crt")
    write = state.write

    def cut(path: Path, text: str | None, mode: int = 0o644) -> None:
        if str(path) == second:
            raise OSError("no space left on device")
        write(path, text, mode)

    monkeypatch.setattr(state, "write", cut)
    with pytest.raises(StepError, match="no space left"):
        host.execute({first: file("a"), second: file("b")})
    assert managed.observe({})["leftover"] == [first]


def test_no_secret_is_in_the_difference(host: Host) -> None:
    path = host.path("client.key")
    new = {path: file("new s3cr3t\n", "0600")}
    assert managed.observe(new)["diff"][0]["after"] == "(secret, not shown)\n"
    host.execute({path: file("old s3cr3t\n", "0600")})
    for declared in (new, {}, {path: file("public\n")}):
        assert "s3cr3t" not in repr(managed.observe(declared))
    public = host.path("95-proxy")
    shown = managed.observe({public: file('Acquire::http::Proxy "http://alice:hunter2@proxy:1";\n')})["diff"]
    assert "hunter2" not in repr(shown)
    assert "proxy:1" in shown[0]["after"]


UNITS = ["mooring-prune.service", "mooring-prune.timer"]


def _units(host: Host, schedule: str = "weekly") -> dict[str, HostFile]:
    return {path: file(text) for path, text in prune.files({"schedule": schedule}, "/run/docker.sock").items()}


def test_the_timer_starts_with_its_units_and_goes_with_them(host: Host) -> None:
    units = _units(host)
    assert [Path(path).name for path in units] == UNITS
    assert managed.observe(units)["prune"] == {"active": None, "enabled": None, "result": None}
    host.execute(units, prune=True)
    assert host.said == [
        "systemctl daemon-reload",
        "systemctl enable mooring-prune.timer",
        "systemctl restart mooring-prune.timer",
    ]
    assert managed.observe({})["prune"] is None
    host.execute({}, *units)
    assert host.said == ["systemctl disable --now mooring-prune.timer", "systemctl daemon-reload"]


def test_a_timer_that_is_stopped_is_started_without_writing(host: Host) -> None:
    host.execute(_units(host), prune=True)
    host.execute({}, prune=True)
    assert host.said == ["systemctl enable mooring-prune.timer", "systemctl restart mooring-prune.timer"]


def test_what_systemd_says_of_the_timer_is_told(host: Host) -> None:
    host.fails["systemctl enable"] = "Unit file is masked."
    with pytest.raises(StepError, match=r"systemctl enable mooring-prune.timer: Unit file is masked\."):
        host.execute(_units(host), prune=True)


def test_a_schedule_is_systemds_to_judge_and_asked_once(host: Host) -> None:
    host.fails["systemd-analyze"] = "Failed to parse calendar specification 'Sumday'"
    units = _units(host, "Sumday")
    assert managed.observe(units)["schedule"] == "Sumday: Failed to parse calendar specification 'Sumday'"
    host.execute(units)
    assert managed.observe(units)["schedule"] is None


def test_audit_rules_are_for_hosts_with_auditd(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(managed.shutil, "which", lambda name, path: f"/usr/sbin/{name}")
    declared = {audit.PATH: file("-w /etc/docker\n", "0640")}
    assert managed.observe(declared)["differing"] == []
    assert host.execute(declared)["written"] == []
    Path(audit.PATH).parent.mkdir()
    assert managed.observe(declared)["differing"] == [audit.PATH]
    assert host.execute(declared)["warnings"] == []
    assert host.said == ["augenrules --load"]
    host.fails["augenrules"] = "Operation not permitted"
    (warning,) = host.execute(declared)["warnings"]  # type: ignore[misc]
    assert "not in force before the next boot" in warning
    monkeypatch.setattr(managed.shutil, "which", lambda name, path: None)
    assert managed.observe(declared)["leftover"] == [audit.PATH]


def test_who_knows_of_no_declaration_finds_nothing_left_over(host: Host) -> None:
    host.execute({host.path("ca.crt"): file("ca\n")})
    assert managed.observe(None)["leftover"] == []
    assert managed.observe({})["leftover"] == [host.path("ca.crt")]
