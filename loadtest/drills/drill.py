"""What a drill is: the load, what is broken and when, and what must hold."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Step:
    """Do something so many seconds after the load has come up."""

    at: float
    action: str
    target: str = ""


@dataclass(frozen=True)
class Drill:
    """One drill.

    prepare: what is set before the load comes. undo: what puts the cluster right again, whatever
    happens. failures: how many requests may fail; None: as many as the fault must cost, which the
    report counts and the ledger explains. costs: a regular expression; the requests whose names
    match may fail besides. lasting: what the fault costs is lost for good, so that those requests
    fail at the end as well, and others of the kind must be served.
    """

    about: str
    steps: tuple[Step, ...]
    prepare: tuple[Step, ...] = ()
    undo: tuple[Step, ...] = ()
    seconds: int = 100
    users: int = 16  # who wait for their answers (closed load), where `rate` is 0
    rate: float = 0.0  # clicks a second that come whatever the shop does (open load)
    scenario: str = "shopping"
    failures: int | None = 0
    costs: str = ""
    lasting: bool = False
    managers: int = 1  # that the cluster must have at least
    workers: int = 2
    only_503: bool = False  # requests that fail must get the shop's own page
    reroute: float | None = None  # seconds after which the last slow or failed request has begun
    outcome: str = ""  # the update state in which `service` must end
    service: str = "app_web"  # whose rollout is judged; its stack must be deployed
    spike: bool = False  # judge the autoscaler
    never_fewer: bool = False  # replicas may not be taken away while the fault lasts
    even: bool = False  # the replicas must end evenly spread
    cut: float | None = None  # seconds after which what was in flight on a lost edge has an answer
    outage: float | None = None  # seconds after which the shop answers although all replicas died
    answers: float | None = None  # seconds in which the shop answers once the fault is over
    # How a fault shows: host, rollout, readers, replicas, replaced, managers; itself: it has made
    # sure, and nobody needs to notice; "": not judged.
    felt: str = "host"
    lenient: bool = False  # a fault that finds nothing to break is noted, and the drill goes on
    begun: int = 30  # requests that must begin within 30 s of each event; 0: no matter how many
    p99: float | None = 2.0  # seconds from the intended start, at most
    # A request that went to a dead replica waits for the edge's 5 s (responseHeaderTimeout), and is
    # dialled and answered elsewhere in 1.5 s.
    slowest: float | None = 6.5
