"""One apt-get for all that is missing, no service started meanwhile, and no trace of that afterwards."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible_collections.mooring.docker.plugins.module_utils._system import apt

APT_CACHE = """\
#!/bin/sh
shift
for name; do
    [ -e "$STATE/candidates/$name" ] || [ -e "$STATE/installed/$name" ] || continue
    echo "$name:"
    echo "  Installed: $(cat "$STATE/installed/$name" 2>&- || echo "(none)")"
    echo "  Candidate: $(cat "$STATE/candidates/$name" 2>&- || echo "(none)")"
    echo "  Version table:"
done
"""
APT_GET = """\
#!/bin/sh
echo "$*" >> "$STATE/calls"
env | grep -E "^(LC_ALL|DEBIAN_FRONTEND)=" >> "$STATE/environment"
for word; do
    case $word in
    update)
        [ ! -e "$STATE/lock" ] || { rm "$STATE/lock"; echo "E: Could not get lock x" >&2; exit 100; }
        cp "$STATE"/upcoming/* "$STATE/candidates/" 2>&-
        rm -f "$STATE/stale"
        [ ! -e "$STATE/unreachable" ] || echo "W: Failed to fetch http://deb/  Could not resolve 'deb'" >&2
        exit 0 ;;
    --fix-broken)
        [ ! -e "$STATE/stuck" ] || { echo "E: Sub-process dpkg returned 1" >&2; exit 100; }
        "$POLICY" docker start; echo $? >> "$STATE/policy"
        for name in $(ls "$STATE/unfinished"); do
            rm "$STATE/unfinished/$name"; echo 1 > "$STATE/installed/$name"
        done
        exit 0 ;;
    install)
        if [ -e "$STATE/stale" ]; then
            echo "Get:1 x"; echo "E: Failed to fetch http://deb/x.deb  404  Not Found" >&2; exit 100
        fi
        [ ! -e "$STATE/broken" ] || { echo "Setting up x"; echo "E: Sub-process dpkg returned 1" >&2; exit 100; }
        "$POLICY" docker start; echo $? >> "$STATE/policy" ;;
    -*) ;;
    *) cp "$STATE/candidates/$word" "$STATE/installed/$word" ;;
    esac
done
"""
DPKG_QUERY = """\
#!/bin/sh
shift 2
[ $# -gt 0 ] || set -- $(ls "$STATE/installed" "$STATE/unfinished" | grep -v :)
for name; do
    if [ -e "$STATE/unfinished/$name" ]; then echo "$name $(cat "$STATE/unfinished/$name")"
    elif [ -e "$STATE/installed/$name" ]; then echo "$name installed ok"
    fi
done
"""
DPKG = """\
#!/bin/sh
echo "dpkg $*" >> "$STATE/calls"
"$POLICY" docker start; echo $? >> "$STATE/policy"
rm -f "$STATE"/dpkg/updates/*
for name in $(ls "$STATE/unfinished"); do
    case $(cat "$STATE/unfinished/$name") in
    half-installed*) status=1 ;;
    *) [ -e "$STATE/stuck" ] || { rm "$STATE/unfinished/$name"; echo 1 > "$STATE/installed/$name"; } ;;
    esac
done
exit ${status:-0}
"""


class Debian:
    """A machine with its packages: those that are installed, installable, and so after a refresh."""

    def __init__(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.path = path
        for name in ("installed", "candidates", "upcoming", "lists", "bin", "sbin", "unfinished", "dpkg/updates"):
            (path / name).mkdir(parents=True)
        programs = {"apt-get": APT_GET, "apt-cache": APT_CACHE, "dpkg-query": DPKG_QUERY, "dpkg": DPKG}
        for name, text in programs.items():
            (path / "bin" / name).write_text(text)
            (path / "bin" / name).chmod(0o755)
        monkeypatch.setenv("PATH", f"{path}/bin:{os.environ['PATH']}")
        monkeypatch.setenv("STATE", str(path))
        self.policy = path / "sbin" / "policy-rc.d"
        monkeypatch.setenv("POLICY", str(self.policy))
        monkeypatch.setattr(apt, "POLICY", self.policy)
        monkeypatch.setattr(apt, "KEPT_POLICY", self.policy.with_name("policy-rc.d.mooring-kept"))
        monkeypatch.setattr(apt, "POLICY_LOCK", path / "policy.lock")
        monkeypatch.setattr(apt, "DPKG", path / "dpkg")
        monkeypatch.setattr(apt, "LISTS", (path / "lists", path / "stamp"))
        monkeypatch.setattr(time, "sleep", lambda seconds: None)
        (path / "lists" / "deb_Packages").touch()

    def has(self, directory: str, **versions: str) -> Debian:
        for name, version in versions.items():
            (self.path / directory / name.replace("_", "-")).write_text(version)
        return self

    def marks(self, name: str) -> Debian:
        (self.path / name).touch()
        return self

    @property
    def calls(self) -> list[str]:
        """The calls of apt-get, without its options."""
        log = self.path / "calls"
        lines = log.read_text().splitlines() if log.exists() else []
        return [" ".join(word for word in line.split() if not word.startswith("-")) for line in lines]

    def asked(self) -> list[str]:
        return (self.path / "policy").read_text().split()


@pytest.fixture
def debian(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Debian:
    return Debian(tmp_path, monkeypatch)


def test_what_is_there_needs_no_apt_get(debian: Debian) -> None:
    debian.has("installed", docker="1").has("candidates", docker="1", extra="1")
    assert apt.install(["docker"], ["extra"]) == []
    assert debian.calls == []


def test_all_that_is_missing_comes_by_one_call(debian: Debian) -> None:
    debian.has("candidates", docker="1", nft="1", cli="1", docker_compose="2.26.1-4").has("installed", nft="1")
    assert apt.install(["docker", "nft"], ["cli", "docker-compose", "none"]) == ["docker", "cli", "docker-compose"]
    assert debian.calls == ["install docker cli docker-compose"]
    assert "--no-install-recommends" in (debian.path / "calls").read_text()
    assert "DPkg::Lock::Timeout=300" in (debian.path / "calls").read_text()
    assert set((debian.path / "environment").read_text().split()) == {"LC_ALL=C", "DEBIAN_FRONTEND=noninteractive"}


@pytest.mark.parametrize(("version", "counts"), [("1.29.2-3", False), ("2.0", True), ("5:2.1", True), ("5:1.9", False)])
def test_compose_counts_from_version_2(debian: Debian, version: str, counts: bool) -> None:
    debian.has("candidates", docker="1", docker_compose=version)
    assert ("docker-compose" in apt.install(["docker"], ["docker-compose"])) == counts


def test_a_host_without_lists_gets_them_first(debian: Debian) -> None:
    (debian.path / "lists" / "deb_Packages").unlink()
    debian.has("upcoming", docker="1", cli="1")
    assert apt.install(["docker"], ["cli"]) == ["docker", "cli"]
    assert debian.calls == ["update", "install docker cli"]


def test_old_lists_are_refreshed(debian: Debian) -> None:
    debian.has("candidates", docker="1")
    day = time.time() - apt.FRESH - 60
    os.utime(debian.path / "lists", (day, day))
    apt.install(["docker"], [])
    assert debian.calls == ["update", "install docker"]


def test_lists_that_lack_a_required_package_are_refreshed(debian: Debian) -> None:
    debian.has("candidates", docker="1").has("upcoming", nft="1")
    apt.install(["docker", "nft"], [])
    assert debian.calls == ["update", "install docker nft"]


def test_lists_of_what_is_gone_from_the_mirror_are_refreshed(debian: Debian) -> None:
    debian.has("candidates", docker="1").has("upcoming", docker="2").marks("stale")
    apt.install(["docker"], [])
    assert debian.calls == ["install docker", "update", "install docker"]
    assert (debian.path / "installed" / "docker").read_text() == "2"


def test_a_refresh_waits_for_another_one(debian: Debian) -> None:
    debian.has("upcoming", docker="1").marks("lock")
    apt.install(["docker"], [])
    assert debian.calls == ["update", "update", "install docker"]


def test_a_package_that_nobody_has_is_an_error_with_apts_words(debian: Debian) -> None:
    debian.marks("unreachable")
    with pytest.raises(apt.AptError, match=r"has docker: W: Failed to fetch http://deb/  Could not resolve 'deb'"):
        apt.install(["docker"], [])
    assert not any(call.startswith("install") for call in debian.calls)


def test_a_failure_is_an_error_with_apts_words(debian: Debian) -> None:
    debian.has("candidates", docker="1").marks("broken")
    with pytest.raises(apt.AptError, match="could not install docker: E: Sub-process dpkg returned 1"):
        apt.install(["docker"], [])
    assert not debian.policy.exists()


def test_check_mode_changes_nothing(debian: Debian) -> None:
    (debian.path / "lists" / "deb_Packages").unlink()
    assert apt.install(["docker"], ["cli"], check_mode=True) == ["docker"]
    assert debian.calls == []


def test_no_service_starts_meanwhile(debian: Debian) -> None:
    debian.has("candidates", docker="1")
    apt.install(["docker"], [])
    assert debian.asked() == ["101"]
    assert list(debian.policy.parent.iterdir()) == []


def test_an_operators_policy_is_as_before(debian: Debian) -> None:
    debian.has("candidates", docker="1")
    debian.policy.write_text("#!/bin/sh\nexit 104\n")
    debian.policy.chmod(0o700)
    before = debian.policy.stat()
    apt.install(["docker"], [])
    after = debian.policy.stat()
    assert debian.asked() == ["101"]
    assert (after.st_ino, after.st_mode, after.st_mtime_ns) == (before.st_ino, before.st_mode, before.st_mtime_ns)
    assert debian.policy.read_text() == "#!/bin/sh\nexit 104\n"
    assert len(list(debian.policy.parent.iterdir())) == 1


def test_an_operators_link_is_as_before(debian: Debian) -> None:
    debian.has("candidates", docker="1")
    debian.policy.symlink_to("nowhere")
    apt.install(["docker"], [])
    assert str(debian.policy.readlink()) == "nowhere"


@pytest.mark.parametrize(("own", "answer"), [(None, 0), ("#!/bin/sh\nexit 104\n", 104)])
def test_what_a_killed_run_leaves_holds_nothing_back(debian: Debian, own: str | None, answer: int) -> None:
    if own:
        debian.policy.write_text(own)
        debian.policy.chmod(0o755)
    with apt.services_held_back() as lock:
        left = {path: path.read_bytes() for path in debian.policy.parent.iterdir()}
        assert subprocess.run([debian.policy, "docker", "start"], check=False).returncode == 101
        fcntl.flock(lock, fcntl.LOCK_UN)
    for path, content in left.items():
        path.write_bytes(content)
        path.chmod(0o755)
    assert subprocess.run([debian.policy, "docker", "start"], check=False).returncode == answer
    debian.has("candidates", docker="1")
    apt.install(["docker"], [])
    assert [path.read_text() for path in debian.policy.parent.iterdir()] == ([own] if own else [])


def test_a_run_that_was_killed_between_two_steps_is_tidied_up(debian: Debian) -> None:
    kept = debian.policy.with_name("policy-rc.d.mooring-kept")
    kept.write_text("own")
    debian.has("candidates", docker="1")
    apt.install(["docker"], [])
    assert debian.policy.read_text() == "own"
    assert not kept.exists()


# What an interrupted dpkg has left ----------------------------------------------------------------


def test_what_is_whole_needs_no_dpkg(debian: Debian) -> None:
    debian.has("installed", docker="1")
    assert apt.unfinished(["docker", "other"]) == {}
    assert apt.finish(["docker"]) == []
    assert debian.calls == []


@pytest.mark.parametrize("state", ["unpacked ok", "half-configured ok", "installed reinstreq"])
def test_what_was_unpacked_is_configured(debian: Debian, state: str) -> None:
    debian.has("installed", nft="1").has("unfinished", docker=state)
    assert apt.unfinished(["docker", "nft"]) == {"docker": state.split()[0]}
    assert apt.finish(["docker"]) == ["docker"]
    assert debian.calls == ["dpkg"]
    assert "dpkg --force-confdef --force-confold --configure --pending" in (debian.path / "calls").read_text()
    # No service starts of it.
    assert debian.asked() == ["101"]
    assert list(debian.policy.parent.iterdir()) == []
    assert apt.finish(["docker"]) == []


def test_what_was_not_unpacked_whole_is_unpacked_again(debian: Debian) -> None:
    debian.has("unfinished", docker="half-installed reinstreq", runc="unpacked ok")
    assert apt.finish(["docker"]) == ["docker", "runc"]
    assert debian.calls == ["dpkg", "install"]
    assert "--no-remove --fix-broken install" in (debian.path / "calls").read_text()
    assert debian.asked() == ["101", "101"]


@pytest.mark.parametrize("state", ["config-files ok", "not-installed ok", "triggers-pending ok", "triggers-awaited ok"])
def test_what_was_removed_or_waits_for_triggers_is_not_unfinished(debian: Debian, state: str) -> None:
    debian.has("unfinished", docker=state)
    assert apt.unfinished([]) == {}


def test_journal_of_an_interrupted_dpkg_alone_is_finished(debian: Debian) -> None:
    """apt-get refuses everything while it is there."""
    (debian.path / "dpkg/updates/0003").touch()
    assert apt.finish([]) == []
    assert debian.calls == ["dpkg"]
    assert not apt._journal()


def test_what_cannot_be_finished_is_told_in_apts_words(debian: Debian) -> None:
    debian.has("unfinished", docker="half-configured ok").marks("stuck")
    message = r"the interrupted installation of docker \(half-configured\) cannot be finished: E: Sub-process dpkg"
    with pytest.raises(apt.AptError, match=message):
        apt.finish(["docker"])
    assert not debian.policy.exists()


def test_what_nobody_asked_for_may_stay_unfinished(debian: Debian) -> None:
    debian.has("unfinished", mail="half-configured ok").marks("stuck")
    assert apt.finish(["docker"]) == []


HOLD = """
import fcntl, sys
file = open(sys.argv[1], "w")
fcntl.lockf(file, fcntl.LOCK_EX)
print(".", flush=True)
input()
"""


@pytest.fixture
def another(debian: Debian) -> Iterator[subprocess.Popen[bytes]]:
    """Another program that holds dpkg's lock, as dpkg locks it, and unlocks it when it is told to."""
    lock = debian.path / "dpkg/lock-frontend"
    words = [sys.executable, "-c", HOLD, str(lock)]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout
        process.stdout.read(1)
        yield process
        process.kill()


def test_dpkg_that_runs_is_waited_for(
    debian: Debian, another: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    debian.has("unfinished", docker="unpacked ok")

    def end(_seconds: float) -> None:
        """It ends, and has finished by itself what was not yet done."""
        assert debian.calls == []
        (debian.path / "unfinished/docker").unlink()
        another.kill()
        another.wait()

    monkeypatch.setattr(time, "sleep", end)
    assert apt.finish(["docker"]) == []
    assert debian.calls == []


def test_dpkg_that_does_not_end_is_named(
    debian: Debian, another: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(apt, "LOCK_TIMEOUT", -1)
    debian.has("unfinished", docker="unpacked ok")
    with pytest.raises(apt.AptError, match=rf"python3\S* \(process {another.pid}\) has been at the packages"):
        apt.finish(["docker"])
    assert debian.calls == []


def test_what_a_killed_run_has_started_is_waited_for(debian: Debian, monkeypatch: pytest.MonkeyPatch) -> None:
    debian.has("candidates", docker="1")
    monkeypatch.setattr(apt, "LOCK_TIMEOUT", -1)
    with (
        apt.services_held_back(),
        pytest.raises(apt.AptError, match=rf"\(process {os.getpid()}\) has been at the pack"),
    ):
        apt.install(["docker"], [])
    # Whoever has the lock has the policy too.
    assert debian.calls == []
