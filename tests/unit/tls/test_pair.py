"""A key and its certificate: the key is its owner's alone, and both change at once."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.mooring.docker.plugins.module_utils._tls import pair


@pytest.mark.parametrize(("kind", "mode"), [("server", 0o755), ("client", 0o700)])
def test_the_key_is_its_owners_alone(tmp_path: Path, kind: str, mode: int) -> None:
    made, request = pair.request(tmp_path / "tls", kind)
    assert (tmp_path / "tls").stat().st_mode & 0o777 == mode
    key = Path(made, "key.pem")
    assert key.stat().st_mode & 0o777 == 0o600
    assert Path(made).stat().st_mode & 0o777 == 0o700
    assert "PRIVATE KEY" in key.read_text()
    assert "PRIVATE KEY" not in request


def test_a_pair_takes_the_place_of_the_one_before(tmp_path: Path) -> None:
    first = Path(pair.request(tmp_path / "tls", "server")[0])
    pair.install(first, "one")
    assert (tmp_path / "tls/server").resolve() == first
    # Nobody reads the second before its certificate is there.
    second = Path(pair.request(tmp_path / "tls", "server")[0])
    assert (tmp_path / "tls/server").resolve() == first
    pair.install(second, "two")
    assert (tmp_path / "tls/server").resolve() == second
    assert (tmp_path / "tls/server/cert.pem").read_text() == "two"
    assert sorted(path.name for path in (tmp_path / "tls").iterdir()) == ["server", second.name]


def test_the_pair_of_a_server_and_that_of_a_client_leave_each_other_alone(tmp_path: Path) -> None:
    for kind in ("server", "client"):
        pair.install(Path(pair.request(tmp_path, kind)[0]), kind)
    assert [(tmp_path / kind / "cert.pem").read_text() for kind in ("server", "client")] == ["server", "client"]
