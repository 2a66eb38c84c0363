"""Deploy stacks and wait until all their services are healthy, or say why they are not."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping

from provisioning.cluster import Cluster
from provisioning.errors import OperatorError
from provisioning.release import gate
from provisioning.release.failures import last_words
from provisioning.release.outside import Outside
from provisioning.release.stacks import Document, dump
from provisioning.ssh.transport import Connection

PATIENCE = 300.0  # seconds a deployment may take
POLL = 1.0

# Docker 20.10 knows no other way than this one, nor a word for it.
DETACHED = "$(docker stack deploy --help | grep -o -m1 -e --detach)"

Say = Callable[[str], None]


def deploy_stacks(connection: Connection, stacks: Mapping[str, Document], say: Say) -> None:
    """Hand the stacks to the swarm, which begins to roll them out."""
    for name, document in stacks.items():
        said = connection.run(
            f"docker stack deploy {DETACHED} --with-registry-auth --resolve-image never --prune "
            f"--compose-file - {name}",
            sudo=True,
            stdin=dump({"version": "3.9", **document}).encode(),
            timeout=120,
            shown=f"deploy the stack {name}",
        ).stderr
        for line in said.splitlines():
            if "unsupported" in line or "deprecated" in line:
                say(f"  {name}: docker says: {line}")


def until_healthy(cluster: Cluster, stacks: Collection[str], since: str, say: Say) -> None:
    """Wait until all services of the stacks are healthy; raise with the reason if they are not."""
    deadline = time.monotonic() + PATIENCE
    said: dict[str, str] = {}
    calm = 0
    while True:
        services = [s for s in cluster.services() if s.stack in stacks]
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


def until_served(
    outside: Outside, tolerated: Collection[str], patience: float, say: Say
) -> dict[str, str]:
    """Wait until every edge answers readers over HTTPS with a valid certificate.

    An edge that did not before, either, is not waited for; return what is wrong with such.
    """
    deadline = time.monotonic() + patience
    said: dict[str, str] = {}
    while True:
        wrong = outside.wrong()
        new = {host: words for host, words in wrong.items() if host not in tolerated}
        if not new:
            return wrong
        if new != said:
            said = new
            for host, words in new.items():
                say(f"  {host}, asked from outside: {words}")
        if time.monotonic() > deadline:
            lines = [f"{host}: {words}" for host, words in new.items()]
            raise OperatorError(
                f"Not every edge serves readers after {patience:g} s:\n  " + "\n  ".join(lines)
            )
        time.sleep(POLL)


def swarm_time(connection: Connection) -> str:
    """Return the manager's time as the engine writes it: clocks need not agree with ours."""
    return connection.run("date -u +%Y-%m-%dT%H:%M:%S.%N").stdout.strip()
