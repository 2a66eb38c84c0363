"""A longer attack by hand: `.venv/bin/python -m tests.attack --seconds 600`."""

import argparse
import secrets
import sys
import tempfile
from pathlib import Path

from tests.attack.run import attack
from tests.support.mariadb import MariaDB


def main() -> int:
    """Return 0 when everything held."""
    parser = argparse.ArgumentParser(prog="python -m tests.attack", description=__doc__)
    parser.add_argument("--seconds", type=float, default=300.0, help="how long (default 300)")
    parser.add_argument("--people", type=int, default=8, help="how many attackers (default 8)")
    parser.add_argument("--seed", type=int, help="the same choices as an earlier attack's")
    options = parser.parse_args()
    seed = options.seed if options.seed is not None else secrets.randbelow(10**6)
    print(f"seed {seed}", flush=True)
    with MariaDB.start() as server, tempfile.TemporaryDirectory() as folder:
        report = attack(
            server, Path(folder), seed=seed, seconds=options.seconds, people=options.people
        )
    print(report)
    for problem in report.problems:
        print(f"- {problem}")
    if report.problems:
        print(report.log[-20_000:])
    return 1 if report.problems else 0


if __name__ == "__main__":
    sys.exit(main())
