"""Run on a host: make, or remove, many containers through the API, several at a time.

many.py make NUMBER PUBLISHED NETWORK... makes NUMBER containers in turn on the networks, the first PUBLISHED of them
with a published port; many.py remove takes them away.
"""

import http.client
import json
import socket
import sys
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote

THREADS = 8
LABEL = "mooring.test=many"


class Connection(http.client.HTTPConnection):
    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.connect("/run/docker.sock")


def call(method, path, body=None):
    connection = Connection("docker")
    connection.request(method, path, json.dumps(body), {"Content-Type": "application/json"})
    answer = connection.getresponse()
    text = answer.read()
    connection.close()
    assert answer.status < 300, f"{method} {path}: {answer.status} {text.decode()}"
    return json.loads(text) if text else None


def make(number, network, port):
    host = {"NetworkMode": network, "PortBindings": {"80/tcp": [{"HostPort": str(port)}]} if port else {}}
    body = {
        "Image": "busybox:lab",
        "Cmd": ["/bin/busybox", "sleep", "100000"],
        "ExposedPorts": {"80/tcp": {}} if port else {},
        "Labels": dict([LABEL.split("=")]),
        "HostConfig": host,
    }
    for attempt in range(3):
        made = call("POST", f"/containers/create?name=many{number}", body)["Id"]
        try:
            call("POST", f"/containers/{made}/start")
        except AssertionError:  # A busy machine's runc now and then fails to start one.
            call("DELETE", f"/containers/{made}?force=1")
            if attempt == 2:
                raise
        else:
            return


def main():
    with ThreadPoolExecutor(THREADS) as pool:
        if sys.argv[1] == "make":
            number, published, networks = int(sys.argv[2]), int(sys.argv[3]), sys.argv[4:]
            jobs = [
                pool.submit(make, one, networks[one % len(networks)], 20000 + one if one < published else None)
                for one in range(number)
            ]
        else:
            listed = call("GET", "/containers/json?all=1&filters=" + quote(json.dumps({"label": [LABEL]})))
            jobs = [pool.submit(call, "DELETE", f"/containers/{one['Id']}?force=1") for one in listed]
        for job in jobs:
            job.result()


main()
