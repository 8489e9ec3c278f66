"""Ask a TCP port by raw frames, as any container with the capability NET_RAW can.

Arguments: the address of the bridge, the address and port that are asked for. Prints what came back.
"""

from __future__ import annotations

import random
import socket
import struct
import sys
import time

INTERFACE = "eth0"
SYN, PUSH, ACK, RESET = 2, 8, 16, 4


def checksum(data: bytes) -> int:
    """RFC 1071."""
    total = sum(struct.unpack(f"!{(len(data) + 1) // 2}H", data + b"\0" * (len(data) % 2)))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


class Connection:
    """TCP over raw frames to the bridge, whatever the kernel would say to the address."""

    def __init__(self, bridge: str, address: str, port: int) -> None:
        self.raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
        self.raw.bind((INTERFACE, 0))
        self.raw.settimeout(0.2)
        self.own = self.raw.getsockname()[4]
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.connect((bridge, 9))
            self.source = socket.inet_aton(probe.getsockname()[0])
        self.bridge = self._link_address(socket.inet_aton(bridge))
        self.family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self.address, self.port = socket.inet_pton(self.family, address), port
        self.ours = random.randint(20000, 60000)
        self.sent, self.seen = random.randint(1, 2**31), 0

    def _frames(self, seconds: float) -> list[bytes]:
        found = []
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            try:
                found.append(self.raw.recv(65535))
            except OSError:
                continue
        return found

    def _link_address(self, bridge: bytes) -> bytes:
        question = struct.pack("!HHBBH", 1, 0x0800, 6, 4, 1) + self.own + self.source + b"\0" * 6 + bridge
        self.raw.send(b"\xff" * 6 + self.own + b"\x08\x06" + question)
        for frame in self._frames(1):
            if frame[12:14] == b"\x08\x06" and frame[20:22] == b"\0\2" and frame[28:32] == bridge:
                return frame[22:28]
        raise SystemExit("the bridge does not answer ARP")

    def send(self, flags: int, data: bytes = b"") -> None:
        """One segment, and on by its length."""
        header = struct.pack("!HHIIBBHHH", self.ours, self.port, self.sent, self.seen, 0x50, flags, 64240, 0, 0)
        segment = header + data
        if self.family == socket.AF_INET:
            source, kind = self.source, b"\x08\0"
            pseudo = struct.pack("!BBH", 0, 6, len(segment))
            packet = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(segment), 1, 0x4000, 64, 6, 0) + source + self.address
            packet = packet[:10] + struct.pack("!H", checksum(packet)) + packet[12:]
        else:
            source, kind = socket.inet_pton(self.family, "fe80::2"), b"\x86\xdd"
            pseudo = struct.pack("!II", len(segment), 6)
            packet = struct.pack("!IHBB", 6 << 28, len(segment), 6, 64) + source + self.address
        proof = struct.pack("!H", checksum(source + self.address + pseudo + segment))
        self.raw.send(self.bridge + self.own + kind + packet + segment[:16] + proof + segment[18:])
        self.sent += len(data) + (flags & SYN) // SYN

    def receive(self) -> bytes | None:
        """What the other side sent within a second, None where it sent nothing at all."""
        found = None
        for frame in self._frames(1):
            if frame[12:14] == b"\x08\0" and frame[23] == 6:
                segment = frame[34 : 14 + struct.unpack("!H", frame[16:18])[0]]
            elif frame[12:14] == b"\x86\xdd" and frame[20] == 6:
                segment = frame[54:]
            else:
                continue
            if struct.unpack("!HH", segment[:4]) == (self.port, self.ours):
                data = segment[(segment[12] >> 4) * 4 :]
                self.seen = struct.unpack("!I", segment[4:8])[0] + len(data) + (segment[13] & SYN) // SYN
                found = (found or b"") + data
        return found


def main() -> None:
    """Shake hands, ask, tell."""
    bridge, address, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
    connection = Connection(bridge, address, port)
    connection.send(SYN)
    if connection.receive() is None:
        raise SystemExit("nothing came back")
    connection.send(ACK)
    connection.send(ACK | PUSH, b"GET /version HTTP/1.0\r\n\r\n")
    answer = connection.receive()
    connection.send(ACK | RESET)
    print(answer)


main()
