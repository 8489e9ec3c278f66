# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates for keys that machines have generated: whom one is refused, and what a machine gets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..module_utils._tls import names as certificate_names
from . import authorities, names, signing


@dataclass(frozen=True)
class Order:
    """The certificate that a machine is to get."""

    kind: str
    """One of ``authorities.KINDS``."""
    name: str
    """Its common name, and the name in the index."""
    names: Sequence[str]
    """Alternative names, such as "DNS:trixie" and "IP:192.0.2.7"."""
    days: int
    directory: str
    """That of the authorities."""
    passphrase: str

    def refuse(self, variables: Mapping[str, Any], templar: Any) -> None:
        """Raise SigningError where the authority has ended, and for a host that would get another's certificate,
        whatever a role or a variable says.

        ``variables`` and ``templar`` are those of the host's task.
        """
        if ended := signing.validity_problem(authorities.view(self.directory)[self.kind]["signer"]):
            raise signing.SigningError(ended)
        if problem := names.index_problem(self.name):
            raise signing.SigningError(f"name {problem}")
        if self.kind != "server":
            return
        host = variables["inventory_hostname"]
        address = templar.template(variables.get("ansible_host", host))
        own = names.server_names(host, address, [], [])
        beyond = [name for name in map(certificate_names.normal, [f"DNS:{self.name}", *self.names]) if name not in own]
        # To look at every host's variables costs something, and mostly nothing is left to be looked up.
        known = names.fleet(variables["hostvars"], variables["groups"]["all"]) if beyond else {}
        if foreign := names.owners(beyond, host, address, known):
            said = ", ".join(f"{name} is for {owner}" for name, owner in foreign.items())
            raise signing.SigningError(f"{host} gets no certificate for other hosts of the inventory: {said}")

    def sign(self, csr: str) -> str:
        """The certificate for the key of a signing request, with those of intermediate authorities, as PEM.

        It is in the index before a machine has it: what is not there would be forgotten by a rotation. Raises
        SigningError.
        """
        authority = authorities.view(self.directory)[self.kind]
        certificate = signing.sign(
            csr, self.kind, self.name, list(self.names), self.days, authority["signer"], self.passphrase
        )
        signing.announce(self.directory, self.kind, self.name, certificate)
        chain: str = authority["chain"]
        return certificate + chain

    def confirm(self) -> None:
        """The machine has the certificate."""
        signing.confirm(self.directory, self.kind, self.name)

    @property
    def trusted(self) -> str:
        """The authorities that the machine trusts, as PEM: those of clients on a server, and the other way round."""
        bundle: str = authorities.view(self.directory)["client" if self.kind == "server" else "server"]["bundle"]
        return bundle
