"""Work out the next release, and how it differs from what runs. Changes nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace

from provisioning.cluster import Cluster, snapshot
from provisioning.lock import now, operator
from provisioning.release import alive, differences, history
from provisioning.release.history import Release
from provisioning.release.images import resolve
from provisioning.release.leftovers import left_over
from provisioning.release.rendering import (
    managed_secrets,
    read_salt,
    read_secrets,
    render_all,
)
from provisioning.release.stacks import Document, images, pin
from provisioning.setup.operations import Object
from provisioning.ssh.transport import Connection
from swarm.model import Service

Say = Callable[[str], None]


@dataclass(frozen=True)
class Proposal:
    """A release about to be deployed."""

    release: Release
    objects: tuple[Object, ...]
    changes: list[differences.Change]
    before: Release | None  # the last that was carried out: what to go back to
    migrates: bool
    values: alive.Alive  # what the release is filled in with
    running: alive.Alive  # the same for what runs now
    unfinished: Release | None = None  # one that was begun, and not ended
    fresh: bool = False  # it is the first, or of the one before nothing is left
    hint: str = ""

    @property
    def continues(self) -> bool:
        """Tell whether this goes on with a release that was interrupted."""
        return self.unfinished is not None and self.unfinished.number == self.release.number

    @property
    def needed(self) -> bool:
        """Tell whether there is anything to deploy."""
        return bool(self.changes) or self.before is None or self.unfinished is not None


def propose(cluster: Cluster, connection: Connection, image: str | None, say: Say) -> Proposal:
    """Work out the next release from the inventory, its secrets and the image."""
    secrets = read_secrets(cluster)
    releases = history.read(connection, cluster.name)
    image, hint = choose_image(releases, cluster.spec.image, image)
    salt = read_salt(connection, cluster.name)
    rendered = render_all(cluster.inventory, secrets, salt.content, image)
    wanted = sorted({i for stack in rendered for i in images(stack.document)})
    digests = resolve(connection, wanted, say)
    stacks = {stack.name: pin(stack.document, digests) for stack in rendered}
    objects = {(o.kind, o.name): o for o in (salt, *(o for s in rendered for o in s.objects))}
    proposal = _proposal(cluster, connection, releases, stacks, digests[image])
    return replace(proposal, objects=tuple(objects.values()), hint=hint)


def propose_rollback(cluster: Cluster, connection: Connection, number: int | None) -> Proposal:
    """Work out how to go back to an earlier release.

    The credentials are those that run now: an old release's may have been changed since.
    """
    releases = history.read(connection, cluster.name)
    target = history.find(releases, number)
    note = f"back to {target.number}"
    return _proposal(cluster, connection, releases, target.stacks, target.image, note)


def choose_image(releases: list[Release], listed: str, named: str | None) -> tuple[str, str]:
    """Choose the image, and say what an operator should know of that. Pure.

    Who names one gets it, and so does who has changed the inventory's; else what runs is kept.
    """
    last = history.interrupted(releases) or history.last_done(releases)
    if named or last is None:
        return named or listed, ""
    if last.named and last.named != listed:
        return listed, ""
    running = last.image.partition("@")[0]
    hint = (
        f"The image that runs is kept: {last.image}. The inventory names {listed}; to deploy that: "
        f"./run ops deploy {listed}"
        if running != listed
        else ""
    )
    return last.image, hint


def next_release(releases: list[Release], release: Release) -> tuple[Release, Release | None]:
    """Give a release its number: a new one, or that of one begun alike and interrupted. Pure."""
    unfinished = history.interrupted(releases)
    if unfinished and unfinished.stacks == release.stacks and unfinished.note == release.note:
        return unfinished, unfinished
    number = releases[-1].number + 1 if releases else 1
    return replace(release, number=number), unfinished


def current_values(
    cluster: Cluster, connection: Connection, services: tuple[Service, ...]
) -> alive.Alive:
    """Read what lives by itself."""
    return alive.alive(services, managed_secrets(connection), cluster.spec.replicas)


def _proposal(
    cluster: Cluster,
    connection: Connection,
    releases: list[Release],
    stacks: dict[str, Document],
    image: str,
    note: str = "",
) -> Proposal:
    services = snapshot(connection).services
    release = Release(
        number=0,
        at=now(),
        who=operator(),
        image=image,
        # As it will be read again.
        stacks=json.loads(json.dumps(stacks)),
        note=note,
        named=cluster.spec.image,
    )
    release, unfinished = next_release(releases, release)
    before = history.last_done(releases)
    values = current_values(cluster, connection, services)
    # While a release is half deployed, the services need not agree: what was there before counts.
    credentials = (
        {} if before is None or unfinished else alive.running_secrets(before.stacks, services)
    )
    running = replace(values, secrets=credentials)
    values = running if note else values
    filled = alive.fill(release.stacks, values)
    gone = left_over(releases, filled, services)
    ours = [s for s in services if s.stack in filled or s.stack in gone]
    old = differences.of_swarm([{"Spec": s.spec} for s in ours])
    new = {
        name: view
        for stack, document in filled.items()
        for name, view in differences.of_stack(stack, document).items()
    }
    changes = differences.compare(old, new)
    for stack, document in release.stacks.items():
        changes += differences.compare_rest(
            stack, before.stacks.get(stack) if before else None, document
        )
    if before:
        stays = {s.name: s.spec for s in ours if s.stack in filled}
        changes += differences.drift(before.specs, stays)
    # Going back leaves the database as it is: an older image does not know newer migrations, and
    # migrations are written so that the release before them still works.
    fresh = before is None or not ours
    # Where nothing runs the database may have been restored from before the last migration.
    migrates = not note and (before is None or fresh or before.image != image)
    return Proposal(release, (), changes, before, migrates, values, running, unfinished, fresh)
