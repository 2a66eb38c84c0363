"""`./run ops plan` and `apply`."""

from __future__ import annotations

import argparse
import json
import time
from functools import partial

from provisioning import lock
from provisioning.care.maintenance import out_of_service
from provisioning.cli.commands import Add
from provisioning.cli.prompts import confirm
from provisioning.cli.show import show_plan
from provisioning.cluster import Cluster
from provisioning.errors import OperatorError
from provisioning.release.rendering import hide_secrets, networks_of
from provisioning.saying import sayer
from provisioning.setup.apply import apply, read_plan
from provisioning.setup.operations import Plan


def add_commands(add: Add, add_change: Add) -> None:
    """Add plan and apply."""
    plan = add("plan", _plan, "say what apply would change, host by host; changes nothing")
    plan.add_argument("--json", action="store_true", help="print the plan as JSON")
    add_change("apply", _apply, "make the hosts what the inventory says")


def _plan(cluster: Cluster, args: argparse.Namespace) -> int:
    hide_secrets(cluster)
    _, plan = read_plan(cluster, networks_of(cluster.inventory))
    _show(cluster, plan, args)
    if plan.operations and not args.json:
        print("\nNothing was changed. To make these changes: ./run ops apply")
    return 1 if plan.lost else 0


def _apply(cluster: Cluster, args: argparse.Namespace) -> int:
    if args.dry_run:
        return _plan(cluster, args)
    hide_secrets(cluster)
    objects = networks_of(cluster.inventory)
    with lock.exclusive(cluster, "apply"):
        _, plan = read_plan(cluster, objects)
        if not args.json:
            _show(cluster, plan, args)
        made, started = 0, time.monotonic()
        if plan.operations:
            confirm(args, "Make these changes?")
            with lock.recorded(cluster, "apply"):
                say = sayer(cluster.redact, to_errors=args.json)
                made = apply(cluster, objects, say, around=partial(out_of_service, cluster, say))
    if args.json:
        print(json.dumps({"changes": made}))
    elif made:
        changes = f"{made} change{'' if made == 1 else 's'}"
        print(f"\nDone: {changes} in {time.monotonic() - started:.0f} s.")
    if plan.lost:
        raise OperatorError(
            f"Not done on {', '.join(plan.lost)}, which cannot be asked. When that is put right, "
            "run this again; a host that is gone for good: ./run ops replace."
        )
    return 0


def _show(cluster: Cluster, plan: Plan, args: argparse.Namespace) -> None:
    if args.json:
        rows = [{"host": o.host, "stage": o.stage, "change": o.words} for o in plan.operations]
        print(cluster.redact(json.dumps({"changes": rows, "notes": plan.notes}, indent=2)))
    else:
        print(cluster.redact(show_plan(cluster.inventory, plan)))
