"""Deploy and roll back: show the difference, migrate, deploy, wait, and tell the truth about it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from provisioning.cluster import Cluster, snapshot
from provisioning.errors import OperatorError
from provisioning.lock import now, operator
from provisioning.release import differences, gate, history
from provisioning.release.failures import last_words
from provisioning.release.images import resolve
from provisioning.release.migration import migrate
from provisioning.release.rendering import managed_secrets, read_secrets, render_all
from provisioning.release.stacks import Document, dump, images, keep_scale, pin
from provisioning.setup.plan import Object
from provisioning.ssh.transport import Connection
from swarm.model import Service

PATIENCE = 300.0  # seconds a deployment may take
POLL = 1.0

Say = Callable[[str], None]


@dataclass(frozen=True)
class Proposal:
    """A release about to be deployed."""

    release: history.Release
    objects: tuple[Object, ...]
    changes: list[differences.Change]
    before: history.Release | None  # what to go back to
    migrates: bool

    @property
    def needed(self) -> bool:
        """Tell whether there is anything to deploy."""
        return bool(self.changes) or self.before is None


def propose(cluster: Cluster, connection: Connection, image: str | None, say: Say) -> Proposal:
    """Work out the next release and how it differs from what runs. Changes nothing."""
    secrets = read_secrets(cluster)
    image = image or cluster.spec.image
    rendered = render_all(cluster.inventory, secrets, managed_secrets(connection), image)
    wanted = sorted({i for stack in rendered for i in images(stack.document)})
    digests = resolve(connection, wanted, say)
    stacks = {stack.name: pin(stack.document, digests) for stack in rendered}
    objects = tuple({(o.kind, o.name): o for s in rendered for o in s.objects}.values())
    return _proposal(cluster, connection, stacks, digests[image], objects, "")


def propose_rollback(cluster: Cluster, connection: Connection, number: int | None) -> Proposal:
    """Work out how to go back to an earlier release. The scale stays as it is."""
    target = history.find(history.read(connection, cluster.name), number)
    note = f"back to {target.number}"
    return _proposal(cluster, connection, target.stacks, target.image, (), note)


def carry_out(cluster: Cluster, proposal: Proposal, say: Say) -> None:
    """Deploy a proposal and wait until it is healthy; otherwise restore what ran, and raise."""
    connection = cluster.manager()
    create_objects(connection, cluster.name, proposal.objects, say)
    if proposal.migrates:
        migrate(cluster, proposal.release, say)
    since = _swarm_time(connection)
    _deploy(connection, proposal.release.stacks, say)
    try:
        _wait(cluster, proposal.release, since, say)
    except OperatorError as failure:
        raise OperatorError(f"{failure}\n{_restore(cluster, proposal, say)}") from None
    connection = cluster.manager()  # the first may have been lost meanwhile
    history.write(connection, cluster.name, proposal.release)
    collect_garbage(connection, cluster.name, say)


def create_objects(
    connection: Connection, cluster: str, objects: tuple[Object, ...], say: Say
) -> None:
    """Create the secrets and configs that are not there yet; networks are made by apply."""
    for item in objects:
        look = f"docker {item.kind} inspect {item.name} >/dev/null 2>&1"
        if not connection.run(look, sudo=True, check=False).status:
            continue
        if item.kind == "network":
            raise OperatorError(
                f"The network {item.name} is not there yet. Run ./run ops apply first."
            )
        connection.run(
            f"docker {item.kind} create --label bookstore.cluster={cluster} {item.name} -",
            sudo=True,
            stdin=item.content,
            shown=f"create the {item.kind} {item.name}",
        )
        say(f"  created the {item.kind} {item.name}")


def collect_garbage(connection: Connection, cluster: str, say: Say) -> None:
    """Remove secrets and configs that neither a service nor one of the last releases uses."""
    releases, services = history.read(connection, cluster), snapshot(connection).services
    for kind in ("secret", "config"):
        listed = connection.run(f"docker {kind} ls --format '{{{{.Name}}}}'", sudo=True).stdout
        for name in history.garbage(cluster, listed.split(), releases, services):
            connection.run(f"docker {kind} rm {name}", sudo=True)
            say(f"  removed the unused {kind} {name}")


def _proposal(
    cluster: Cluster,
    connection: Connection,
    stacks: dict[str, Document],
    image: str,
    objects: tuple[Object, ...],
    note: str,
) -> Proposal:
    releases = history.read(connection, cluster.name)
    services = snapshot(connection).services
    stacks = _scaled(cluster, stacks, services)
    ours = [s for s in services if s.stack in stacks]
    old = differences.of_swarm([{"Spec": s.spec} for s in ours])
    new = {
        name: view
        for stack, document in stacks.items()
        for name, view in differences.of_stack(stack, document).items()
    }
    last = releases[-1] if releases else None
    changes = differences.compare(old, new)
    for stack, document in stacks.items():
        changes += differences.compare_rest(
            stack, last.stacks.get(stack) if last else None, document
        )
    release = history.Release(
        number=last.number + 1 if last else 1,
        at=now(),
        who=operator(),
        image=image,
        stacks=stacks,
        note=note,
    )
    # Going back leaves the database as it is: an older image does not know newer migrations, and
    # migrations are written so that the release before them still works.
    migrates = not note and (last is None or last.image != image)
    return Proposal(release, objects, changes, last, migrates)


def _scaled(
    cluster: Cluster, stacks: dict[str, Document], services: tuple[Service, ...]
) -> dict[str, Document]:
    low, high = cluster.spec.replicas
    counts = {s.name: min(max(s.replicas, low), high) for s in services if s.replicas is not None}
    return {name: keep_scale(name, document, counts) for name, document in stacks.items()}


def _deploy(connection: Connection, stacks: Mapping[str, Document], say: Say) -> None:
    for name, document in stacks.items():
        said = connection.run(
            "docker stack deploy --detach=true --with-registry-auth --resolve-image never --prune "
            f"--compose-file - {name}",
            sudo=True,
            stdin=dump({"version": "3.9", **document}).encode(),
            timeout=120,
            shown=f"deploy the stack {name}",
        ).stderr
        for line in said.splitlines():
            if "unsupported" in line or "deprecated" in line:
                say(f"  {name}: docker says: {line}")


def _wait(cluster: Cluster, release: history.Release, since: str, say: Say) -> None:
    """Wait until all services of the release are healthy; raise with the reason if they are not."""
    deadline = time.monotonic() + PATIENCE
    said: dict[str, str] = {}
    calm = 0
    while True:
        connection = cluster.manager()  # a manager may be lost meanwhile
        services = [s for s in snapshot(connection).services if s.stack in release.stacks]
        verdicts = [gate.judge(service, since) for service in services]
        for verdict in verdicts:
            if said.get(verdict.service) != verdict.words:
                said[verdict.service] = verdict.words
                say(f"  {verdict.service}: {verdict.words}")
        failed = [v for v in verdicts if v.state == "failed"]
        late = time.monotonic() > deadline
        if failed or late:
            bad = failed or [v for v in verdicts if v.state != "healthy"]
            lines = [f"{v.service} {v.words}" for v in bad]
            lines += [f"It did not get healthy within {PATIENCE:g} seconds."] if not failed else []
            names = {v.service for v in bad}
            lines += last_words(cluster, [s for s in services if s.name in names], since)
            raise OperatorError("\n".join(lines))
        # Healthy twice in a row: a task that dies at once must not be taken for a running one.
        calm = calm + 1 if verdicts and gate.settled(verdicts) else 0
        if calm == 2:
            return
        time.sleep(POLL)


def _restore(cluster: Cluster, proposal: Proposal, say: Say) -> str:
    """Bring back the last good release after a failure; say what runs now."""
    before = proposal.before
    if before is None:
        return (
            "There is no earlier release to go back to; the services are left for you to look at."
        )
    say(f"Going back to release {before.number} …")
    connection = cluster.manager()
    since = _swarm_time(connection)
    stacks = _scaled(cluster, before.stacks, snapshot(connection).services)
    _deploy(connection, stacks, say)
    try:
        _wait(cluster, before, since, say)
    except OperatorError as error:
        return f"Release {before.number} could not be brought back either:\n{error}"
    return f"Release {proposal.release.number} was not kept; release {before.number} runs again."


def _swarm_time(connection: Connection) -> str:
    """Give the manager's time as the engine writes it, so that clocks need not agree with ours."""
    return connection.run("date -u +%Y-%m-%dT%H:%M:%S.%N").stdout.strip()
