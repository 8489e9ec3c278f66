"""A lab's identity: the same in Python and in Jinja, different for every lab, and valid for the kernel."""

import json
import os
import subprocess
import sys
from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest

from lab.errors import LabError
from lab.identity import identify

CHECKOUT = Path(__file__).parents[3]
INVENTORY = CHECKOUT / "inventory/lab"


@pytest.mark.parametrize(
    "environment",
    [{}, {"MOORING_LAB": "molecule"}, {"MOORING_LAB_NETWORK": "198.19.200.0/24"}],
    ids=["default", "named", "network"],
)
def test_ansible_and_the_lab_agree(environment, tmp_path):
    """Two implementations of one rule: what Ansible connects to is what the lab has booted."""
    names = ["lab_id", "lab_network", "lab_network6", "lab_address6", "lab_state", "ansible_host", "lab_address"]
    template = "{{ {" + ", ".join(f"'{name}': {name}" for name in names) + "} | to_json }}"
    play = tmp_path / "play.yml"
    output = tmp_path / "answer.json"
    task = {
        "ansible.builtin.copy": {"content": template, "dest": str(output)},
        "delegate_to": "localhost",
        "connection": "local",
    }
    play.write_text(json.dumps([{"hosts": "trixie", "gather_facts": False, "become": False, "tasks": [task]}]))
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("MOORING_LAB")}
    overrides = ["-e", "ansible_become=false", "-e", f"ansible_python_interpreter={sys.executable}"]
    program = Path(sys.executable).with_name("ansible-playbook")
    # A relative inventory, as `make` and people name it.
    done = subprocess.run(
        [program, "-i", "inventory/lab", *overrides, play],
        cwd=CHECKOUT,
        env={**inherited, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    answer = json.loads(output.read_text())
    lab = identify(INVENTORY, environment)
    octet = answer["lab_address"]
    assert answer["lab_id"] == lab.id
    assert answer["lab_network"] == str(lab.network)
    assert answer["ansible_host"] == str(lab.address(octet))
    assert answer["lab_state"] == str(lab.state)
    # Jinja does not shorten addresses.
    assert ip_network(answer["lab_network6"]) == lab.network6
    assert ip_address(answer["lab_address6"]) == lab.address6(octet)


def test_labs_do_not_meet(tmp_path):
    """Another checkout, or another name in the same one, is another lab."""
    (tmp_path / "inventory").mkdir()
    labs = [
        identify(INVENTORY, {}),
        identify(INVENTORY, {"MOORING_LAB": "molecule"}),
        identify(tmp_path / "inventory", {}),
    ]
    for attribute in ("id", "state", "bridge", "table", "lock"):
        assert len({getattr(lab, attribute) for lab in labs}) == len(labs)


def test_a_file_and_its_directory_are_one_inventory():
    assert identify(INVENTORY / "hosts.yml", {}) == identify(INVENTORY, {})
    assert identify(INVENTORY, {"MOORING_LAB": ""}) == identify(INVENTORY, {"MOORING_LAB": "lab"})


def test_a_relative_path_is_the_same_inventory(monkeypatch):
    monkeypatch.chdir(CHECKOUT / "tests")
    assert identify(Path("../inventory/lab"), {}) == identify(INVENTORY, {})


def test_a_link_keeps_its_own_name(tmp_path):
    """Ansible's inventory_dir does not resolve links, so neither do we."""
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    assert identify(tmp_path / "link", {}) != identify(tmp_path / "real", {})


@pytest.mark.parametrize("number", range(64))
def test_the_kernel_takes_it(number, tmp_path):
    lab = identify(tmp_path, {"MOORING_LAB": str(number)})
    assert len(lab.bridge) <= 15
    assert lab.network.prefixlen == 24
    assert int(lab.network[0]) >> 17 == (198 << 24 | 18 << 16) >> 17, "outside of 198.18.0.0/15"


@pytest.mark.parametrize("network", ["198.18.0.0/16", "198.18.7.1/24", "fd00::/24", "nonsense"])
def test_a_bad_network_is_refused_by_name(network):
    with pytest.raises(LabError, match="MOORING_LAB_NETWORK"):
        identify(INVENTORY, {"MOORING_LAB_NETWORK": network})
