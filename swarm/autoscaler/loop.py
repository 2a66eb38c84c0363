"""One round after the other: look at the swarm and its traffic, decide, and scale."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from swarm.autoscaler import labels
from swarm.autoscaler.capacity import placeable
from swarm.autoscaler.journal import Action, Journal, Outcome
from swarm.autoscaler.labels import Scaling
from swarm.autoscaler.measures import Measure, Replica, Total
from swarm.autoscaler.policy import History, decide
from swarm.autoscaler.sensors import Fetch, Pages, Place, Senses, Sensors
from swarm.autoscaler.swarm_api import Conflict, Swarm, SwarmError, get
from swarm.model import Service, Snapshot, Task

PATIENCE = 60.0  # seconds after which replicas that were asked for should be healthy
MULTIPLE = 4  # times as many replicas as are healthy that may be asked for meanwhile
STARTING = ("new", "pending", "assigned", "accepted", "preparing", "ready", "starting")


@dataclass(frozen=True)
class Setup:
    """Where things are, and how to go about it."""

    place: Place
    own_service: str = ""
    own_task: str = ""
    dry_run: bool = False


@dataclass
class Memory:
    """What is remembered of one service between rounds."""

    history: History
    healthy: int = 0  # replicas that ran when they were last counted
    short_since: float | None = None  # since when none has come, and some are missing
    senses: Senses = field(default_factory=Senses)


class Autoscaler:
    """Scales every service that asks for it by its labels."""

    def __init__(
        self,
        setup: Setup,
        swarm: Swarm,
        journal: Journal,
        clock: Callable[[], float],
        fetch: Fetch = get,
    ) -> None:
        self._setup = setup
        self._swarm = swarm
        self._journal = journal
        self._clock = clock
        self._memories: dict[str, Memory] = {}
        self._leading: bool | None = None
        self._sensors = Sensors(setup.place, clock, fetch)

    def round(self) -> None:
        """Look once and act; whatever fails changes nothing and is logged."""
        try:
            snapshot = self._swarm.snapshot()
        except SwarmError as error:
            self._journal.trouble(f"Nothing is changed: {error}")
            return
        self._journal.forget_trouble()
        self._elect(snapshot)
        asked: list[tuple[Service, Scaling]] = []
        for service in snapshot.services:
            try:
                scaling = labels.read(service.labels)
                if scaling is not None and service.replicas is None:
                    raise labels.LabelError("It is no replicated service: it cannot be scaled.")
            except labels.LabelError as error:
                self._journal.record(Outcome(service.name, "refused", f"Left alone. {error}"))
                continue
            if scaling is not None:
                asked.append((service, scaling))
        self._forget({service.id for service, _ in asked})
        if not asked:
            return
        edges = self._sensors.edges(snapshot)
        for service, scaling in asked:
            try:
                self._consider(service, scaling, snapshot, edges)
            except SwarmError as error:
                self._journal.record(Outcome(service.name, "failed", str(error), service.replicas))

    def _elect(self, snapshot: Snapshot) -> None:
        """Let the oldest running autoscaler lead.

        All ask the same managers, so they agree; and should two act in the same moment, the
        service's version lets only one of them through.
        """
        own = next((s for s in snapshot.services if s.name == self._setup.own_service), None)
        running = [
            t for t in snapshot.tasks if own and t.service == own.id and t.state == "running"
        ]
        oldest = min(running, key=lambda task: (task.created, task.id), default=None)
        leading = oldest is not None and oldest.id == self._setup.own_task
        if leading != self._leading:
            self._leading = leading
            self._journal.leading.set(leading)
            if not self._setup.dry_run:
                self._journal.note("Leading." if leading else "On standby: another one leads.")

    def _consider(
        self,
        service: Service,
        scaling: Scaling,
        snapshot: Snapshot,
        edges: Pages,
    ) -> None:
        """Decide about one service, and scale it if that is what comes out."""
        now = self._clock()
        current = service.replicas or 0
        memory = self._memories.setdefault(service.id, Memory(History.of(current, now)))
        tasks = [task for task in snapshot.tasks if task.service == service.id]
        measures = self._sensors.measure(service, scaling, memory.senses, tasks, edges)
        self._show(service, measures)
        decision = decide(
            current,
            measures,
            scaling.limits,
            replicas=[_replica(task) for task in tasks],
            history=memory.history,
            now=now,
        )
        memory.history = decision.history
        target, reason = decision.target, decision.reason
        room = placeable(service.spec, service.id, snapshot.nodes, snapshot.tasks)
        if room is not None and target > room and scaling.grow_hosts:
            reason = f"{reason} {target - room} of them wait for a new host."
        elif room is not None and target > max(room, current):
            target = max(room, current)
            reason = f"{reason} Only {room} can be placed by what they reserve, so {target}."

        most, why = _worth_asking(memory, current, tasks, now, hosts_may_come=scaling.grow_hosts)
        if target > max(most, current):
            target = max(most, current)
            reason = f"{reason} {why}"

        def record(action: Action, why: str = reason) -> None:
            self._journal.record(
                Outcome(
                    service.name,
                    action,
                    why,
                    replicas=current,
                    target=target,
                    wanted=decision.wanted,
                    findings=decision.findings,
                )
            )

        if scaling.paused:
            record("paused", f"Paused by its label. {reason}")
        elif service.rollout:
            record("held", f"Held: {service.rollout}. It waits for its end.")
        elif target == current:
            record("stays")
        elif self._setup.dry_run:
            record("would scale")
        elif not self._leading:
            record("standby")
        else:
            self._scale(service, target)
            memory.history = memory.history.scaled(current, target, now)
            record("scaled")

    def _scale(self, service: Service, target: int) -> None:
        """Scale a service, unless anything about it has changed since it was looked at."""
        fresh = self._swarm.service(service.id)
        if fresh.version != service.version:
            raise Conflict("Somebody else has just changed it; the next round looks again.")
        self._swarm.scale(fresh, target)

    def _show(self, service: Service, measures: list[Measure]) -> None:
        """Publish what was measured."""
        for measure in measures:
            if isinstance(measure, Total):
                self._journal.value.labels(service.name, measure.name).set(float(measure.value))

    def _forget(self, asked: set[str]) -> None:
        """Drop what is remembered of services that no longer ask to be scaled."""
        for gone in self._memories.keys() - asked:
            del self._memories[gone]


def _worth_asking(
    memory: Memory, current: int, tasks: Sequence[Task], now: float, *, hosts_may_come: bool
) -> tuple[int, str]:
    """Return how many replicas are worth asking for as long as some are not healthy, and why.

    What makes them fail makes more of them fail as well. Those that wait for a host that comes are
    not to blame.
    """
    running = sum(task.state == "running" for task in tasks)
    waiting = sum(not task.node for task in tasks) if hosts_may_come else 0
    missing = current - running - waiting
    if missing <= 0 or running > memory.healthy or memory.short_since is None:
        memory.short_since = now
    memory.healthy = running
    if missing <= 0:
        memory.short_since = None
        return max(current, (running + waiting) * MULTIPLE, MULTIPLE), ""
    if now - memory.short_since >= PATIENCE:
        age = f"{now - memory.short_since:.0f} s"
        return current, f"But {missing} have not become healthy for {age}: no more."
    most = max(running * MULTIPLE, MULTIPLE)
    return most, f"But only {running} are healthy, and {missing} are to come: {most} at most."


def _replica(task: Task) -> Replica:
    """Describe a task to the policy; Swarm calls a task running only once it is healthy."""
    if task.state == "running":
        return Replica(task.id)
    if task.state in STARTING:
        return Replica(task.id, ready=False, state="pending")
    return Replica(task.id, ready=False, state="stopping")
