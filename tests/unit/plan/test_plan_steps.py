"""Each difference on a host is one step that says what it needs, why, and who notices; no difference is no step."""

from __future__ import annotations

from typing import Any, Callable

import pytest
from ansible_collections.mooring.docker.plugins.module_utils._plan.steps import STEPS
from ansible_collections.mooring.docker.plugins.plugin_utils import reply
from planned_host import CERTIFICATE, CLIENT_CA, KEY, RULES, ApplyPlan, Planned

BACK = {"name": "back", "driver_options": {"token": "s3cr3t-token"}}
RESTART = ApplyPlan("restart", ["bip"], ["changed: bip"])


def in_host(path: str, value: Any) -> Callable[[Planned], None]:
    def change(planned: Planned) -> None:
        *parents, last = path.split("/")
        place: Any = planned.host
        for part in parents:
            place = place[part]
        place[last.replace("~", "/")] = value

    return change


def declare(role: str, **changes: Any) -> Callable[[Planned], None]:
    return lambda planned: getattr(planned, role).update(changes)


def composed(plan: ApplyPlan, *files: str) -> Callable[[Planned], None]:
    return lambda planned: planned.compose(plan, *files) and None  # type: ignore[func-returns-value]


def test_a_host_that_is_as_declared_has_no_steps() -> None:
    for roles in ((), ("engine",), ("network",)):
        assert Planned(*roles).plan() == {"refusals": [], "steps": []}


def test_a_bare_host_gets_all_steps_in_their_order() -> None:
    planned = Planned().bare()
    planned.network.update(networks=[BACK], published="closed")
    names = planned.names()
    assert names == [name for name in STEPS if name != "confirm"]
    assert planned.step("packages")["parameters"] == {
        "required": ["docker.io", "python3-cryptography", "nftables", "procps"],
        "optional": ["docker-cli", "docker-buildx", "docker-compose"],
    }


def test_no_step_comes_before_what_it_needs() -> None:
    """Nobody connects in between: what is filtered is so before a port is open."""
    for earlier, later in (
        ("packages", "sysctls"),
        ("sysctls", "apply"),
        ("published_filter", "apply"),
        ("endpoint_filter", "certificate"),
        ("endpoint_filter", "apply"),
        ("certificate", "configuration"),
        ("configuration", "apply"),
        ("socket_group", "apply"),
        ("apply", "confirm"),
        ("confirm", "networks"),
    ):
        assert STEPS.index(earlier) < STEPS.index(later), (earlier, later)


ONE_DIFFERENCE: list[tuple[str, Callable[[Planned], Any], list[str]]] = [
    ("a package", in_host("packages/nftables/installed", None), ["packages"]),
    ("AppArmor's parser", in_host("system/apparmor_parser", False), []),
    ("a parameter now", in_host("sysctls/live", {"net.ipv4.ip_forward": "0"}), ["sysctls"]),
    ("a parameter at boot", in_host("sysctls/boot", {"net.ipv4.ip_forward": None}), ["sysctls"]),
    ("a parameter that is wanted no more", declare("network", sysctls={}), ["sysctls"]),
    ("a policy for published ports", declare("network", published="closed"), ["published_filter"]),
    (
        "a client",
        declare("engine", ssh={"clients": {}, "user": "x", "group": "docker", "socket": "/s"}),
        ["ssh_access"],
    ),
    ("an sshd that has not read", in_host("ssh/loaded", False), ["ssh_access"]),
    (
        "an installation that was interrupted",
        in_host("installation/unfinished", {"docker.io": "half-configured"}),
        ["packages", "configuration"],
    ),
    ("no filter", in_host("nftables", {}), ["endpoint_filter"]),
    ("a filter too many", declare("engine", filter_rules=None), ["endpoint_filter"]),
    ("no certificate", in_host("certificates/" + CERTIFICATE.replace("/", "~"), None), ["certificate"]),
    ("other authorities", lambda planned: planned.engine["issued"].update(client_fingerprints=["f2"]), ["certificate"]),
    (
        "authorities to make",
        lambda planned: planned.engine["issued"].update(authority_work=["make x"]),
        ["certificate"],
    ),
    ("a forced renewal", lambda planned: planned.engine["issued"].update(reissue="asked for"), ["certificate"]),
    ("a file", composed(ApplyPlan("nothing"), "/etc/docker/daemon.d/10-engine.json"), ["configuration"]),
    ("an option", composed(RESTART, "/etc/docker/daemon.json"), ["configuration", "apply"]),
    ("an option that is not applied", composed(RESTART), ["apply"]),
    ("a daemon that is off at boot", in_host("engine/service/enabled", "disabled"), ["apply"]),
    ("a change left untested", in_host("configuration/untested", True), ["apply"]),
    ("containers left stopped", in_host("configuration/stopped", ["web"]), ["apply"]),
    ("a daemon that drifted", lambda planned: setattr(planned, "pending", RESTART), ["apply"]),
    ("a user too many", in_host("groups/docker/members", ["deploy", "mallory"]), ["socket_group"]),
    ("a change that is pending", in_host("confirm/armed", ["docker.service"]), ["confirm"]),
    ("a network", declare("network", networks=[BACK]), ["networks"]),
]


@pytest.mark.parametrize(("what", "change", "steps"), ONE_DIFFERENCE, ids=[what for what, *_rest in ONE_DIFFERENCE])
def test_one_difference_is_one_step(what: str, change: Callable[[Planned], Any], steps: list[str]) -> None:
    planned = Planned()
    change(planned)
    assert planned.names() == steps
    for step in planned.plan()["steps"]:
        assert step["summary"]


def test_every_step_is_in_the_shape_that_replies_have() -> None:
    for _what, change, _steps in ONE_DIFFERENCE:
        planned = Planned()
        change(planned)
        said = {"plan": planned.plan(), "certificate_names": [], "composition": None, "host": None}
        assert reply.mismatch(said, reply.REPLIES["host_plan"], "") is None
    said = {"plan": Planned().bare().plan(), "certificate_names": [], "composition": None, "host": None}
    assert reply.mismatch(said, reply.REPLIES["host_plan"], "") is None


# Packages --------------------------------------------------------------------------------------------


def test_extras_come_along_and_cause_no_installation() -> None:
    planned = Planned()
    for name in ("docker-cli", "docker-compose"):
        planned.host["packages"][name]["installed"] = None
    assert planned.names() == []
    planned.host["packages"]["nftables"]["installed"] = None
    assert planned.step("packages")["parameters"]["optional"] == ["docker-cli", "docker-compose"]


def test_an_engine_from_elsewhere_stays() -> None:
    planned = Planned()
    for name in ("docker.io", "docker-cli", "nftables"):
        planned.host["packages"][name]["installed"] = None
    assert planned.step("packages")["parameters"] == {"required": ["nftables"], "optional": []}


def test_engine_that_was_half_installed_is_debians_and_is_finished() -> None:
    """Its program may be there already, and apt knows nothing of the package yet."""
    planned = Planned()
    for name in ("docker.io", "docker-cli"):
        planned.host["packages"][name]["installed"] = None
    planned.host["installation"].update(unfinished={"docker.io": "half-installed"}, begun=True)
    step = planned.step("packages")
    assert step["summary"] == "finish the installation of docker.io"
    assert step["reasons"] == ["interrupted: docker.io is half-installed"]
    assert step["parameters"] == {"required": ["docker.io"], "optional": ["docker-cli"]}
    assert planned.tags("apply").names() == []


def test_extras_of_an_installation_that_was_interrupted_still_come() -> None:
    planned = Planned()
    for name in ("docker-cli", "docker-compose"):
        planned.host["packages"][name].update(installed=None, candidate="1.29.2")
    planned.host["installation"]["begun"] = True
    # docker-compose counts from version 2.
    assert planned.step("packages")["parameters"]["required"] == ["docker-cli"]
    planned.host["packages"]["docker-cli"]["installed"] = "1.29.2"
    assert planned.names() == []


def test_clients_over_ssh_may_wait_for_a_cli_that_is_to_be_finished() -> None:
    planned = Planned()
    planned.engine["ssh"]["clients"] = {"alice": KEY}
    planned.host["engine"]["cli_version"] = None
    assert any("need a docker CLI" in refusal for refusal in planned.refusals())
    planned.host["installation"]["begun"] = True
    assert not any("need a docker CLI" in refusal for refusal in planned.refusals())


def test_apparmor_is_installed_where_the_kernel_has_it_and_nothing_loads_profiles() -> None:
    planned = Planned()
    planned.host["packages"]["apparmor"]["installed"] = None
    assert planned.names() == []
    planned.host["system"]["apparmor_parser"] = None
    assert planned.names() == []
    planned.host["system"]["apparmor_parser"] = False
    assert planned.step("packages")["parameters"]["required"] == ["apparmor"]


def test_what_a_step_needs_is_installed_whatever_the_tags_are() -> None:
    planned = Planned("network").tags("published")
    planned.network["published"] = "closed"
    planned.host["packages"]["nftables"]["installed"] = None
    assert planned.names() == ["packages", "published_filter"]
    planned.network["published"] = "open"
    assert planned.names() == []
    planned = Planned("network").tags("sysctls")
    planned.host["sysctls"].update(program=None, live={"net.ipv4.ip_forward": "0"})
    planned.host["packages"]["procps"]["installed"] = None
    assert planned.step("packages")["parameters"] == {"required": ["procps"], "optional": []}


def test_a_filter_is_removed_without_its_package() -> None:
    planned = Planned()
    planned.host["packages"]["nftables"]["installed"] = None
    planned.host["nftables"]["published"] = {**planned.host["nftables"]["endpoint"], "text": "old"}
    planned.engine["filter_rules"] = None
    assert planned.names() == ["published_filter", "endpoint_filter"]


# Filters ---------------------------------------------------------------------------------------------


def test_filters_have_the_options_of_their_modules() -> None:
    planned = Planned()
    planned.host["nftables"] = {}
    planned.network["published"] = {"allow": [{"ports": [80]}]}
    assert planned.step("endpoint_filter")["parameters"] == {
        "name": "endpoint",
        "rules": RULES,
        "state": "present",
        "required": True,
        "confirm": 50,
    }
    assert planned.step("published_filter")["parameters"] == {
        "policy": {"allow": [{"ports": [80]}]},
        "container_bridges": [],
        "other_bridges": [],
        "services": ["2376/tcp"],
        "required": True,
        "confirm": 50,
    }
    assert planned.step("endpoint_filter")["effects"] == ["who may connect to 2376/tcp changes"]


def test_the_daemons_declared_endpoints_count_before_it_listens() -> None:
    planned = Planned("network")
    planned.network.update(published="closed", endpoints=["tcp://0.0.0.0:2375"])
    assert planned.step("published_filter")["parameters"]["services"] == ["2375/tcp"]


def test_a_filter_that_only_a_boot_would_lose_changes_nobodys_access() -> None:
    planned = Planned()
    planned.host["nftables"]["endpoint"]["persistent"] = False
    step = planned.step("endpoint_filter")
    assert step["reasons"] == ["a boot would not load them"]
    assert step["effects"] == step["diff"] == []


def test_a_filter_that_was_flushed_changes_who_gets_in() -> None:
    planned = Planned()
    planned.host["nftables"]["endpoint"]["live"] = False
    step = planned.step("endpoint_filter")
    assert step["reasons"] == ["the rules are not in force"]
    assert step["effects"] == ["who may connect to 2376/tcp changes"]


def test_a_filter_that_is_not_wanted_is_removed() -> None:
    planned = Planned()
    planned.engine["filter_rules"] = None
    step = planned.step("endpoint_filter")
    assert step["parameters"]["state"] == "absent"
    assert step["diff"][0]["after"] == ""


# Who gets in -----------------------------------------------------------------------------------------


def test_ssh_access_names_those_whose_connections_end() -> None:
    planned = Planned()
    assert planned.names() == []
    planned.engine["ssh"]["clients"] = {"bob": KEY.replace("BwcH", "BwcI")}
    step = planned.step("ssh_access")
    assert step["summary"] == "let bob in over SSH"
    assert step["effects"] == ["clients over SSH who are taken out lose their connections"]
    assert step["parameters"] == planned.engine["ssh"]
    planned.engine["ssh"]["clients"] = {}
    assert "docker-remote over SSH end" in planned.step("ssh_access")["effects"][0]


def test_users_are_added_and_taken_out() -> None:
    planned = Planned()
    planned.host["groups"]["docker"].update(
        members=["mallory"], holders=[{"pid": 9, "name": "tmux", "user": "mallory"}]
    )
    step = planned.step("socket_group")
    assert step["summary"].startswith("add deploy to group docker; take mallory out of group docker")
    assert step["effects"] == [
        "deploy can use the API, and so can become root",
        "1 process of mallory that hold the group end",
    ]
    assert step["parameters"] == {"group": "docker", "users": ["deploy"], "exclusive": True}
    planned.host["groups"]["docker"].update(members=[], holders=[])
    assert planned.step("socket_group")["effects"] == ["deploy can use the API, and so can become root"]


# Certificates ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"days_left": 29}, "it ends on 2027-01-01, in 29 days"),
        ({"days_left": None}, "it could not be read"),
        ({"names": ["DNS:web-1"]}, "it lacks IP:192.0.2.10"),
        ({"authority_key_id": "cc"}, "it is not signed by server-ca"),
    ],
)
def test_a_certificate_is_issued_anew_for_a_reason(change: dict[str, Any], reason: str) -> None:
    planned = Planned()
    planned.host["certificates"][CERTIFICATE].update(change)
    step = planned.step("certificate")
    assert step["parameters"] == {"reason": reason, "trust": False, "authorities": [], "check": False}


def test_names_beyond_the_declared_ones_stay() -> None:
    planned = Planned()
    planned.host["certificates"][CERTIFICATE]["names"] = ["DNS:old", "DNS:web-1", "IP:192.0.2.10"]
    assert planned.names() == []


def test_clients_of_an_authority_that_goes_are_told_of() -> None:
    planned = Planned()
    planned.engine["issued"]["client_fingerprints"] = ["f1", "f2"]
    assert planned.step("certificate")["effects"] == []
    planned.engine["issued"]["client_fingerprints"] = ["f2"]
    assert "refused once the daemon has restarted" in planned.step("certificate")["effects"][0]


def test_a_provided_certificate_is_checked_as_soon_as_it_can_be_read() -> None:
    planned = Planned("engine")
    issued = planned.engine["issued"]
    planned.engine.update(issued=None, provided={"files": issued["files"], "names": [], "authorities": []})
    planned.host["certificates"] = {CERTIFICATE: {"days_left": None}, CLIENT_CA: None}
    planned.host["packages"]["python3-cryptography"]["installed"] = None
    planned.host["system"]["python_libraries"] = []
    assert planned.names() == ["packages", "certificate"]
    assert planned.step("certificate")["parameters"]["check"] is True
    planned.tags("configure")
    assert "leave away --tags" in planned.refusals()[0]


# The daemon ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("plan", "effects"),
    [
        (ApplyPlan("reload", ["labels"], ["changed: labels"]), []),
        (ApplyPlan("restart", ["log-driver"], ["x"]), ["the daemon restarts; no container is running"]),
        (
            ApplyPlan("restart", ["log-driver"], ["x"], containers=["a", "b"], survives=True),
            ["the daemon restarts; 2 containers keep running, published ports can fail for a moment"],
        ),
        (
            ApplyPlan("restart", ["log-driver"], ["x"], containers=["a", "b"]),
            ["the daemon restarts; containers a, b are stopped, and start again by their own policies"],
        ),
        (
            ApplyPlan("restart", ["mtu"], ["x"], containers=["a", "b"], drained=["a", "b"]),
            ["the daemon restarts; containers a, b are stopped and started again"],
        ),
    ],
)
def test_who_notices_what_is_done_with_the_daemon(plan: ApplyPlan, effects: list[str]) -> None:
    planned = Planned().compose(plan, "/etc/docker/daemon.json")
    step = planned.step("apply")
    tls = ["clients of the API are disconnected for the restart, by TCP too"] if plan.action == "restart" else []
    assert step["effects"] == effects + tls
    assert step["summary"] == plan.sentence()
    assert step["parameters"]["drained"] == plan.drained


def test_a_change_of_the_bridge_warns_of_the_connection() -> None:
    assert "the host reverts that" in Planned().compose(RESTART).step("apply")["effects"][-1]


def test_the_first_start_makes_a_bridge() -> None:
    planned = Planned().bare()
    planned.composition["plan"] = ApplyPlan("start", ["hosts"], ["the daemon is not running"])
    assert planned.step("apply")["effects"] == ["the daemon starts"]
    planned.host["network"]["interfaces"] = ["lo", "eth0"]
    assert "the host reverts that" in planned.step("apply")["effects"][-1]


def test_a_restart_that_may_not_be_waits() -> None:
    planned = Planned().compose(RESTART)
    planned.engine["restart"] = "never"
    step = planned.step("apply")
    assert step["summary"] == "restart (changed: bip) is pending, since docker_engine_restart is never"
    assert step["parameters"]["pending"] == "restart (changed: bip)"
    assert step["effects"] == []


def test_what_the_dry_run_says_goes_before_what_the_daemon_shows() -> None:
    planned = Planned().compose(ApplyPlan("reload", ["labels"], ["changed: labels"]))
    planned.pending = RESTART
    assert planned.step("apply")["parameters"]["action"] == "reload"


def test_without_an_engine_there_is_no_daemon_to_apply_to() -> None:
    planned = Planned("network").bare()
    planned.host["sysctls"].update(live={"net.ipv4.ip_forward": "1"}, boot={"net.ipv4.ip_forward": "1"})
    assert planned.names() == ["configuration"]


def test_a_fresh_engine_gets_its_drop_ins_also_where_all_files_are_there() -> None:
    planned = Planned().bare().compose(ApplyPlan("start", [], ["x"]))
    assert planned.step("configuration")["parameters"]["files"] == []


def test_configuration_names_fragments_and_the_values_that_were_chosen_here() -> None:
    planned = Planned().compose(RESTART, "/etc/docker/daemon.d/20-network.json", "/etc/docker/daemon.json")
    planned.addresses = {"options": {"bip": "172.18.0.1/16"}, "problems": []}
    step = planned.step("configuration")
    assert step["parameters"] == {
        "fragments": ["10-engine", "20-network"],
        "chosen": {"bip": "172.18.0.1/16"},
        "on_conflict": "refuse",
        "socket": planned.engine["socket"],
        "restart": "only_without_containers",
        "containers": "keep",
        "data_root_change": "refuse",
        "adopted": False,
        "files": ["/etc/docker/daemon.d/20-network.json", "/etc/docker/daemon.json"],
    }
    assert step["summary"] == "write 20-network.json, daemon.json"


# Confirmation ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("armed", "change", "is_confirmed_here"),
    [
        (["docker.service"], lambda planned: planned.compose(RESTART), False),
        (["table inet mooring_endpoint"], lambda planned: planned.compose(RESTART), True),
        (["docker.service"], lambda planned: planned.host["nftables"].clear(), False),
        (["docker.service"], lambda planned: None, True),
        ([], lambda planned: None, False),
    ],
)
def test_what_is_pending_is_confirmed_once(
    armed: list[str], change: Callable[[Planned], Any], is_confirmed_here: bool
) -> None:
    planned = Planned()
    planned.host["confirm"]["armed"] = armed
    change(planned)
    assert ("confirm" in planned.names()) == is_confirmed_here


# Networks --------------------------------------------------------------------------------------------


def network(name: str, **more: Any) -> dict[str, Any]:
    return {
        "name": name,
        "id": f"id-{name}",
        "driver": "bridge",
        "scope": "local",
        "internal": False,
        "attachable": False,
        "ipv6": False,
        "subnets": [],
        "options": {},
        "labels": {"mooring.docker": "managed"},
        "bridge": None,
        "containers": [],
        **more,
    }


def test_networks_are_made_made_again_and_removed() -> None:
    planned = Planned()
    planned.network["networks"] = [{"name": "new"}, {"name": "other", "internal": True}]
    planned.host["engine"]["networks"] = [network("other"), network("old")]
    step = planned.step("networks")
    assert step["summary"] == "make new; make again other; remove old"
    assert step["reasons"] == ["other: internal false instead of true", "old: declared no more"]
    assert [entry["name"] for entry in step["parameters"]["make"]] == ["new", "other"]
    assert step["diff"][0]["before"] == "other (internal false instead of true)\nold (declared no more)\n"
    assert [entry["id"] for entry in step["parameters"]["remove"]] == ["id-other", "id-old"]


@pytest.mark.parametrize(
    ("plan", "is_planned"),
    [
        (ApplyPlan("restart", ["data-root"], ["changed: data-root"]), True),
        (ApplyPlan("restart", [], ["the unit's command changed"]), True),
        (ApplyPlan("restart", [], ["files changed after the daemon's start, unseen by Mooring"]), True),
        (ApplyPlan("restart", ["log-driver"], ["changed: log-driver"]), False),
        (ApplyPlan("nothing"), False),
    ],
)
def test_networks_are_looked_at_again_where_the_daemon_may_have_lost_them(plan: ApplyPlan, is_planned: bool) -> None:
    planned = Planned().compose(plan)
    planned.network["networks"] = [{"name": "back"}]
    planned.host["engine"]["networks"] = [network("back")]
    assert ("networks" in planned.names()) == is_planned


# Tags ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tags", "skipped", "steps"),
    [
        (["install"], [], ["packages"]),
        (["sysctls"], [], ["packages", "sysctls"]),
        (["published"], [], ["packages", "published_filter"]),
        (["ssh"], [], ["ssh_access"]),
        (["filter"], [], ["packages", "endpoint_filter"]),
        (["tls"], [], ["packages", "certificate"]),
        (["configure"], [], ["configuration", "socket_group"]),
        (["bridge"], [], ["configuration"]),
        (["networks"], [], ["networks"]),
        (["always"], [], []),
        (["tagged"], ["install", "apply"], [name for name in STEPS if name not in ("apply", "confirm")]),
        (["all"], ["all"], []),
        (["all"], ["tagged"], []),
        (["bridge"], ["configure"], []),
        (["untagged"], [], []),
    ],
)
def test_tags_choose_steps(tags: list[str], skipped: list[str], steps: list[str]) -> None:
    planned = Planned().bare().tags(*tags)
    planned.skip_tags = skipped
    planned.network.update(networks=[BACK], published="closed")
    assert planned.names() == steps


def test_what_is_pending_is_confirmed_whatever_the_tags_are() -> None:
    planned = Planned().tags("sysctls")
    planned.host["confirm"]["armed"] = ["docker.service"]
    assert planned.names() == ["confirm"]


def test_only_the_networks_fragment_is_asked_for_by_its_tag() -> None:
    planned = Planned().compose(RESTART, "/etc/docker/daemon.json").tags("bridge")
    assert planned.step("configuration")["parameters"]["fragments"] == ["20-network"]
    assert planned.step("configuration")["role"] == "docker_network"


# Secrets ---------------------------------------------------------------------------------------------


def test_nothing_in_a_plan_is_secret() -> None:
    secret = "hunter2-and-more"
    planned = Planned().compose(
        ApplyPlan("restart", ["proxies"], [f"dockerd said {secret}"]),
        "/etc/docker/daemon.json",
        diff=[{"before": f"x {secret}\n", "after": "", "before_header": "a", "after_header": "b"}],
    )
    planned.network["networks"] = [BACK]
    planned.secrets = {secret}
    text = str(planned.plan())
    assert secret not in text
    assert "s3cr3t-token" not in text
    planned.refused = [f"dockerd refuses {secret}"]
    assert planned.refusals() == ["dockerd refuses ********"]
