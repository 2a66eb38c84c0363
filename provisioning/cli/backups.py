"""`backup`, `restore` and `drill` of `./run ops`."""

from __future__ import annotations

import argparse
import json
import signal
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from provisioning import lock
from provisioning.backups import restoring
from provisioning.backups.taking import Keeper
from provisioning.care import backup as swarm_state
from provisioning.cli.commands import Add, change
from provisioning.cluster import Cluster
from provisioning.errors import OperatorError
from provisioning.release import history
from provisioning.release.migration import migrate
from provisioning.release.rendering import hide_secrets
from provisioning.saying import sayer

DAY = 86400.0


def add_commands(add: Add, add_change: Add) -> None:
    """Add backup, restore and drill."""
    save = add("backup", _backup, "take a backup of database, covers and swarm, as [backup] says")
    save.add_argument(
        "file", type=Path, nargs="?", help="only the swarm's state, secrets included, to this file"
    )
    save.add_argument("--logs", action="store_true", help="only the binary logs since the last")
    save.add_argument("--list", action="store_true", help="only list what is kept")
    save.add_argument("--watch", action="store_true", help="go on until stopped")
    save.add_argument(
        "--every", type=float, default=DAY, help="seconds between two with --watch (86400)"
    )
    save.add_argument(
        "--logs-every", type=float, default=60.0, help="seconds between logs with --watch (60)"
    )
    back = add_change(
        "restore", _restore, "bring database and covers back into an empty cluster, or a swarm"
    )
    back.add_argument("file", type=Path, nargs="?", help="a swarm's state, to start it anew from")
    back.add_argument("host", metavar="HOST", nargs="?", help="the manager to start it on")
    back.add_argument(
        "--until", type=moment, help='as it was then, such as "2026-11-25 16:00" (default: now)'
    )
    prove = add("drill", _drill, "prove that the newest backup can be restored, beside the shop")
    prove.add_argument("what", choices=["restore"])
    prove.add_argument("--json", action="store_true", help="print the result as JSON")


def _backup(cluster: Cluster, args: argparse.Namespace) -> None:
    hide_secrets(cluster)
    if args.file:
        with lock.exclusive(cluster, "backup"), lock.recorded(cluster, "backup"):
            swarm_state.backup(cluster, args.file, sayer(cluster.redact))
        return
    keeper = Keeper(cluster, sayer(cluster.redact, timed=True))
    if args.list:
        for one in keeper.backups():
            print(f"{one.name}  {sum(one.sizes.values()) / 1024:.0f} KiB")
    elif args.logs:
        print(f"{keeper.take_logs()} binary logs are kept.")
    elif args.watch:
        for stop in (signal.SIGINT, signal.SIGTERM):  # a service manager's stop is like Ctrl-C
            signal.signal(stop, signal.default_int_handler)
        keeper.watch(args.every, args.logs_every)
    else:
        keeper.take()


def _restore(cluster: Cluster, args: argparse.Namespace) -> None:
    hide_secrets(cluster)
    if args.file is None:
        change(
            cluster,
            args,
            "restore database and covers",
            lambda say: _restore_shop(cluster, args, say),
        )
        return
    if args.host is None:
        raise OperatorError(
            "Name the manager as well, to start a swarm anew from a file: ./run ops restore FILE "
            "HOST. For database and covers name neither."
        )
    host = cluster.inventory.named(args.host)
    if host.role != "manager":
        raise OperatorError(f"{host.name} is a worker: restore on a manager of the inventory.")
    change(
        cluster,
        args,
        f"restore on {host.name}",
        lambda say: swarm_state.restore(cluster, host, args.file, say),
    )


def _restore_shop(cluster: Cluster, args: argparse.Namespace, say: Callable[[str], None]) -> None:
    """Restore database and covers, and let what runs already have the tables that it knows."""
    restoring.restore(cluster, args.until, say)
    release = history.last_done(history.read(cluster.manager(), cluster.name))
    if release and any(s.stack in release.stacks for s in cluster.services()):
        migrate(cluster, release, say)
        say(f"Release {release.number} runs, and has it. See: ./run ops doctor")
    else:
        say("Deploy now: ./run ops deploy")


def _drill(cluster: Cluster, args: argparse.Namespace) -> None:
    hide_secrets(cluster)
    with lock.exclusive(cluster, "drill"), lock.recorded(cluster, "drill restore"):
        proof = restoring.drill(
            cluster, (lambda text: None) if args.json else sayer(cluster.redact)
        )
    if args.json:
        print(json.dumps({"rpo": round(proof.loses, 1), "rto": round(proof.takes, 1)}))
        return
    print(
        f"Restored beside the shop and dropped again: {proof.tables} tables, {proof.rows} rows.\n"
        f"RPO {proof.loses:.0f} s: so much would a disaster now have lost.\n"
        f"RTO {proof.takes:.0f} s: so long did database, logs and covers take."
    )


def moment(text: str) -> datetime:
    """Read a moment in local time, or with its zone."""
    try:
        return datetime.fromisoformat(text).astimezone()
    except ValueError:
        raise argparse.ArgumentTypeError(
            f'"{text}" is no moment such as "2026-11-25 16:00"'
        ) from None
