"""TLS files that dockerd could not use are refused before anything is written."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.mooring.docker.plugins.module_utils._apply import composition
from ansible_collections.mooring.docker.plugins.module_utils._config.fragments import ConfigError
from forge import SERVER, Authority
from unit.apply.fake_host import FakeHost


@pytest.fixture
def tls(tmp_path: Path) -> dict[str, str]:
    """The options of a daemon with a certificate."""
    authority = Authority(tmp_path / "authority")
    certificate, key = authority.issue("web-1", SERVER)
    return {"tlscacert": authority.ca, "tlscert": certificate, "tlskey": key}


def _refusal(tls: dict[str, str]) -> str:
    with pytest.raises(ConfigError) as refusal:
        composition.configure({"10-engine": {"tlsverify": True, **tls}}, "refuse", None, check_mode=True)
    return str(refusal.value)


@pytest.fixture(autouse=True)
def _bare(host: FakeHost, monkeypatch: pytest.MonkeyPatch) -> None:
    """A host on which nothing is composed yet, with a dockerd that cannot be asked."""
    monkeypatch.setattr(composition.daemon, "dockerd", lambda: None)


def test_a_pair_is_no_problem(tls: dict[str, str]) -> None:
    answer = composition.configure({"10-engine": {"tlsverify": True, **tls}}, "refuse", None, check_mode=True)
    assert answer["changed"]


@pytest.mark.parametrize("option", ["tlscacert", "tlscert", "tlskey"])
def test_a_file_that_is_missing_is_named(tls: dict[str, str], option: str) -> None:
    Path(tls[option]).unlink()
    assert _refusal(tls) == f"{option}: there is no file {tls[option]}"


def test_a_key_of_another_certificate_is_refused(tls: dict[str, str], tmp_path: Path) -> None:
    _certificate, key = Authority(tmp_path / "other").issue("web-1", SERVER)
    assert f"tlskey {key} and tlscert {tls['tlscert']} do not belong together" in _refusal({**tls, "tlskey": key})


def test_a_key_that_everybody_can_read_is_refused(tls: dict[str, str]) -> None:
    Path(tls["tlskey"]).chmod(0o644)
    assert f"tlskey {tls['tlskey']} can be read by everybody" in _refusal(tls)


def test_authorities_without_a_certificate_are_refused(tls: dict[str, str]) -> None:
    Path(tls["tlscacert"]).write_text("nothing\n")
    assert f"tlscacert {tls['tlscacert']} holds no certificate" in _refusal(tls)
