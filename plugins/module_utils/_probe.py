# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What one endpoint of a daemon does to those who come: with a certificate, without, and in plain text.

Only observes. Every step has a deadline, and each uses a connection of its own.
"""

from __future__ import annotations

import grp
import pwd
import socket
import ssl
import stat
from pathlib import Path
from typing import Any

from ansible_collections.mooring.docker.plugins.module_utils._certificates import describe
from ansible_collections.mooring.docker.plugins.module_utils._endpoints import Endpoint, parse
from ansible_collections.mooring.docker.plugins.module_utils._http import Api, ApiError

_PING = b"GET /_ping HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"


def probe(
    url: str,
    ca: str | None = None,
    client_certificate: str | None = None,
    client_key: str | None = None,
    server_name: str | None = None,
    timeout: float = 5.0,
) -> dict[str, Any]:
    """Observe the endpoint ``url``; the result is ``endpoint_info``'s. Raises EndpointError for no endpoint."""
    endpoint = parse(url)
    found: dict[str, Any] = {
        "url": url,
        "reachable": False,
        "transport": None,
        "plaintext_accepted": None,
        "client_certificate_required": None,
        "trusted": None,
        "authenticated": None,
        "tls": None,
        "certificate": None,
        "engine_version": None,
        "api_version": None,
        "min_api_version": None,
        "socket": None,
        "error": None,
    }
    try:
        if endpoint.scheme == "unix":
            found["socket"] = _socket(endpoint.path)
            found["transport"] = "unix"
            _versions(found, Api(unix=endpoint.path, timeout=timeout))
            found["reachable"] = True
        else:
            _probe_tcp(found, endpoint, ca, client_certificate, client_key, server_name, timeout)
    except (OSError, ApiError) as error:
        found["error"] = str(error) or type(error).__name__
    return found


def _socket(path: str) -> dict[str, Any]:
    status = Path(path).stat()
    if not stat.S_ISSOCK(status.st_mode):
        raise OSError(f"{path} is no socket")
    group: Any = None
    members: list[str] = []
    try:
        entry = grp.getgrgid(status.st_gid)
        group, members = entry.gr_name, sorted(entry.gr_mem)
    except KeyError:
        group = str(status.st_gid)
    try:
        owner = pwd.getpwuid(status.st_uid).pw_name
    except KeyError:
        owner = str(status.st_uid)
    mode = format(stat.S_IMODE(status.st_mode), "04o")
    return {"path": path, "owner": owner, "group": group, "mode": mode, "group_members": members}


def _versions(found: dict[str, Any], api: Api) -> None:
    version = api.get("/version")
    found["engine_version"] = version.get("Version")
    found["api_version"] = version.get("ApiVersion")
    found["min_api_version"] = version.get("MinAPIVersion")


def _probe_tcp(
    found: dict[str, Any],
    endpoint: Endpoint,
    ca: str | None,
    client_certificate: str | None,
    client_key: str | None,
    server_name: str | None,
    timeout: float,
) -> None:
    where = (endpoint.host, endpoint.port)
    found["plaintext_accepted"] = _plaintext(where, timeout)
    found["reachable"] = True
    if found["plaintext_accepted"]:
        found["transport"] = "plaintext"
        _versions(found, Api(tcp=where, timeout=timeout))
        return
    name = server_name or endpoint.host
    try:
        _without_certificate(found, where, name, timeout)
    except ssl.SSLError as error:
        found["error"] = f"no TLS: {error}"
        return
    found["transport"] = "tls"
    if ca is None:
        return
    found["trusted"] = _trusted(where, name, ca, timeout)
    if client_certificate is None or client_key is None:
        return
    context = ssl.create_default_context(cafile=ca)
    context.load_cert_chain(client_certificate, client_key)
    found["authenticated"] = False
    # http.client verifies the name it connects to; another one is checked by _trusted.
    context.check_hostname = server_name is None
    if server_name is None or found["trusted"]:
        _versions(found, Api(tcp=where, tls=context, timeout=timeout))
        found["authenticated"] = True


def _plaintext(where: tuple[str, int], timeout: float) -> bool:
    """Whether the API answers plain HTTP. Go's TLS server answers it too, with status 400 (net/http)."""
    with socket.create_connection(where, timeout=timeout) as plain:
        plain.sendall(_PING)
        try:
            first = plain.recv(64)
        except (socket.timeout, ConnectionResetError):
            return False
    return first.startswith(b"HTTP/1.") and b" 200 " in first


def _without_certificate(found: dict[str, Any], where: tuple[str, int], name: str, timeout: float) -> None:
    """TLS without a client certificate. In TLS 1.3 the refusal comes only after the first read, RFC 8446 4.4.2."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with socket.create_connection(where, timeout=timeout) as raw:
        try:
            tls = context.wrap_socket(raw, server_hostname=name)
        except ssl.SSLError as error:
            if not _is_alert(error):
                raise
            found["client_certificate_required"] = True
            return
        with tls:
            cipher = tls.cipher()
            found["tls"] = {"version": tls.version(), "cipher": cipher[0] if cipher else None}
            found["certificate"] = describe(tls.getpeercert(binary_form=True) or b"")
            try:
                tls.sendall(_PING)
                found["client_certificate_required"] = not tls.recv(64).startswith(b"HTTP/1.1 200")
            except ssl.SSLError as error:
                if not _is_alert(error):
                    raise
                found["client_certificate_required"] = True
            except ConnectionResetError:
                found["client_certificate_required"] = True


def _is_alert(error: ssl.SSLError) -> bool:
    return "alert" in str(error).lower()


def _trusted(where: tuple[str, int], name: str, ca: str, timeout: float) -> bool:
    """Whether the server's chain ends at ``ca`` and its certificate has ``name``."""
    context = ssl.create_default_context(cafile=ca)
    with socket.create_connection(where, timeout=timeout) as raw:
        try:
            context.wrap_socket(raw, server_hostname=name).close()
        except ssl.SSLCertVerificationError:
            return False
        except ssl.SSLError as error:
            # TLS 1.2: the server's certificate was accepted before our missing one was refused.
            return _is_alert(error)
    return True
