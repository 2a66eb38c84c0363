"""`./run load SCENARIO --host URL`: put simulated readers on a shop, and report what they met."""

from __future__ import annotations

import argparse
import secrets
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from loadtest import summary
from loadtest.arguments import (
    authority,
    check_host,
    database_urls,
    people,
    percent,
    processes,
    rate,
    resolved,
    seconds,
)
from loadtest.errors import LoadError
from loadtest.evidence import report
from loadtest.evidence.budget import OBJECTIVE
from loadtest.evidence.ledger import database as ledger
from loadtest.evidence.ledger.database import LedgerError
from loadtest.evidence.result import Result
from loadtest.evidence.run import RunFacts, commit
from loadtest.locust_process import Load, run
from loadtest.scenarios.catalogue import SCENARIOS
from loadtest.simulation import command as simulation
from loadtest.stopping import run_to_its_end


def main(argv: Sequence[str] | None = None) -> int:
    """Run a scenario; 0 when nothing failed and nothing differs, 1 otherwise, 2 misused."""
    given = list(sys.argv[1:] if argv is None else argv)
    try:
        if given[:1] == ["simulate"]:
            return simulation.main(given[1:])
        if given[:1] == ["check"]:
            return _check(_check_parser().parse_args(given[1:]))
        more = given[given.index("--") + 1 :] if "--" in given else []
        args = _parser().parse_args(given[: given.index("--")] if "--" in given else given)
        return _run(args, more)
    except (LoadError, LedgerError) as error:
        print(error, file=sys.stderr)
        return 2


def _run(args: argparse.Namespace, more: Sequence[str]) -> int:
    scenario = SCENARIOS[args.scenario]
    check_host(args.host, ",".join(args.resolve))
    urls = database_urls(args.database)
    ledger.check(urls)
    length = args.duration or scenario.seconds
    if length < scenario.shortest:
        raise LoadError(
            f"{length} s are too short for {args.scenario}: give it {scenario.shortest} or more."
        )
    folder = args.folder or Path("var/load") / f"{args.scenario}-{time.strftime('%Y%m%d-%H%M%S')}"
    try:
        folder.mkdir(parents=True)
    except FileExistsError:
        raise LoadError(f"{folder} exists already: name another --folder.") from None
    except OSError as error:
        raise LoadError(
            f"{folder} cannot be made ({error.strerror}): name another --folder."
        ) from None
    load = Load(
        args.scenario,
        args.host,
        args.users or (2000 if args.rate else scenario.users),
        length,
        scenario.spawn,
        processes=args.processes,
        authority=args.ca,
        resolve=",".join(args.resolve),
        rate=args.rate,
        arrivals=args.arrivals,
        seed=args.seed or secrets.token_hex(4),
        more=tuple(more),
    )
    facts = RunFacts(
        args.scenario, scenario.about, args.host, length, load.users,
        args.rate, load.arrivals, load.seed, commit(), args.p99, args.objective,
    )  # fmt: skip
    facts.write(folder)
    print(f"{scenario.about}\n{facts.words()} …", flush=True)
    status = run(load, folder)
    facts.ended(folder, status)
    return _end(summary.assess(folder, facts, urls, status, settle=args.settle), folder)


def _check(args: argparse.Namespace) -> int:
    """Judge a kept run again."""
    facts = RunFacts.read(args.folder)
    urls = database_urls(args.database)
    made = summary.assess(args.folder, facts, urls, facts.status, settle=args.settle)
    return _end(made, args.folder)


def _end(result: Result, folder: Path) -> int:
    path = folder / "report.html"
    report.write(path, result)
    print(summary.text(result, path))
    return 0 if result.passed else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="./run load",
        description="Put simulated readers, buyers and sellers on a shop, and report. "
        "./run load check FOLDER judges a kept run again; ./run load simulate needs no shop.",
        epilog="docs/testers-guide.md explains scenarios, open load and reports. What follows -- "
        "goes to Locust, such as -- --csv run --html run.html. With Locust's own page: "
        ".venv/bin/locust -f loadtest/scenarios/shopping.py --host URL",
    )
    names = "; ".join(f"{name}: {scenario.about}" for name, scenario in SCENARIOS.items())
    parser.add_argument("scenario", choices=SCENARIOS, metavar="SCENARIO", help=names)
    parser.add_argument("--host", required=True, metavar="URL", help="the shop's address")
    parser.add_argument(
        "-u", "--users", type=people, help="people at the peak; with --rate, at most so many"
    )
    parser.add_argument(
        "-t", "--duration", type=seconds, metavar="T", help="how long, such as 90, 90s or 5m"
    )
    parser.add_argument(
        "--rate",
        type=rate,
        default=0.0,
        metavar="R",
        help="open load: R clicks a second, whatever the shop takes to answer",
    )
    parser.add_argument(
        "--arrivals", choices=("poisson", "constant"), default="poisson", help="how clicks come"
    )
    parser.add_argument("--seed", default="", help="of all that is left to chance (default: new)")
    parser.add_argument(
        "--processes", type=processes, default=1, help="Locust processes (-1: per core)"
    )
    _database(parser)
    parser.add_argument(
        "--p99",
        type=int,
        default=2000,
        metavar="MS",
        help="what p99 from the intended start may be, in milliseconds (default: 2000)",
    )
    parser.add_argument(
        "--objective",
        type=percent,
        default=OBJECTIVE,
        metavar="PERCENT",
        help=f"share of requests that should succeed: the report shows how much of what may fail "
        f"did (default: {OBJECTIVE:g})",
    )
    parser.add_argument("--ca", type=authority, help="file of the authorities to trust (PEM)")
    parser.add_argument(
        "--resolve",
        type=resolved,
        action="append",
        default=[],
        metavar="NAME=ADDRESS",
        help="look for a host at another address than DNS says",
    )
    parser.add_argument("--folder", type=Path, help="where to keep the run (default: var/load/…)")
    return parser


def _check_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="./run load check", description="Judge a run that was kept, again."
    )
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="where the run was kept")
    _database(parser)
    return parser


def _database(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--database",
        action="append",
        default=[],
        metavar="URL",
        help="the shop's database, to compare promises with; for separate databases "
        "accounts=URL, catalogue=URL and orders=URL",
    )
    parser.add_argument(
        "--settle",
        type=float,
        default=30.0,
        metavar="S",
        help="seconds that the shop has to finish what it does in the background (default: 30)",
    )


if __name__ == "__main__":
    sys.exit(run_to_its_end(main, "Nothing is kept of what had been begun."))
