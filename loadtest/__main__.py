"""`./run load SCENARIO --host URL`: put simulated readers on a shop, and report what they met."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
import urllib.parse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from loadtest.evidence import ledger, recorder, report
from loadtest.evidence.story import Expectation, Story, summarize

HERE = Path(__file__).parent
SCENARIO_FILES = HERE / "scenarios"


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


class LoadError(Exception):
    """The load could not be put on: one sentence."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run a scenario; 0 when nothing failed and nothing differs, 1 otherwise, 2 misused."""
    args = _parser().parse_args(argv)
    try:
        return _run(args)
    except (LoadError, ledger.LedgerError) as error:
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
    status = drive(folder, args.scenario, args.host, users, seconds, scenario.spawn, args)
    if status not in (0, 1):  # 1: some requests failed, which the report tells better
        raise LoadError(f"Locust ended with status {status}; its log is {folder / 'locust.log'}.")
    story = tell(folder, args.scenario, scenario.about, urls)
    path = folder / "report.html"
    report.write(path, story)
    print(summary(story, path))
    return 0 if story.passed else 1


def drive(
    folder: Path,
    scenario: str,
    host: str,
    users: int,
    seconds: int,
    spawn: float,
    args: argparse.Namespace,
) -> int:
    """Run Locust without its page; give its exit status."""
    with (folder / "locust.log").open("w") as log:
        command = locust_command(scenario, host, users, seconds, spawn)
        if args.processes != 1:
            command += ["--processes", str(args.processes)]
        env = environment(folder, args.ca, ",".join(args.resolve))
        return subprocess.run(command, env=env, stdout=log, stderr=log, check=False).returncode


def locust_command(scenario: str, host: str, users: int, seconds: int, spawn: float) -> list[str]:
    """Give the command that runs a scenario without a page."""
    return [
        *(sys.executable, "-m", "locust", "-f", str(SCENARIO_FILES / f"{scenario}.py")),
        "--headless",
        *("--host", host.rstrip("/"), "-u", str(users), "-r", f"{spawn:g}", "-t", f"{seconds}s"),
        *("--stop-timeout", "15", "--only-summary", "--skip-log-setup"),
    ]


def environment(folder: Path, ca: Path | None, resolve: str = "") -> dict[str, str]:
    """Give the environment in which the simulated readers run."""
    made = os.environ | {
        recorder.FOLDER: str(folder.resolve()),
        "LOADTEST_RESOLVE": resolve,
        "PYTHONPATH": os.pathsep.join([str(HERE.parent), os.environ.get("PYTHONPATH", "")]),
    }
    return made | {"SSL_CERT_FILE": str(ca.resolve())} if ca else made


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
        if equals and context in ledger.CONTEXTS:
            urls[context] = url
        else:
            urls = dict.fromkeys(ledger.CONTEXTS, text) | urls
    if urls and set(urls) != set(ledger.CONTEXTS):
        missing = ", ".join(c for c in ledger.CONTEXTS if c not in urls)
        raise LoadError(f"--database names no database for {missing}.")
    return urls


def tell(folder: Path, title: str, about: str, urls: Mapping[str, str]) -> Story:
    """Make the story of a run that is over."""
    requests = recorder.read(folder, "requests")
    if not requests:
        raise LoadError(
            f"Nobody has asked the shop for anything; Locust's log is {folder / 'locust.log'}."
        )
    story = Story(title, about, requests)
    figures = summarize(requests)
    story.expectations.append(
        Expectation("requests that failed", "0", str(figures.failed), figures.failed == 0)
    )
    if urls:
        story.audit = ledger.settle(recorder.read(folder, "ledger"), urls)
        story.expectations += differences(story.audit)
    rate = f"{figures.rate:.1f} ({figures.count} in all)"
    times = ", ".join(f"{ms:.0f} ms" for ms in (figures.p50, figures.p95, figures.p99))
    story.expectations.append(Expectation("requests per second", "", rate, None))
    story.expectations.append(Expectation("p50, p95, p99", "", times, None))
    return story


def differences(audit: ledger.Audit) -> list[Expectation]:
    """Say how many promises were not kept, kind by kind."""
    kinds = audit.by_kind
    other = sum(kinds[kind] for kind in ("unasked", "money", "stock"))
    rows = (
        ("orders, payments, accounts or books lost", kinds["lost"]),
        ("orders or books duplicated", kinds["duplicated"]),
        ("copies sold twice", kinds["oversold"]),
        ("other differences in the ledger", other),
    )
    return [Expectation(what, "0", str(count), count == 0) for what, count in rows]


def summary(story: Story, path: Path) -> str:
    """Say in the terminal how it ended."""
    lines = [""]
    for e in story.expectations:
        sign = " " if e.met is None else "✓" if e.met else "✗"
        lines.append(f" {sign} {e.what:<44} {e.seen}")
    if story.audit is None:
        lines.append("   The ledger was not compared: no database was named (--database).")
    else:
        lines += [f"   {finding.kind}: {finding.what}" for finding in story.audit.findings[:20]]
    lines.append(f"\n{'Passed' if story.passed else 'FAILED'}. Report: {path}")
    return "\n".join(lines)


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
