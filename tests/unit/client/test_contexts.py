"""The docker CLI stores logins in its configuration: it is for the user alone, and the user's own stays as it is."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest
from ansible_collections.mooring.docker.plugins.module_utils._client.contexts import ContextError, Contexts

DECLARED = {"web-1": "ssh://docker-remote@192.0.2.7"}

# As much of the CLI as makes no context of TCP; like the real one it makes its directory for all to read.
CLI = """#!/bin/sh
umask 022; mkdir -p "$DOCKER_CONFIG/contexts"
case "$2" in
    ls) cat "$DOCKER_CONFIG/contexts/list" 2>/dev/null || true ;;
    create) echo '{"Name": "web-1", "DockerEndpoint": "'"${7#host=}"'", "Description": "Mooring: lab"}' \
        > "$DOCKER_CONFIG/contexts/list" ;;
esac
"""


@pytest.fixture
def contexts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Contexts:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "docker"))
    (tmp_path / "cli").write_text(CLI)
    (tmp_path / "cli").chmod(0o755)
    return Contexts(str(tmp_path / "cli"), "lab", {})


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_configuration_is_made_for_the_user_alone(contexts: Contexts, tmp_path: Path) -> None:
    directory = tmp_path / "docker"
    done = contexts.reconcile(DECLARED, check_mode=False)
    assert (done["changed"], done["warnings"]) == (True, [])
    assert (mode(directory), mode(directory / "config.json")) == (0o700, 0o600)
    assert (directory / "config.json").read_text() == "{}\n"
    assert contexts.reconcile(DECLARED, check_mode=False)["changed"] is False


@pytest.mark.parametrize("check_mode", [True, False])
def test_a_context_that_mooring_has_not_made_is_never_replaced(
    contexts: Contexts, tmp_path: Path, check_mode: bool
) -> None:
    listed = tmp_path / "docker/contexts/list"
    listed.parent.mkdir(parents=True)
    theirs = {"Name": "web-1", "DockerEndpoint": "tcp://192.0.2.9:2376", "Description": "mine"}
    listed.write_text(json.dumps(theirs) + "\n")
    with pytest.raises(ContextError, match=r"a context web-1 that Mooring has not made \(tcp://192.0.2.9:2376\)"):
        contexts.reconcile(DECLARED, check_mode=check_mode)
    assert json.loads(listed.read_text()) == theirs
    # Nor removed, where it is not declared.
    assert contexts.reconcile({}, check_mode=check_mode)["changed"] is False
    assert json.loads(listed.read_text()) == theirs


def test_one_of_ours_that_others_can_read_is_made_anew(contexts: Contexts, tmp_path: Path) -> None:
    contexts.reconcile(DECLARED, check_mode=False)
    config = tmp_path / "docker" / "config.json"
    config.chmod(0o644)
    assert contexts.reconcile(DECLARED, check_mode=True)["changed"] is True
    assert mode(config) == 0o644
    assert contexts.reconcile(DECLARED, check_mode=False)["changed"] is True
    assert mode(config) == 0o600
    assert contexts.reconcile(DECLARED, check_mode=False)["changed"] is False


@pytest.mark.parametrize(
    ("text", "bits", "warned"),
    [
        ('{"auths": {"registry.example": {"auth": "eDp5"}}}', 0o644, True),
        ('{"auths": {"registry.example": {"auth": "eDp5"}}}', 0o640, True),
        ('{"auths": {"registry.example": {"auth": "eDp5"}}}', 0o600, False),
        ('{"auths": {}, "currentContext": "x"}', 0o644, False),
        ('{"auths": ["x"]}', 0o644, False),
        ("[]", 0o644, False),
        ("not JSON", 0o644, False),
    ],
)
def test_one_of_the_users_stays_as_it_is(
    contexts: Contexts, tmp_path: Path, text: str, bits: int, warned: bool
) -> None:
    contexts.reconcile(DECLARED, check_mode=False)
    config = tmp_path / "docker" / "config.json"
    config.write_text(text)
    config.chmod(bits)
    done = contexts.reconcile(DECLARED, check_mode=False)
    assert done["changed"] is False
    assert bool(done["warnings"]) is warned
    assert not warned or "registry.example" in done["warnings"][0]
    assert not warned or json.loads(text)["auths"]["registry.example"]["auth"] not in done["warnings"][0]
    assert (mode(config), config.read_text()) == (bits, text)


def test_without_contexts_nothing_is_made(contexts: Contexts, tmp_path: Path) -> None:
    assert contexts.reconcile({}, check_mode=False)["changed"] is False
    assert not (tmp_path / "docker" / "config.json").exists()
