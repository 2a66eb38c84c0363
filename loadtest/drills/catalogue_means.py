"""Drills of what a shop lives by: parts of a network, names, the writer's successor, room."""

from __future__ import annotations

from loadtest.drills.drill import Drill, Step

MEANS: dict[str, Drill] = {
    "one-way-partition": Drill(
        "What a worker sends to the managers is lost, what they send arrives: it does what it is "
        "asked, writes it into the database, and nobody hears of it.",
        (Step(20, "mute", "busiest"), Step(60, "keep-packets", "lost")),
    ),
    "edge-leader-loss": Drill(
        "The leading manager of three, which is an edge, loses its power.",
        (Step(20, "crash", "leader"), Step(60, "boot", "lost")),
        failures=None,
        managers=3,
        reroute=2,
        cut=3,
    ),
    "socket-killed": Drill(
        "What an edge reads the swarm by is killed on one of three managers, and nothing else; the "
        "swarm starts another.",
        (Step(20, "kill-socket", "edge"),),
        managers=3,
        seconds=70,
        felt="itself",  # an edge keeps the routes that it knows
    ),
    "writer-handover": Drill(
        "The database's writer turns read only; ten seconds later another server, its successor, "
        "is the writer, and the name leads there.",
        (Step(20, "forbid-writes"), Step(30, "hand-over")),
        prepare=(Step(0, "raise-successor"),),
        undo=(Step(0, "hand-back"), Step(0, "allow-writes")),
        costs="^POST ",  # who only reads is answered all the while
        only_503=True,
        answers=5,  # from when the writer is told: two seconds to hand over, the name at once
        seconds=70,
        felt="readers",
    ),
    "disk-full": Drill(
        "The disk of a worker's engine is full, and then a replica there dies.",
        (
            Step(20, "fill-disk", "lost"),
            Step(30, "kill-replica", "lost"),
            Step(65, "free-disk", "lost"),
        ),
        # The engine that is stopped for its small disk has no replica when it is back: two more
        # give it one.
        prepare=(Step(0, "give-small-disk", "busiest"), Step(0, "keep-two-more")),
        undo=(Step(0, "give-own-disk"), Step(0, "keep-the-fewest")),
        felt="replaced",
        workers=3,
    ),
    "storage-lost": Drill(
        "All covers in the shared storage are lost for good; it is there, and takes new ones.",
        (Step(25, "lose-storage"),),
        undo=(Step(0, "find-storage"),),
        scenario="selling",
        costs="GET /covers/",
        lasting=True,
        felt="readers",
        p99=None,  # pictures are written on two busy cores
        seconds=70,
    ),
    "certificate-renewal": Drill(
        "A new certificate is asked for under load, is issued, and each of three edges takes it.",
        (Step(20, "renew-certificate"), Step(150, "see-new-certificate")),
        outcome="completed",
        felt="rollout",
        service="edge_traefik",
        managers=3,
        # Three edges, each of which says for 15 s that it stops, starts in about five and is looked
        # at for ten; the authority answers in a few seconds.
        seconds=165,
    ),
    "dns-outage": Drill(
        "The resolver of the hosts and of their containers says nothing for twenty seconds.",
        (Step(20, "silence-resolver"), Step(40, "resume-resolver")),
        undo=(Step(0, "resume-resolver"),),
        seconds=70,
        felt="itself",  # no address changes meanwhile, so nobody needs to notice
    ),
    "sign-in-storm": Drill(
        "Somebody tries forty passwords a second, from twenty addresses, for fifty seconds.",
        (Step(20, "storm-sign-in"), Step(75, "see-the-storm-refused")),
        undo=(Step(0, "calm-sign-in"),),
        felt="itself",  # whoever shops, or signs in, shall notice nothing
    ),
    "memory-exhausted": Drill(
        "Something takes all memory that one replica may have; the kernel ends the replica.",
        (Step(20, "exhaust-memory", "busiest"), Step(60, "see-memory-exhausted", "lost")),
        seconds=80,
        felt="replaced",
    ),
    "clock-ahead": Drill(
        "A release is rolled out whose first replica has a clock that is an hour ahead.",
        (Step(20, "put-clock-ahead"), Step(120, "see-clock-ahead")),
        undo=(Step(0, "put-clock-right"),),
        outcome="completed",
        felt="rollout",
        seconds=150,
    ),
}
