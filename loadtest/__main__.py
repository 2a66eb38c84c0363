"""`./run load SCENARIO --host URL`: put simulated readers on a shop, and report what they met."""

from __future__ import annotations

import argparse
import sys
import time
import urllib.parse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from loadtest import summary
from loadtest.errors import LoadError
from loadtest.evidence import report
from loadtest.evidence.ledger.database import CONTEXTS, LedgerError
from loadtest.locust_process import Load, start


@dataclass(frozen=True)
class Scenario:
    """A locustfile, what it is for, and how many people for how long unless told otherwise."""

    about: str
    users: int
    seconds: int
    spawn: float  # people who come in a second


SCENARIOS: Mapping[str, Scenario] = {
    "shopping": Scenario("An ordinary day: most look around, some buy, a few sell.", 30, 120, 5),
    "sale": Scenario("A spike on few books, until their last copies are gone.", 60, 180, 60),
    "selling": Scenario("Half of the people sell, with pictures of the covers.", 30, 120, 5),
    "soak": Scenario("An ordinary day that lasts.", 30, 3600, 5),
    "scale_steps": Scenario("More and more people, then fewer.", 60, 420, 10),
    "spike": Scenario("Five times as many people at one moment.", 50, 210, 50),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run a scenario; 0 when nothing failed and nothing differs, 1 otherwise, 2 misused."""
    args = _parser().parse_args(argv)
    try:
        return _run(args)
    except (LoadError, LedgerError) as error:
        print(error, file=sys.stderr)
        return 2


def _run(args: argparse.Namespace) -> int:
    scenario = SCENARIOS[args.scenario]
    check_host(args.host)
    urls = database_urls(args.database)
    folder = args.folder or Path("var/load") / f"{args.scenario}-{time.strftime('%Y%m%d-%H%M%S')}"
    folder.mkdir(parents=True, exist_ok=False)
    users, seconds = args.users or scenario.users, args.seconds or scenario.seconds
    print(f"{scenario.about}\nUp to {users} people for {seconds} s on {args.host} …", flush=True)
    load = Load(
        *(args.scenario, args.host, users, seconds, scenario.spawn),
        processes=args.processes,
        authority=args.ca,
        resolve=",".join(args.resolve),
    )
    status = start(load, folder).wait()
    if status not in (0, 1):  # 1: some requests failed, which the report tells better
        raise LoadError(f"Locust ended with status {status}; its log is {folder / 'locust.log'}.")
    result = summary.assess(folder, args.scenario, scenario.about, urls)
    path = folder / "report.html"
    report.write(path, result)
    print(summary.text(result, path))
    return 0 if result.passed else 1


def check_host(host: str) -> None:
    """Refuse what is no address of a shop."""
    parts = urllib.parse.urlsplit(host)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.path not in ("", "/"):
        raise LoadError(f"--host {host} is no address of a shop, such as https://books.example.org")


def database_urls(given: Sequence[str]) -> dict[str, str]:
    """Read --database URL, or context=URL for each of the three; {} without any."""
    urls: dict[str, str] = {}
    for text in given:
        context, equals, url = text.partition("=")
        if equals and context in CONTEXTS:
            urls[context] = url
        else:
            urls = dict.fromkeys(CONTEXTS, text) | urls
    if urls and set(urls) != set(CONTEXTS):
        missing = ", ".join(c for c in CONTEXTS if c not in urls)
        raise LoadError(f"--database names no database for {missing}.")
    return urls


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="./run load",
        description="Put simulated readers, buyers and sellers on a shop, and report.",
        epilog="docs/testers-guide.md explains scenarios, shapes and reports. With Locust's own "
        "page: .venv/bin/locust -f loadtest/scenarios/shopping.py --host URL",
    )
    names = "; ".join(f"{name}: {scenario.about}" for name, scenario in SCENARIOS.items())
    parser.add_argument("scenario", choices=SCENARIOS, metavar="SCENARIO", help=names)
    parser.add_argument("--host", required=True, metavar="URL", help="the shop's address")
    parser.add_argument("-u", "--users", type=int, help="people at the peak")
    parser.add_argument("-t", "--seconds", type=int, help="how long, at most")
    parser.add_argument("--processes", type=int, default=1, help="Locust processes (-1: per core)")
    parser.add_argument(
        "--database",
        action="append",
        default=[],
        metavar="URL",
        help="the shop's database, to compare promises with; for separate databases "
        "accounts=URL, catalogue=URL and orders=URL",
    )
    parser.add_argument("--ca", type=Path, help="file of the authorities to trust (PEM)")
    parser.add_argument(
        "--resolve",
        action="append",
        default=[],
        metavar="NAME=ADDRESS",
        help="look for a host at another address than DNS says",
    )
    parser.add_argument("--folder", type=Path, help="where to keep the run (default: var/load/…)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
