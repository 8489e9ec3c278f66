# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Action: carry out the steps of a plan in as few trips as their order and their contracts allow."""

from __future__ import annotations

from collections.abc import Collection
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import zip_longest
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible_collections.mooring.docker.plugins.module_utils._plan import configuration
from ansible_collections.mooring.docker.plugins.plugin_utils import (
    authorities,
    declaration,
    generations,
    issuing,
    keys,
    signing,
)
from ansible_collections.mooring.docker.plugins.plugin_utils.declaration.variables import Variables
from ansible_collections.mooring.docker.plugins.plugin_utils.on_host import OnHost

TITLES = {
    "packages": "Install the packages",
    "authorities": "Make the certificate authorities",
    "key": "Issue the server's key and certificate",
    "certificate": "Issue the server's key and certificate",
    "configuration": "Compose daemon.json",
    "socket_group": "Decide who is in the group of the socket",
    "apply": "Bring the daemon to its configuration",
    "confirm": "Confirm the change over a new connection",
    "networks": "Remove and make networks",
}
"""What is told of each step."""
_TRUST = "Replace the authorities whose clients get in"
"""What is told of a step "certificate" that issues none."""


class _Stopped(Exception):
    """A step has failed; its outcome is the last one."""


class ActionModule(OnHost):
    """The trips of one part of a plan; what one trip brings to the controller decides about the next."""

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return what each step has done, also where one of them failed."""
        result = super().run(tmp, task_vars)
        self._variables = task_vars or {}
        _validated, options = self.validate_argument_spec(
            argument_spec={
                "part": {"type": "str", "choices": ["preparation", "change"], "required": True},
                "steps": {"type": "dict", "required": True},
                "certificate_names": {"type": "list", "elements": "str", "required": True},
                "inventory": {"type": "dict", "required": True},
                "prepared": {"type": "dict"},
            }
        )
        self._steps: dict[str, dict[str, Any]] = {name: step["parameters"] for name, step in options["steps"].items()}
        self._names, self._inventory = options["certificate_names"], options["inventory"]
        self._outcomes: list[dict[str, Any]] = []
        try:
            if options["part"] == "preparation":
                result["key"] = self._prepare()
            else:
                self._change((options["prepared"] or {}).get("key"))
        except _Stopped:
            failure = self._outcomes.pop()
            result.update(failed=True, msg=failure["msg"], step=self._title(failure))
        result.update(
            changed=any(outcome.get("changed") for outcome in self._outcomes),
            warnings=[warning for outcome in self._outcomes for warning in outcome.pop("warnings", [])],
            # Ansible shows the whole; callbacks that know steps show those of each.
            diff=[entry for outcome in self._outcomes for entry in _entries(outcome.get("diff"))],
            steps=[{"title": self._title(outcome), **outcome} for outcome in self._outcomes],
        )
        return result

    # --- the parts

    def _prepare(self) -> dict[str, str] | None:
        """Packages, authorities, and a key on the host; returns the key's directory and signing request."""
        certificate = self._steps.get("certificate")
        steps = self._given("packages")
        if certificate is None:
            self._trip(steps)
            return None
        variables = self._gather([declaration.ENGINE]).variables
        if certificate["reason"]:
            try:
                self._order(variables).refuse(self._variables, self._templar)
            except signing.SigningError as error:
                raise AnsibleActionFail(str(error)) from error
            steps["key"] = {"place": variables["docker_engine_tls_directory"], "kind": "server"}
        # They need nothing of the host: the controller makes them while the host installs.
        with ThreadPoolExecutor(1) as beside:
            making = beside.submit(self._make_authorities, variables) if certificate["authorities"] else None
            key = self._trip(steps).get("key")
            if making:
                self._note_authorities(making)
        return {"pair": key["pair"], "csr": key["csr"]} if key else None

    def _change(self, key: dict[str, str] | None) -> None:
        """Certificate, configuration and daemon in one trip; over a new connection, its confirmation, and networks."""
        certificate, composing = self._steps.get("certificate", {}), self._steps.get("configuration")
        replaces = bool(certificate.get("reason") or certificate.get("trust"))
        roles = {declaration.ENGINE} if replaces else set()
        roles |= {declaration.FRAGMENTS[name] for name in composing["fragments"]} if composing else set()
        roles |= {declaration.NETWORK} if "networks" in self._steps else set()
        gathered = self._gather(roles) if roles else None
        order, steps = None, {}
        if gathered and replaces:
            order = self._order(gathered.variables)
            steps["certificate"] = self._certificate(order, key, gathered.variables)
        if gathered and composing:
            content = configuration.content(gathered.declaration, composing["chosen"])
            steps["configuration"] = {
                "fragments": {name: content[name] for name in composing["fragments"]},
                **{name: composing[name] for name in ("on_conflict", "restart", "containers", "data_root_change")},
                # One that says nothing leaves the sockets alone.
                "socket": composing["socket"] or None,
            }
        steps |= self._given("socket_group")
        if "apply" in self._steps:
            names = ("restart", "containers", "timeout", "confirm")
            steps["apply"] = {name: self._steps["apply"][name] for name in names}
        try:
            done = self._trip(steps)
        finally:
            self._settle(order)
        last: dict[str, dict[str, Any]] = {}
        # Also what an earlier run left pending.
        if done["apply"]["armed"] if "apply" in done else "confirm" in self._steps:
            last["confirm"] = {}
            # The host reverts the change unless a new connection reaches it.
            self._connection.reset()
        if gathered and "networks" in self._steps:
            wanted = {name: self._steps["networks"][name] for name in ("docker_host", "timeout")}
            declared = gathered.declaration["network"]
            last["networks"] = {"networks": declared["networks"] if declared else [], **wanted}
        self._trip(last)

    def _settle(self, order: issuing.Order | None) -> None:
        """What follows from what was done, whether or not all of it went well."""
        done = {outcome["name"]: outcome for outcome in self._outcomes if "failed" not in outcome}
        if order and self._steps["certificate"]["reason"] and "certificate" in done:
            order.confirm()
        if done.get("socket_group", {}).get("reconnect"):
            # The connection of this run may still hold the group.
            self._connection.reset()

    # --- what the parts are made of

    def _given(self, *names: str) -> dict[str, dict[str, Any]]:
        """Those steps of the plan that their modules take as they are."""
        return {name: self._steps[name] for name in names if name in self._steps}

    def _trip(self, steps: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
        """Carry out ``steps`` on the host, and note their outcomes; returns them by name. Raises _Stopped."""
        if not steps:
            return {}
        told = [{"name": name, "parameters": parameters} for name, parameters in steps.items()]
        reply = self._execute_module("mooring.docker.execute_steps", {"steps": told}, task_vars=self._variables)
        if reply.get("failed"):
            self._outcomes.append({"name": told[0]["name"], "failed": True, "msg": str(reply.get("msg"))})
            raise _Stopped
        for outcome, name in zip_longest(reply["steps"], steps):
            if outcome is None or outcome["name"] != name:
                self._outcomes.append({"name": name, "failed": True, "msg": "the host did not tell what it has done"})
                raise _Stopped
            # The key is half a step: its certificate is told.
            if name != "key" or "failed" in outcome:
                self._outcomes.append(outcome)
            if "failed" in outcome:
                raise _Stopped
        return {outcome["name"]: outcome for outcome in reply["steps"]}

    def _gather(self, roles: Collection[str]) -> declaration.Gathered:
        gathered, problems = declaration.gather(roles, self._variables, self._templar, self._inventory, signs=False)
        if gathered is None:
            raise AnsibleActionFail("; ".join(problems))
        return gathered

    def _order(self, variables: Variables) -> issuing.Order:
        """The certificate of the host's daemon. What it is for is not the host's to say."""
        return issuing.Order(
            kind="server",
            name=self._variables["inventory_hostname"],
            names=self._names,
            days=variables["docker_engine_certificate_days"],
            directory=_directory(variables),
            passphrase=variables["docker_engine_ca_passphrase"],
        )

    def _certificate(self, order: issuing.Order, key: dict[str, str] | None, variables: Variables) -> dict[str, Any]:
        """The parameters of the step that installs the certificate, the clients' authorities, or both."""
        step = self._steps["certificate"]
        parameters: dict[str, Any] = {}
        if step["trust"]:
            parameters["trust_file"] = f"{variables['docker_engine_tls_directory']}/client-ca.pem"
            parameters["trusted"] = order.trusted
        if step["reason"] and key:
            try:
                parameters |= {"pair": key["pair"], "certificate": order.sign(key["csr"])}
            except signing.SigningError as error:
                self._outcomes.append({"name": "certificate", "failed": True, "msg": str(error)})
                raise _Stopped from error
        return parameters

    def _make_authorities(self, variables: Variables) -> list[tuple[str, list[str]]]:
        """Make what is missing of the authorities that sign; returns for each its name and what was done."""
        directory, passphrase = _directory(variables), variables["docker_engine_ca_passphrase"]
        days = variables["docker_engine_certificate_days"], variables["docker_engine_ca_days"]
        known = authorities.view(directory)
        signers = [known[kind]["signer"] for kind in authorities.KINDS]
        return [
            (signer["name"], generations.make(directory, signer["kind"], signer["number"], passphrase, *days))
            for signer in signers
        ]

    def _note_authorities(self, making: Future[list[tuple[str, list[str]]]]) -> None:
        try:
            made = making.result()
        except (keys.KeyFileError, OSError) as error:
            self._outcomes.append({"name": "authorities", "failed": True, "msg": str(error)})
            raise _Stopped from error
        self._outcomes += [
            {"name": "authorities", "item": name, "changed": True, "done": done} for name, done in made if done
        ]

    def _title(self, outcome: dict[str, Any]) -> str:
        if outcome["name"] == "certificate" and not self._steps["certificate"]["reason"]:
            return _TRUST
        return f"{TITLES[outcome['name']]} ({outcome['item']})" if "item" in outcome else TITLES[outcome["name"]]


def _directory(variables: Variables) -> str:
    """That of the authorities."""
    return str(Path(variables["docker_engine_ca_directory"]).expanduser())


def _entries(diff: Any) -> list[Any]:
    """One entry, or several, of Ansible's diff."""
    return diff if isinstance(diff, list) else [diff] if diff else []
