"""`./run drill NAME`: break something under load and prove what came of it."""

from __future__ import annotations

import argparse
import shutil
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from loadtest import ledger
from loadtest.drills.catalogue import DRILLS
from loadtest.drills.cluster import Cluster
from loadtest.drills.run import Verdict, carry_out
from provisioning.errors import OperatorError
from provisioning.fleet import Fleet
from provisioning.inventory import check_files, load
from provisioning.redaction import Redactor
from provisioning.rehearsal.layout import INVENTORY as REHEARSED

PUBLISHED = Path(__file__).parents[2] / "docs" / "drills"


def main(argv: Sequence[str] | None = None) -> int:
    """Run drills; 0 when all passed, 1 when one failed, 2 when one could not be run."""
    args = _parser().parse_args(argv)
    if args.drill == "list":
        for name, drill in DRILLS.items():
            print(f"{name:<20} {drill.about}")
        return 0
    names = list(DRILLS) if args.drill == "all" else [args.drill]
    folder = args.folder or Path("var/drills") / time.strftime("%Y%m%d-%H%M%S")
    try:
        path = args.inventory or REHEARSED
        inventory = load(path)
        check_files(inventory)
    except OperatorError as error:
        print(error, file=sys.stderr)
        return 2
    rows: list[tuple[str, str, str]] = []
    with Fleet(inventory.jump, Redactor()) as fleet:
        cluster = Cluster(inventory, fleet, rehearsed=path.resolve() == REHEARSED.resolve())
        for name in names:
            try:
                verdict = carry_out(name, DRILLS[name], cluster, folder / name, _say)
            except (OperatorError, ledger.LedgerError) as error:
                print(f"{name}: {error}", file=sys.stderr)
                rows.append((name, "not run", str(error)))
                continue
            print(show(verdict), flush=True)
            if args.publish:
                PUBLISHED.mkdir(parents=True, exist_ok=True)
                shutil.copy(verdict.path, PUBLISHED / verdict.path.name)
            rows.append((name, "passed" if verdict.story.passed else "FAILED", _figures(verdict)))
    if len(names) > 1:
        print("\n" + "\n".join(f"{name:<20} {how:<8} {figures}" for name, how, figures in rows))
    print(f"\nReports: {folder}")
    outcomes = {how for _, how, _ in rows}
    return 2 if "not run" in outcomes else 1 if "FAILED" in outcomes else 0


def show(verdict: Verdict) -> str:
    """Say in the terminal how a drill ended."""
    lines = []
    for e in verdict.story.expectations:
        sign = " " if e.met is None else "✓" if e.met else "✗"
        wanted = f"  (wanted: {e.wanted})" if e.met is False and e.wanted else ""
        lines.append(f"  {sign} {e.what:<46} {e.seen}{wanted}")
    if verdict.story.audit:
        lines += [f"      {f.kind}: {f.what}" for f in verdict.story.audit.findings[:10]]
    how = "passed" if verdict.story.passed else "FAILED"
    return "\n".join([*lines, f"  {verdict.name} {how}: {verdict.path}"])


def _figures(verdict: Verdict) -> str:
    """Give the figures of a drill for the table."""
    chosen = ("requests that failed", "detection", "rescheduled", "first decision")
    return ", ".join(
        f"{e.what} {e.seen}" for e in verdict.story.expectations if e.what.startswith(chosen)
    )


def _say(text: str) -> None:
    print(text, flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="./run drill",
        description="Break something under load and prove that nothing was lost.",
        epilog="docs/testers-guide.md explains the drills, and how to add one.",
    )
    parser.add_argument(
        "drill", choices=[*DRILLS, "all", "list"], metavar="NAME", help="a drill, `all` or `list`"
    )
    parser.add_argument(
        "-i", "--inventory", type=Path, help="the cluster (default: the running rehearsal)"
    )
    parser.add_argument("--folder", type=Path, help="where to keep reports (default: var/drills/…)")
    parser.add_argument(
        "--publish", action="store_true", help="copy the reports to docs/drills as well"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
