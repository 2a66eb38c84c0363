"""`python -m swarm.autoscaler`: scale the swarm's services until told to stop."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
import time
import urllib.parse
from collections.abc import Callable

from prometheus_client import start_http_server

from swarm.autoscaler.journal import Journal
from swarm.autoscaler.loop import Autoscaler, Setup
from swarm.autoscaler.sensors import Place
from swarm.autoscaler.swarm_api import Swarm

STUCK = 60.0  # seconds without a finished round after which the process gives up on itself


def main(argv: list[str] | None = None) -> int:
    """Run until SIGTERM; settings come from options, or from AUTOSCALER_* in the environment."""
    args = _parser().parse_args(argv)
    clock = time.monotonic  # a step of the wall clock changes nothing
    journal = Journal(clock)
    place = Place(args.edge_service, args.edge_port, args.network, args.window)
    setup = Setup(
        place,
        own_service=args.own_service,
        own_task=args.own_task,
        dry_run=args.dry_run or not args.own_task,
    )
    autoscaler = Autoscaler(setup, Swarm(args.docker), journal, clock)
    host, _, port = args.bind.rpartition(":")
    start_http_server(int(port), host, journal.registry)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    if setup.dry_run:
        why = "as asked" if args.dry_run else "it does not run as a task of the swarm"
        journal.note(f"Dry run, {why}: it says what it would do and changes nothing.")
    finished = clock()

    def watch() -> None:
        while not stop.wait(5):
            if clock() - finished > STUCK:
                journal.note(f"No round has finished for {STUCK:.0f} s. Ending, to start anew.")
                os._exit(1)  # a stuck thread would keep the process from ending otherwise

    threading.Thread(target=watch, daemon=True).start()
    while not stop.is_set():
        started = clock()
        autoscaler.round()
        finished = clock()
        stop.wait(max(0.1, args.interval - (finished - started)))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m swarm.autoscaler",
        description="Scale the services of a Docker Swarm that carry bookstore.autoscale.* labels.",
        epilog="docs/autoscaler.md explains labels, measures and settings.",
    )

    def add(option: str, kind: Callable[[str], object], default: str, help_: str) -> None:
        name = "AUTOSCALER_" + option.upper().replace("-", "_")
        parser.add_argument(
            f"--{option}",
            type=kind,
            default=os.environ.get(name, default),
            help=f"{help_} [{name}, default: {default or 'none'}]",
        )

    add("docker", _http, "http://socket:2375", "Docker's API")
    add("network", str, "", "network shared with edges and replicas")
    add("edge-service", str, "edge_traefik", "service of the edges")
    add("edge-port", int, "8083", "port of the edges' metrics")
    add("interval", _positive, "2", "seconds from round to round")
    add("window", _positive, "6", "seconds over which rates are taken")
    add("own-service", str, "", "this service's name")
    add("own-task", str, "", "this task's id; without one it only says what it would do")
    add("bind", _address, "0.0.0.0:9105", "where to show metrics")
    parser.add_argument(
        "--dry-run",
        action="store_true",
        default=os.environ.get("AUTOSCALER_DRY_RUN", "").lower() in ("1", "true", "yes"),
        help="only say what would be done [AUTOSCALER_DRY_RUN]",
    )
    return parser


def _http(text: str) -> str:
    parts = urllib.parse.urlsplit(text)
    if parts.scheme != "http" or not parts.hostname:
        raise argparse.ArgumentTypeError(f"{text} is no address like http://socket:2375")
    return text


def _positive(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number <= 3600:
        raise argparse.ArgumentTypeError(f"{text} must be seconds, from above 0 to 3600")
    return number


def _address(text: str) -> str:
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal():
        raise argparse.ArgumentTypeError(f"{text} is no address like 0.0.0.0:9105")
    return text


if __name__ == "__main__":
    sys.exit(main())
