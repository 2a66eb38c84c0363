"""Ask the operator."""

from __future__ import annotations

import argparse
import sys

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
