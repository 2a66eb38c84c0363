"""Make the hosts what the inventory says, stage by stage, reading the facts anew after each."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

from provisioning.cluster import Cluster
from provisioning.errors import OperatorError
from provisioning.inventory import Host
from provisioning.setup.facts import Facts, gather
from provisioning.setup.operations import Object, Operation, Plan, Run, Write
from provisioning.setup.plan import STAGES, make_plan
from provisioning.ssh.transport import Connection

ROUNDS = 3  # times a stage may need before its facts must agree

Say = Callable[[str], None]
Around = Callable[[Host], AbstractContextManager[None]]


def read_plan(cluster: Cluster, objects: tuple[Object, ...]) -> tuple[Facts, Plan]:
    """Read all facts and plan from them; problems stop the command."""
    facts = gather(cluster)
    plan = make_plan(cluster.inventory, facts, objects)
    if plan.problems:
        raise OperatorError("\n".join((*plan.problems, "First put this right.")))
    return facts, plan


def apply(
    cluster: Cluster,
    objects: tuple[Object, ...],
    say: Say,
    *,
    only: str = "",
    around: Around = lambda host: nullcontext(),
) -> int:
    """Carry out all stages; give the number of changes made. Resumes where an earlier run ended.

    With `only`, what concerns other hosts than this one is left undone. `around` takes a host out
    of service while its engine is restarted.
    """
    made = 0
    _, plan = read_plan(cluster, objects)
    for stage in STAGES:
        for _ in range(ROUNDS):
            operations = _of(plan, stage, only)
            if not operations:
                break
            _carry_out(cluster, operations, say, around)
            made += len(operations)
            if any(o.words.startswith("join the swarm") for o in operations):
                renew_tokens(cluster.manager())
            _, plan = read_plan(cluster, objects)
        left = [f"{o.host}: {o.words}" for o in _of(plan, stage, only)]
        if left:
            raise OperatorError(
                "These changes were made and yet the hosts do not show them:\n  "
                + "\n  ".join(left)
                + "\nLook at journalctl -u docker there, then run ./run ops apply again."
            )
    return made


def renew_tokens(connection: Connection) -> None:
    """Make both join tokens worthless: those who were to join have joined."""
    connection.run(
        "for role in worker manager; do docker swarm join-token --rotate -q $role; done >/dev/null",
        sudo=True,
        shown="renew the join tokens",
    )


def _of(plan: Plan, stage: str, only: str) -> list[Operation]:
    return [o for o in plan.operations if o.stage == stage and only in ("", o.host)]


def _carry_out(cluster: Cluster, operations: list[Operation], say: Say, around: Around) -> None:
    """Do the operations of one stage: side by side on different hosts, in order on each."""
    together = [o for o in operations if not o.alone]
    hosts = [h for h in cluster.hosts if any((o.at or o.host) == h.name for o in together)]

    def work(connection: Connection) -> None:
        for operation in together:
            if (operation.at or operation.host) == connection.name:
                _perform(connection, operation, say)

    for operation in operations:
        if operation.alone:
            host = cluster.inventory.named(operation.at or operation.host)
            with around(host) if operation.restarts else nullcontext():
                _perform(cluster.to(host), operation, say)
    cluster.fleet.all(hosts, work)


def _perform(connection: Connection, operation: Operation, say: Say) -> None:
    if not operation.steps:
        raise OperatorError(
            f"{operation.host}: it is not yet known how to {operation.words}. Run apply again."
        )
    for step in operation.steps:
        match step:
            case Write(path, content):
                connection.upload(path, content, sudo=True)
            case Run(command, stdin, timeout):
                connection.run(
                    command, sudo=True, stdin=stdin, timeout=timeout, shown=operation.words
                )
    say(f"  {operation.host}: {operation.words}")
