"""`./run ops cloud …`"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from provisioning.cloud import costs
from provisioning.cloud.settings import Settings, load
from provisioning.errors import OperatorError
from provisioning.saying import sayer
from provisioning.subparsers import Subparsers

if TYPE_CHECKING:
    from provisioning.cloud.deploy import Proposal
    from provisioning.cloud.events import Event
    from provisioning.cloud.operations import Installation

# What talks to AWS is imported where it is used: boto3 takes a while, and --help needs none.

_say = sayer()


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
        "--allow-loss",
        action="store_true",
        help="even replace a manager, the one machine, the database or files",
    )
    up.add_argument(
        "--replace-manager",
        type=int,
        choices=(1, 2, 3),
        default=0,
        metavar="N",
        help="bring manager N to [hosts] ami and manager_type; one after another",
    )
    add("status", _status, "show the stacks and what runs in them")
    down = add("down", _down, "delete everything; the database leaves a final snapshot")
    down.add_argument("--yes", metavar="NAME", help="do not ask; NAME must be [cloud] name")
    down.add_argument(
        "--hosts",
        action="store_true",
        help="only the hosts, keeping all data; not where one machine holds it",
    )
    add("image", _image, "build the shop's image for arm64 and amd64, and push it")
    renewal = add(
        "replace-managers", _replace_managers, "bring all managers to [hosts] ami and manager_type"
    )
    renewal.add_argument("--yes", action="store_true", help="do it without asking")
    inventory = add("inventory", _inventory, "write cluster.toml for the hosts on AWS")
    for command in (inventory, renewal):
        command.add_argument("-o", "--output", type=Path, default=Path("cluster.toml"))


def _plan(settings: Settings, args: argparse.Namespace) -> None:
    installation = _installation(settings)
    proposals = installation.plan()
    _show(proposals)
    _costs(settings)
    _examine(installation, proposals)
    if any(p.action != "nothing" for p in proposals):
        print("\nNothing was changed. To make these changes: ./run ops cloud up")


def _up(settings: Settings, args: argparse.Namespace) -> None:
    installation = _installation(settings, args.replace_manager)
    with _progress() as tell:
        installation.settle(_say, tell)
    proposals = installation.plan()
    if any(p.action == "back" for p in proposals):
        _show(proposals)
        _confirm(args.yes, "Take what is stuck back to where it was?")
        with _progress() as tell:
            installation.take_back(_say, tell)
        proposals = installation.plan()
    if any(p.action != "nothing" for p in proposals):
        _show(proposals)
        _costs(settings)
        _examine(installation, proposals)
        _confirm(args.yes, "Make these changes?")
    started = time.monotonic()
    with _progress() as tell:
        done = installation.up(_say, tell, allow_loss=args.allow_loss)
    print(f"\nDone in {time.monotonic() - started:.0f} s." if done else "\nNothing to do.")
    if settings.cloud.kind == "swarm":
        print("Next: ./run ops cloud inventory && ./run ops apply")
        if args.replace_manager:
            host = f"manager{args.replace_manager}"
            print(f"If {host} was replaced: ./run ops cloud inventory && ./run ops replace {host}")
    elif settings.cloud.kind == "machine":
        print(f"Next: ssh admin@{installation.outputs()['Address']}, and docs/one-machine.md")
    else:
        print(f"The shop: https://{settings.shop.domain}")
    if not settings.shop.hosted_zone:
        outputs = installation.outputs()
        door = f"a CNAME to {outputs.get('LoadBalancer')}"
        if settings.cloud.kind == "machine":
            door = f"an A record of {outputs['Address']}"
        print(f"Let the DNS record of {settings.shop.domain} be {door}")


def _examine(installation: Installation, proposals: list[Proposal]) -> None:
    from provisioning.cloud.preflight import refuse

    found = installation.examine(proposals)
    for text in found.unknown:
        print(f"Not known beforehand: {text}")
    refuse(found)


def _show(proposals: list[Proposal]) -> None:
    from provisioning.cloud.operations import describe

    for line in describe(proposals):
        print(line)


def _status(settings: Settings, args: argparse.Namespace) -> int:
    from provisioning.cloud.status import show

    lines, healthy = show(_installation(settings))
    print("\n".join(lines))
    return 0 if healthy else 1


def _down(settings: Settings, args: argparse.Namespace) -> None:
    from provisioning.cloud import teardown

    installation = _installation(settings)
    stacks = teardown.present(installation, hosts_only=args.hosts)
    if not stacks:
        what = "are no hosts" if args.hosts else "is nothing"
        print(f"There {what} of {settings.name} in {settings.cloud.region}.")
        return
    if args.hosts:
        teardown.refuse_with_data(stacks)
    teardown.refuse_unsettled(stacks)
    names = ", ".join(stack.name for _, stack in stacks)
    print(f"This deletes {names} with all hosts.")
    disks = [] if args.hosts else teardown.backup_disks(installation, stacks)
    if not args.hosts:
        _tell_what_stays(installation, {stage.template for stage, _ in stacks}, disks)
    if args.yes is not None and args.yes != settings.name:
        raise OperatorError(f'"{args.yes}" is not {settings.name}. Nothing was deleted.')
    if args.yes is None and _ask(f"Type {settings.name} to delete it: ") != settings.name:
        raise OperatorError("Nothing was deleted.")
    with _progress() as tell:
        teardown.delete(installation, stacks, _say, tell)
    if args.hosts:
        print("\nThe hosts are gone. Network, database and files are as they were.")
        return
    kept = teardown.snapshots(installation)
    print(f"\nGone. Kept: {', '.join(kept + disks) or 'nothing'}.")
    if disks:
        print("A disk costs about 0.09 USD per GiB and month until you delete it.")
        print("How another machine is restored from it: docs/aws.md, One machine again")
    if kept:
        print("A snapshot costs about 0.02 USD per GiB and month until you delete it.")
        print(
            'To go on from one: [database] snapshot = "NAME" in cloud.toml, then ./run ops cloud up'
        )


def _tell_what_stays(
    installation: Installation, templates: Collection[str], disks: list[str]
) -> None:
    if "machine" in templates:
        print("The machine's database and covers go with it.")
    for disk in disks:
        print(f"The disk with the backups ({disk}) stays.")
    if "data" in templates:
        print("The database leaves a final snapshot. The shared files (covers) are deleted;")
        print(_newest_backup(installation))


def _newest_backup(installation: Installation) -> str:
    from provisioning.cloud.teardown import newest_backup

    try:
        backup = newest_backup(installation)
    except OperatorError as error:
        return f"whether there is a backup of them is not known: {error}"
    if backup is None:
        return "there is no backup of them yet."
    return f"their newest backup is of {backup:%Y-%m-%d %H:%M} UTC."


def _inventory(settings: Settings, args: argparse.Namespace) -> None:
    from provisioning.cloud import inventory_file

    if settings.cloud.kind != "swarm":
        whole = {"machine": "One machine", "scaling-group": "A scaling group"}
        raise OperatorError(f"{whole[settings.cloud.kind]} has no swarm, so no inventory.")
    installation = _installation(settings)
    installation.refuse_other_kinds()
    outputs = installation.outputs()
    members, silent = inventory_file.renew(installation.aws, settings, outputs, args.output)
    count = f"{members} host{'' if members == 1 else 's'}"
    print(f"Wrote {args.output} with {count}, and {args.output.parent / 'secrets'}.")
    if silent:
        print(
            f"Left out, because their console shows no host key yet: {', '.join(silent)}. "
            "Run this again in a few minutes."
        )
    print("Next: ./run ops plan")


def _replace_managers(settings: Settings, args: argparse.Namespace) -> None:
    from provisioning.cloud.managers import Renewal, refuse
    from provisioning.cluster import Cluster
    from provisioning.inventory import check_files, load
    from provisioning.ssh.fleet import Fleet

    refuse(settings)
    installation = _installation(settings)
    installation.refuse_other_kinds()
    with _progress() as tell:  # what was interrupted here goes on at AWS
        installation.settle(_say, tell)
    installation.outputs()  # refuses while a stack is missing

    @contextmanager
    def connected() -> Iterator[Cluster]:
        inventory = load(args.output)
        check_files(inventory)
        with Fleet(inventory.jump, args.redact) as fleet:
            yield Cluster(inventory, fleet)

    undone = Renewal(installation, args.output, connected, _say, print).look()
    print(args.redact("\n".join(undone.words())))
    if not undone:
        print("\nNothing to do.")
        return
    question = "Put this right?"
    if undone.outdated:
        first = _installation(settings, undone.outdated[0])
        proposals = first.plan()
        _show(proposals)
        _examine(first, proposals)
        question = "Replace them? Whatever else is shown is changed with the first."
    _confirm(args.yes, question)
    with _progress() as tell:
        Renewal(installation, args.output, connected, _say, tell).run(undone)
    print("\nAll managers are what cloud.toml says.")


def _image(settings: Settings, args: argparse.Namespace) -> None:
    from provisioning.cloud.aws import Aws
    from provisioning.cloud.build import build

    pushed = build(Aws(settings.cloud.region), settings.shop.image, _say)
    print(f"\n{settings.shop.image} is in its registry, for {' and '.join(sorted(pushed))}.")


def _installation(settings: Settings, renewed: int = 0) -> Installation:
    from provisioning.cloud.aws import Aws
    from provisioning.cloud.operations import Installation

    return Installation(Aws(settings.cloud.region), settings, renewed=renewed)


def _costs(settings: Settings) -> None:
    print("\nCosts")
    print(costs.show(costs.estimate(settings, costs.prices())))


@contextmanager
def _progress() -> Iterator[Callable[[Event], None]]:
    """Show events: what is under way in one live line on a terminal, else a line each."""
    if not sys.stdout.isatty():
        yield lambda event: _say(str(event))
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
    try:
        return input(question).strip()
    except EOFError:  # Ctrl-D
        print()
        return ""
