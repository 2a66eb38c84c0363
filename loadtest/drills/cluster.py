"""The ways to break a cluster and to mend it."""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable
from contextlib import suppress

from loadtest.drills import cloud
from loadtest.drills.means import Means
from loadtest.drills.observer import EDGE, SHOP
from provisioning.care import drain
from provisioning.care.rebalance import rebalance
from provisioning.errors import OperatorError
from provisioning.rehearsal import lifecycle

AUTOSCALER = "autoscaler_autoscaler"
CORE, RESERVED = 1.0, 0.1  # of a replica, as swarm/app.yml has them
SHRUNK = 0.15  # of both, for a crowd that a rehearsal has room for
SETTLE = 25.0  # seconds for an edge to drain and stop


class Cluster(Means):
    """A cluster by its inventory. Actions take the name of a host, or ""."""

    def crash(self, host: str) -> None:
        """Cut a host's power."""
        self._rehearsal_only("cut power")
        self.lost.append(host)
        lifecycle.crash(host)

    def boot(self, host: str) -> None:
        """Give a host its power back."""
        lifecycle.boot(host)
        self.lost.remove(host)

    def crash_all_but_one(self, _: str) -> None:
        """Cut the power of all workers but one."""
        workers = [h.name for h in self.inventory.host if h.role == "worker"]
        for name in workers[:-1]:
            self.crash(name)

    def boot_all(self, _: str) -> None:
        """Return all lost hosts their power back."""
        for name in list(self.lost):
            self.boot(name)

    def partition(self, host: str) -> None:
        """Pull a host's network cable."""
        self._rehearsal_only("pull a cable")
        self.lost.append(host)
        lifecycle.partition(host, apart=True)

    def heal(self, host: str) -> None:
        """Put a host's network cable back."""
        lifecycle.partition(host, apart=False)
        self.lost.remove(host)

    def drain(self, host: str) -> None:
        """Empty a host as an operator does."""
        self.lost.append(host)
        drain.drain(self.swarm, self._host(host), _quiet)

    def activate(self, host: str) -> None:
        """Take a host back."""
        drain.activate(self.swarm, self._host(host), _quiet)
        self.lost.remove(host)

    def spare_from_edge(self, host: str) -> None:
        """Let a host be no edge for a while; the load balancer sees it go."""
        self.spared.append(host)
        self._label_edge(host, "false")
        time.sleep(SETTLE)

    def make_edges(self, _: str) -> None:
        """Make the spared hosts edges again."""
        while self.spared:
            self._label_edge(self.spared.pop(), "true")

    def _label_edge(self, host: str, value: str) -> None:
        node = self.swarm.node_of(self._host(host))
        self._manager().run(f"docker node update --label-add edge={value} {node.id}", sudo=True)

    def rebalance(self, _: str) -> None:
        """Spread the replicas evenly, as an operator does."""
        rebalance(self.swarm, _quiet)

    def roll(self, _: str) -> None:
        """Replace every replica."""
        self._update("--force")

    def roll_edges(self, _: str) -> None:
        """Replace every edge."""
        self._update("--force", EDGE)

    def release_badly(self, _: str) -> None:
        """Roll out a release that cannot become healthy: its check always fails."""
        self._update("--health-cmd 'exit 1' --health-start-period 5s --health-retries 1")

    def release_well(self, _: str) -> None:
        """Wait for the rollback."""
        deadline = time.monotonic() + 180
        while time.monotonic() < deadline:
            if self.service(self.snapshot()).update not in ("updating", "rollback_started"):
                return
            time.sleep(2)

    def stop_database(self, _: str) -> None:
        """Stop the database."""
        self._rehearsal_only("stop the database")
        cloud.stop_database()

    def start_database(self, _: str) -> None:
        """Start the database."""
        cloud.start_database()

    def stall_storage(self, _: str) -> None:
        """Let the shared storage stop answering."""
        self._rehearsal_only("stall the storage")
        lifecycle.stall_storage(stalled=True)

    def resume_storage(self, _: str) -> None:
        """Let the shared storage answer again."""
        lifecycle.stall_storage(stalled=False)

    def hide_metrics(self, _: str) -> None:
        """Drop what the autoscaler sends to the metrics of edges and replicas."""
        self._autoscaler_firewall("-I OUTPUT")

    def show_metrics(self, _: str) -> None:
        """Let the autoscaler read metrics again."""
        with suppress(OperatorError):  # nothing to take away when it was not there
            self._autoscaler_firewall("-D OUTPUT")

    def shrink_replicas(self, _: str) -> None:
        """Give each replica a small part of the processor, with labels as they are shipped.

        What is reserved shrinks along, and with it the target: so few people as a rehearsal has
        room for are a crowd.
        """
        self._update(f"--limit-cpu {SHRUNK * CORE} --reserve-cpu {SHRUNK * RESERVED}")
        self._scale(self.inventory.cluster.replicas[0])

    def keep_two_more(self, _: str) -> None:
        """Let the fewest replicas be two more, so that there is something to spread."""
        count = self.inventory.cluster.replicas[0] + 2
        self._label(min=str(count))
        self._scale(count)

    def keep_the_fewest(self, _: str) -> None:
        """Let the fewest replicas be as many as the inventory says."""
        self._label(min=str(self.inventory.cluster.replicas[0]))
        self._scale(self.inventory.cluster.replicas[0])

    def restore_replicas(self, _: str) -> None:
        """Give each replica what swarm/app.yml says."""
        self._update(f"--limit-cpu {CORE} --reserve-cpu {RESERVED}")
        self._scale(self.inventory.cluster.replicas[0])

    def note_five_times_the_load(self, _: str) -> None:
        """Mark the moment; the load's shape does it."""

    def note_the_load_ends(self, _: str) -> None:
        """Mark the moment; the load's shape does it."""

    def _scale(self, count: int) -> None:
        self._manager().run(f"docker service scale --detach {SHOP}={count}", sudo=True)

    def _label(self, **labels: str) -> None:
        self._update(
            " ".join(f"--label-add bookstore.autoscale.{k}={v}" for k, v in labels.items())
        )

    def mend(self) -> None:
        """Undo whatever took hosts away."""
        if not self.rehearsed:
            for name in list(self.lost):
                self.activate(name)
            return
        for name in list(self.lost):
            with suppress(OperatorError):
                lifecycle.boot(name)
            with suppress(OperatorError):
                lifecycle.partition(name, apart=False)
            with suppress(OperatorError):
                lifecycle.lose_packets(name, 0)
            with suppress(OperatorError):
                drain.activate(self.swarm, self._host(name), _quiet)
            with suppress(OperatorError):
                self.thaw_replica(name)
            if name in self.lost:
                self.lost.remove(name)

    def act(self, action: str, host: str) -> str:
        """Do what a step says; give it in words."""
        method: Callable[[str], None] = getattr(self, action.replace("-", "_"))
        method(host)
        return f"{action.replace('-', ' ')} {host}".strip()

    def _update(self, options: str, service: str = SHOP) -> None:
        self._manager().run(
            f"docker service update --quiet --detach {options} {service}", sudo=True, timeout=30
        )

    def _autoscaler_firewall(self, rule: str) -> None:
        """Change the firewall inside the autoscaler's own network."""
        snapshot = self.snapshot()
        service = self.service(snapshot, AUTOSCALER)
        task = next(t for t in snapshot.tasks if t.service == service.id and t.state == "running")
        node = next(n for n in snapshot.nodes if n.id == task.node)
        host = self._host(node.hostname)
        script = (
            f"pid=$(docker inspect -f '{{{{.State.Pid}}}}' "
            f"$(docker ps -q -f label=com.docker.swarm.task.id={shlex.quote(task.id)})); "
            f"nsenter -t $pid -n iptables {rule} -p tcp -m multiport --dports 8083,8000 -j DROP"
        )
        self.swarm.to(host).run(script, sudo=True)


def _quiet(_: str) -> None:
    """Take an operator's message, and show nothing: the report tells what happened."""
