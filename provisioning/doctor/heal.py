"""`./run ops heal`: repair what the eyes see, in the gentlest way that works."""

from __future__ import annotations

import argparse
import shlex
import signal
import time
from collections.abc import Callable

from provisioning import lock
from provisioning.care import waiting
from provisioning.care.maintenance import restart
from provisioning.cluster import Cluster
from provisioning.doctor.eyes import (
    Fault,
    Patience,
    Sight,
    Spot,
    faults,
    look,
    network_of,
    spots,
)
from provisioning.errors import OperatorError
from provisioning.inventory import Host
from provisioning.release.rendering import hide_secrets
from provisioning.saying import sayer

PAUSE = 1.0  # seconds between two looks
TRIES = 3  # looks after a repair until the next, rougher one

Say = Callable[[str], None]


class Healer:
    """Looks, and repairs what lasts: the endpoint first, then the task, then the engine."""

    def __init__(self, cluster: Cluster, say: Say, *, dry_run: bool = False) -> None:
        self._cluster = cluster
        self._say = say
        self._dry_run = dry_run
        self._patience = Patience()
        self._unheard: set[str] = set()

    @property
    def suspects(self) -> bool:
        """Tell whether the last look saw what is a fault if it lasts."""
        return bool(self._patience.seen)

    def look(self) -> tuple[list[Fault], list[Spot]]:
        """Return what is wrong now, and the tasks there are; say which hosts cannot look."""
        seen = self._cluster.snapshot()
        places = spots(self._cluster, seen)
        answers = look(self._cluster, places)
        sights = {n: a for n, a in answers.items() if isinstance(a, Sight)}
        for host in answers.keys() - sights.keys() - self._unheard:
            self._say(f"{host} cannot look: {answers[host]}")
        self._unheard = set(answers.keys() - sights.keys())
        network = network_of(self._cluster)
        return faults(places, seen.services, sights, network), places

    def round(self) -> int:
        """Look, and repair what was there in the look before, too; return how much was."""
        found, places = self.look()
        lasting = self._patience.lasting(found)
        if not lasting:
            return 0
        for fault in lasting:
            self._say(f"{fault}")
        if self._dry_run:
            return len(lasting)
        with lock.exclusive(self._cluster, "heal"), lock.recorded(self._cluster, "heal"):
            for repair in (self._endpoints, self._tasks, self._engines):
                if repair(lasting, places) and not (lasting := self._left(lasting)):
                    self._say("Healed.")
                    break
        self._patience = Patience()
        return len(lasting)

    def _left(self, before: list[Fault]) -> list[Fault]:
        """Look again, several times if need be; return what is left of the faults."""
        left = before
        for _ in range(TRIES):
            time.sleep(PAUSE)
            found, _ = self.look()
            still = {(f.source, f.kind, f.service, f.host) for f in found}
            left = [f for f in before if (f.source, f.kind, f.service, f.host) in still]
            if not left:
                break
        return left

    def _endpoints(self, lasting: list[Fault], places: list[Spot]) -> bool:
        """Put right the forwarding and neighbour entries of tasks that are not reached.

        At both ends: an answer that does not find its way back looks like a question unanswered.
        """
        ways = {
            (source, spot.address): spot
            for fault in lasting
            if fault.kind == "way"
            for source, there in ((fault.source, fault.host), (fault.host, fault.source))
            for spot in places
            if spot.host == there and (there == fault.source or spot.address == fault.address)
        }
        for (source, _), spot in ways.items():
            self._lead(self._cluster.inventory.named(source), spot)
        return bool(ways)

    def _lead(self, source: Host, spot: Spot) -> None:
        """Write anew on one host where a task is."""
        target = self._cluster.inventory.named(spot.host)
        network = network_of(self._cluster)
        mac = (
            self._cluster.to(target)
            .run(
                "docker inspect --format "
                f"'{{{{(index .NetworkSettings.Networks \"{network}\").MacAddress}}}}' "
                f"{spot.task.container}",
                sudo=True,
                shown="read the task's hardware address",
            )
            .stdout.strip()
        )
        entry = f"{spot.address} lladdr {mac} dev vxlan0 nud permanent"
        self._cluster.to(source).run(
            f"id=$(docker network inspect --format '{{{{.Id}}}}' {shlex.quote(network)}) && "
            "space=/var/run/docker/netns/1-$(echo $id | cut -c1-10) && "
            f"nsenter --net=$space ip neigh replace {entry} && "
            f"nsenter --net=$space bridge fdb replace {mac} dev vxlan0 "
            f"dst {target.swarm_address} self permanent; done=$?; "
            # What its containers remember of that neighbour may be wrong as well.
            "for pid in $(docker ps -q | xargs -r docker inspect -f '{{.State.Pid}}'); do "
            f"nsenter --target $pid --net ip neigh show to {spot.address} | "
            "while read -r address _ device _; do "
            "nsenter --target $pid --net ip neigh del $address dev $device; done; done; "
            "exit $done",
            sudo=True,
            shown=f"lead {source.name} to {spot.service} again",
        )
        self._say(
            f"  {source.name}: forwarding and neighbour entries of {spot.service} on "
            f"{spot.host} written anew"
        )

    def _tasks(self, lasting: list[Fault], places: list[Spot]) -> bool:
        """Replace tasks that others do not reach; with a replacement first where that can be."""
        worked = False
        for service, host in sorted({(f.service, f.host) for f in lasting if f.kind == "way"}):
            spot = next((s for s in places if (s.service, s.host) == (service, host)), None)
            if spot is None:
                continue
            self._say(f"  {host}: the task of {service} is replaced")
            self._replace(spot)
            worked = True
        return worked

    def _replace(self, spot: Spot) -> None:
        cluster = self._cluster
        service = cluster.snapshot().service(spot.service)
        count = service.replicas if service and waiting.scales(service) else None
        if service:
            waiting.refuse_rollout((service,))
        if count is not None:
            waiting.scale(cluster, spot.service, count + 1)
            waiting.until_full(cluster, {spot.service})
        try:
            cluster.to(cluster.inventory.named(spot.host)).run(
                f"docker stop {spot.task.container} >/dev/null",
                sudo=True,
                timeout=90,
                shown="stop the task",
            )
        finally:
            if count is not None:
                waiting.scale(cluster, spot.service, count)
        waiting.until_well(cluster)

    def _engines(self, lasting: list[Fault], places: list[Spot]) -> bool:
        """Restart the engine of the host that is in most of the faults."""
        counts: dict[str, int] = {}
        for fault in lasting:
            for host in filter(None, (fault.source, fault.host)):
                counts[host] = counts.get(host, 0) + 1
        worst = max(sorted(counts), key=lambda host: counts[host])
        self._say(f"  {worst}: its engine is restarted")
        restart(self._cluster, self._cluster.inventory.named(worst), self._say)
        return True


def heal(cluster: Cluster, args: argparse.Namespace) -> int:
    """Look twice and repair what lasts, or go on until stopped; return 1 when faults are left."""
    hide_secrets(cluster)

    say = sayer(cluster.redact, timed=True)
    healer = Healer(cluster, say, dry_run=args.dry_run)
    if not args.watch:
        healer.round()
        time.sleep(PAUSE)
        left = healer.round()
        say(f"{left} faults are left." if left else "All tasks see each other.")
        return 1 if left else 0
    for stop in (signal.SIGINT, signal.SIGTERM):  # a service manager's stop is like Ctrl-C
        signal.signal(stop, signal.default_int_handler)
    say("Watching.")
    trouble = ""
    while True:
        try:
            healer.round()
            trouble = ""
        except OperatorError as error:
            if str(error) != trouble:
                trouble = str(error)
                say(trouble)
        if not healer.suspects:  # what may be a fault is looked at again at once
            time.sleep(PAUSE)
