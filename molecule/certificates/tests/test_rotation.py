"""Both authorities are replaced under the eyes of clients, who notice the daemons' restarts and no more."""

from __future__ import annotations

from clients import HOSTS, run
from replacement import Replacement, certificate
from watch import undisturbed


def test_a_daemon_that_is_out_of_reach_is_waited_for(replaced: Replacement) -> None:
    """Nobody is signed by the next authority, and nobody is locked out, before it trusts both."""
    assert replaced.hindered != 0
    assert replaced.waiting["rotation"]["step"] == "begun"
    assert replaced.waiting["client"] == {"signer": replaced.number, "trusted": [replaced.number + 1, replaced.number]}
    assert replaced.let_in == HOSTS
    # It took as many steps as it could.
    assert [name for name in HOSTS if certificate(name) == replaced.certificates[name]] == []
    assert replaced.reached == [name for name in HOSTS if name != replaced.out_of_reach]


def test_replacing_both_authorities_disturbs_nobody(replaced: Replacement) -> None:
    undisturbed(replaced.watches, replaced.since, replaced.until, times=2)
    assert replaced.before not in replaced.after
    assert replaced.after.count("BEGIN CERTIFICATE") == 1
    assert run().changed == dict.fromkeys(HOSTS, 0)
