"""`./run ops scale-hosts`: let workers come and go with the load."""

from __future__ import annotations

import argparse
import signal
import time
from collections.abc import Callable

from provisioning.cluster import Cluster
from provisioning.errors import OperatorError
from provisioning.growth.loop import Scaler
from provisioning.growth.policy import Rules
from provisioning.growth.provider import Provider
from provisioning.inventory import Inventory
from provisioning.saying import sayer


def add_options(command: argparse.ArgumentParser) -> None:
    """Add the command's options; the times are those of Kubernetes' cluster-autoscaler."""
    usual = Rules(0, 1)
    command.add_argument("--once", action="store_true", help="look and act once, then end")
    command.add_argument("--dry-run", action="store_true", help="only say what would be done")
    for option, kind, default, help_ in (
        ("--interval", seconds, 10.0, "seconds from one look to the next"),
        ("--idle-below", _share, usual.idle_below, "share reserved below which a host is idle"),
        ("--idle-for", seconds, usual.idle_for, "seconds after which an idle host goes"),
        ("--after-growth", seconds, usual.after_growth, "seconds without any going after growth"),
        ("--boot-time", seconds, usual.boot_time, "seconds after which a new host is given up"),
    ):
        command.add_argument(
            option, type=kind, default=default, help=f"{help_} (default: {default:g})"
        )


def scale_hosts(cluster: Cluster, args: argparse.Namespace) -> int:
    """Run round after round until stopped, or one."""
    provider = provider_of(cluster.inventory)
    assert cluster.inventory.node_group is not None  # provider_of has seen to it
    fewest, most = cluster.inventory.node_group.size
    rules = Rules(
        fewest,
        most,
        idle_below=args.idle_below,
        idle_for=args.idle_for,
        after_growth=args.after_growth,
        boot_time=args.boot_time,
    )

    say = sayer(cluster.redact, timed=True)
    say(f"{fewest} to {most} workers, made by {cluster.inventory.node_group.provider}.")
    for stop in (signal.SIGINT, signal.SIGTERM):  # a service manager's stop is like Ctrl-C
        signal.signal(stop, signal.default_int_handler)
    scaler = Scaler(cluster, provider, rules, say, time.monotonic, args.dry_run)
    upkeep = None if args.dry_run else _upkeep(cluster, say)
    while True:
        if upkeep:
            upkeep()
        changed = scaler.round()
        if args.once:
            return int(scaler.failed)
        if not changed:
            time.sleep(args.interval)


def _upkeep(cluster: Cluster, say: Callable[[str], None]) -> Callable[[], None] | None:
    """Return what brings credentials that change by themselves to the hosts; only clouds do."""
    group = cluster.inventory.node_group
    if group is None or group.provider != "ec2":
        return None
    from provisioning.cloud.aws import Aws
    from provisioning.cloud.upkeep import Upkeep

    return Upkeep(Aws(group.region), cluster, say, time.monotonic).round


def provider_of(inventory: Inventory) -> Provider:
    """Choose the provider that the inventory names."""
    group = inventory.node_group
    if group is None:
        raise OperatorError(
            f"The inventory {inventory.path} has no [node_group], so nobody is known who could "
            "make hosts. docs/operators-guide.md says what to write there."
        )
    # Each is imported where it is used: one needs boto3, the other root on this machine.
    if group.provider == "rehearsal":
        from provisioning.rehearsal.workers import RehearsalWorkers

        return RehearsalWorkers()
    from provisioning.cloud.aws import Aws
    from provisioning.cloud.workers import Ec2Workers

    return Ec2Workers(Aws(group.region), group.name, inventory.cluster.name)


def seconds(text: str) -> float:
    """Read a number of seconds, a day at most."""
    return _number(text, 0, 86400, "seconds, from 0 to 86400")


def _share(text: str) -> float:
    return _number(text, 0, 1, "a share from 0 to 1, such as 0.5")


def _number(text: str, low: float, high: float, wanted: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1
    if not low <= value <= high:
        raise argparse.ArgumentTypeError(f"{text} must be {wanted}")
    return value
