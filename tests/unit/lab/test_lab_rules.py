"""The lab's pure decisions: which hosts, which mirror, which routes collide, which resolvers reach far enough."""

import subprocess
import sys
from ipaddress import IPv4Network
from pathlib import Path

import pytest

from lab import archives, limits, locks, machine, mirror, network, processes, shell
from lab.errors import LabError
from lab.identity import identify
from lab.inventory import Host, parse


def listing(**hosts):
    return {"docker_hosts": {"hosts": list(hosts)}, "_meta": {"hostvars": hosts}}


def host(suite="trixie", address=11):
    return {"lab_suite": suite, "lab_address": address}


class TestInventory:
    def test_hosts_in_order(self):
        assert parse(listing(b=host(), a=host("forky", 12)), {}) == [Host("b", "trixie", 11), Host("a", "forky", 12)]

    def test_hosts_of_child_groups(self):
        nested = {**listing(), "docker_hosts": {"children": ["web"]}, "web": {"hosts": ["a"]}}
        nested["_meta"] = {"hostvars": {"a": host()}}
        assert parse(nested, {}) == [Host("a", "trixie", 11)]

    @pytest.mark.parametrize(
        ("hosts", "complaint"),
        [
            ({}, "no host"),
            ({"a": host("woody")}, "lab_suite is 'woody'"),
            ({"a": {}}, "lab_suite is None"),
            ({"a": host(address=1)}, "lab_address is 1"),
            ({"a": host(address="{{ x }}")}, "lab_address"),
            ({"a": host(), "b": host()}, "same lab_address 11"),
            ({"../a": host()}, "short host name"),
            ({"a.example.org": host()}, "short host name"),
            ({"a": {**host(), "lab_engine": "29.7.2", "lab_backend": "ipfw"}}, "lab_backend is 'ipfw'"),
            ({"a": {**host(), "lab_backend": "nftables"}}, "name a lab_engine"),
        ],
    )
    def test_what_cannot_be_booted_is_refused(self, hosts, complaint):
        with pytest.raises(LabError, match=complaint):
            parse(listing(**hosts), {})

    def test_engine_of_the_environment_is_for_hosts_that_declare_none(self):
        asked = {"MOORING_ENGINE": "29.7.2", "MOORING_BACKEND": "nftables"}
        own = {**host(address=12), "lab_engine": "28.5.2"}
        assert parse(listing(a=host(), b=own, c={**host(address=13), "lab_engine": ""}), asked) == [
            Host("a", "trixie", 11, "29.7.2", "nftables"),
            Host("b", "trixie", 12, "28.5.2"),
            Host("c", "trixie", 13),
        ]


class TestEngine:
    def test_one_without_an_archive_is_told_beside_those_there_are(self, tmp_path, monkeypatch):
        monkeypatch.setattr(archives, "DIRECTORY", str(tmp_path))
        with pytest.raises(LabError, match=r"no archive of engine 29\.7\.2: MOORING_ENGINES names no directory"):
            archives.of_engine("29.7.2")
        (tmp_path / "docker-28.5.2.tgz").touch()
        with pytest.raises(LabError, match=r"no archive of engine 29\.7\.2: there are 28\.5\.2$"):
            archives.of_engine("29.7.2")

    def test_parts_that_versions_have_in_common_come_with_one_packed_by_version(self, tmp_path, monkeypatch):
        monkeypatch.setattr(archives, "DIRECTORY", str(tmp_path))
        for name in ("docker-28.5.2.tgz", "29.7.2.tar.xz", "base.tar.xz"):
            (tmp_path / name).touch()
        assert [path.name for path in archives.of_engine("28.5.2")] == ["docker-28.5.2.tgz"]
        assert [path.name for path in archives.of_engine("29.7.2")] == ["base.tar.xz", "29.7.2.tar.xz"]


class TestMirror:
    def test_the_machines_own(self):
        targets = [
            "https://packages.example.org/ nodistro main Example",
            "http://mirror.example.org/debian/ bookworm-backports main Debian",
            "http://mirror.example.org/debian/ bookworm contrib Debian",
            "http://mirror.example.org/debian/ bookworm main Debian",
            "http://security.example.org/ bookworm-security main Debian",
        ]
        assert mirror.choose(targets) == ("http://mirror.example.org/debian", "http://security.example.org")

    def test_without_lists_the_origin_is_unknown(self):
        assert mirror.choose(["http://m/debian/ trixie main "]) == ("http://m/debian", None)

    def test_none_is_said_so(self):
        with pytest.raises(LabError, match="MOORING_LAB_MIRROR"):
            mirror.choose(["http://archive.example.org/ubuntu/ noble main Ubuntu"])

    def test_what_is_carried_into_the_hosts(self):
        dump = "\n".join(
            [
                'Acquire::http::Proxy "http://proxy:3128";',
                'Acquire::http::Proxy::mirror.example.org "DIRECT";',
                'Acquire::https::CAInfo "/somewhere/only/here.pem";',
                'Acquire::Check-Date "false";',
                'APT::Get::Assume-Yes "true";',
            ]
        )
        assert mirror.carried(dump) == (
            'Acquire::http::Proxy "http://proxy:3128";',
            'Acquire::Check-Date "false";',
            'Acquire::Check-Valid-Until "false";',
        )


class TestNetwork:
    NETWORK = IPv4Network("198.18.7.0/24")

    @pytest.mark.parametrize("route", ["198.18.7.0/24", "198.18.0.0/15", "198.18.7.9"])
    def test_a_route_in_the_way(self, route):
        assert network.overlap([{"dst": route, "dev": "tun0"}], self.NETWORK, "lab0") == "tun0"

    @pytest.mark.parametrize(
        "route",
        [
            {"dst": "default", "dev": "eth0"},
            {"dst": "128.0.0.0/1", "dev": "tun0"},
            {"dst": "198.18.8.0/24", "dev": "tun0"},
            {"dst": "198.18.7.0/24", "dev": "lab0"},
            {"type": "local", "dst": "198.18.7.1", "dev": "lab0"},
        ],
    )
    def test_a_route_not_in_the_way(self, route):
        assert network.overlap([route], self.NETWORK, "lab0") is None

    def test_the_rules_are_the_labs_own(self, tmp_path):
        lab = identify(tmp_path, {})
        rules = network.masquerade(lab)
        assert all(lab.table in line for line in rules.splitlines() if "table" in line)
        assert f"ip saddr {lab.network} " in rules

    @pytest.mark.parametrize("neighbour", [False, True])
    def test_forwarding_goes_back_with_the_last_lab(self, tmp_path, monkeypatch, neighbour):
        switch, record = tmp_path / "ip_forward", tmp_path / "state/was-off"
        record.parent.mkdir()
        switch.write_text("1")
        record.touch()
        if neighbour:
            (record.parent / "0123abcd").mkdir()
        monkeypatch.setattr(network, "STATE", record.parent)
        monkeypatch.setattr(network, "_MACHINE_LOCK", record.parent / "machine.lock")
        monkeypatch.setattr(network, "_FORWARDING", switch)
        monkeypatch.setattr(network, "_FORWARDING_WAS_OFF", record)
        network.restore_forwarding()
        assert switch.read_text() == ("1" if neighbour else "0")
        assert record.exists() == neighbour

    def test_forwarding_that_was_on_stays_on(self, tmp_path, monkeypatch):
        switch = tmp_path / "ip_forward"
        switch.write_text("1")
        monkeypatch.setattr(network, "STATE", tmp_path / "state")
        monkeypatch.setattr(network, "_MACHINE_LOCK", tmp_path / "state/machine.lock")
        monkeypatch.setattr(network, "_FORWARDING", switch)
        monkeypatch.setattr(network, "_FORWARDING_WAS_OFF", tmp_path / "state/was-off")
        network.restore_forwarding()
        assert switch.read_text() == "1"
        assert list((tmp_path / "state").iterdir()) == []


class TestLimits:
    @pytest.fixture
    def granted(self, tmp_path, monkeypatch):
        """The kernel's file, and the directory of labs."""
        kernel = tmp_path / "max_user_instances"
        kernel.write_text("128\n")
        state = tmp_path / "state"
        state.mkdir()
        monkeypatch.setattr(limits, "_INSTANCES", kernel)
        monkeypatch.setattr(limits, "STATE", state)
        monkeypatch.setattr(limits, "_WERE", state / "were")
        monkeypatch.setattr(limits, "_LOCK", state / "lock")
        return kernel, state

    def test_the_last_lab_gives_back_what_the_first_took(self, granted):
        kernel, state = granted
        limits.ensure()
        (state / "0123abcd").mkdir()
        limits.ensure()
        assert kernel.read_text() == "1024"
        limits.restore()
        assert kernel.read_text() == "1024"
        (state / "0123abcd").rmdir()
        limits.restore()
        assert kernel.read_text() == "128"
        assert list(state.iterdir()) == []

    def test_more_than_enough_is_left_alone(self, granted):
        kernel, state = granted
        kernel.write_text("8192")
        limits.ensure()
        limits.restore()
        assert kernel.read_text() == "8192"
        assert list(state.iterdir()) == []


class TestMachine:
    def test_interface_name_is_used_in_full(self, tmp_path):
        assert len(machine.Machine(identify(tmp_path, {}), Host("a", "trixie", 254)).interface) <= 15

    @pytest.mark.parametrize("line", ["nameserver 127.0.0.53", "nameserver ::1", "# nameserver 192.0.2.1", ""])
    def test_a_loopback_resolver_is_of_no_use_to_a_host(self, line):
        assert machine.usable_resolvers(f"{line}\nsearch example.org\n") == ["search example.org"]

    def test_a_real_resolver_is(self):
        assert machine.usable_resolvers("nameserver 192.0.2.53") == ["nameserver 192.0.2.53"]

    def test_fellows_are_replaced_and_the_rest_kept(self, tmp_path, monkeypatch):
        monkeypatch.setattr("lab.identity.STATE", tmp_path)
        lab = identify(tmp_path, {})
        a, b = Host("a", "trixie", 11), Host("b", "forky", 12)
        one = machine.Machine(lab, a)
        file = one.root / "etc/hosts"
        file.parent.mkdir(parents=True)
        file.write_text("192.0.2.1 mine\n" + machine.fellows_block(lab, [a]) + "192.0.2.2 mine-too\n")
        one.introduce([a, b])
        assert file.read_text() == "192.0.2.1 mine\n" + machine.fellows_block(lab, [a, b]) + "192.0.2.2 mine-too\n"

    def test_a_half_made_machine_is_no_declared_host(self, tmp_path):
        assert machine.load(tmp_path) == Host(tmp_path.name, "", 0)
        made = Host(tmp_path.name, "trixie", 11, "29.7.2", "nftables")
        machine.save(tmp_path, made)
        assert machine.load(tmp_path) == made


class TestProcesses:
    def test_only_the_machines_own_process_is_its_process(self, tmp_path):
        """Mentioning the directory is not enough: this very test does."""
        assert processes.running(tmp_path) == []

    def test_a_starting_machine_is_found_and_ended(self, tmp_path):
        child = subprocess.Popen(["sh", "-c", "sleep 30; :", "lab", f"--directory={tmp_path}"])
        try:
            # The shell's own child looks like it until it has become sleep.
            while processes.running(tmp_path) != [child.pid]:
                assert child.poll() is None
            assert processes.running(tmp_path.parent) == []
            processes.kill(tmp_path)
            assert child.wait(5) == -9
        finally:
            child.kill()
        assert processes.wait_gone([tmp_path], 1)


class TestFiles:
    def test_a_link_is_replaced_and_not_followed(self, tmp_path):
        target, link = tmp_path / "target", tmp_path / "link"
        target.write_text("kept")
        link.symlink_to(target)
        shell.write(link, "new", 0o600)
        assert (target.read_text(), link.read_text(), link.is_symlink()) == ("kept", "new", False)
        assert link.stat().st_mode & 0o777 == 0o600

    def test_a_programs_last_words_are_the_error(self):
        with pytest.raises(LabError, match="`sh` failed: out of luck"):
            shell.run("sh", "-c", "echo out of luck >&2; exit 3")

    def test_a_lock_may_be_deleted_by_its_holder(self, tmp_path):
        lock = tmp_path / "sub/lab.lock"
        with locks.held(lock):
            lock.unlink()
        with locks.held(lock):
            assert lock.exists()

    def test_a_lock_excludes(self, tmp_path):
        lock = tmp_path / "lab.lock"
        code = (
            "import sys, pathlib, lab.locks\n"
            "with lab.locks.held(pathlib.Path(sys.argv[1]), announce='wait'): print('in')"
        )
        with locks.held(lock):
            other = subprocess.Popen(
                [sys.executable, "-c", code, lock], stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[3]
            )
            assert other.stdout.readline() == "wait\n"
            assert other.poll() is None
        assert other.communicate(timeout=5)[0] == "in\n"
