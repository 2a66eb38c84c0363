"""When to ask for more hosts and when to give some back: the cluster autoscaler's rules. Pure.

More, when tasks would stay pending and a new host would hold them. Fewer, when a host has been
little used for a while and all its tasks fit elsewhere. Never both at once, and never during a
rollout, after which everything looks different anyway.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace


@dataclass(frozen=True)
class Size:
    """CPUs and bytes of memory: what a task reserves, or a host has."""

    cpus: float = 0.0
    memory: int = 0

    def __add__(self, other: Size) -> Size:
        """Add what two tasks reserve."""
        return Size(self.cpus + other.cpus, self.memory + other.memory)

    def fits(self, room: Size) -> bool:
        """Tell whether a task of this size fits into that room."""
        return self.cpus <= room.cpus + 1e-9 and self.memory <= room.memory


@dataclass(frozen=True)
class Host:
    """A worker, with the movable tasks that it runs; global ones go wherever hosts are."""

    name: str
    capacity: Size
    tasks: tuple[Size, ...] = ()
    ready: bool = True  # up and open to new tasks
    keep: bool = False  # an operator said so

    @property
    def used(self) -> Size:
        """Return what its tasks reserve together."""
        return sum(self.tasks, Size())

    @property
    def free(self) -> Size:
        """Return what is left."""
        return Size(self.capacity.cpus - self.used.cpus, self.capacity.memory - self.used.memory)

    @property
    def utilization(self) -> float:
        """Return the larger share of CPUs and memory that is reserved, from 0 to 1."""
        return max(
            self.used.cpus / self.capacity.cpus if self.capacity.cpus else 0.0,
            self.used.memory / self.capacity.memory if self.capacity.memory else 0.0,
        )


@dataclass(frozen=True)
class Rules:
    """Bounds and patience; times in seconds."""

    fewest: int
    most: int
    idle_below: float = 0.5  # a host reserved less than this may go
    idle_for: float = 600.0
    after_growth: float = 600.0  # nobody goes this soon after hosts were asked for
    boot_time: float = 900.0  # a host that takes longer is not counted on any more
    unready: int = 3  # with more hosts unready than this, and than 45 %, hold still


@dataclass(frozen=True)
class Cluster:
    """What the policy looks at."""

    hosts: tuple[Host, ...]
    pending: tuple[Size, ...] = ()  # tasks that no host has room for
    coming: tuple[float, ...] = ()  # ages in seconds of hosts asked for that have not joined
    template: Size = Size()  # what a new host has
    rollout: bool = False


@dataclass(frozen=True)
class Memory:
    """What the policy remembers from one look to the next."""

    idle_since: Mapping[str, float] = field(default_factory=dict)
    grew_at: float = float("-inf")


@dataclass(frozen=True)
class Decision:
    """How many hosts to ask for, which to give back, and why."""

    grow: int = 0
    shrink: tuple[str, ...] = ()
    reason: str = ""


def decide(cluster: Cluster, rules: Rules, memory: Memory, now: float) -> tuple[Decision, Memory]:
    """Return the decision, and what to remember for the next one. `now` is a monotonic time."""
    idle = _idle(cluster, rules, memory, now)
    memory = replace(memory, idle_since=idle)
    broken = sum(not h.ready for h in cluster.hosts)
    if broken > rules.unready and broken > 0.45 * len(cluster.hosts):
        return Decision(
            reason=f"{broken} hosts are not ready: hold until that is put right"
        ), memory
    coming = sum(age < rules.boot_time for age in cluster.coming)
    count = len(cluster.hosts) + coming
    if count < rules.fewest:
        grown = replace(memory, grew_at=now)
        return Decision(rules.fewest - count, reason=f"{rules.fewest} is the least"), grown
    if cluster.pending:
        decision = _growth(cluster, rules, coming, count)
        return decision, replace(memory, grew_at=now) if decision.grow else memory
    if cluster.rollout:
        return Decision(reason="a rollout is under way"), memory
    if coming or now - memory.grew_at < rules.after_growth:
        return Decision(reason="hosts were asked for a short while ago"), memory
    return _shrinkage(cluster, rules, idle, now), memory


def hosts_needed(tasks: Iterable[Size], host: Size) -> int:
    """Count the new hosts that hold these tasks, first fit; too large ones need none."""
    rooms: list[Size] = []
    for task in sorted(tasks, key=lambda t: (t.cpus, t.memory), reverse=True):
        if not task.fits(host):
            continue
        for index, room in enumerate(rooms):
            if task.fits(room):
                rooms[index] = Size(room.cpus - task.cpus, room.memory - task.memory)
                break
        else:
            rooms.append(Size(host.cpus - task.cpus, host.memory - task.memory))
    return len(rooms)


def _growth(cluster: Cluster, rules: Rules, coming: int, count: int) -> Decision:
    needed = hosts_needed(cluster.pending, cluster.template)
    waiting = f"{len(cluster.pending)} tasks wait for a host"
    if needed == 0:
        return Decision(reason=f"{waiting}, but none would fit on a new one")
    if needed <= coming:
        return Decision(reason=f"{waiting}; {coming} hosts are coming")
    grow = min(needed - coming, rules.most - count)
    if grow <= 0:
        return Decision(reason=f"{waiting}, but {rules.most} hosts are the most")
    return Decision(grow, reason=waiting)


def _idle(cluster: Cluster, rules: Rules, memory: Memory, now: float) -> dict[str, float]:
    """Note since when each host is little used, as long as all its tasks fit elsewhere."""
    return {
        host.name: memory.idle_since.get(host.name, now)
        for host in cluster.hosts
        if host.utilization < rules.idle_below
        and not host.keep
        and not cluster.pending
        and _moved(host, [h for h in cluster.hosts if h is not host]) is not None
    }


def _shrinkage(cluster: Cluster, rules: Rules, idle: Mapping[str, float], now: float) -> Decision:
    spare = len(cluster.hosts) - rules.fewest
    ripe = [h for h in cluster.hosts if now - idle.get(h.name, now) >= rules.idle_for]
    if not ripe or spare <= 0:
        return Decision(reason="nothing to do")
    empty = [h for h in ripe if not h.tasks][:spare]
    if empty:
        names = tuple(h.name for h in empty)
        return Decision(shrink=names, reason=f"{', '.join(names)} ran nothing for a while")
    # One with tasks at a time: moving them changes what the next one would find.
    host = min(ripe, key=lambda h: h.utilization)
    return Decision(
        shrink=(host.name,),
        reason=f"{host.name} is {host.utilization:.0%} reserved and its tasks fit elsewhere",
    )


def _moved(leaving: Host, others: Iterable[Host]) -> list[Size] | None:
    """Return the room that others have left after taking a host's tasks; None if they cannot."""
    rooms = [h.free for h in others if h.ready]
    for task in sorted(leaving.tasks, key=lambda t: (t.cpus, t.memory), reverse=True):
        for index, room in enumerate(rooms):
            if task.fits(room):
                rooms[index] = Size(room.cpus - task.cpus, room.memory - task.memory)
                break
        else:
            return None
    return rooms
