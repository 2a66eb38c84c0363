"""The operator's command line: `./run ops COMMAND`."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from provisioning import lock
from provisioning.care.status import status
from provisioning.cli import care
from provisioning.cli.prompts import confirm, sayer
from provisioning.cli.show import show_plan, show_proposal
from provisioning.cloud import cli as cloud
from provisioning.doctor.report import report as doctor
from provisioning.errors import OperatorError
from provisioning.growth import cli as hosts_cli
from provisioning.inventory import Inventory, check_files, load
from provisioning.rehearsal import cli as rehearsal
from provisioning.rehearsal import lifecycle
from provisioning.rehearsal.layout import INVENTORY as REHEARSED
from provisioning.release import deploy, history
from provisioning.setup.apply import apply, read_plan
from provisioning.setup.facts import seat
from provisioning.setup.plan import Plan
from provisioning.ssh.fleet import Fleet
from provisioning.ssh.redaction import Redactor
from swarm.autoscaler import cli as autoscaler

Command = Callable[[Inventory, Fleet, argparse.Namespace], int | None]


def main(argv: list[str] | None = None) -> int:
    """Run one command; give 0 when done, 1 refused or failed, 2 misused, 130 stopped."""
    args = _parser().parse_args(argv)
    try:
        return args.handler(args) or 0
    except OperatorError as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped. Nothing is lost: run the same command again to go on.", file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="./run ops",
        description="Build a Docker Swarm from bare hosts, put the shop on it, and look after it.",
        epilog="docs/operators-guide.md takes you from three bare hosts to HTTPS.",
    )
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    def add(name: str, run: Command, help_: str) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=help_, description=help_)
        command.add_argument(
            "-i", "--inventory", type=Path, help="inventory to use (default: ./cluster.toml)"
        )
        command.set_defaults(handler=lambda args: _with_hosts(run, args))
        return command

    def add_change(name: str, run: Command, help_: str) -> argparse.ArgumentParser:
        command = add(name, run, help_)
        command.add_argument("--yes", action="store_true", help="do it without asking")
        command.add_argument("--dry-run", action="store_true", help="only say what would be done")
        command.add_argument("--json", action="store_true", help="print the result as JSON")
        return command

    plan = add("plan", _plan, "say what apply would change, host by host; changes nothing")
    plan.add_argument("--json", action="store_true", help="print the plan as JSON")
    add_change("apply", _apply, "make the hosts what the inventory says")
    deploy = add_change("deploy", _deploy, "deploy the shop, and wait until it is healthy")
    deploy.add_argument("image", nargs="?", help="image to deploy (default: the inventory's)")
    rollback = add_change("rollback", _rollback, "go back to an earlier release")
    rollback.add_argument(
        "release", nargs="?", type=int, help="its number (default: the last but one)"
    )
    add("releases", _releases, "list the releases that were deployed")
    report = add("doctor", doctor, "examine hosts, network, storage, certificate and database")
    report.add_argument("--json", action="store_true", help="print the findings as JSON")
    screen = add("status", status, "show hosts, services, tasks, release and certificate")
    screen.add_argument("--json", action="store_true", help="print it as JSON")
    care.add_commands(add, add_change)
    hosts_cli.add_options(
        add("scale-hosts", hosts_cli.scale_hosts, "let workers come and go with the load")
    )
    audit = add("audit", _audit, "show who changed the cluster, when and how it ended")
    audit.add_argument("--count", type=int, default=30, help="entries to show (default: 30)")
    scaler = commands.add_parser("autoscaler", help="look at the autoscaler, and hold it")
    autoscaler.add_commands(scaler.add_subparsers(metavar="COMMAND", required=True), _with_hosts)
    rehearse = commands.add_parser(
        "rehearse", help="do it all on this machine: rehearsal up, apply, deploy"
    )
    rehearse.add_argument("--managers", type=int, choices=(1, 3), default=1)
    rehearse.add_argument("--workers", type=int, default=3)
    rehearse.set_defaults(handler=_rehearse)
    hosts = commands.add_parser("rehearsal", help="make bare hosts on this machine to rehearse on")
    rehearsal.add_commands(hosts.add_subparsers(metavar="COMMAND", required=True))
    aws = commands.add_parser("cloud", help="the hosts, database and load balancer on AWS")
    cloud.add_commands(aws.add_subparsers(metavar="COMMAND", required=True))
    return parser


def _with_hosts(run: Command, args: argparse.Namespace) -> int:
    inventory = load(_inventory_path(args.inventory))
    check_files(inventory)
    with Fleet(inventory.jump, Redactor()) as fleet:
        return run(inventory, fleet, args) or 0


def _inventory_path(given: Path | None) -> Path:
    """Choose the inventory: as told, else ./cluster.toml, else that of a running rehearsal."""
    usual = Path("cluster.toml")
    if given is None and not usual.exists() and REHEARSED.exists():
        return REHEARSED
    return given or usual


def _plan(inventory: Inventory, fleet: Fleet, args: argparse.Namespace) -> None:
    secrets = deploy.read_secrets(inventory, fleet)
    _, plan = read_plan(inventory, fleet, deploy.objects_of(inventory, secrets))
    _show(inventory, fleet, plan, args)
    if plan.operations and not args.json:
        print("\nNothing was changed. To make these changes: ./run ops apply")


def _apply(inventory: Inventory, fleet: Fleet, args: argparse.Namespace) -> None:
    if args.dry_run:
        return _plan(inventory, fleet, args)
    secrets = deploy.read_secrets(inventory, fleet)
    objects = deploy.objects_of(inventory, secrets)
    with lock.exclusive(inventory, fleet, "apply"):
        _, plan = read_plan(inventory, fleet, objects)
        if not args.json:
            _show(inventory, fleet, plan, args)
        made, started = 0, time.monotonic()
        if plan.operations:
            confirm(args, "Make these changes?")
            with lock.recorded(inventory, fleet, "apply"):
                made = apply(inventory, fleet, objects, sayer(fleet, args))
    if args.json:
        print(json.dumps({"changes": made}))
    elif made:
        print(f"\nDone: {_count(made, 'change')} in {time.monotonic() - started:.0f} s.")
    return None


def _deploy(inventory: Inventory, fleet: Fleet, args: argparse.Namespace) -> None:
    say = sayer(fleet, args)

    def propose() -> deploy.Proposal:
        say("Comparing with what runs …")
        return deploy.propose(inventory, fleet, seat(inventory, fleet), args.image, say)

    _release(inventory, fleet, args, propose, "deploy")


def _rollback(inventory: Inventory, fleet: Fleet, args: argparse.Namespace) -> None:
    deploy.read_secrets(inventory, fleet)

    def propose() -> deploy.Proposal:
        return deploy.propose_rollback(inventory, seat(inventory, fleet), args.release)

    _release(inventory, fleet, args, propose, "rollback")


def _release(
    inventory: Inventory,
    fleet: Fleet,
    args: argparse.Namespace,
    propose: Callable[[], deploy.Proposal],
    verb: str,
) -> None:
    if args.dry_run:
        _show_proposal(fleet, args, propose())
        return
    with lock.exclusive(inventory, fleet, verb):
        proposal = propose()
        number = proposal.release.number
        if not args.json or not proposal.needed:
            _show_proposal(fleet, args, proposal)
        if not proposal.needed:
            return
        confirm(args, "Deploy this?")
        started = time.monotonic()
        with lock.recorded(inventory, fleet, f"{verb} release {number}"):
            deploy.carry_out(inventory, fleet, proposal, sayer(fleet, args))
    if args.json:
        _show_proposal(fleet, args, proposal)
    else:
        took = time.monotonic() - started
        print(f"\nRelease {number} runs, all services healthy ({took:.0f} s).")
        print(f"The shop: https://{inventory.cluster.domain}")


def _show_proposal(fleet: Fleet, args: argparse.Namespace, proposal: deploy.Proposal) -> None:
    text = show_proposal(proposal)
    if args.json:
        number = proposal.release.number if proposal.needed else None
        changes = [asdict(change) for change in proposal.changes]
        text = json.dumps({"release": number, "changes": changes}, indent=2)
    print(fleet.redact(text))


def _releases(inventory: Inventory, fleet: Fleet, args: argparse.Namespace) -> None:
    releases = history.read(seat(inventory, fleet), inventory.cluster.name)
    for item in releases:
        print(item)
    if not releases:
        print("There is no release yet. To make one: ./run ops deploy")


def _audit(inventory: Inventory, fleet: Fleet, args: argparse.Namespace) -> None:
    entries = lock.trail(inventory, fleet, args.count)
    for entry in entries:
        print(fleet.redact(str(entry)))
    if not entries:
        print("Nobody has changed this cluster yet.")


def _rehearse(args: argparse.Namespace) -> int:
    phases: list[tuple[str, float]] = []
    common = ["--inventory", str(REHEARSED), "--yes"]
    for name, work in (
        ("rehearsal up", lambda: _up(args)),
        ("apply", lambda: main(["apply", *common])),
        ("deploy", lambda: main(["deploy", *common])),
    ):
        print(f"\n=== {name}", flush=True)
        started = time.monotonic()
        status_ = work()
        phases.append((name, time.monotonic() - started))
        if status_:
            return int(status_)
    print("\nphase          seconds")
    for name, seconds in [*phases, ("in all", sum(s for _, s in phases))]:
        print(f"{name:<14} {seconds:>7.1f}")
    return 0


def _up(args: argparse.Namespace) -> None:
    lifecycle.up(args.managers, args.workers)


def _show(inventory: Inventory, fleet: Fleet, plan: Plan, args: argparse.Namespace) -> None:
    if args.json:
        rows = [{"host": o.host, "stage": o.stage, "change": o.words} for o in plan.operations]
        print(fleet.redact(json.dumps({"changes": rows, "notes": plan.notes}, indent=2)))
    else:
        print(fleet.redact(show_plan(inventory, plan)))


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
