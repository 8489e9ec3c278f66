"""What cuts the line is taken back by the host itself, exactly; what is confirmed over a new connection stays."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import reach
from clients import command, converge, run
from test_filter import allowed

NAME = "trixie"
HARMLESS = "chain input { type filter hook input priority filter - 10; tcp dport 9999 drop; }"
DEADLY = "chain input { type filter hook input priority filter - 10; tcp dport { 22, 9999 } drop; }"
PLAYBOOK = str(Path(__file__).parents[1] / "confirm")


def state() -> str:
    """All that a packet filter of Mooring's is, live and on disk, to the byte."""
    return str(
        reach.over_ssh(NAME).check_output(
            "nft list tables | grep mooring | while read -r table; do nft -s list $table; done;"
            " find /etc/mooring /etc/systemd ! -type d -printf '%p %l %m %u %g %t\\n'"
            " -type f -exec sha256sum {} + | sort"
        )
    )


def load(rules: str, seconds: int, table: str = "probe") -> Any:
    """Load a filter under the timer; the controller does nothing more."""
    return reach.managed(NAME).ansible(
        "mooring.docker.nftables_table", f"name={table} confirm={seconds} rules={rules!r}", check=False
    )


def confirm() -> list[str]:
    """Confirm over a new connection, and tell what."""
    reach.forget_connections()
    answer = reach.managed(NAME).ansible("mooring.docker.confirm", check=False)
    assert "confirmed" in answer, answer["msg"]
    confirmed: list[str] = answer["confirmed"]
    return confirmed


def switch() -> dict[str, Any]:
    """The switch as the host shows it."""
    found: dict[str, Any] = reach.managed(NAME).ansible("mooring.docker.host_info")["host"]["confirm"]
    return found


WAITING = "systemctl list-timers --all --no-legend --no-pager 'mooring-revert*'"


def left() -> float:
    """The seconds until the host reverts, by systemd's own word."""
    host = reach.over_ssh(NAME)
    timers = json.loads(host.check_output("systemctl list-timers --output json mooring-revert.timer"))
    assert len(timers) == 1
    return float(timers[0]["next"]) / 1e6 - float(host.check_output("date +%s.%N"))


def wait_reverted() -> None:
    """Until the host has gone back by itself, and can be reached."""
    deadline = time.monotonic() + 60
    while not _has_reverted():
        assert time.monotonic() < deadline
        time.sleep(0.2)


def _has_reverted() -> bool:
    """Whether the host says that it has gone back. It says nothing while it cannot be reached."""
    try:
        return bool(reach.over_ssh(NAME).run("test -e /var/lib/mooring/confirm/reverted").rc == 0)
    except RuntimeError:
        return False


@pytest.fixture(scope="module")
def confirmed(fleet: None) -> Iterator[str]:
    """The state with a filter that was there before."""
    reach.over_ssh(NAME).run_expect([0], "which nft || apt-get install -qq --no-install-recommends nftables")
    load(HARMLESS, 0)
    yield state()
    reach.managed(NAME).ansible("mooring.docker.nftables_table", "name=probe state=absent", check=False)


@pytest.fixture
def before(confirmed: str) -> Iterator[str]:
    """The same, whatever a test has added to it."""
    yield confirmed
    for table in ("other", "endpoint"):
        left = f"/etc/mooring/{table}.nft /etc/systemd/system/docker.service.d/60-mooring-{table}.conf"
        reach.over_ssh(NAME).run(f"nft delete table inet mooring_{table}; rm -f {left}; systemctl daemon-reload")
    assert state() == confirmed


def test_host_comes_back_by_itself_after_a_rule_that_cuts_ssh(before: str) -> None:
    # The run gives up long before the host goes back, also on a busy machine.
    done = run(PLAYBOOK, limit=NAME, table="probe", rules=DEADLY, seconds=15, ansible_ssh_timeout=3)
    assert done.stats[NAME]["unreachable"] == 1
    wait_reverted()
    assert state() == before
    assert "nobody confirmed" in switch()["reverted"]
    late = reach.managed(NAME).ansible("mooring.docker.confirm", check=False)
    assert "gone back" in late["msg"]
    assert "within 15 s" in late["msg"]


def test_what_lets_a_new_connection_through_stays(before: str) -> None:
    assert run(PLAYBOOK, limit=NAME, table="other", rules=HARMLESS, seconds=60).changed == {NAME: 2}
    assert reach.over_ssh(NAME).run("nft list table inet mooring_other").rc == 0
    assert switch() == {"armed": [], "reverted": None}
    # Nothing is left that could revert it.
    assert not reach.over_ssh(NAME).check_output(f"{WAITING}; find / /run -xdev -name '*mooring-revert*'")


def test_connection_of_before_proves_nothing(before: str) -> None:
    reach.managed(NAME).ansible("ping")
    load(HARMLESS, 60, "other")
    refused = reach.managed(NAME).ansible("mooring.docker.confirm", check=False)
    assert "older than the change" in refused["msg"]
    assert switch()["armed"] == ["table inet mooring_other"]
    # The control of the test above.
    assert "mooring-revert.timer" in reach.over_ssh(NAME).check_output(WAITING)
    assert confirm() == ["table inet mooring_other"]
    assert confirm() == []


def test_two_changes_share_their_fate_and_the_later_time(before: str) -> None:
    load("chain first {}", 60)
    assert 0 < left() <= 60
    load("chain second {}", 300, "other")
    assert 200 < left() <= 300
    assert switch()["armed"] == ["table inet mooring_other", "table inet mooring_probe"]
    load("chain third {}", 2)
    wait_reverted()
    assert state() == before


def test_host_that_was_without_power_has_its_old_state(before: str) -> None:
    load(DEADLY, 300)
    reach.pull_the_plug(NAME)
    assert state() == before
    assert "started anew" in switch()["reverted"]


@pytest.mark.parametrize("comes_back", [False, True])
def test_controller_is_killed_before_it_confirms(before: str, comes_back: bool) -> None:
    seconds = 120 if comes_back else 8
    variables = {"limit": NAME, "docker_engine_confirm_timeout": seconds, **allowed()}
    process = reach.start(command(**variables))
    armed = "grep '\"made\": [0-9]' /var/lib/mooring/confirm/armed.json > /dev/null"
    while reach.over_ssh(NAME).run(armed).rc != 0:
        assert process.poll() is None
    reach.kill(process)
    # Without a run of Ansible, in which the time could pass.
    record = json.loads(reach.over_ssh(NAME).check_output(f"{armed} && cat /var/lib/mooring/confirm/armed.json"))
    assert list(record["undo"]) == ["table inet mooring_endpoint"]
    if comes_back:
        # It has nothing to change any more, but to confirm.
        assert converge(**variables).changed == {NAME: 1}
        assert switch() == {"armed": [], "reverted": None}
        assert "mooring_endpoint" in state()
    else:
        wait_reverted()
        assert state() == before
