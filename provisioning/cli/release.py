"""`./run ops deploy`, `rollback` and `releases`."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from dataclasses import asdict

from provisioning import lock
from provisioning.care import rebalance
from provisioning.cli.commands import Add
from provisioning.cli.prompts import confirm
from provisioning.cli.show import show_proposal
from provisioning.cluster import Cluster
from provisioning.errors import Interrupted, OperatorError
from provisioning.inventory import values
from provisioning.release import deploy, history
from provisioning.release.proposal import Proposal, propose, propose_rollback
from provisioning.release.rendering import hide_secrets
from provisioning.saying import sayer
from provisioning.ssh.transport import LockLost


def add_commands(add: Add, add_change: Add) -> None:
    """Add deploy, rollback and releases."""
    ship = add_change("deploy", _deploy, "deploy the shop, and wait until it is healthy")
    ship.add_argument(
        "image", nargs="?", type=_image, help="image to deploy (default: the one that runs)"
    )
    rollback = add_change("rollback", _rollback, "go back to an earlier release")
    rollback.add_argument(
        "release", nargs="?", type=int, help="its number (default: the last but one)"
    )
    add("releases", _releases, "list the releases that were deployed")


def _image(text: str) -> str:
    try:
        return values.image(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _deploy(cluster: Cluster, args: argparse.Namespace) -> None:
    say = sayer(cluster.redact, to_errors=args.json)

    def work_out() -> Proposal:
        say("Comparing with what runs …")
        return propose(cluster, cluster.manager(), args.image, say)

    _release(cluster, args, work_out, "deploy")


def _rollback(cluster: Cluster, args: argparse.Namespace) -> None:
    hide_secrets(cluster)

    def work_out() -> Proposal:
        return propose_rollback(cluster, cluster.manager(), args.release)

    _release(cluster, args, work_out, "rollback")


def _release(
    cluster: Cluster,
    args: argparse.Namespace,
    work_out: Callable[[], Proposal],
    verb: str,
) -> None:
    if args.dry_run:
        _show(cluster, args, work_out())
        return
    with lock.exclusive(cluster, verb):
        proposal = work_out()
        number = proposal.release.number
        if not args.json or not proposal.needed:
            _show(cluster, args, proposal)
        if not proposal.needed:
            return
        confirm(args, "Deploy this?")
        started, say = time.monotonic(), sayer(cluster.redact, to_errors=args.json)
        with lock.recorded(cluster, f"{verb} release {number}"):
            wrong = deploy.carry_out(cluster, proposal, say)
        _even_out(cluster, number, say)
    if args.json:
        _show(cluster, args, proposal)
    else:
        took = time.monotonic() - started
        print(f"\nRelease {number} runs, all services healthy ({took:.0f} s).")
        print(f"The shop: https://{cluster.spec.domain}")
    if wrong:
        raise OperatorError(
            "As before the release, not every edge serves readers (./run ops doctor):\n  "
            + "\n  ".join(wrong)
        )


def _even_out(cluster: Cluster, number: int, say: Callable[[str], None]) -> None:
    """Even out what a release left uneven. Where that fails the release stands."""
    later = f"Release {number} runs. To even out its replicas: ./run ops rebalance"
    try:
        rebalance.even_out(cluster, say)
    except LockLost:
        raise
    except OperatorError as error:
        say(f"Replicas are unevenly spread: {error}\n{later}")
    except KeyboardInterrupt as stop:
        raise Interrupted(f"{later}\n{stop}".strip()) from None


def _show(cluster: Cluster, args: argparse.Namespace, proposal: Proposal) -> None:
    text = show_proposal(proposal)
    if args.json:
        number = proposal.release.number if proposal.needed else None
        changes = [asdict(change) for change in proposal.changes]
        text = json.dumps({"release": number, "changes": changes}, indent=2)
    print(cluster.redact(text))


def _releases(cluster: Cluster, args: argparse.Namespace) -> None:
    releases = history.read(cluster.manager(), cluster.name)
    for item in releases:
        print(item)
    if not releases:
        print("There is no release yet. To make one: ./run ops deploy")
