"""`./run drill NAME`: break something under load and prove what came of it."""

from __future__ import annotations

import argparse
import os
import secrets
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from loadtest.arguments import rate
from loadtest.drills import kept, randomly, schedule, table
from loadtest.drills.catalogue import DRILLS
from loadtest.drills.cluster import Cluster
from loadtest.drills.run import NotHereError, Verdict, run_drill
from loadtest.drills.table import Row
from loadtest.evidence.ledger.database import LedgerError
from loadtest.stopping import run_to_its_end
from provisioning import cluster as provisioned
from provisioning.errors import Interrupted, OperatorError
from provisioning.inventory import Inventory, check_files, load
from provisioning.rehearsal.layout import INVENTORY as REHEARSED
from provisioning.ssh.fleet import Fleet
from provisioning.ssh.redaction import Redactor

PUBLISHED = Path(__file__).parents[2] / "docs" / "drills"
OPEN = "-open"  # of the name of a drill under open load
NOT_HERE = "not possible here"
MENDED = "What was broken is mended; the run that was under way does not count."
SUMMED = 3  # of the published runs of a drill: so many make its line in the table


def main(argv: Sequence[str] | None = None) -> int:
    """Run drills; 0 when all passed, 1 when one failed, 2 when one could not be run.

    Of `all`, those that need a larger cluster are left out and said so; with --strict that is 2.
    """
    args = _parser().parse_args(argv)
    if args.drill == ["list"]:
        for name, drill in DRILLS.items():
            print(f"{name:<20} {drill.about}")
        return 0
    alone = {"all", "random", "list"}.intersection(args.drill)
    if alone and len(args.drill) > 1:
        print(f"`{min(alone)}` goes alone, without other drills.", file=sys.stderr)
        return 2
    if args.drill != ["random"] and (args.seed is not None or args.schedule):
        print("--seed and --schedule are for ./run drill random.", file=sys.stderr)
        return 2
    if args.drill == ["random"] and args.rate:
        print("--rate is for drills by name: a random schedule has people.", file=sys.stderr)
        return 2
    names = list(DRILLS if args.drill == ["all"] else dict.fromkeys(args.drill))
    folder = args.folder or Path("var/drills") / time.strftime("%Y%m%d-%H%M%S")
    try:
        path = args.inventory or REHEARSED
        inventory = load(path)
        check_files(inventory)
    except OperatorError as error:
        print(error, file=sys.stderr)
        return 2
    unable: dict[str, Row] = {}
    with Fleet(inventory.jump, Redactor()) as fleet:
        cluster = Cluster(
            provisioned.Cluster(inventory, fleet), path.resolve() == REHEARSED.resolve()
        )
        if args.drill == ["random"]:
            return _random(args, cluster, folder)
        drills = {name: DRILLS[name] for name in names}
        if args.rate:
            drills = {f"{n}{OPEN}": replace(d, rate=args.rate) for n, d in drills.items()}
            names = list(drills)
        for name, place in _set(names, args.repeat, folder):
            if name in unable or (place / kept.FILE).exists():
                continue
            kept.set_aside(place)
            try:
                verdict = run_drill(name, drills[name], cluster, place, _say)
            except NotHereError as error:
                unable[name] = Row(name, f"{NOT_HERE}: {error}")
                _say(f"{name}: {unable[name].verdict}.")
                continue
            except (OperatorError, LedgerError, subprocess.SubprocessError) as error:
                print(f"{name}: {error}", file=sys.stderr)
                unable[name] = Row(name, f"not run: {error}")
                continue
            except KeyboardInterrupt as stop:
                raise Interrupted(
                    str(stop) or f"{MENDED} Add --folder {folder} to go on."
                ) from None
            print(show(verdict), flush=True)
            if args.publish:
                _publish(verdict, inventory)
    rows = [unable.get(name) or summed(name, folder) for name in names]
    if len(names) > 1:
        print("\n" + table.text(rows))
    print(f"\nReports: {folder}")
    return status(rows, strict=args.strict or len(names) == 1)


def _set(names: Sequence[str], repeat: int, folder: Path) -> list[tuple[str, Path]]:
    """Return each drill with the folder of its run: each of them once, then each once more."""
    return [(name, folder / f"{name}-{n + 1}") for n in range(repeat) for name in names]


def summed(name: str, folder: Path) -> Row:
    """Sum the runs of a drill up that a folder holds."""
    places = sorted(folder.glob(f"{name}-[0-9]*"))
    runs = [kept.summary(r) for place in places if (r := kept.read(place)) is not None]
    return table.row(name, *runs) if runs else Row(name, "not run")


def _random(args: argparse.Namespace, cluster: Cluster, folder: Path) -> int:
    """Carry the schedules of consecutive seeds out; shrink the first that fails, and keep it."""
    first = secrets.randbelow(10**6) if args.seed is None else args.seed
    try:
        for seed in range(first, first + (1 if args.schedule else args.repeat)):
            if args.schedule:
                faults, minutes = schedule.read(args.schedule.read_text())
                name = args.schedule.stem
            else:
                minutes, name = args.minutes, str(seed)
                faults = randomly.of_seed(cluster, seed, minutes)
            once = randomly.carry_out(cluster, minutes, _say)
            _say(f"Schedule {name}:\n{schedule.written(faults, minutes)}")
            verdict = once(faults, folder / name)
            print(show(verdict, held=randomly.holds(verdict)), flush=True)
            made = randomly.line(name, minutes, faults, verdict, f"{os.getloadavg()[0]:.0f}")
            print(made, flush=True)
            if args.publish:
                randomly.PAGE.write_text(randomly.published(randomly.PAGE.read_text(), made))
            if not randomly.holds(verdict):
                fewest = randomly.fewest(faults, once, folder / name)
                kept = randomly.keep(fewest, minutes, f"seed-{name}")
                _say(f"{len(fewest)} of {len(faults)} faults are enough to fail: {kept}")
                return 1
    except (OperatorError, LedgerError, OSError, ValueError, subprocess.SubprocessError) as error:
        print(f"random: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt as stop:
        raise Interrupted(str(stop) or MENDED) from None
    return 0


def status(rows: Sequence[Row], *, strict: bool) -> int:
    """Return the exit status; a drill for which the cluster is too small counts if `strict`."""
    verdicts = [row.verdict for row in rows]
    if any(v.startswith("not run") or (strict and v.startswith(NOT_HERE)) for v in verdicts):
        return 2
    return 1 if any(v.startswith("FAILED") for v in verdicts) else 0


def _publish(verdict: Verdict, inventory: Inventory) -> None:
    """Keep the run, the line of its last runs in the table, and a report.

    The report is of the latest run, or of one that failed.
    """
    managers = sum(host.role == "manager" for host in inventory.host)
    when = f"{time.strftime('%Y-%m-%d')}, {managers} + {len(inventory.host) - managers} hosts"
    with (PUBLISHED / "runs.jsonl").open("a") as runs:
        runs.write(kept.line(verdict.path.parent, when))
    last = kept.last((PUBLISHED / "runs.jsonl").read_text(), verdict.name, SUMMED)
    row = table.row(verdict.name, *last)
    report = PUBLISHED / verdict.path.name
    if not verdict.result.passed or row.verdict.startswith("passed") or not report.exists():
        shutil.copy(verdict.path, report)
    page = PUBLISHED / "README.md"
    order = [name for drill in DRILLS for name in (drill, f"{drill}{OPEN}")]
    page.write_text(table.published(page.read_text(), [row], when, order))


def show(verdict: Verdict, *, held: bool | None = None) -> str:
    """Say in the terminal how a drill ended; a random one held, or did not, by rules of its own."""
    lines = []
    for e in verdict.result.expectations:
        sign = " " if e.met is None else "✓" if e.met else "✗"
        wanted = f"  (wanted: {e.wanted})" if e.met is False and e.wanted else ""
        lines.append(f"  {sign} {e.what:<46} {e.seen}{wanted}")
    if verdict.result.audit:
        lines += [f"      {f.kind}: {f.what}" for f in verdict.result.audit.findings[:10]]
    how = "passed" if verdict.result.passed else "FAILED"
    if held is not None:
        how = "held" if held else "FAILED"
    return "\n".join([*lines, f"  {verdict.name} {how}: {verdict.path}"])


def times(text: str) -> int:
    """Return how often to run each drill."""
    if not text.isdecimal() or not 0 < int(text) <= 1000:
        raise argparse.ArgumentTypeError(f"{text} is no number of times from 1 to 1000")
    return int(text)


def minutes(text: str) -> float:
    """Return how long a schedule is."""
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0.5 <= number <= 600:
        raise argparse.ArgumentTypeError(f"{text} is no number of minutes from 0.5 to 600")
    return number


def _say(text: str) -> None:
    print(text, flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="./run drill",
        description="Break something under load and prove that nothing was lost.",
        epilog="docs/testers-guide.md explains the drills, and how to add one.",
    )
    parser.add_argument(
        "drill",
        nargs="+",
        choices=[*DRILLS, "all", "random", "list"],
        metavar="NAME",
        help="drills, or `all`, `random` or `list`",
    )
    parser.add_argument("--seed", type=int, help="random: of the first schedule (default: any)")
    parser.add_argument(
        "--minutes", type=minutes, default=1.0, help="random: how long a schedule is (default: 1)"
    )
    parser.add_argument(
        "--schedule", type=Path, metavar="FILE", help="random: carry out a schedule that was kept"
    )
    parser.add_argument(
        "--rate",
        type=rate,
        metavar="CLICKS",
        help="clicks a second that come whatever the shop does, in place of people who wait for "
        "their answers (default: as each drill says, which is people)",
    )
    parser.add_argument(
        "-i", "--inventory", type=Path, help="the cluster (default: the running rehearsal)"
    )
    parser.add_argument("--folder", type=Path, help="where to keep reports (default: var/drills/…)")
    parser.add_argument(
        "--publish",
        action="store_true",
        help="keep the reports and their lines in the table of docs/drills as well",
    )
    parser.add_argument(
        "--repeat",
        type=times,
        default=1,
        metavar="N",
        help="run each drill so many times, and sum them up in one line",
    )
    parser.add_argument(
        "--strict",
        action="store_true",
        help="status 2 also where `all` leaves out what this cluster is too small for",
    )
    return parser


if __name__ == "__main__":
    sys.exit(run_to_its_end(main, "Nothing is broken: no drill was under way."))
