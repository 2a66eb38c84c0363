"""Take a host out of service while something is done to it, and back behind the health gate."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial

from provisioning.care import drain, rebalance, waiting
from provisioning.cluster import Cluster
from provisioning.errors import Interrupted, OperatorError
from provisioning.inventory import Host
from provisioning.release.outside import Outside
from provisioning.release.waiting import until_served
from provisioning.setup.scripts import RESTART
from provisioning.ssh.transport import LockLost
from swarm.model import Node

SERVED = 120.0  # seconds until the edges serve again
JOINED = 60.0  # seconds until a manager that was away takes part again

Say = Callable[[str], None]


@contextmanager
def out_of_service(cluster: Cluster, say: Say, host: Host) -> Iterator[None]:
    """Drain a host, let something be done to it, and wait until all is well again with it.

    A host that nobody can stand in for is not drained: readers wait for it, and that is said.
    """
    until_it_can_be_spared(cluster, host)
    outside = Outside(cluster)
    served = any(s.stack for s in cluster.services())
    tolerated = outside.wrong() if served else {}
    node = cluster.node_of(host)
    in_the_way = drain.hindrance(cluster, host)
    drained = served and node.availability == "active" and not in_the_way
    seen = drain.prepare(cluster, host) if drained else None
    try:
        if seen:
            drain.carry_out(
                cluster, host, seen, lambda text: say(text) if text.startswith(" ") else None
            )
        elif served and in_the_way:
            say(f"  {in_the_way} Readers wait meanwhile.")
        yield
        waiting.until_ready(cluster, host)
        if drained:
            drain.activate(cluster, host, lambda text: None)
    except LockLost:
        raise
    except OperatorError:
        if drained:
            say(
                f"  {host.name} takes no tasks now. When it is well: ./run ops activate {host.name}"
            )
        raise
    except KeyboardInterrupt as stop:
        if not drained:
            raise
        raise Interrupted(
            f"{host.name} takes no tasks now. Run the same command again to go on; then let it "
            f"take tasks again: ./run ops activate {host.name}\n{stop}".strip()
        ) from None
    if served:
        waiting.until_well(cluster)
        until_served(outside, tolerated, SERVED, say)
        say(f"  {host.name} is back, and readers are served")
    if drained:
        _take_its_share(cluster, host, say)


def _take_its_share(cluster: Cluster, host: Host, say: Say) -> None:
    """Give a host that is back its share of replicas: all may be on one by now, which may die."""
    try:
        rebalance.even_out(cluster, say)
    except LockLost:
        raise
    except OperatorError as error:
        say(f"  {host.name} has not its share of replicas (./run ops rebalance): {error}")


def quorum_at_risk(nodes: Iterable[Node], node: Node) -> str:
    """Say why the managers cannot do without this one for a moment, "" where they can. Pure."""
    managers = [n for n in nodes if n.role == "manager"]
    taking_part = [n for n in managers if n.reachability == "reachable"]
    if len(managers) == 1 or all(n.id != node.id for n in taking_part):
        return ""
    if len(taking_part) - 1 > len(managers) // 2:
        return ""
    missing = ", ".join(n.hostname for n in managers if n not in taking_part)
    return (
        f"{node.hostname} is left as it is: {len(taking_part)} of {len(managers)} managers take "
        f"part, and without it they would lose their quorum. Bring {missing} back, or replace it "
        "(./run ops replace), first."
    )


def until_it_can_be_spared(cluster: Cluster, host: Host) -> None:
    """Wait for managers that come back; refuse where one stays away."""
    deadline = time.monotonic() + JOINED
    while why := quorum_at_risk(cluster.nodes(), cluster.node_of(host)):
        if time.monotonic() > deadline:
            raise OperatorError(why)
        time.sleep(waiting.POLL)


def restart(cluster: Cluster, host: Host, say: Say) -> None:
    """Restart a host's engine, out of service if it can be asked for its tasks."""
    work = partial(
        cluster.to(host).run, RESTART, sudo=True, timeout=120, shown="restart the engine"
    )
    try:
        cluster.node_of(host)
    except OperatorError:
        work()  # no swarm to be drained from
    else:
        with out_of_service(cluster, say, host):
            work()
    say(f"The engine of {host.name} is restarted. See ./run ops doctor")
