"""Ask the operator, and tell how far a command is."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable

from provisioning.cli.terminal import nobody_reads
from provisioning.cluster import Cluster
from provisioning.errors import OperatorError


def confirm(args: argparse.Namespace, question: str) -> None:
    """Ask before changing anything, unless told not to."""
    if args.yes:
        return
    if not sys.stdin.isatty():
        raise OperatorError("There is no terminal to ask on. Add --yes to go ahead.")
    try:
        answer = input(f"\n{question} [y/N] ")
    except EOFError:  # Ctrl-D
        answer = ""
        print()
    if answer.strip().lower() not in ("y", "yes"):
        raise OperatorError("Nothing was changed.")


def sayer(cluster: Cluster, args: argparse.Namespace) -> Callable[[str], None]:
    """Print progress; on standard error when standard output is for JSON.

    A reader who leaves stops what is under way, as Ctrl-C does: `deploy | head`.
    """
    stream = sys.stderr if args.json else sys.stdout

    def say(text: str) -> None:
        try:
            print(cluster.redact(text), file=stream, flush=True)
        except BrokenPipeError:
            nobody_reads(stream)
            raise KeyboardInterrupt from None

    return say
