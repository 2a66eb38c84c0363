"""The drills, as data: the load, what is broken and when, and what must hold.

To add one, add an entry here or in `catalogue_means`; an action is a method of `cluster.Cluster`
with dashes for underscores, and a target is a host, or `busiest` for the worker with most replicas.
"""

from __future__ import annotations

from loadtest.drills.catalogue_means import MEANS
from loadtest.drills.catalogue_services import SERVICES
from loadtest.drills.drill import Drill, Step

__all__ = ["DRILLS", "Drill", "Step"]

DRILLS: dict[str, Drill] = {
    "worker-loss": Drill(
        "A worker loses its power under load, and comes back later.",
        (Step(20, "crash", "busiest"), Step(60, "boot", "lost")),
    ),
    "worker-partition": Drill(
        "A worker's network cable is pulled and put back; the worker itself goes on.",
        (Step(20, "partition", "busiest"), Step(60, "heal", "lost")),
    ),
    "all-workers-but-one": Drill(
        "All workers but one lose their power at once.",
        (Step(20, "crash-all-but-one"), Step(65, "boot-all")),
        failures=None,
        seconds=110,
        only_503=True,
        # Detection 13.5 s, restart delay 1 s, start period 15 s, the edges' look 4 s and check 1 s.
        outage=34.5,
        # An edge that knows of replicas which are not there yet dials six times, a second each, and
        # waits between for 0.05 s, half as long again each time, or for half as long again as that.
        p99=7,
        slowest=7,
    ),
    "drain": Drill(
        "A worker is emptied for maintenance and taken back.",
        (Step(20, "drain", "busiest"), Step(60, "activate", "lost")),
    ),
    "rolling-update": Drill(
        "Every replica is replaced, one after the other.",
        (Step(20, "roll"),),
        outcome="completed",
        felt="rollout",
        seconds=120,
    ),
    "bad-release": Drill(
        "A release that never becomes healthy is rolled out, and rolled back by itself.",
        (Step(20, "release-badly"),),
        undo=(Step(0, "release-well"),),
        outcome="rollback_completed",
        felt="rollout",
        seconds=150,
    ),
    "edge-loss": Drill(
        "One of three edges behind the load balancer loses its power.",
        (Step(20, "crash", "edge"), Step(60, "boot", "lost")),
        failures=None,
        managers=3,
        reroute=2,
        cut=3,
    ),
    "edge-update": Drill(
        "Each of three edges is replaced, one after the other, as with a new certificate.",
        (Step(20, "roll-edges"),),
        outcome="completed",
        felt="rollout",
        service="edge_traefik",
        managers=3,
        seconds=140,
    ),
    "manager-loss": Drill(
        "The leading manager of three loses its power. It is no edge meanwhile, so that this shows "
        "what managing costs readers; edge-loss shows the other half.",
        (Step(20, "crash", "spared"), Step(60, "boot", "lost")),
        prepare=(Step(0, "spare-from-edge", "leader"),),
        undo=(Step(0, "make-edges"),),
        managers=3,
    ),
    "database-restart": Drill(
        "The database goes away for ten seconds.",
        (Step(20, "stop-database"), Step(30, "start-database")),
        undo=(Step(0, "start-database"),),
        failures=None,
        only_503=True,
        answers=5,
        seconds=70,
        felt="readers",
        p99=6.5,
        slowest=15,  # as long as the database is away, and back
    ),
    "storage-stall": Drill(
        "The shared storage, where the covers are, stops answering for twenty seconds.",
        (Step(20, "stall-storage"), Step(40, "resume-storage")),
        undo=(Step(0, "resume-storage"),),
        scenario="selling",
        costs="GET /covers/|POST /sell$",
        only_503=True,
        answers=5,
        seconds=70,
        felt="readers",
        p99=None,
        slowest=25,  # as long as the storage does not answer, and back
    ),
    "spike": Drill(
        "Five times as many people come at one moment, and leave again.",
        (Step(40, "note-five-times-the-load"), Step(110, "note-the-load-ends")),
        prepare=(Step(0, "shrink-replicas"),),
        undo=(Step(0, "restore-replicas"),),
        scenario="spike",
        # In a shop with pages full of books 48 people took 510 % of what two such replicas reserve
        # (target 600), and 240 were more than two cores carry: 22 take some 300 %, 110 a thousand.
        users=110,
        seconds=480,  # down follows the highest advice of 300 s
        spike=True,
        felt="replicas",
    ),
    "metrics-outage": Drill(
        "The autoscaler can read no metrics while people shop on more replicas than the fewest; "
        "what it took for no load would have it take them away.",
        (Step(60, "hide-metrics"), Step(400, "show-metrics")),
        prepare=(Step(0, "shrink-replicas"),),
        undo=(Step(0, "show-metrics"), Step(0, "restore-replicas")),
        users=50,  # 36 took 0.17 of a core, 550 % of what two such replicas reserve (target 600)
        seconds=420,  # longer than the 300 s whose highest advice down follows
        never_fewer=True,
        felt="replicas",
    ),
    "host-returns": Drill(
        "A worker comes back after a loss, and the replicas are spread evenly again.",
        (Step(15, "crash", "busiest"), Step(35, "boot", "lost"), Step(70, "rebalance")),
        prepare=(Step(0, "keep-two-more"),),
        undo=(Step(0, "keep-the-fewest"),),
        seconds=130,
        even=True,
    ),
    "frozen-replica": Drill(
        "One replica freezes: it takes connections, and says nothing. Its host puts another in its "
        "place when it has not answered eight checks.",
        (Step(20, "freeze-replica", "busiest"), Step(80, "thaw-replica", "lost")),
        seconds=110,
        felt="replaced",
    ),
    "engine-loss": Drill(
        "The Docker engine of a worker is killed, comes back by itself, and ends its containers.",
        (Step(20, "kill-engine", "busiest"),),
        seconds=80,
        felt="replaced",
    ),
    "edge-killed": Drill(
        "Traefik alone is killed on one of three edges, and started anew by the swarm.",
        (Step(20, "kill-edge", "edge"),),
        failures=None,
        managers=3,
        seconds=80,
        felt="itself",  # connections end at once, and browsers open others
        reroute=2,
        # Its host refuses what comes next, and the load balancer dials another edge at once; what
        # is still sent to it is told within 1.8 s, as with a lost edge.
        cut=3,
    ),
    "lossy-worker": Drill(
        "A worker loses three packets in ten, both ways.",
        (Step(20, "lose-packets", "busiest"), Step(60, "keep-packets", "lost")),
        felt="readers",
    ),
    "registry-outage": Drill(
        "The registry is away while a release is rolled out that no host has; it is rolled back.",
        (Step(20, "stop-registry"), Step(22, "release-next"), Step(75, "start-registry")),
        prepare=(Step(0, "offer-release"),),
        undo=(Step(0, "start-registry"), Step(0, "release-well")),
        outcome="rollback_completed",
        felt="rollout",
        seconds=120,
    ),
    "database-read-only": Drill(
        "The database takes no change for twenty seconds, as the writer of a cluster that has "
        "become a reader.",
        (Step(20, "forbid-writes"), Step(40, "allow-writes")),
        undo=(Step(0, "allow-writes"),),
        costs="^POST ",  # who only reads is answered all the while
        only_503=True,
        answers=5,
        seconds=70,
        felt="readers",
    ),
    "connections-taken": Drill(
        "Somebody else holds all connections that the database gives, for ten seconds.",
        (Step(20, "take-connections"), Step(30, "give-connections")),
        undo=(Step(0, "give-connections"),),
        failures=None,
        only_503=True,
        answers=5,
        seconds=70,
        felt="readers",
        p99=6.5,
        slowest=15,  # as long as there is no connection, and back
    ),
    "quorum-loss": Drill(
        "Two of three managers, the leading one among them, lose their power at once. Each is an "
        "edge; nobody manages the swarm until they are back.",
        (Step(20, "lose-quorum", "leader"), Step(60, "boot-all")),
        failures=None,
        managers=3,
        felt="managers",
        reroute=2,
        cut=3,
    ),
    **MEANS,
    **SERVICES,
}
