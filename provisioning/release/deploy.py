"""Deploy and roll back: record, migrate, roll out, wait, and tell the truth about it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace

from provisioning.cluster import Cluster
from provisioning.errors import Interrupted, OperatorError
from provisioning.release import alive, history
from provisioning.release.edges import roll_out
from provisioning.release.images import prune
from provisioning.release.leftovers import left_over, remove
from provisioning.release.migration import migrate
from provisioning.release.objects import collect_garbage, create_objects
from provisioning.release.outside import Outside
from provisioning.release.proposal import Proposal, current_values
from provisioning.release.waiting import swarm_time, until_healthy, until_served
from provisioning.ssh.transport import LockLost

FIRST_CERTIFICATE = 300.0  # seconds until the first certificate is there
SERVED = 120.0  # seconds until edges that have served before serve again

Say = Callable[[str], None]


def carry_out(cluster: Cluster, proposal: Proposal, say: Say) -> list[str]:
    """Deploy a proposal and wait until readers are served; otherwise restore what ran, and raise.

    Return what is wrong all the same, because it was before.
    """
    connection, release = cluster.manager(), proposal.release
    outside = Outside(cluster)
    tolerated = {} if proposal.fresh else outside.wrong()
    create_objects(connection, cluster.name, proposal.objects, say)
    if not proposal.continues:
        if proposal.unfinished:
            number = proposal.unfinished.number
            history.end(connection, cluster.name, number, history.UNDONE, {})
        history.begin(connection, cluster.name, release)
    try:
        wrong = _roll_out(cluster, outside, proposal, tolerated, say)
    except KeyboardInterrupt:
        raise Interrupted(
            f"Release {release.number} is half deployed, and recorded as such. ./run ops deploy "
            "goes on with it, ./run ops rollback takes it back."
        ) from None
    _tidy_up(cluster, release.number, say)
    return wrong


def _roll_out(
    cluster: Cluster,
    outside: Outside,
    proposal: Proposal,
    tolerated: Mapping[str, str],
    say: Say,
) -> list[str]:
    """Carry out a release that is recorded, and record how that ended."""
    release = proposal.release
    if proposal.migrates:
        try:
            migrate(cluster, release, say)
        except OperatorError:
            history.end(cluster.manager(), cluster.name, release.number, history.UNDONE, {})
            raise
    stacks = alive.fill(release.stacks, proposal.values)
    known = [
        alive.fill(r.stacks, proposal.running) for r in (proposal.unfinished, proposal.before) if r
    ]
    since = swarm_time(cluster.manager())
    try:
        roll_out(cluster, outside, stacks, known, tolerated, say)
        patience = FIRST_CERTIFICATE if proposal.fresh else SERVED
        wrong = until_served(outside, tolerated, patience, say)
        until_healthy(cluster, stacks.keys(), since, lambda text: None)
        if _remove_leftovers(cluster, stacks, say):
            wrong = until_served(outside, tolerated, SERVED, say)
    except LockLost:
        raise  # who lost the lock undoes nothing
    except OperatorError as failure:
        raise OperatorError(
            f"{failure}\n{_restore(cluster, outside, proposal, tolerated, say)}"
        ) from None
    connection = cluster.manager()  # the first may have been lost meanwhile
    specs = {s.name: s.spec for s in cluster.services() if s.stack in stacks}
    history.end(connection, cluster.name, release.number, history.DONE, specs)
    return [f"{host}: {words}" for host, words in wrong.items()]


def _remove_leftovers(cluster: Cluster, wanted: Collection[str], say: Say) -> list[str]:
    """Remove the stacks of other releases that run beside those that are wanted; name them."""
    releases = history.read(cluster.manager(), cluster.name)
    stacks = left_over(releases, wanted, cluster.services())
    remove(cluster, stacks, say)
    return stacks


def _tidy_up(cluster: Cluster, number: int, say: Say) -> None:
    """Remove what only outdated releases used. Where that fails the release stands."""
    later = f"Release {number} runs. What older ones left is removed with the next."
    try:
        connection = cluster.manager()
        collect_garbage(connection, cluster.name, say)
        prune(cluster, history.read(connection, cluster.name), say)
    except LockLost:
        raise
    except OperatorError as error:
        say(f"Not all could be tidied up: {error}\n{later}")
    except KeyboardInterrupt:
        raise Interrupted(later) from None


def _restore(
    cluster: Cluster, outside: Outside, proposal: Proposal, tolerated: Collection[str], say: Say
) -> str:
    """Bring back the last good release after a failure; say what runs now."""
    before, number = proposal.before, proposal.release.number
    if before is None:
        return (
            "There is no earlier release to go back to; the services are left for you to look at. "
            "When the cause is put right, ./run ops deploy goes on."
        )
    say(f"Going back to release {before.number} …")
    values = current_values(cluster, cluster.manager(), cluster.services())
    stacks = alive.fill(before.stacks, replace(values, secrets=proposal.running.secrets))
    failed = alive.fill(proposal.release.stacks, proposal.values)
    try:
        roll_out(cluster, outside, stacks, [failed], tolerated, say)
        _remove_leftovers(cluster, stacks, say)
        until_served(outside, tolerated, SERVED, say)
    except OperatorError as error:
        return f"Release {before.number} could not be brought back either:\n{error}"
    history.end(cluster.manager(), cluster.name, number, history.UNDONE, {})
    return f"Release {number} was not kept; release {before.number} runs again."
