"""The care commands of `./run ops`."""

from __future__ import annotations

import argparse
import re
import shlex
import sys
from datetime import UTC, datetime

from provisioning.care import drain, maintenance, rebalance, recover, replace, upgrade
from provisioning.cli.commands import Add, Say, change
from provisioning.cli.show import show_plan
from provisioning.cluster import Cluster
from provisioning.errors import OperatorError
from provisioning.release.rendering import hide_secrets, networks_of

FOR_A_DAY = 86400.0


def add_commands(add: Add, add_change: Add) -> None:
    """Add drain, activate, replace, restart, upgrade, recover and the rest."""
    for name, run, help_ in (
        ("drain", _drain, "move all tasks off a host, without an error for readers"),
        ("activate", _activate, "let a drained host take tasks again"),
        ("replace", _replace, "put a new machine in a dead host's place"),
        ("restart", _restart, "restart a host's engine, for instance when its overlay is dead"),
    ):
        add_change(name, run, help_).add_argument("host", metavar="HOST")
    add_change("upgrade", _upgrade, "upgrade the hosts' engines, one at a time, drained")
    again = add_change("recover", _recover, "give a swarm that lost its quorum a manager again")
    again.add_argument(
        "host", metavar="HOST", nargs="?", help="the manager to do it on (default: one that is up)"
    )
    add_change("rebalance", _rebalance, "even out the spread of replicas, one task at a time")
    add_change("renew", _renew, "ask for a new certificate before its time")
    logs = add("logs", _logs, "show a service's log lines from all hosts")
    logs.add_argument("service", nargs="?", default="app_web", help="(default: app_web)")
    logs.add_argument("--tail", type=int, default=100, help="lines of each task (default: 100)")
    logs.add_argument("--since", type=moment, help='only newer ones: 10m, 2h, "2026-11-25 16:00"')
    logs.add_argument("--follow", action="store_true", help="go on until Ctrl-C")


def _drain(cluster: Cluster, args: argparse.Namespace) -> None:
    host = cluster.inventory.named(args.host)
    change(cluster, args, f"drain {host.name}", lambda say: drain.drain(cluster, host, say))


def _activate(cluster: Cluster, args: argparse.Namespace) -> None:
    host = cluster.inventory.named(args.host)
    change(cluster, args, f"activate {host.name}", lambda say: drain.activate(cluster, host, say))


def _replace(cluster: Cluster, args: argparse.Namespace) -> None:
    host = cluster.inventory.named(args.host)
    hide_secrets(cluster)
    objects = networks_of(cluster.inventory)
    plan = replace.replace_plan(cluster, host, objects)
    print(cluster.redact(show_plan(cluster.inventory, plan)))
    change(
        cluster,
        args,
        f"replace {host.name}",
        lambda say: replace.replace(cluster, host, objects, say),
    )


def _restart(cluster: Cluster, args: argparse.Namespace) -> None:
    host = cluster.inventory.named(args.host)
    change(
        cluster, args, f"restart {host.name}", lambda say: maintenance.restart(cluster, host, say)
    )


def _upgrade(cluster: Cluster, args: argparse.Namespace) -> None:
    upgrades, lost = upgrade.plan(cluster)
    if not upgrades:
        print("Nothing to do: every engine is the newest that its host knows.")
    else:
        print("\n".join(one.words for one in upgrades))
        change(
            cluster,
            args,
            "upgrade the engines",
            lambda say: upgrade.upgrade(cluster, upgrades, say),
        )
    if lost:
        words = "\n  ".join(lost.values())
        raise OperatorError(f"Not looked at: {', '.join(lost)}.\n  {words}")


def _recover(cluster: Cluster, args: argparse.Namespace) -> None:
    plan = recover.plan(cluster, cluster.inventory.named(args.host) if args.host else None)
    print(plan.words)
    change(cluster, args, "recover the swarm", lambda say: recover.recover(cluster, plan, say))


def _rebalance(cluster: Cluster, args: argparse.Namespace) -> None:
    change(cluster, args, "rebalance", lambda say: rebalance.rebalance(cluster, say))


def _renew(cluster: Cluster, args: argparse.Namespace) -> None:
    if len(cluster.edges) == 1:
        raise OperatorError(
            "With one edge, Traefik renews the certificate itself a month before its end; it takes "
            "no order to do so earlier."
        )

    def work(say: Say) -> None:
        path = f"{cluster.spec.storage_path}/acme/renew"
        cluster.manager().run(f"touch {shlex.quote(path)}", sudo=True)
        say("Asked. The edges take the new certificate one by one: ./run ops logs edge_acme")

    change(cluster, args, "renew", work)


def _logs(cluster: Cluster, args: argparse.Namespace) -> None:
    hide_secrets(cluster)
    names = [s.name for s in cluster.services()]
    if args.service not in names:
        raise OperatorError(
            f'There is no service "{args.service}". There are: {", ".join(names) or "none yet"}.'
        )
    words = ["docker", "service", "logs", "--tail", str(args.tail)]
    words += ["--since", args.since] if args.since else []
    words += ["--follow"] if args.follow else []
    result = cluster.manager().run(
        shlex.join([*words, args.service]),
        sudo=True,
        timeout=FOR_A_DAY if args.follow else 60,
        check=False,
        echo=lambda text: print(text, end="", flush=True),
    )
    print(cluster.redact(result.stderr), end="")
    down = sorted(n.hostname for n in cluster.nodes() if n.state != "ready")
    if result.status and down:
        print(f"\nWhat {', '.join(down)} wrote is missing: it cannot be asked.", file=sys.stderr)
    elif result.status:
        raise OperatorError(f"The lines end here: docker service logs ended with {result.status}.")


def moment(text: str) -> str:
    """Read --since: an age such as 10m or 2h30m, or a time here such as "2026-11-25 16:00"."""
    if re.fullmatch(r"(\d+h)?(\d+m)?(\d+s)?", text) and text:
        return text
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f'"{text}" is neither an age such as 10m or 2h30m nor a time such as "2026-11-25 16:00"'
        ) from None
    return when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
