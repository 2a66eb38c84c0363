"""Give a swarm that lost its quorum a manager again, while what runs goes on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from provisioning.care import waiting
from provisioning.care.hold import held, start_anew
from provisioning.cluster import Cluster, is_node
from provisioning.errors import OperatorError
from provisioning.inventory import Host
from provisioning.release.outside import Outside
from provisioning.release.waiting import until_served
from provisioning.setup.apply import apply
from provisioning.setup.host import HostFacts, read_host
from provisioning.setup.swarm import REMOVED

SERVED = 120.0  # seconds until the edges that are left serve
PATIENCE = 4.0  # seconds for a host to answer

Say = Callable[[str], None]


@dataclass(frozen=True)
class Recovery:
    """On which manager the swarm goes on, and what becomes of the others."""

    survivor: Host
    others: tuple[Host, ...]  # managers that answer, too: they leave what is left, and join again
    gone: tuple[str, ...]

    @property
    def words(self) -> str:
        """Say what would be done."""
        lines = [
            f"{self.survivor.name} goes on with the swarm, alone at first, with every service, "
            "secret and release. Readers are served on meanwhile. This takes up to two minutes."
        ]
        if self.others:
            lines.append(f"{', '.join(h.name for h in self.others)}: leaves and joins again.")
        if self.gone:
            lines.append(
                f"{', '.join(self.gone)}: is taken out. When it comes back, ./run ops apply lets "
                "it leave what it believes in and join again."
            )
        return "\n".join(lines)


def plan(cluster: Cluster, wanted: Host | None) -> Recovery:
    """Choose the manager; refuse while the managers still agree, for that would cut the swarm."""
    cluster.fleet.hurry(PATIENCE)
    try:
        alive = cluster.manager(patience=1)
    except OperatorError:
        alive = None
    if alive:
        raise OperatorError(
            f"The swarm is managed: {alive.name} answers for it. There is nothing to recover."
        )
    managers = cluster.inventory.managers
    answers = cluster.fleet.each(managers, lambda c: read_host(cluster.inventory, c))
    up = [
        host
        for host in managers
        if isinstance(found := answers[host.name], HostFacts)
        and found.membership.manager
        and found.membership.state == "active"
    ]
    if not up:
        raise OperatorError(
            "No manager that answers has the swarm's state. Boot one, or start anew from a backup: "
            "./run ops restore FILE HOST"
        )
    if wanted and wanted not in up:
        raise OperatorError(
            f"{wanted.name} does not answer as a manager; {', '.join(h.name for h in up)} does."
        )
    survivor = wanted or up[0]
    others = tuple(h for h in up if h != survivor)
    return Recovery(survivor, others, tuple(h.name for h in managers if h not in up))


def recover(cluster: Cluster, recovery: Recovery, say: Say) -> None:
    """Start the swarm anew on the survivor with all it knows, then let the others join it."""
    survivor = recovery.survivor
    dead = [cluster.inventory.named(name) for name in recovery.gone]
    outside = Outside(cluster)
    tolerated = outside.wrong()
    with held(cluster, survivor, dead, say) as workers:
        start_anew(cluster, survivor)
        say(f"  {survivor.name} manages the swarm again")
        _take_out(cluster, recovery, say)
        if recovery.others:
            narrowed = Cluster(
                cluster.inventory.model_copy(
                    update={"host": (survivor, *recovery.others, *cluster.inventory.workers)}
                ),
                cluster.fleet,
            )
            made = apply(narrowed, (), say)
            say(f"  the managers that answer have joined again ({made} changes)")
        for host in workers:
            waiting.until_ready(cluster, host)
        # Once the engines have found each other again they keep the ways themselves.
        waiting.until(
            lambda: {h.swarm_address for h in workers} <= _peers(cluster, survivor),
            f"the engine of {survivor.name} has not found those of all workers",
        )
        until_served(outside, tolerated, SERVED, say)
    say(
        "The swarm is managed again, and readers are served. Bring the missing managers back or "
        "replace them soon (./run ops apply, ./run ops replace), then ./run ops restart "
        f"{survivor.name}: what went on there has no name in the network since. Then ./run ops "
        "backup."
    )


def _peers(cluster: Cluster, host: Host) -> set[str]:
    """Return the addresses of the engines that a host's has found on the shop's network."""
    shown = "{{range .Peers}}{{.IP}} {{end}}"
    said = cluster.to(host).run(
        f"docker network inspect --format '{shown}' {cluster.name}_public",
        sudo=True,
        shown="ask which engines it has found",
    )
    return set(said.stdout.split())


def _take_out(cluster: Cluster, recovery: Recovery, say: Say) -> None:
    """Take the managers that are gone out of the swarm, and note it for the day they come back."""
    survivor = recovery.survivor
    connection = cluster.to(survivor)
    nodes = cluster.nodes()
    own = next(n for n in nodes if is_node(cluster.inventory, n, survivor))
    for node in nodes:
        if node.role != "manager" or node.id == own.id:
            continue
        # The label tells apply what to do with it, should it come back.
        mark = f"docker node update --label-add {REMOVED}{node.id}={node.address} {own.id}"
        remove = f"docker node demote {node.id} 2>/dev/null; docker node rm --force {node.id}"
        connection.run(
            f"{{ {mark} && {{ {remove}; }}; }} >/dev/null",
            sudo=True,
            shown=f"take {node.hostname} out",
        )
        say(f"  {node.hostname} is taken out")
