"""Run some tests and nothing else: `./run test PATH [--mysql MYSQLD] [PYTEST OPTIONS]`. The
rehearsal's swarm is left out unless a path or a marker asks for it; with a program of MySQL's
server, what is tested on MariaDB is tested on that."""

import argparse
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.support.mariadb import MYSQLD

ROOT = Path(__file__).parents[1]


def main(options: Sequence[str]) -> int:
    """Return pytest's status, or 2 with a sentence when nothing was chosen."""
    if not options:
        print(
            "Say which tests: ./run test tests/orders, ./run test -k refund, ./run test --lf.\n"
            "Everything, with style and types: ./run tests",
            file=sys.stderr,
        )
        return 2
    parser = argparse.ArgumentParser(prog="./run test", add_help=False, allow_abbrev=False)
    parser.add_argument("--mysql", metavar="MYSQLD")
    own, others = parser.parse_known_args(options)
    environment = {**os.environ, **({MYSQLD: own.mysql} if own.mysql else {})}
    command = [sys.executable, "-m", "pytest", *chosen(others)]
    return subprocess.call(command, cwd=ROOT, env=environment)


def chosen(options: Sequence[str]) -> list[str]:
    """Return pytest's options: quiet, and without the rehearsal unless it is named."""
    named = any(option.startswith("-m") or "rehearsal" in option for option in options)
    return ["-q", *([] if named else ["-m", "not rehearsal"]), *options]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
