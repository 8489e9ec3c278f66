"""A client refuses who answers at a daemon's address and port with another certificate, and sends it no request."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docker
import forge
import pytest
import reach
from ansible_collections.mooring.docker.plugins.module_utils._engine.probe import probe
from clients import Client
from forge import CLIENT, SERVER, Pair

NAME = "trixie"

# Answers like the API to everyone who speaks to it, and takes down what it was asked.
IMPOSTOR = """
import http.server, ssl
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        with open("/run/impostor/asked", "a") as log:
            print(self.requestline, file=log)
        body = b'{"Version": "impostor", "ApiVersion": "1.41", "MinAPIVersion": "1.24"}'
        self.send_response(200)
        for header in (("Api-Version", "1.41"), ("Content-Type", "application/json"), ("Content-Length", len(body))):
            self.send_header(*header)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
    do_HEAD = do_GET
server = http.server.ThreadingHTTPServer(("0.0.0.0", 2376), Answer)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain("/run/impostor/cert.pem", "/run/impostor/key.pem")
server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
server.serve_forever()
"""


@pytest.fixture(scope="module")
def forged(client: Client, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Pair]:
    """What an impostor may have got hold of, and the right thing, all with the daemon's names but for one."""
    place = tmp_path_factory.mktemp("impostors")
    servers, clients = reach.authority("server", place / "servers"), reach.authority("client", place / "clients")
    names = [NAME, reach.declared(NAME)["address"]]
    return {
        "the right one": servers.issue("right", SERVER, names=names),
        "signed by itself": forge.self_signed(place, "self", SERVER, names=names),
        "of another authority": forge.Authority(place / "other").issue("other", SERVER, names=names),
        "another host's": servers.issue("forky", SERVER, names=["forky", reach.declared("forky")["address"]]),
        "expired": servers.issue("expired", SERVER, names=names, since=-2, until=-0.01),
        "a client's": clients.issue("client", CLIENT, names=names),
        "a server's of the clients' authority": clients.issue("server", SERVER, names=names),
        "a client's of the servers' authority": servers.issue("client", CLIENT, names=names),
    }


@pytest.fixture(scope="module")
def vacant(client: Client) -> Iterator[Any]:
    """A host whose daemon is away for a while."""
    host = reach.over_ssh(NAME)
    host.run_expect([0], "systemctl stop docker.socket docker.service")
    try:
        host.run_expect([0], f"mkdir -m 700 /run/impostor; {_writing('serve.py', IMPOSTOR)}")
        yield host
    finally:
        host.run("systemctl stop impostor; rm -rf /run/impostor")
        host.run_expect([0], "systemctl start docker.socket docker.service")
    done = client.docker("--context", NAME, "version")
    assert done.returncode == 0, done.stderr


def _writing(name: str, text: str) -> str:
    """The shell's command that writes a file."""
    return f"umask 077; echo {base64.b64encode(text.encode()).decode()} | base64 -d > /run/impostor/{name}"


# Until it can be asked.
_BEGIN = """rm -f /run/impostor/asked; systemctl stop impostor
systemd-run --quiet --collect --unit impostor python3 /run/impostor/serve.py
for _ in $(seq 100); do ss -Hltn sport = :2376 | grep . && exit; sleep 0.1; done
journalctl --unit impostor -n 20 --no-pager; exit 1"""


@pytest.mark.parametrize(
    ("shown", "why"),
    [
        ("the right one", ""),
        ("signed by itself", "certificate signed by unknown authority"),
        ("of another authority", "certificate signed by unknown authority"),
        ("another host's", "is valid for"),
        ("expired", "expired"),
        ("a client's", "certificate signed by unknown authority"),
        ("a server's of the clients' authority", "certificate signed by unknown authority"),
        ("a client's of the servers' authority", "incompatible key usage"),
    ],
)
def test_impostor_is_refused(
    client: Client, forged: dict[str, Pair], vacant: Any, own_bundle: None, shown: str, why: str
) -> None:
    pair = (_writing(f"{name}.pem", Path(path).read_text()) for name, path in zip(("cert", "key"), forged[shown]))
    vacant.run_expect([0], "\n".join([*pair, _BEGIN]))
    genuine = not why

    cli = client.docker("--context", NAME, "version", "--format", "{{.Server.Version}}")
    assert (cli.stdout.strip() == "impostor") is genuine
    assert why in cli.stderr

    context = docker.ContextAPI.get_context(NAME)
    engine = docker.DockerClient(base_url=context.Host, tls=context.TLSConfig, version="1.41", timeout=10)
    if genuine:
        assert engine.version()["Version"] == "impostor"
    else:
        with pytest.raises(Exception, match="CERTIFICATE_VERIFY_FAILED"):
            engine.version()
    assert bool(vacant.run("cat /run/impostor/asked").stdout) is genuine

    files = [str(client.directory / name) for name in ("ca.pem", "client/cert.pem", "client/key.pem")]
    seen = probe(f"tcp://{reach.declared(NAME)['address']}:2376", *files)
    assert (seen["trusted"], seen["authenticated"]) == (genuine, genuine), seen["error"]
    assert genuine or seen["error"].startswith("the server's certificate is not trusted: ")
