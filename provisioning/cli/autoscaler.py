"""`./run ops autoscaler …`: look at the autoscaler and hold it, from the operator's terminal."""

from __future__ import annotations

import argparse
import json
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from provisioning.cli.commands import Add, Command
from provisioning.cluster import Cluster
from provisioning.errors import OperatorError
from provisioning.ssh.transport import Connection
from swarm.autoscaler import labels
from swarm.model import ROLLOUT

SERVICE = "autoscaler_autoscaler"  # stack and service in swarm/autoscaler.yml
PAUSE = f"{labels.PREFIX}pause"
TAIL = 2000  # lines of the log to look through
SILENCE = 90  # seconds without a word after which something is wrong


@dataclass(frozen=True)
class Scaled:
    """A service that carries labels of the autoscaler."""

    name: str
    replicas: int | None
    labels: dict[str, str]
    rolling: str = ""

    @property
    def paused(self) -> bool:
        """Tell whether its label holds the autoscaler."""
        return self.labels.get(PAUSE) == "true"


Entry = dict[str, Any]


def add_commands(add: Add) -> None:
    """Add status, explain, pause and resume."""
    add("status", _status, "say what each service is scaled to, and why")
    explain = add("explain", _explain, "show the last decisions about a service")
    explain.add_argument("service", metavar="SERVICE", help="such as app_web")
    explain.add_argument("--count", type=int, default=20, help="decisions to show (default: 20)")
    for name, help_ in (
        ("pause", "leave a service at its present scale until resume"),
        ("resume", "scale a service again"),
    ):
        command = add(name, _hold(name), help_)
        command.add_argument("service", metavar="SERVICE", help="such as app_web")


def _status(cluster: Cluster, args: argparse.Namespace) -> int:
    connection = cluster.manager()
    text, healthy = show_status(services(connection), journal(connection), datetime.now(UTC))
    print(text)
    return 0 if healthy else 1


def _explain(cluster: Cluster, args: argparse.Namespace) -> None:
    connection = cluster.manager()
    service = named(services(connection), args.service)
    entries = [e for e in journal(connection) if e.get("service") == service.name]
    print(show_entries(service, entries[-args.count :]))


def _hold(change: str) -> Command:
    def run(cluster: Cluster, args: argparse.Namespace) -> None:
        print(hold(cluster.manager(), args.service, pause=change == "pause"))

    return run


def services(connection: Connection) -> list[Scaled]:
    """List the services that ask to be scaled, rightly or not."""
    text = connection.run(
        "docker service ls -q | xargs -r docker service inspect", sudo=True
    ).stdout
    found = []
    for item in json.loads(text or "[]"):
        spec = item["Spec"]
        own = spec.get("Labels") or {}
        if any(key.startswith(labels.PREFIX) for key in own):
            count = (spec.get("Mode", {}).get("Replicated") or {}).get("Replicas")
            state = (item.get("UpdateStatus") or {}).get("State", "")
            found.append(Scaled(spec["Name"], count, own, ROLLOUT.get(state, "")))
    return sorted(found, key=lambda service: service.name)


def journal(connection: Connection) -> list[Entry]:
    """Read the autoscaler's log, oldest first."""
    result = connection.run(
        f"docker service logs --raw --no-task-ids --tail {TAIL} {SERVICE}", sudo=True, check=False
    )
    if result.status:
        raise OperatorError(
            "The autoscaler does not run on this cluster. It is deployed with the shop: "
            "./run ops deploy"
        )
    entries = []
    for line in result.stdout.splitlines():
        try:
            entry = json.loads(line)
        except ValueError:
            continue  # not a decision: a traceback, or a warning of the interpreter
        if isinstance(entry, dict) and "time" in entry:
            entries.append(entry)
    return sorted(entries, key=lambda entry: str(entry["time"]))


def named(found: Sequence[Scaled], name: str) -> Scaled:
    """Find a service by name."""
    for service in found:
        if service.name == name:
            return service
    known = ", ".join(service.name for service in found) or "none"
    raise OperatorError(
        f"There is no service {name} with labels {labels.PREFIX}*. Services with them: {known}."
    )


def hold(connection: Connection, name: str, *, pause: bool) -> str:
    """Set or clear the label that holds the autoscaler; say what is true now."""
    service = named(services(connection), name)
    if service.paused == pause:
        return f"{name} is {'paused' if pause else 'not paused'} already."
    if service.rolling:
        raise OperatorError(
            f"{name} cannot be changed now: {service.rolling}, and changing it would spoil a "
            "rollback. The autoscaler holds by itself meanwhile."
        )
    change = f"--label-add {PAUSE}=true" if pause else f"--label-rm {PAUSE}"
    connection.run(
        f"docker service update --quiet --detach {change} {shlex.quote(name)}", sudo=True
    )
    if pause:
        return (
            f"{name} stays at {service.replicas} replicas until: ./run ops autoscaler resume {name}"
        )
    return f"{name} is scaled again."


def show_status(
    found: Sequence[Scaled], entries: Sequence[Entry], now: datetime
) -> tuple[str, bool]:
    """Describe every service in words, and tell whether all is well."""
    if not found:
        return f"No service asks to be scaled: none has labels {labels.PREFIX}*.", True
    lines, healthy = [], True
    newest = max((datetime.fromisoformat(e["time"]) for e in entries), default=None)
    if newest is None or (now - newest).total_seconds() > SILENCE:
        quiet = f"since {newest:%H:%M:%S} UTC" if newest else "so far"
        lines.append(f"The autoscaler has said nothing {quiet}. Look at: ./run ops doctor\n")
        healthy = False
    for service in found:
        text, good = _describe(service, entries)
        lines.append(text)
        healthy = healthy and good
    return "\n".join(lines), healthy


def _describe(service: Scaled, entries: Sequence[Entry]) -> tuple[str, bool]:
    try:
        scaling = labels.read(service.labels)
    except labels.LabelError as error:
        return f"{service.name}: left alone. {error}", False
    assert scaling is not None  # it was chosen for its labels
    aims = ", ".join(f"{o.kind} {labels.show_target(o)}" for o in scaling.objectives)
    limits = scaling.limits
    state = " · paused" if scaling.paused else f" · {service.rolling}" if service.rolling else ""
    text = (
        f"{service.name}: {service.replicas} replicas, of {limits.minimum} to {limits.maximum}, "
        f"aiming at {aims}{state}"
    )
    last = [entry for entry in entries if entry.get("service") == service.name]
    return (f"{text}\n{_line(last[-1])}" if last else text), True


def show_entries(service: Scaled, entries: Sequence[Entry]) -> str:
    """List decisions, newest last."""
    if not entries:
        return f"The autoscaler has not said anything about {service.name} yet."
    return "\n".join(_line(entry) for entry in entries)


def _line(entry: Entry) -> str:
    moment = datetime.fromisoformat(entry["time"])
    return f"  {moment:%H:%M:%S} UTC  {entry['action']:<11}  {entry['reason']}"
