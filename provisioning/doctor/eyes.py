"""What each host sees of every task on the shop's network: by address and by name."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field

from provisioning.cluster import Cluster, is_node
from provisioning.errors import OperatorError
from provisioning.ssh.transport import Connection
from swarm.model import GONE, Service, Snapshot, Task

# Runs in the network of a container: knocks at addresses, and asks the engine's own name server.
LOOK = r"""
import concurrent.futures, errno, json, socket, struct, sys
asked = json.load(sys.stdin)
def knock(address):
    try:
        socket.create_connection((address, 9), 1.3).close()  # asks a second time after 1 s
    except ConnectionRefusedError:
        return ""
    except TimeoutError:
        return "no answer"
    except OSError as error:
        return errno.errorcode.get(error.errno, str(error))
    return ""
def resolve(name):
    query = struct.pack(">6H", 7, 256, 1, 0, 0, 0)
    query += b"".join(bytes([len(p)]) + p.encode() for p in name.split(".")) + b"\0\0\1\0\1"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ear:
        ear.settimeout(1.5)
        try:
            ear.sendto(query, tuple(asked["server"]))
            answer = ear.recv(65535)
        except OSError:
            return None
    count, place, found = struct.unpack(">H", answer[6:8])[0], len(query), []
    for _ in range(count):
        while answer[place]:
            if answer[place] & 192:
                place += 1
                break
            place += answer[place] + 1
        kind, _, _, size = struct.unpack(">2HIH", answer[place + 1:place + 11])
        place += 11
        if kind == 1:
            found.append(socket.inet_ntoa(answer[place:place + 4]))
        place += size
    return sorted(found)
with concurrent.futures.ThreadPoolExecutor(32) as pool:
    ways = dict(zip(asked["addresses"], pool.map(knock, asked["addresses"])))
    names = dict(zip(asked["names"], pool.map(resolve, asked["names"])))
print(json.dumps({"ways": ways, "names": names}))
"""


NAME_SERVER = ("127.0.0.11", 53)  # the engine's own, in every container


@dataclass(frozen=True)
class Spot:
    """A task on the network: where it is, and how it is reached."""

    service: str
    task: Task
    host: str
    address: str


@dataclass(frozen=True)
class Sight:
    """What one host saw."""

    ways: Mapping[str, str]  # address: what is wrong, "" when it answers
    names: Mapping[str, list[str] | None]  # service: its addresses; None: no answer


@dataclass(frozen=True)
class Fault:
    """A task that a host does not reach, or a name that leads it astray."""

    source: str  # the host that does not see it
    kind: str  # "way" or "name"
    service: str
    host: str = ""  # where the task is, for a way
    address: str = ""
    said: str = field(default="", compare=False)

    def __str__(self) -> str:
        """Return who does not see what, in a sentence without an end."""
        if self.kind == "way":
            return f"{self.source} does not reach {self.service} on {self.host} ({self.said})"
        return f"on {self.source} the name {self.service} {self.said}"


@dataclass
class Patience:
    """Faults that were seen in the look before: only what lasts is a fault."""

    seen: set[Fault] = field(default_factory=set)

    def lasting(self, faults: list[Fault]) -> list[Fault]:
        """Return the faults that were there before, too, and remember these."""
        lasting = [f for f in faults if f in self.seen]
        self.seen = set(faults)
        return lasting


def network_of(cluster: Cluster) -> str:
    """Name the network that the edges and the shop share."""
    return f"{cluster.name}_public"


def spots(cluster: Cluster, seen: Snapshot) -> list[Spot]:
    """List the tasks that run on the shop's network, on hosts that are ready. Pure."""
    hosts = {
        n.id: h.name
        for n in seen.nodes
        for h in cluster.hosts
        if n.state == "ready" and is_node(cluster.inventory, n, h)
    }
    network = network_of(cluster)
    return [
        Spot(service.name, task, hosts[task.node], task.addresses[network])
        for service in seen.services
        for task in service.running
        if task.container and network in task.addresses and task.node in hosts
    ]


def look(cluster: Cluster, places: list[Spot]) -> dict[str, Sight | OperatorError]:
    """Let every host that has a task look at all others'."""
    first = {spot.host: spot.task.container for spot in reversed(places)}
    names = sorted({s.service for s in places})

    def see(connection: Connection) -> Sight:
        asked = {
            "addresses": sorted({s.address for s in places if s.host != connection.name}),
            "names": names,
            "server": NAME_SERVER,
        }
        pid = f"$(docker inspect --format '{{{{.State.Pid}}}}' {first[connection.name]})"
        found = json.loads(
            connection.run(
                f"nsenter --target {pid} --net python3 -c {shlex.quote(LOOK)}",
                sudo=True,
                stdin=json.dumps(asked).encode(),
                timeout=30,
                shown="look at the other hosts' tasks",
            ).stdout
        )
        return Sight(found["ways"], found["names"])

    return dict(cluster.fleet.each([h for h in cluster.hosts if h.name in first], see))


def faults(
    places: list[Spot], services: tuple[Service, ...], sights: Mapping[str, Sight], network: str
) -> list[Fault]:
    """Compare what was seen with what should be. Pure."""
    found = []
    by_address = {spot.address: spot for spot in places}
    known = {
        service.name: {
            task.addresses[network]
            for task in service.tasks
            if task.state not in GONE and network in task.addresses
        }
        for service in services
    }
    for source, sight in sights.items():
        for address, said in sight.ways.items():
            if said and (spot := by_address.get(address)):
                found.append(Fault(source, "way", spot.service, spot.host, address, said))
        for name, answered in sight.names.items():
            wanted = {s.address for s in places if s.service == name}
            if answered is None:
                found.append(Fault(source, "name", name, said="gets no answer"))
            elif missing := wanted - set(answered):
                said = f"lacks {', '.join(sorted(missing))}"
                found.append(Fault(source, "name", name, said=said))
            elif strange := set(answered) - known.get(name, set()):
                said = f"leads to {', '.join(sorted(strange))}, where nobody is"
                found.append(Fault(source, "name", name, said=said))
    return found
