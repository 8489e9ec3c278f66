"""Base images: one directory tree per suite, built once with mmdebstrap and copied for every host."""

from __future__ import annotations

import hashlib
import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from lab import locks, mirror, shell
from lab.errors import LabError

PACKAGES = (
    "busybox-static",
    "ca-certificates",
    "dbus",
    "iproute2",
    "iptables",
    "openssh-server",
    "procps",
    "python3",
    "python3-apt",
    "sudo",
    "systemd",
    "systemd-sysv",
)

# Runs once per image, with the new root directory as $1. Hosts get what is theirs alone in machine.py.
CUSTOMISE = r"""
set -eu
root=$1
chroot "$root" useradd --create-home --shell /bin/bash --password '*' admin
echo 'admin ALL=(ALL:ALL) NOPASSWD: ALL' > "$root/etc/sudoers.d/admin"
chmod 440 "$root/etc/sudoers.d/admin"
printf '%s\n' 'PasswordAuthentication no' 'PermitRootLogin no' 'UseDNS no' > "$root/etc/ssh/sshd_config.d/lab.conf"

# The machine's own certificate authorities, should its mirror or its way out need them.
if ls /usr/local/share/ca-certificates/*.crt > /dev/null 2>&1; then
    cp /usr/local/share/ca-certificates/*.crt "$root/usr/local/share/ca-certificates/"
    chroot "$root" update-ca-certificates > /dev/null
fi

# systemd-modules-load has no business in a container; apt's timers would take dpkg's lock at random.
for unit in systemd-modules-load.service apt-daily.timer apt-daily-upgrade.timer; do
    ln -sf /dev/null "$root/etc/systemd/system/$unit"
done
chroot "$root" systemctl enable systemd-networkd.service > /dev/null 2>&1
mkdir -p "$root/var/log/journal"
echo LANG=C.UTF-8 > "$root/etc/default/locale"

# What has to be different on every host.
rm -f "$root"/etc/ssh/ssh_host_* "$root/etc/machine-id" "$root/var/lib/dbus/machine-id" "$root/etc/hostname"
# Where the packages came from is written again below, without mmdebstrap's traces.
rm -f "$root/etc/apt/sources.list" "$root"/etc/apt/sources.list.d/* "$root/etc/apt/apt.conf.d/99mmdebstrap"
"""

# The hosts are disposable: what dpkg does for the day the power fails, and manuals, only cost time.
DPKG = (
    "force-unsafe-io",
    "path-exclude=/usr/share/man/*",
    "path-exclude=/usr/share/locale/*",
    "path-exclude=/usr/share/doc/*",
    "path-include=/usr/share/doc/*/copyright",
)


KEEP_UNUSED = 14 * 24 * 3600.0


def cache() -> Path:
    """Where base images are kept between labs."""
    return Path(os.environ.get("MOORING_CACHE") or "/var/cache/mooring").absolute()


def _prune(suite: str) -> None:
    """Delete the suite's images by other recipes that no lab has used for a while."""
    for tree in (cache() / "images").glob(f"{suite}-*"):
        if tree.stat().st_mtime < time.time() - KEEP_UNUSED:
            shell.remove_tree(tree)


class Images:
    """The base images of this machine, for one mirror."""

    def __init__(self) -> None:
        self._mirror = mirror.of_this_machine()

    def build_missing(self, suites: set[str]) -> None:
        """Build what is not there, a suite per core."""
        missing = [suite for suite in sorted(suites) if not self._tree(suite).exists()]
        with ThreadPoolExecutor(max_workers=max(1, min(len(missing), os.cpu_count() or 1))) as pool:
            list(pool.map(self._build, missing))

    def copy(self, suite: str, target: Path) -> None:
        """Copy an image; with reflinks where the file system has them."""
        with locks.held(self._lock(suite), shared=True):
            tree = self._tree(suite)
            shell.run("cp", "--archive", "--reflink=auto", "--", tree, target)
            os.utime(tree)

    def _lock(self, suite: str) -> Path:
        return cache() / "images" / f"{suite}.lock"

    def _tree(self, suite: str) -> Path:
        """Named after everything that goes into it: a changed recipe is another image."""
        recipe = repr((suite, self._mirror, PACKAGES, CUSTOMISE, DPKG))
        return cache() / "images" / f"{suite}-{hashlib.sha256(recipe.encode()).hexdigest()[:12]}"

    def _build(self, suite: str) -> None:
        tree = self._tree(suite)
        with locks.held(self._lock(suite), announce=f"{suite}: waiting for another lab that builds this image"):
            if tree.exists():
                return
            for leftover in tree.parent.glob(f".{suite}-*"):
                shell.remove_tree(leftover)
            print(f"{suite}: building the base image (once)", flush=True)
            temporary = tree.with_name(f".{tree.name}")
            pockets = self._mirror.pockets(suite)
            try:
                self._debootstrap(suite, temporary, pockets)
                apt = temporary / "etc/apt"
                shell.write(apt / "sources.list.d/debian.sources", mirror.sources(pockets))
                shell.write(apt / "apt.conf.d/90lab", "\n".join(self._mirror.options) + "\n")
                temporary.replace(tree)
                os.utime(tree)
                _prune(suite)
            except LabError as error:
                shell.remove_tree(temporary)
                raise LabError(f"the base image of {suite} cannot be built: {error}") from None

    def _debootstrap(self, suite: str, target: Path, pockets: list[tuple[str, str]]) -> None:
        """In namespaces of its own: however it ends, neither its mounts nor its processes outlive it."""
        shell.run(
            *("unshare", "--mount", "--propagation", "private", "--pid", "--fork", "--kill-child", "--mount-proc"),
            *("mmdebstrap", "--mode=root", "--variant=minbase", "--format=directory", "--quiet"),
            f"--include={','.join(PACKAGES)}",
            *(f"--aptopt={option}" for option in self._mirror.options),
            *(f"--dpkgopt={option}" for option in DPKG),
            f"--customize-hook={CUSTOMISE}",
            *(suite, target),
            *(f"deb [signed-by={mirror.KEYRING}] {uri} {release} main" for uri, release in pockets),
        )
