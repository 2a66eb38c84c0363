"""What the doctor asks the hosts: small programs that run there, and parsers of what they say."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from provisioning.ssh.transport import Connection

# Each host listens on the wire and sends marked packets to all others, at the same time. A packet
# is seen whether or not the engine holds the port, so what is tested is the way between the hosts.
WIRE = r"""
import json, socket, subprocess, sys, time
me, peers = sys.argv[1], json.loads(sys.argv[2])
MARK = b"bookstore-doctor"
ear = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(0x0800))
ear.settimeout(0.1)
mouth = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
mouth.setsockopt(socket.IPPROTO_IP, 10, 2)  # IP_MTU_DISCOVER, always: never split a packet
def mtu(address):
    route = subprocess.run(["ip", "-o", "route", "get", address], capture_output=True, text=True)
    words = route.stdout.split()
    device = words[words.index("dev") + 1] if "dev" in words else "lo"
    link = subprocess.run(["ip", "-o", "link", "show", device], capture_output=True, text=True)
    words = link.stdout.split()
    return int(words[words.index("mtu") + 1])
sizes = {address: mtu(address) for address in peers}
seen, start, spoken = set(), time.monotonic(), 0
while time.monotonic() - start < 5:
    if time.monotonic() - start > 0.5 * (spoken + 1) and spoken < 7:
        spoken += 1
        for address in peers:
            for port, kind in ((7946, b"s"), (4789, b"s"), (4789, b"l")):
                size = sizes[address] - 28 if kind == b"l" else 64
                try:
                    mouth.sendto((MARK + kind).ljust(min(size, 9000), b"."), (address, port))
                except OSError:
                    pass
    try:
        packet = ear.recv(65535)
    except TimeoutError:
        continue
    head = (packet[0] & 15) * 4
    if packet[9:10] == b"\x11" and packet[head + 8:head + 24] == MARK:
        source = socket.inet_ntoa(packet[12:16])
        if source in peers:
            port = int.from_bytes(packet[head + 2:head + 4], "big")
            seen.add((source, port, packet[head + 24:head + 25].decode()))
print(json.dumps({"seen": sorted(seen), "mtu": sizes}))
"""

# Says of each address and port whether something answers: "open", "refused" or what went wrong.
KNOCK = r"""
import concurrent.futures, errno, json, socket, sys
def knock(target):
    for attempt in range(int(sys.argv[2])):
        try:
            socket.create_connection(target, 2).close()
            return "open"
        except ConnectionRefusedError:
            return "refused"
        except TimeoutError:
            said = "silent"
        except OSError as error:
            said = errno.errorcode.get(error.errno, str(error))
    return said
targets = [tuple(target) for target in json.loads(sys.argv[1])]
with concurrent.futures.ThreadPoolExecutor(32) as pool:
    print(json.dumps(list(pool.map(knock, targets))))
"""

# Reads the greeting of a MySQL server, or the error it greets with.
GREETING = r"""
import json, socket, sys
host, port = sys.argv[1], int(sys.argv[2])
try:
    with socket.create_connection((host, port), 5) as database:
        database.settimeout(5)
        packet = database.recv(1024)
    if packet[4:5] == b"\xff":
        print(json.dumps("refuses: " + packet[7:].decode("utf-8", "replace").lstrip("#")))
    else:
        print(json.dumps("" if len(packet) > 5 else "hung up at once"))
except OSError as error:
    print(json.dumps(f"cannot be reached ({error})"))
"""


@dataclass(frozen=True)
class Wire:
    """What one host saw of the others' packets."""

    seen: frozenset[tuple[str, int, str]]  # address, port, "s"mall or "l"arge
    mtu: Mapping[str, int]  # towards each address


def wire(connection: Connection, me: str, peers: list[str]) -> Wire:
    """Exchange marked packets with the peers for five seconds; run on all hosts at once."""
    found = _python(connection, WIRE, me, json.dumps(peers), sudo=True)
    return Wire(frozenset((a, p, k) for a, p, k in found["seen"]), found["mtu"])


def knock(
    connection: Connection, targets: list[tuple[str, int]], *, container: str = "", tries: int = 1
) -> list[str]:
    """Say of each address and port what answers, from the host or from one of its containers."""
    inside = ""
    if container:
        pid = f"$(docker inspect --format '{{{{.State.Pid}}}}' {container})"
        inside = f"nsenter --target {pid} --net "
    found: list[str] = _python(
        connection, KNOCK, json.dumps(targets), str(tries), sudo=True, inside=inside
    )
    return found


def greeting(connection: Connection, url: str) -> str:
    """Say what is wrong with the database as this host sees it; "" when it greets properly."""
    parts = urlsplit(url)
    if not parts.scheme.startswith(("mysql", "mariadb")):
        return ""
    found: str = _python(connection, GREETING, parts.hostname or "", str(parts.port or 3306))
    return found


def _python(
    connection: Connection, program: str, *args: str, sudo: bool = False, inside: str = ""
) -> Any:
    command = f"{inside}python3 - {shlex.join(args)}"
    result = connection.run(
        command, sudo=sudo, stdin=program.encode(), timeout=60, shown="examine the host"
    )
    return json.loads(result.stdout)
