# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which generations of the clients' authority the running daemons trust.

The proof is to try: a client certificate of a few minutes, which never leaves this machine and is in no index, is shown
to the daemon. A refusal proves something only where the daemon takes such a certificate by the authority that signs
now: one whose clock is wrong refuses both. Where the controller does not get that far, what ``host_info`` saw decides:
the file that the daemon was told to read, and whether it has read it.
"""

from __future__ import annotations

import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..module_utils._config.endpoints import EndpointError
from ..module_utils._engine.probe import CredentialError, probe
from ..module_utils._tls import pair
from ..module_utils._tls.certificates import describe_file
from . import authorities, signing
from .rotation.states import Trust

if TYPE_CHECKING:
    from collections.abc import Mapping

# Ten minutes, in days.
_DAYS = 10 / (24 * 60)


def relevant(directory: str) -> list[dict[str, Any]]:
    """The generations of clients to ask about: the one that signs first, then those trusted and those distrusted."""
    state = authorities.load(directory)
    client = state["client"]
    numbers = [client["signer"], *client["trusted"], *(one["generation"] for one in state["distrusted"])]
    return [authorities.generation(directory, "client", number) for number in dict.fromkeys(numbers)]


def tried(directory: str, passphrase: str, hosts: dict[str, list[str]]) -> dict[str, Trust]:
    """What the daemons of ``hosts``, name to TCP endpoints as the controller reaches them, do with a client of each.

    Raises SigningError where the key of the authority that signs cannot be used. One that is distrusted may have lost
    its own.
    """
    generations = relevant(directory)
    with tempfile.TemporaryDirectory(prefix="mooring-probe-") as place:
        ca = Path(place) / "ca.pem"
        ca.write_text(authorities.view(directory)["server"]["bundle"], encoding="ascii")
        signer, *others = generations
        pairs = {signer["name"]: _pair_of(place, signer, passphrase)}
        for one in others:
            try:
                pairs[one["name"]] = _pair_of(place, one, passphrase)
            except signing.SigningError:
                continue

        def ask(urls: list[str]) -> Trust:
            answers = [_accepted(url, str(ca), pairs) for url in urls]
            return {one["name"]: _verdict([answer.get(one["name"]) for answer in answers]) for one in generations}

        with ThreadPoolExecutor(max_workers=8) as pool:
            return dict(zip(hosts, pool.map(ask, hosts.values())))


def observed(directory: str, answer: Mapping[str, Any]) -> Trust:
    """What a daemon trusts by what ``host_info`` saw of its host; ``answer`` is its whole reply.

    A host that answers something else keeps nobody from judging the others.
    """
    generations = relevant(directory)
    try:
        return _observed(generations, answer)
    except (AttributeError, KeyError, TypeError):
        return {one["name"]: None for one in generations}


def _observed(generations: list[dict[str, Any]], answer: Mapping[str, Any]) -> Trust:
    unknown: Trust = {one["name"]: None for one in generations}
    host = answer.get("host") or {}
    configuration = host.get("configuration") or {}
    tls = configuration.get("tls") or {}
    if answer.get("failed") or not configuration or configuration["error"]:
        return unknown
    if not host["engine"]["installed"]:
        return dict.fromkeys(unknown, False)
    # A daemon that is to start or to reload reads the file, or has read it.
    if (configuration["pending"] or {}).get("action") not in ("nothing", "reload", "start"):
        return unknown
    if not any(url.startswith("tcp://") for url in host["listening"]) and not tls:
        return dict.fromkeys(unknown, False)
    bundle = (host["certificates"].get(str(tls.get("tlscacert"))) or {}).get("bundle")
    if not bundle:
        return unknown
    found: Trust = {}
    for one in generations:
        certificate = describe_file(one["certificate"])
        found[one["name"]] = certificate["sha256"] in bundle if certificate else None
    return found


def combined(by_trying: dict[str, Trust], directory: str, answers: Mapping[str, Mapping[str, Any]]) -> dict[str, Trust]:
    """What was tried, and where that told nothing, what the hosts say: ``answers`` has the replies of ``host_info``."""
    found = {}
    for host, trusts in by_trying.items():
        seen = observed(directory, answers.get(host, {}))
        found[host] = {name: seen[name] if known is None else known for name, known in trusts.items()}
    return found


def lacking(trust: dict[str, Trust], authority: str) -> list[str]:
    """The hosts whose daemons were not seen to trust the generation of that name."""
    return [host for host, trusts in trust.items() if not trusts.get(authority)]


def _pair_of(place: str, generation: dict[str, Any], passphrase: str) -> tuple[str, str]:
    """A key and a client certificate by ``generation``, as paths."""
    pair_directory, csr = pair.request(Path(place), "client")
    certificate = Path(pair_directory) / "cert.pem"
    text = signing.sign(csr, "client", "mooring-probe", [], _DAYS, generation, passphrase)
    certificate.write_text(text, encoding="ascii")
    return str(certificate), f"{pair_directory}/key.pem"


def _accepted(url: str, ca: str, pairs: dict[str, tuple[str, str]]) -> Trust:
    """Whether the daemon at ``url`` lets each of ``pairs`` in; the first is the control."""
    found: Trust = {}
    control = None
    for name, (certificate, key) in pairs.items():
        try:
            seen = probe(url, ca, certificate, key)
        except (CredentialError, EndpointError):
            return {}
        refused = seen["trusted"] and str(seen["error"]).startswith("the client certificate is refused")
        found[name] = True if seen["authenticated"] else False if refused else None
        control = found[name] if control is None else control
        if not seen["reachable"]:
            break
    # Without it a refusal may have any reason.
    return found if control else {name: True if known else None for name, known in found.items()}


def _verdict(answers: list[bool | None]) -> bool | None:
    """What a daemon does, by what it did at each of its endpoints."""
    known = [one for one in answers if one is not None]
    return any(known) if known else None
