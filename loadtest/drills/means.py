"""Faults of what hosts and edges live by: disk, clock, the storage's content, the certificate."""

from __future__ import annotations

import shlex
from contextlib import suppress
from datetime import UTC, datetime

from loadtest.drills.faults import Faults, kill_one
from loadtest.drills.observer import SHOP
from provisioning.errors import OperatorError
from provisioning.rehearsal import storage
from provisioning.release.certificate import Certificate
from provisioning.release.outside import Outside

ENGINE = 150.0  # seconds for an engine to stop, with its containers, and to start
ROOM = 200  # MiB that a small disk has left
SMALL = "/var/lib/small-disk"
DOCKER = "/var/lib/docker"
# All hosts of a rehearsal share the machine's file system: to fill it would fill everybody's. So a
# host's engine gets a disk of its own first, in memory, with all that is on the shared one.
SMALL_DISK = f"""set -e
mountpoint -q {SMALL} && {{ echo acted; exit; }}
trap 'code=$?; [ $code = 0 ] || umount {SMALL} || true; systemctl start docker' EXIT
systemctl stop docker.socket docker
mkdir -p {SMALL}
size=$(du -sm --one-file-system {DOCKER} | cut -f1)
mount -t tmpfs -o size=$((size + {ROOM}))m tmpfs {SMALL}
cp -a {DOCKER}/. {SMALL}
mount --bind {SMALL} {DOCKER}
echo acted"""
OWN_DISK = f"""mountpoint -q {SMALL} || exit 0
systemctl stop docker.socket docker
[ "$(findmnt -nro FSTYPE {DOCKER} | tail -n 1)" != tmpfs ] || umount {DOCKER}
umount {SMALL}
rmdir {SMALL}
systemctl start docker"""
FILL = f"""set -e
mountpoint -q {SMALL}
cat /dev/zero > {SMALL}/full 2>/dev/null || true
echo x > {SMALL}/more 2>/dev/null || true
[ -s {SMALL}/more ] || echo acted"""
FREE = f"rm -f {SMALL}/full {SMALL}/more"

MIB_A_STEP, STEP = 16, 0.5  # what is taken of a replica's memory, and how often (seconds)
HOG = f"""import time
held = []
while True:
    held.append(bytearray({MIB_A_STEP} << 20))
    time.sleep({STEP})
"""
# The kernel ends who is told to be ended first: the replica, and not what takes its memory.
EXHAUST_MEMORY = f"""set -e
container=$(docker ps -q -f label=com.docker.swarm.service.name={SHOP} | head -1)
for process in $(docker top $container -eo pid | tail -n +2); do
  echo 1000 > /proc/$process/oom_score_adj
done
docker exec --detach $container python -c {shlex.quote(HOG)}
echo acted"""
SEE_MEMORY_EXHAUSTED = f"""all=$(docker ps -aq -f label=com.docker.swarm.service.name={SHOP})
for container in $all; do
  [ "$(docker inspect -f '{{{{.State.OOMKilled}}}}' $container)" != true ] || echo acted
done"""

AHEAD = 3600  # seconds
CLOCK = "drill_clock"  # the config that has a replica's Python tell another time
WRONG_CLOCK = f"""import os, time
if os.environ.get("DRILL_FIRST") == "1":
    time.time = lambda right=time.time: right() + {AHEAD}
    time.time_ns = lambda right=time.time_ns: right() + {AHEAD} * 10**9
"""
PUT_CLOCK_AHEAD = f"""set -e
printf %s {shlex.quote(WRONG_CLOCK)} | docker config create {CLOCK} - >/dev/null
first=$(docker service ps -f desired-state=running --format '{{{{.Name}}}}' {SHOP} | sort -V)
first=${{first%%[[:space:]]*}}
docker service update --quiet --detach \\
  --env-add "DRILL_FIRST={{{{if eq .Task.Slot \\"${{first##*.}}\\"}}}}1{{{{end}}}}" \\
  --config-add source={CLOCK},target=/opt/shop/sitecustomize.py {SHOP}
"""
PUT_CLOCK_RIGHT = f"""docker config inspect {CLOCK} >/dev/null 2>&1 || exit 0
docker service update --quiet --detach --env-rm DRILL_FIRST --config-rm {CLOCK} {SHOP} && \\
docker config rm {CLOCK} >/dev/null
"""
NOTICED = "this host's clock is off the database's"


class Means(Faults):
    """Faults of what is used up, lost or runs out."""

    _served: datetime | None = None  # since when the certificate is valid that the edges had

    def give_small_disk(self, host: str) -> None:
        """Put what a host's engine keeps on a small disk of its own."""
        self._rehearsal_only("change a disk")
        self.lost.append(host)
        self._on(host, SMALL_DISK, "The engine got no disk of its own", timeout=ENGINE)

    def give_own_disk(self, _: str) -> None:
        """Let every worker's engine use the disk that it had."""
        for worker in self.inventory.workers:
            with suppress(OperatorError):  # one that cannot be reached keeps nobody else's
                self._on(worker.name, OWN_DISK, timeout=ENGINE)
            if worker.name in self.lost:
                self.lost.remove(worker.name)

    def fill_disk(self, host: str) -> None:
        """Fill an engine's disk to the last byte."""
        self._on(host, FILL, "The disk takes more still")

    def free_disk(self, host: str) -> None:
        """Take away what fills a disk."""
        self._on(host, FREE)

    def kill_replica(self, host: str) -> None:
        """Kill one replica on a host."""
        self._on(host, kill_one(SHOP), "No replica was killed")

    def exhaust_memory(self, host: str) -> None:
        """Use up the memory that one replica on a host may have, little by little."""
        self._on(host, EXHAUST_MEMORY, "Nothing takes a replica's memory")
        self.lost.append(host)

    def see_memory_exhausted(self, host: str) -> None:
        """Make sure that the kernel has ended a replica for want of memory."""
        self._on(host, SEE_MEMORY_EXHAUSTED, "No replica was ended for want of memory")
        self.lost.remove(host)

    def put_clock_ahead(self, _: str) -> None:
        """Let the first replica's clock be an hour ahead, by a rollout."""
        self._on_a_manager(PUT_CLOCK_AHEAD)

    def see_clock_ahead(self, _: str) -> None:
        """Make sure that a replica has seen that its clock is wrong."""
        logs = (
            f"docker service logs --since 3m {SHOP} 2>&1 | grep -cF {shlex.quote(NOTICED)} || true"
        )
        if self._on_a_manager(logs).strip() == "0":
            raise OperatorError("No replica says that its clock is off: the fault did not act.")

    def put_clock_right(self, _: str) -> None:
        """Let every replica go by its host's clock again."""
        self._on_a_manager(PUT_CLOCK_RIGHT)

    def lose_storage(self, _: str) -> None:
        """Lose all that is in the shared storage for covers, for good; it takes new ones."""
        self._rehearsal_only("lose the storage")
        if not storage.lose():
            raise OperatorError("There was no cover to be lost: the fault did not act.")

    def find_storage(self, _: str) -> None:
        """Bring back what was lost, beside what has come since."""
        storage.find()

    def renew_certificate(self, _: str) -> None:
        """Ask for a new certificate, as an operator does."""
        self._served = max(found.since for found in self._certificates())
        path = shlex.quote(f"{self.inventory.cluster.storage_path}/acme/renew")
        self._manager().run(f"touch {path}", sudo=True)

    def see_new_certificate(self, _: str) -> None:
        """Make sure that every edge serves a newer certificate than before, and a valid one."""
        now = datetime.now(UTC)
        old = [c for c in self._certificates() if self._served is None or c.since <= self._served]
        if old:
            raise OperatorError(f"An edge serves the old certificate still: {old[0].words(now)}.")

    def _on_a_manager(self, script: str) -> str:
        return self._manager().run(f"sh -c {shlex.quote(script)}", sudo=True, timeout=60).stdout

    def _certificates(self) -> list[Certificate]:
        """Return the certificate that each edge serves; raise OperatorError where one is wrong."""
        outside = Outside(self.swarm)
        answers = [outside.ask(host) for host in self.swarm.edges]
        if wrong := [answer.words for answer in answers if answer.trouble]:
            raise OperatorError(f"An edge cannot be trusted: {wrong[0]}.")
        return [answer.certificate for answer in answers]
