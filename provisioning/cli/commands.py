"""What all commands have in common: they work on a cluster, with options of the command line."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from provisioning import lock
from provisioning.cli.prompts import confirm
from provisioning.cluster import Cluster
from provisioning.inventory import check_files, load
from provisioning.rehearsal.layout import INVENTORY as REHEARSED
from provisioning.saying import sayer
from provisioning.ssh.fleet import Fleet
from provisioning.subparsers import Subparsers

Command = Callable[[Cluster, argparse.Namespace], int | None]
Say = Callable[[str], None]


class Add(Protocol):
    """Add a command: its name, what runs it, and a line of help."""

    def __call__(self, name: str, run: Command, help_: str) -> argparse.ArgumentParser:
        """Return the parser of a new command, for its own options."""


def adder(subparsers: Subparsers) -> Add:
    """Return what adds commands that only look."""

    def add(name: str, run: Command, help_: str) -> argparse.ArgumentParser:
        command = subparsers.add_parser(name, help=help_, description=help_)
        command.add_argument(
            "-i", "--inventory", type=Path, help="inventory to use (default: ./cluster.toml)"
        )
        command.set_defaults(handler=lambda args: _with_cluster(run, args))
        return command

    return add


def change_adder(subparsers: Subparsers) -> Add:
    """Return what adds commands that change the cluster."""
    add = adder(subparsers)

    def add_change(name: str, run: Command, help_: str) -> argparse.ArgumentParser:
        command = add(name, run, help_)
        command.add_argument("--yes", action="store_true", help="do it without asking")
        command.add_argument("--dry-run", action="store_true", help="only say what would be done")
        command.add_argument("--json", action="store_true", help="print the result as JSON")
        return command

    return add_change


def change(
    cluster: Cluster, args: argparse.Namespace, command: str, work: Callable[[Say], object]
) -> None:
    """Ask, then work under the lock and record it."""
    if args.dry_run:
        print(f"Would {command}.", file=sys.stderr if args.json else sys.stdout)
        return
    confirm(args, f"{command[0].upper()}{command[1:]}?")
    with lock.exclusive(cluster, command), lock.recorded(cluster, command):
        work(sayer(cluster.redact, to_errors=args.json))
    if args.json:
        print('{"done": true}')


def _with_cluster(run: Command, args: argparse.Namespace) -> int:
    inventory = load(_inventory_path(args.inventory))
    check_files(inventory)
    with Fleet(inventory.jump, args.redact) as fleet:
        return run(Cluster(inventory, fleet), args) or 0


def _inventory_path(given: Path | None) -> Path:
    """Choose the inventory: as told, else ./cluster.toml, else that of a running rehearsal."""
    usual = Path("cluster.toml")
    if given is None and not usual.exists() and REHEARSED.exists():
        return REHEARSED
    return given or usual
