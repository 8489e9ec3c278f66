"""An engine from elsewhere is configured as it is, and never replaced. The host keeps its package."""

from __future__ import annotations

import pytest
import reach
from conftest import Daemon

NAME = "trixie"
PACKAGES = "dpkg-query --show --showformat '${Package} ${Version} ${db:Status-Abbrev}\\n'"
# The files of Debian's engine as Docker's package, which takes its place as it does in reality.
BUILD = """
set -e
root=$(mktemp --directory)
dpkg --listfiles docker.io | while read -r file; do [ -d "$file" ] || echo "$file"; done | tar -c -T - | tar -x -C $root
mkdir $root/DEBIAN
cat > $root/DEBIAN/control <<'EOF'
Package: docker-ce
Version: 5:99.0.0-1
Architecture: all
Maintainer: nobody <nobody@example.com>
Description: an engine from elsewhere
Conflicts: docker.io
Replaces: docker.io
EOF
dpkg-deb --build -Znone $root /run/docker-ce.deb
rm -r $root
dpkg --install --force-confnew /run/docker-ce.deb
rm /run/docker-ce.deb
systemctl daemon-reload
systemctl start docker
"""


@pytest.fixture
def daemon() -> Daemon:
    """An engine that is docker-ce by its package."""
    found = Daemon(NAME)
    if found.host.run("dpkg --status docker-ce").rc != 0:
        found.host.run_expect([0], BUILD)
    return found


def test_docker_ce_is_configured_and_stays(daemon: Daemon) -> None:
    packages = daemon.host.check_output(PACKAGES)
    installed = {line.split()[0] for line in packages.splitlines() if line.split()[2] == "ii"}
    assert ("docker-ce" in installed, "docker.io" in installed) == (True, False)
    declared = {"docker_engine_options": {"labels": ["from=elsewhere"], "log-driver": "local"}}
    done = reach.run(limit=NAME, **declared)
    assert done.status == 0, done.failures or done.output
    assert set(done.steps[NAME]) == {"configuration", "apply"}
    assert (daemon.info()["Labels"], daemon.info()["LoggingDriver"]) == (["from=elsewhere"], "local")
    assert reach.run(limit=NAME, **declared).changed == {NAME: 0}
    assert daemon.host.check_output(PACKAGES) == packages
