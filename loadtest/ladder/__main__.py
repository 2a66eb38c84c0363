"""`./run ladder`: the same load and the same faults on one machine and on a swarm."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from loadtest.errors import LoadError
from loadtest.evidence.ledger.database import LedgerError
from loadtest.ladder import figures, measure, page
from loadtest.ladder.steps import STEPS, build
from loadtest.stopping import run_to_its_end
from provisioning.errors import OperatorError
from provisioning.rehearsal import images, lifecycle
from provisioning.ssh.fleet import Fleet
from provisioning.ssh.redaction import Redactor


def main(argv: Sequence[str] | None = None) -> int:
    """Measure steps; 0 when no ledger differs, 1 when one does, 2 when one was not measured."""
    args = _parser().parse_args(argv)
    names = list(STEPS) if args.step == "all" else [args.step]
    folder = args.folder or Path("var/ladder") / time.strftime("%Y%m%d-%H%M%S")
    done: dict[str, figures.Step] = {}
    try:
        for name in names:
            done[name] = _measured(name, folder / name, args)
            if args.publish:
                page.publish({name: done[name]})
    except (OperatorError, LedgerError, LoadError, OSError, subprocess.SubprocessError) as error:
        print(f"\nladder: {error}", file=sys.stderr)
        return 2
    finally:
        if done:
            print("\n" + page.table(done, "en"))
    print(f"\nReports: {folder}")
    return 0 if all(step.clean for step in done.values()) else 1


def _measured(name: str, folder: Path, args: argparse.Namespace) -> figures.Step:
    """Build a step, measure it, and take it away again: it, and no rehearsal of somebody else."""
    folder.mkdir(parents=True)
    there = bool(lifecycle.current_hosts())
    if there and not args.keep:
        raise OperatorError("A rehearsal is up. Take it down first: ./run ops rehearsal down")
    try:
        built = 0.0 if there else build(name)
        image = images.relabel_shop(f"ladder-{time.strftime('%H%M%S')}")
        with Fleet((), Redactor()) as fleet:
            step = STEPS[name](fleet)
            made = measure.measure(step, image, folder / "runs", args.seed, args.rate, _say)
            made = measure.restored(step, made, folder / "runs", _say)
    finally:
        if not args.keep:
            lifecycle.down()
    busy = round(os.getloadavg()[2], 1)
    made = replace(made, built=round(built, 1), busy=busy)
    page.keep(folder / "step.json", {name: made})
    return made


def _say(text: str) -> None:
    print(text, flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="./run ladder",
        description="Build each step of docs/ladder.md on this machine (Linux, root), put the same "
        "load on it, break the same things, and compare.",
        epilog="docs/ladder.md says how to read it. About 30 minutes for both steps.",
    )
    parser.add_argument(
        "--step", choices=[*STEPS, "all"], default="all", help="one step only (default: all)"
    )
    parser.add_argument(
        "--rate", type=float, default=5.0, help="clicks a second while things break (default: 5)"
    )
    parser.add_argument("--seed", default="ladder", help="of all that is left to chance")
    parser.add_argument(
        "--folder", type=Path, help="where to keep the runs (default: var/ladder/…)"
    )
    parser.add_argument(
        "--publish", action="store_true", help="put the figures into docs/ladder.md and its Spanish"
    )
    parser.add_argument(
        "--keep", action="store_true", help="use a rehearsal that is up, and leave it so"
    )
    return parser


if __name__ == "__main__":
    sys.exit(run_to_its_end(main, "Half a measurement is none: run the same command again."))
