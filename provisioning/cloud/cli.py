"""`./run ops cloud …`"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from provisioning.cloud import costs
from provisioning.cloud.settings import Settings, load
from provisioning.errors import OperatorError
from provisioning.subparsers import Subparsers

if TYPE_CHECKING:
    from provisioning.cloud.events import Event
    from provisioning.cloud.operations import Installation

# What talks to AWS is imported where it is used: boto3 takes a while, and --help needs none.


def add_commands(subparsers: Subparsers) -> None:
    """Add the cloud's commands; each sets `handler`, from arguments to exit status."""

    def add(
        name: str, run: Callable[[Settings, argparse.Namespace], int | None], help_: str
    ) -> argparse.ArgumentParser:
        command = subparsers.add_parser(name, help=help_, description=help_)
        command.add_argument(
            "-c", "--config", type=Path, default=Path("cloud.toml"), help="default: ./cloud.toml"
        )
        command.set_defaults(handler=lambda args: run(load(args.config), args) or 0)
        return command

    add("plan", _plan, "say what `up` would make or change, and what it costs; changes nothing")
    up = add("up", _up, "make the stacks on AWS what cloud.toml says")
    up.add_argument("--yes", action="store_true", help="do it without asking")
    up.add_argument(
        "--allow-loss", action="store_true", help="even replace a manager, the database or files"
    )
    add("status", _status, "show the stacks and what runs in them")
    down = add("down", _down, "delete everything; the database leaves a final snapshot")
    down.add_argument("--yes", metavar="NAME", help="do not ask; NAME must be [cloud] name")
    inventory = add("inventory", _inventory, "write cluster.toml for the hosts on AWS")
    inventory.add_argument("-o", "--output", type=Path, default=Path("cluster.toml"))


def _plan(settings: Settings, args: argparse.Namespace) -> None:
    from provisioning.cloud.operations import describe

    proposals = _installation(settings).plan()
    for line in describe(proposals):
        print(line)
    _costs(settings)
    if any(p.action != "nothing" for p in proposals):
        print("\nNothing was changed. To make these changes: ./run ops cloud up")


def _up(settings: Settings, args: argparse.Namespace) -> None:
    from provisioning.cloud.operations import describe

    installation = _installation(settings)
    proposals = installation.plan()
    if any(p.action != "nothing" for p in proposals):
        for line in describe(proposals):
            print(line)
        _costs(settings)
        _confirm(args.yes, "Make these changes?")
    started = time.monotonic()
    with _progress() as tell:
        done = installation.up(_say, tell, allow_loss=args.allow_loss)
    print(f"\nDone in {time.monotonic() - started:.0f} s." if done else "\nNothing to do.")
    if settings.cloud.kind == "swarm":
        print("Next: ./run ops cloud inventory && ./run ops apply")
    else:
        print(f"The shop: https://{settings.shop.domain}")
    if not settings.shop.hosted_zone:
        balancer = installation.outputs()["LoadBalancer"]
        print(f"Let the DNS record of {settings.shop.domain} be a CNAME to {balancer}")


def _status(settings: Settings, args: argparse.Namespace) -> int:
    from provisioning.cloud.status import show

    lines, healthy = show(_installation(settings))
    print("\n".join(lines))
    return 0 if healthy else 1


def _down(settings: Settings, args: argparse.Namespace) -> None:
    installation = _installation(settings)
    there = [stage.stack for stage, stack in installation.status() if stack]
    if not there:
        print(f"There is nothing of {settings.name} in {settings.cloud.region}.")
        return
    print(f"This deletes {', '.join(reversed(there))} with all hosts.")
    print("The database leaves a final snapshot. The shared files (covers) are deleted;")
    print(_newest_backup(installation))
    if args.yes is not None and args.yes != settings.name:
        raise OperatorError(f'"{args.yes}" is not {settings.name}. Nothing was deleted.')
    if args.yes is None and _ask(f"Type {settings.name} to delete it: ") != settings.name:
        raise OperatorError("Nothing was deleted.")
    with _progress() as tell:
        installation.down(_say, tell)
    kept = installation.snapshots()
    print(f"\nGone. Kept: {', '.join(kept) or 'nothing'}.")
    if kept:
        print("A snapshot costs about 0.02 USD per GiB and month until you delete it.")


def _newest_backup(installation: Installation) -> str:
    try:
        backup = installation.newest_backup()
    except OperatorError as error:
        return f"whether there is a backup of them is not known: {error}"
    if backup is None:
        return "there is no backup of them yet."
    return f"their newest backup is of {backup:%Y-%m-%d %H:%M} UTC."


def _inventory(settings: Settings, args: argparse.Namespace) -> None:
    from provisioning.cloud import inventory_file

    if settings.cloud.kind != "swarm":
        raise OperatorError("A scaling group has no swarm, so no inventory: it looks after itself.")
    installation = _installation(settings)
    outputs = installation.outputs()
    members, silent = inventory_file.gather(installation.aws, outputs)
    secrets = inventory_file.secret_files(installation.aws, outputs)
    inventory_file.write(args.output, inventory_file.text(settings, outputs, members), secrets)
    count = f"{len(members)} host{'' if len(members) == 1 else 's'}"
    print(f"Wrote {args.output} with {count}, and {args.output.parent / 'secrets'}.")
    if silent:
        print(
            f"Left out, because their console shows no host key yet: {', '.join(silent)}. "
            "Run this again in a few minutes."
        )
    print("Next: ./run ops plan")


def _installation(settings: Settings) -> Installation:
    from provisioning.cloud.aws import Aws
    from provisioning.cloud.operations import Installation

    return Installation(Aws(settings.cloud.region), settings)


def _costs(settings: Settings) -> None:
    print("\nCosts")
    print(costs.show(costs.estimate(settings, costs.prices())))


def _say(text: str) -> None:
    print(text, flush=True)


@contextmanager
def _progress() -> Iterator[Callable[[Event], None]]:
    """Show events: what is under way in one live line on a terminal, else a line each."""
    if not sys.stdout.isatty():
        yield lambda event: print(event, flush=True)
        return
    from rich.console import Console
    from rich.live import Live
    from rich.text import Text

    console = Console(highlight=False)
    live = Live(console=console, transient=True)
    busy: dict[str, str] = {}

    def tell(event: Event) -> None:
        key = f"{event.stack} {event.resource}"
        if event.status.endswith("_IN_PROGRESS"):
            busy[key] = event.resource
        else:
            busy.pop(key, None)
            console.print(Text(str(event), style="red" if event.failed else ""))
        under_way = ", ".join(busy.values())
        live.update(Text(f"  … {under_way}" if busy else "", overflow="ellipsis", no_wrap=True))

    with live:
        yield tell


def _confirm(yes: bool, question: str) -> None:
    if not yes and _ask(f"\n{question} [y/N] ").lower() not in ("y", "yes"):
        raise OperatorError("Nothing was changed.")


def _ask(question: str) -> str:
    if not sys.stdin.isatty():
        raise OperatorError("There is no terminal to ask on. Add --yes (see --help) to go ahead.")
    return input(question).strip()
