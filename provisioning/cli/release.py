"""`./run ops deploy`, `rollback` and `releases`."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from dataclasses import asdict

from provisioning import lock
from provisioning.cli.commands import Add
from provisioning.cli.prompts import confirm, sayer
from provisioning.cli.show import show_proposal
from provisioning.cluster import Cluster
from provisioning.release import deploy, history
from provisioning.release.rendering import read_secrets


def add_commands(add: Add, add_change: Add) -> None:
    """Add deploy, rollback and releases."""
    ship = add_change("deploy", _deploy, "deploy the shop, and wait until it is healthy")
    ship.add_argument("image", nargs="?", help="image to deploy (default: the inventory's)")
    rollback = add_change("rollback", _rollback, "go back to an earlier release")
    rollback.add_argument(
        "release", nargs="?", type=int, help="its number (default: the last but one)"
    )
    add("releases", _releases, "list the releases that were deployed")


def _deploy(cluster: Cluster, args: argparse.Namespace) -> None:
    say = sayer(cluster, args)

    def propose() -> deploy.Proposal:
        say("Comparing with what runs …")
        return deploy.propose(cluster, cluster.manager(), args.image, say)

    _release(cluster, args, propose, "deploy")


def _rollback(cluster: Cluster, args: argparse.Namespace) -> None:
    read_secrets(cluster)

    def propose() -> deploy.Proposal:
        return deploy.propose_rollback(cluster, cluster.manager(), args.release)

    _release(cluster, args, propose, "rollback")


def _release(
    cluster: Cluster,
    args: argparse.Namespace,
    propose: Callable[[], deploy.Proposal],
    verb: str,
) -> None:
    if args.dry_run:
        _show(cluster, args, propose())
        return
    with lock.exclusive(cluster, verb):
        proposal = propose()
        number = proposal.release.number
        if not args.json or not proposal.needed:
            _show(cluster, args, proposal)
        if not proposal.needed:
            return
        confirm(args, "Deploy this?")
        started = time.monotonic()
        with lock.recorded(cluster, f"{verb} release {number}"):
            deploy.carry_out(cluster, proposal, sayer(cluster, args))
    if args.json:
        _show(cluster, args, proposal)
    else:
        took = time.monotonic() - started
        print(f"\nRelease {number} runs, all services healthy ({took:.0f} s).")
        print(f"The shop: https://{cluster.spec.domain}")


def _show(cluster: Cluster, args: argparse.Namespace, proposal: deploy.Proposal) -> None:
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
