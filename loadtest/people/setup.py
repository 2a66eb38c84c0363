"""What a run is given: Locust's own options for it, the seed, and open load where it is asked for.

Locust calls this on each of its processes. Options: `locust -f FILE --help`.
"""

from __future__ import annotations

import os
import random
import secrets
import ssl
from typing import Any

import gevent
import gevent.ssl
from locust import events
from locust.runners import MasterRunner

from loadtest.evidence import recorder
from loadtest.people.arrivals import KINDS, Arrivals, moments

NEW_CONNECTIONS = 0.25  # share of people who open a connection for each request
SPANISH = 0.3  # share of people who read Spanish
SCRIPTS = 0.7  # share of people whose browser runs htmx


class Run:
    """What all people of a process share."""

    def __init__(self) -> None:
        self.seed = "0"
        self.worker = 0
        self.born = 0
        self.arrivals: Arrivals | None = None
        self.addresses = dict(
            pair.split("=", 1)
            for pair in os.environ.get("LOADTEST_RESOLVE", "").split(",")
            if "=" in pair
        )
        self._trusted: ssl.SSLContext | None = None

    @property
    def trusted(self) -> ssl.SSLContext:
        """Return whom to trust: the system's authorities, or those SSL_CERT_FILE names."""
        if self._trusted is None:
            self._trusted = gevent.ssl.create_default_context()
        return self._trusted

    def random(self) -> random.Random:
        """Return the source of chance of the next person."""
        self.born += 1
        return random.Random(f"{self.seed}:{self.worker}:{self.born}")


RUN = Run()


@events.init_command_line_parser.add_listener  # type: ignore[untyped-decorator]
def add_options(parser: Any) -> None:
    """Add this package's options to Locust's."""
    group = parser.add_argument_group("BookStore")
    group.add_argument(
        "--rate",
        type=float,
        default=0.0,
        help="open load: so many clicks a second, whatever the shop takes (0: closed load)",
    )
    group.add_argument("--arrivals", choices=KINDS, default="poisson", help="how they come")
    group.add_argument("--most-people", type=int, default=2000, help="limit of open load")
    group.add_argument("--seed", default="", help="of all that is left to chance")


@events.test_start.add_listener  # type: ignore[untyped-decorator]
def begin(environment: Any, **_: Any) -> None:
    """Take the seed, and let clicks come where load is open."""
    options, runner = environment.parsed_options, environment.runner
    if isinstance(runner, MasterRunner):
        options.seed = options.seed or secrets.token_hex(4)  # workers get it from here
        recorder.write("arrivals", what="seed", seed=options.seed)
        return
    RUN.seed = options.seed or secrets.token_hex(4)
    RUN.worker, RUN.born = max(getattr(runner, "worker_index", 0), 0), 0
    recorder.write("arrivals", what="seed", seed=RUN.seed)
    random.seed(f"{RUN.seed}:{RUN.worker}")  # for what Locust itself leaves to chance
    RUN.arrivals = None
    if not any(kind.tasks for kind in environment.user_classes):
        text = "--tags or --exclude-tags leave nobody anything to do; our scenarios have no tags."
        recorder.write("incidents", what="nobody", who="anybody", text=text)
        gevent.spawn(runner.quit)
        return
    if options.rate:
        workers = max(options.expect_workers or 1, options.processes or 1, 1)
        RUN.arrivals = _open(environment, options, workers)
        gevent.spawn(RUN.arrivals.run)


def _open(environment: Any, options: Any, workers: int) -> Arrivals:
    chance = random.Random(f"{RUN.seed}:{RUN.worker}:arrivals")
    kinds = environment.user_classes
    shape = environment.shape_class

    def share(now: float) -> float | None:
        return 1.0 if shape is None else shape.share(now, options.run_time)

    planned = moments(options.rate / workers, options.arrivals, chance, share)

    def create() -> None:
        # As the runner's `spawn_users`, which counts everybody who is there each time.
        kind = chance.choices(kinds, [k.weight for k in kinds])[0]
        kind(environment).start(environment.runner.user_greenlets)

    return Arrivals(planned, create, max(options.most_people // workers, 1))


@events.test_stopping.add_listener  # type: ignore[untyped-decorator]
def end(**_: Any) -> None:
    """Let no more clicks come."""
    if RUN.arrivals is not None:
        RUN.arrivals.stop()


@events.user_error.add_listener  # type: ignore[untyped-decorator]
def note_exception(user_instance: Any, exception: Exception, **_: Any) -> None:
    """Note that a person could not go on because of a fault of ours."""
    text = f"{type(exception).__name__}: {exception}"[:300]
    recorder.write("incidents", what="exception", who=type(user_instance).__name__, text=text)
