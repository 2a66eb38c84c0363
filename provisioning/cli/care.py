"""The care commands of `./run ops`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from provisioning import live, lock
from provisioning.care import backup, drain
from provisioning.cli.prompts import confirm, sayer
from provisioning.cli.show import show_plan
from provisioning.errors import OperatorError
from provisioning.inventory import Inventory
from provisioning.release import deploy
from provisioning.setup.facts import seat
from provisioning.ssh.fleet import Fleet

Run = Callable[[Inventory, Fleet, argparse.Namespace], int | None]
FOR_A_DAY = 86400.0


class Add(Protocol):
    """Add a command: its name, what runs it, and a line of help."""

    def __call__(self, name: str, run: Run, help_: str) -> argparse.ArgumentParser: ...


def add_commands(add: Add, add_change: Add) -> None:
    """Add drain, activate, replace, restart, rebalance, renew, logs, backup and restore."""
    for name, run, help_ in (
        ("drain", _drain, "move all tasks off a host, without an error for readers"),
        ("activate", _activate, "let a drained host take tasks again"),
        ("replace", _replace, "put a new machine in a dead host's place"),
        ("restart", _restart, "restart a host's engine, for instance when its overlay is dead"),
    ):
        add_change(name, run, help_).add_argument("host", metavar="HOST")
    add_change("rebalance", _rebalance, "even out the spread of replicas, one task at a time")
    add_change("renew", _renew, "ask for a new certificate before its time")
    logs = add("logs", _logs, "show a service's log lines from all hosts")
    logs.add_argument("service", nargs="?", default="app_web", help="(default: app_web)")
    logs.add_argument("--tail", type=int, default=100, help="lines of each task (default: 100)")
    logs.add_argument("--since", default="", help="only newer ones, such as 10m or 2h")
    logs.add_argument("--follow", action="store_true", help="go on until Ctrl-C")
    save = add("backup", _backup, "save the swarm's state, secrets included, to a file here")
    save.add_argument("file", type=Path)
    back = add_change("restore", _restore, "start a lost swarm anew from a backup")
    back.add_argument("file", type=Path)
    back.add_argument("host", metavar="HOST", help="the manager to start it on")


def _drain(inventory: Inventory, fleet: Fleet, args: argparse.Namespace) -> None:
    host = inventory.named(args.host)
    _do(
        inventory,
        fleet,
        args,
        f"drain {host.name}",
        lambda say: drain.drain(inventory, fleet, host, say),
    )


def _activate(inventory: Inventory, fleet: Fleet, args: argparse.Namespace) -> None:
    host = inventory.named(args.host)
    _do(
        inventory,
        fleet,
        args,
        f"activate {host.name}",
        lambda say: drain.activate(inventory, fleet, host, say),
    )


def _replace(inventory: Inventory, fleet: Fleet, args: argparse.Namespace) -> None:
    host = inventory.named(args.host)
    objects = deploy.objects_of(inventory, deploy.read_secrets(inventory, fleet))
    plan = drain.replace_plan(inventory, fleet, host, objects)
    print(fleet.redact(show_plan(inventory, plan)))
    _do(
        inventory,
        fleet,
        args,
        f"replace {host.name}",
        lambda say: drain.replace(inventory, fleet, host, objects, say),
    )


def _restart(inventory: Inventory, fleet: Fleet, args: argparse.Namespace) -> None:
    host = inventory.named(args.host)

    def work(say: Callable[[str], None]) -> None:
        fleet.to(host).run(
            "systemctl restart docker && docker info >/dev/null",
            sudo=True,
            timeout=120,
            shown="restart the engine",
        )
        say(f"The engine of {host.name} is restarted; its tasks start again. See ./run ops doctor")

    _do(inventory, fleet, args, f"restart {host.name}", work)


def _rebalance(inventory: Inventory, fleet: Fleet, args: argparse.Namespace) -> None:
    _do(inventory, fleet, args, "rebalance", lambda say: drain.rebalance(inventory, fleet, say))


def _renew(inventory: Inventory, fleet: Fleet, args: argparse.Namespace) -> None:
    if sum(h.is_edge for h in inventory.host) == 1:
        raise OperatorError(
            "With one edge, Traefik renews the certificate itself a month before its end; it takes "
            "no order to do so earlier."
        )

    def work(say: Callable[[str], None]) -> None:
        path = f"{inventory.cluster.storage_path}/acme/renew"
        seat(inventory, fleet).run(f"touch {path}", sudo=True)
        say("Asked. The edges take the new certificate one by one: ./run ops logs edge_acme")

    _do(inventory, fleet, args, "renew", work)


def _logs(inventory: Inventory, fleet: Fleet, args: argparse.Namespace) -> None:
    deploy.read_secrets(inventory, fleet)  # so that none of them is shown
    connection = seat(inventory, fleet)
    names = [s.name for s in live.read(connection)]
    if args.service not in names:
        raise OperatorError(
            f'There is no service "{args.service}". There are: {", ".join(names) or "none yet"}.'
        )
    flags = [f"--tail {args.tail}"]
    flags += [f"--since {args.since}"] if args.since else []
    flags += ["--follow"] if args.follow else []
    connection.run(
        f"docker service logs {' '.join(flags)} {args.service} 2>&1",
        sudo=True,
        timeout=FOR_A_DAY if args.follow else 60,
        echo=lambda text: print(text, end="", flush=True),
    )


def _backup(inventory: Inventory, fleet: Fleet, args: argparse.Namespace) -> None:
    with (
        lock.exclusive(inventory, fleet, "backup"),
        lock.recorded(inventory, fleet, "backup"),
    ):
        backup.backup(inventory, fleet, args.file, print)


def _restore(inventory: Inventory, fleet: Fleet, args: argparse.Namespace) -> None:
    host = inventory.named(args.host)
    if host.role != "manager":
        raise OperatorError(f"{host.name} is a worker: restore on a manager of the inventory.")
    _do(
        inventory,
        fleet,
        args,
        f"restore on {host.name}",
        lambda say: backup.restore(inventory, fleet, host, args.file, say),
    )


def _do(
    inventory: Inventory,
    fleet: Fleet,
    args: argparse.Namespace,
    command: str,
    work: Callable[[Callable[[str], None]], object],
) -> None:
    """Ask, then work under the lock and record it."""
    if args.dry_run:
        print(f"Would {command}.", file=sys.stderr if args.json else sys.stdout)
        return
    confirm(args, f"{command[0].upper()}{command[1:]}?")
    with lock.exclusive(inventory, fleet, command), lock.recorded(inventory, fleet, command):
        work(sayer(fleet, args))
    if args.json:
        print('{"done": true}')
