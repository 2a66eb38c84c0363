"""More ways to break a cluster; each makes sure that it has acted, or says that it has not."""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable

from loadtest.drills import cloud, storm, successor
from loadtest.drills.observer import EDGE, SHOP, Observer
from provisioning.errors import OperatorError
from provisioning.rehearsal import lifecycle
from provisioning.rehearsal.layout import INVENTORY as REHEARSED

LOSS = 30  # percent of the packets to and from a lossy host
ACTS = 10.0  # seconds in which a fault must have acted
NEXT = "next"  # the tag of a release that hosts do not have


def _containers(service: str) -> str:
    """Return the shell words for the containers of a service on a host."""
    return f"$(docker ps -q -f label=com.docker.swarm.service.name={service})"


FREEZE = f"""set -e
container=$(echo {_containers(SHOP)} | cut -d' ' -f1)
processes=$(docker top $container -eo pid | tail -n +2)
kill -STOP $processes
for _ in $(seq 20); do
  frozen=0
  for process in $processes; do
    grep -q '^State:.T' /proc/$process/status && frozen=$((frozen + 1))
  done
  [ $frozen -eq $(echo $processes | wc -w) ] && {{ echo acted; exit; }}
  sleep 0.1
done"""
THAW = f"""for container in {_containers(SHOP)}; do
  kill -CONT $(docker top $container -eo pid | tail -n +2)
done
true"""
KILL_ENGINE = """set -e
before=$(systemctl show -p MainPID --value docker)
systemctl kill --kill-whom=main -s KILL docker
for _ in $(seq 100); do
  [ "$(systemctl show -p MainPID --value docker)" = "$before" ] || { echo acted; exit; }
  sleep 0.1
done"""


def kill_one(service: str) -> str:
    """Return the shell lines that kill a container of a service on a host."""
    return f"""set -e
container=$(echo {_containers(service)} | cut -d' ' -f1)
[ -n "$container" ]
docker kill -s KILL $container >/dev/null
for _ in $(seq 50); do
  [ "$(docker inspect -f '{{{{.State.Running}}}}' $container)" = true ] || {{ echo acted; exit; }}
  sleep 0.1
done"""


KILL_EDGE, KILL_SOCKET = kill_one(EDGE), kill_one("edge_socket")


class Faults(Observer):
    """Faults of a replica, an engine, an edge, a network, and of what the cloud provides."""

    def freeze_replica(self, host: str) -> None:
        """Stop all processes of one replica on a host; its connections stay open."""
        self._on(host, FREEZE, "No replica froze")
        self.lost.append(host)

    def thaw_replica(self, host: str) -> None:
        """Let frozen replicas go on where they still exist."""
        self._on(host, THAW)
        if host in self.lost:
            self.lost.remove(host)

    def kill_engine(self, host: str) -> None:
        """Kill a host's Docker engine, which comes back by itself."""
        self._on(host, KILL_ENGINE, "The engine was not killed")

    def kill_edge(self, host: str) -> None:
        """Kill Traefik on a host, and nothing else."""
        self._on(host, KILL_EDGE, "Traefik was not killed")

    def kill_service(self, name: str) -> None:
        """Kill all replicas of a service, on every host, as fast as hosts can be told."""
        inside = f"sh -c {shlex.quote(f'docker kill -s KILL {_containers(name)} || true')}"
        said = self.swarm.fleet.all(
            self.inventory.workers, lambda host: host.run(inside, sudo=True, timeout=30).stdout
        )
        if not "".join(said.values()).strip():
            raise OperatorError(f"No replica of {name} was killed: the fault did not act.")

    def kill_socket(self, host: str) -> None:
        """Kill what the edge on a host reads Docker by, and nothing else."""
        self._on(host, KILL_SOCKET, "The socket proxy was not killed")

    def mute(self, host: str) -> None:
        """Lose what a host sends to the managers; what they send arrives."""
        self._rehearsal_only("lose packets")
        self.lost.append(host)
        lifecycle.mute(host, [manager.name for manager in self.inventory.managers])
        wait_until(lambda: lifecycle.packets_lost(host) > 0, f"No packet of {host} was lost")

    def lose_packets(self, host: str) -> None:
        """Lose a part of what a host sends and gets."""
        self._rehearsal_only("lose packets")
        self.lost.append(host)
        lifecycle.lose_packets(host, LOSS)
        wait_until(lambda: lifecycle.packets_lost(host) > 0, f"No packet of {host} was lost")

    def keep_packets(self, host: str) -> None:
        """Lose nothing any more."""
        lifecycle.lose_packets(host, 0)
        self.lost.remove(host)

    def lose_quorum(self, leader: str) -> None:
        """Cut the power of so many managers at once, the leader among them, that none can lead."""
        self._rehearsal_only("cut power")
        others = [host.name for host in self.inventory.managers if host.name != leader]
        gone = [*others[: (len(others) + 1) // 2], leader]
        self.lost += gone
        lifecycle.crash(*gone)

    def silence_resolver(self, _: str) -> None:
        """Let the hosts' resolver say nothing."""
        self._rehearsal_only("silence the resolver")
        cloud.silence_resolver()

    def resume_resolver(self, _: str) -> None:
        """Let the hosts' resolver answer again."""
        cloud.resume_resolver()

    def stop_registry(self, _: str) -> None:
        """Stop the registry of images."""
        self._rehearsal_only("stop the registry")
        cloud.stop_registry()

    def start_registry(self, _: str) -> None:
        """Start the registry of images."""
        cloud.start_registry()

    def offer_release(self, _: str) -> None:
        """Put a release into the registry that no host has."""
        self._rehearsal_only("put a release into the registry")
        cloud.offer_release(self._image(), NEXT)

    def release_next(self, _: str) -> None:
        """Roll out the release that no host has."""
        name = self._image().split("@")[0].rsplit(":", 1)[0]
        command = f"docker service update --quiet --detach --image {name}:{NEXT} {SHOP}"
        self._manager().run(command, sudo=True, timeout=60)

    def forbid_writes(self, _: str) -> None:
        """Let the database take no change."""
        self._rehearsal_only("forbid the database changes")
        cloud.forbid_writes()

    def allow_writes(self, _: str) -> None:
        """Let the database take changes again."""
        cloud.allow_writes()

    def raise_successor(self, _: str) -> None:
        """Start a second database, which writes what the first one writes."""
        self._rehearsal_only("start a second database")
        successor.raise_successor()

    def hand_over(self, _: str) -> None:
        """Let the second database be the writer, and the first one read only."""
        self._rehearsal_only("hand the database over")
        successor.hand_over()

    def hand_back(self, _: str) -> None:
        """Let the first database be the writer again, and end the second."""
        successor.hand_back()

    def take_connections(self, _: str) -> None:
        """Hold all connections that the database gives to the shop."""
        self._rehearsal_only("take the database's connections")
        cloud.take_connections(self.inventory.cluster.database_url_file.read_text().strip())

    def give_connections(self, _: str) -> None:
        """Let the connections go."""
        cloud.give_connections()

    def storm_sign_in(self, _: str) -> None:
        """Try passwords from many addresses, as fast as somebody who has a list of them."""
        self._rehearsal_only("try passwords")
        storm.begin(self.inventory.cluster.domain)

    def see_the_storm_refused(self, _: str) -> None:
        """Make sure that many tries were made, and that all were refused."""
        storm.look()

    def calm_sign_in(self, _: str) -> None:
        """Try no passwords any more."""
        storm.end()

    def _on(self, host: str, script: str, unless: str = "", *, timeout: float = 30.0) -> None:
        """Run a script as root on a host; with `unless`, raise that where it has not acted."""
        inside = f"sh -c {shlex.quote(script)}"
        ended = self.swarm.to(self._host(host)).run(inside, sudo=True, timeout=timeout, check=False)
        if unless and "acted" not in ended.stdout.split():
            raise OperatorError(f"{unless} on {host}: {ended.stdout} {ended.stderr}".strip())

    def _image(self) -> str:
        """Return the image that the shop's service runs."""
        ask = f"docker service inspect -f '{{{{.Spec.TaskTemplate.ContainerSpec.Image}}}}' {SHOP}"
        return self._manager().run(ask, sudo=True).stdout.strip()

    def _rehearsal_only(self, what: str) -> None:
        if not self.rehearsed:
            raise OperatorError(
                f"A drill does not {what} on hosts other than a rehearsal's ({REHEARSED})."
            )


def wait_until(done: Callable[[], bool], unless: str) -> None:
    """Wait until a fault has acted; raise OperatorError where it does not."""
    deadline = time.monotonic() + ACTS
    while not done():
        if time.monotonic() > deadline:
            raise OperatorError(f"{unless} in {ACTS:g} s: the fault did not act.")
        time.sleep(0.2)
