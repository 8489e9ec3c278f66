"""Another engine for a host: its release's packages with the programs of a static archive, in an apt source of its own.

A host on which the engine is installed, removed and installed again then always gets that engine, with the units and
scripts that Debian's packages have.
"""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from pathlib import Path

from lab import archives, locks, shell
from lab.errors import LabError
from lab.inventory import Host

PACKAGES = ("containerd", "docker-cli", "docker.io", "runc")
"""Those with programs of the engine; a release may have fewer."""

_SOURCE = Path("opt/engine")
"""Below the root of a host."""

_FLAG = " -H fd:// --firewall-backend={}"
"""In the unit, so that it holds whatever a test writes into daemon.json, or removes."""

_LIST = f"deb [trusted=yes] file:/{_SOURCE} ./\n"

# apt of this machine with the sources of a host's, and with lists of its own.
_APT = """\
Dir::State "{own}/state";
Dir::State::status "{root}/var/lib/dpkg/status";
Dir::Cache "{own}/cache";
Dir::Etc "{root}/etc/apt";
APT::Sandbox::User "root";
"""


# dockerd with this backend does not switch forwarding on.
_FORWARDING = """\
net.ipv4.ip_forward = 1
net.ipv6.conf.all.forwarding = 1
net.ipv6.conf.default.forwarding = 1
"""


def add(host: Host, root: Path, cache: Path) -> None:
    """Give a host, whose directory is ``root``, the source with its engine. Keeps that in ``cache``."""
    with locks.held(cache / f"{host.suite}.lock", announce=f"{host.name}: waiting for packages of its engine"):
        source = _built(host, root, cache)
        (root / _SOURCE.parent).mkdir(exist_ok=True)
        shell.run("cp", "--archive", "--reflink=auto", "--", source, root / _SOURCE)
    shell.write(root / "etc/apt/sources.list.d/engine.list", _LIST)
    if host.backend == "nftables":
        shell.write(root / "etc/sysctl.d/10-lab.conf", _FORWARDING)


def _built(host: Host, root: Path, cache: Path) -> Path:
    """The directory with the packages, named after what they are made from."""
    parts = archives.of_engine(host.engine)
    files = [(part.name, part.stat().st_size, part.stat().st_mtime) for part in parts]
    recipe = repr((root.joinpath("etc/debian_version").read_text(), files, _APT, PACKAGES, _FLAG))
    name = "-".join(filter(None, (host.suite, host.engine, host.backend)))
    path = cache / f"{name}-{hashlib.sha256(recipe.encode()).hexdigest()[:12]}"
    if not path.exists():
        for leftover in cache.glob(f"{name}-{'[0-9a-f]' * 12}"):
            shell.remove_tree(leftover)
        print(f"{host.suite}: making packages of engine {host.engine} (once)", flush=True)
        with tempfile.TemporaryDirectory(dir=cache) as temporary:
            _build(parts, host.backend, root, Path(temporary))
            Path(temporary, "source").replace(path)
    return path


def _build(parts: list[Path], backend: str, root: Path, own: Path) -> None:
    for name in ("programs", "source", "state/lists/partial", "cache/archives/partial"):
        (own / name).mkdir(parents=True)
    programs: dict[str, Path] = {}
    for part in parts:
        programs |= archives.extract(part, own / "programs")
    for package in _download(root, own):
        _repack(package, programs, backend, own / "source")
    entries = [_index_entry(path) for path in sorted((own / "source").glob("*.deb"))]
    shell.write(own / "source" / "Packages", "\n".join(entries))


def _download(root: Path, own: Path) -> list[Path]:
    """Debian's packages, as the host would get them."""
    configuration = own / "apt.conf"
    shell.write(configuration, _APT.format(own=own, root=root))
    apt = ("env", f"APT_CONFIG={configuration}")
    shell.run(*apt, "apt-get", "update", "--quiet")
    known = shell.run(*apt, "apt-cache", "pkgnames").split()
    names = [name for name in PACKAGES if name in known]
    shell.run(*apt, "sh", "-c", 'cd "$0" && apt-get download --quiet "$@"', own / "cache", *names)
    return sorted((own / "cache").glob("*.deb"))


def _repack(package: Path, programs: dict[str, Path], backend: str, target: Path) -> None:
    """``package`` with those ``programs`` that it has, under their version; the daemon is told its ``backend``."""
    tree = package.with_suffix("")
    shell.run("dpkg-deb", "--raw-extract", package, tree)
    replaced = []
    for path in (tree / "usr").rglob("*"):
        if path.name in programs and path.is_file() and not path.is_symlink() and os.access(path, os.X_OK):
            shell.run("cp", "--", programs[path.name], path)
            replaced.append(path)
    name = package.name.partition("_")[0]
    if not replaced:
        raise LabError(f"{package.name} has none of the programs {', '.join(sorted(programs))}")
    main = next(path for path in replaced if path.name in ("dockerd", "docker", "containerd", "runc"))
    # After Debian's of the same release.
    version = f"{_version(main)}+lab-1"
    control = tree / "DEBIAN/control"
    text = re.sub(r"^Version: .*$", f"Version: {version}", control.read_text(), flags=re.MULTILINE)
    for unit in tree.glob("**/systemd/system/docker.service") if backend else ():
        shell.write(unit, unit.read_text().replace(" -H fd://", _FLAG.format(backend)))
        # Its program, which the daemon calls.
        text = re.sub(r"^Depends: ", "Depends: nftables, ", text, flags=re.MULTILINE)
    shell.write(control, text)
    (tree / "DEBIAN/md5sums").unlink()
    shell.run("dpkg-deb", "--root-owner-group", "--build", "-Zgzip", "-z1", tree, target / f"{name}_{version}.deb")
    shell.remove_tree(tree)


def _version(program: Path) -> str:
    told = shell.run(program, "--version")
    match = re.search(r"\d+\.\d+\.\d+", told)
    if match is None:
        raise LabError(f"{program.name} --version says {told.strip()!r}")
    return match[0]


def _index_entry(package: Path) -> str:
    """What apt has to know of a package (deb822, as in a Packages file)."""
    digest = hashlib.sha256(package.read_bytes()).hexdigest()
    control = shell.run("dpkg-deb", "--field", package).rstrip()
    return f"{control}\nFilename: ./{package.name}\nSize: {package.stat().st_size}\nSHA256: {digest}\n"
