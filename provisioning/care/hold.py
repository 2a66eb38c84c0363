"""Serve readers on while a manager starts anew: the ways to its tasks are held in place."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from provisioning.cluster import Cluster
from provisioning.errors import OperatorError
from provisioning.inventory import Host

LONGEST = 240  # seconds after which a host stops holding by itself
UNIT = "bookstore-hold"
PROGRAM = "/run/bookstore-hold.py"

# An engine that starts anew in the swarm says good-bye to its peers first, who then forget the way
# to its containers, though these run on; and it may take a minute until they know each other again.
# This puts back what is forgotten, and leaves alone what the engines have learnt anew. And a worker
# looks for its manager among those that are dead, one after the other, for so long that the swarm
# gives it up: meanwhile whatever it sends them goes to the one that lives.
HOLD = r"""
import glob, json, re, signal, subprocess, sys, time
asked = json.loads(sys.argv[1])
def run(*words):
    try:
        return subprocess.run(words, capture_output=True, text=True).stdout
    except FileNotFoundError:
        return ""
def doors(space):
    said = run("nsenter", f"--net={space}", "bridge", "fdb", "show", "dev", "vxlan0")
    return dict(re.findall(r"^(\S+) dst (\S+) ", said, re.M))
def neighbours(space):
    said = run("nsenter", f"--net={space}", "ip", "neigh", "show", "dev", "vxlan0")
    return re.findall(r"^(\S+) lladdr (\S+) ", said, re.M)
def detour(action):
    for dead in asked["dead"]:
        run("iptables", "-w", "-t", "nat", action, "OUTPUT", "-p", "tcp", "-d", dead,
            "--dport", "2377", "-j", "DNAT", "--to-destination", asked["manager"] + ":2377")
held = {}
for space in glob.glob("/var/run/docker/netns/1-*"):
    known = doors(space)
    held[space] = {(a, m): known[m] for a, m in neighbours(space) if known.get(m) in asked["peers"]}
going = True
def stop(*_):
    global going
    going = False
signal.signal(signal.SIGTERM, stop)
detour("-I")
print("holding", flush=True)
end = time.monotonic() + asked["seconds"]
while going and time.monotonic() < end:
    for space, ways in held.items():
        known, near = doors(space), dict(neighbours(space))
        for (address, mac), peer in list(ways.items()):
            if known.get(mac, peer) != peer:
                del ways[address, mac]  # the engine knows better
            elif mac not in known or near.get(address) != mac:
                run("nsenter", f"--net={space}", "ip", "neigh", "replace", address, "lladdr", mac,
                    "dev", "vxlan0", "nud", "permanent")
                run("nsenter", f"--net={space}", "bridge", "fdb", "replace", mac, "dev", "vxlan0",
                    "dst", peer, "self", "permanent")
    time.sleep(0.1)
detour("-D")
"""

# A manager that starts the swarm anew takes down its own tasks first, 2 s after it has left the
# network. It knows them by the names of their containers: those that serve readers get another name
# in these 2 s (before, the network does not allow it) and their own again thereafter. The swarm
# gives the manager its tasks back 10 s later at the earliest (its election), and they run.
ANEW = r"""
state=$(docker info --format '{{.DockerRootDir}}')/swarm/docker-state.json
task="docker ps -q --filter label=com.docker.swarm.task.id"
kept=$( { $task --filter publish=443
    for stack in app services; do $task --filter label=com.docker.stack.namespace=$stack; done
} | sort -u)
names=$(for one in $kept; do docker inspect --format '{{.Name}}' $one | cut -c2-; done)
back() { for name in $names; do docker rename kept-$name $name 2>/dev/null; done; }
trap back EXIT
before=$(stat -c %y $state)
docker swarm init --force-new-cluster --advertise-addr ADDRESS >/dev/null &
init=$!
for moment in $(seq 300); do
    [ "$(stat -c %y $state)" = "$before" ] && kill -0 $init 2>/dev/null || break
    sleep 0.05
done
for name in $names; do
    (for attempt in $(seq 30); do docker rename $name kept-$name 2>/dev/null && exit; done) &
    renaming="$renaming $!"
done
[ -z "$renaming" ] || wait $renaming
sleep 4
back
wait $init
"""


@contextmanager
def held(
    cluster: Cluster, survivor: Host, dead: Iterable[Host], say: Callable[[str], None]
) -> Iterator[list[Host]]:
    """Hold the ways between the survivor's tasks and those on the workers; give these."""
    workers = cluster.inventory.workers
    answers = cluster.fleet.each(workers, lambda c: c.run("true", sudo=True))
    up = [h for h in workers if not isinstance(answers[h.name], OperatorError)]
    for host in (survivor, *up):
        peers = up if host == survivor else [survivor]
        asked = {
            "peers": [h.swarm_address for h in peers],
            "dead": [h.swarm_address for h in dead] if host != survivor else [],
            "manager": survivor.swarm_address,
            "seconds": LONGEST,
        }
        _begin(cluster, host, asked)
    say(f"  the ways between {survivor.name} and {len(up)} workers are held open")
    try:
        yield up
    finally:
        for host in (survivor, *up):
            cluster.to(host).run(
                f"systemctl stop {UNIT}; rm -f {PROGRAM}",
                sudo=True,
                check=False,
                shown="let go of the ways",
            )


def _begin(cluster: Cluster, host: Host, asked: dict[str, object]) -> None:
    connection = cluster.to(host)
    connection.upload(PROGRAM, HOLD.encode(), mode=0o600, sudo=True)
    connection.run(
        f"systemctl stop {UNIT} 2>/dev/null; systemd-run --quiet --collect --unit={UNIT} "
        f"python3 {PROGRAM} '{json.dumps(asked)}' && for moment in $(seq 50); do "
        f"journalctl --quiet --unit {UNIT} --since=-60s --output=cat | grep -q holding && exit; "
        "sleep 0.1; done; exit 1",
        sudo=True,
        shown="hold the ways between the tasks",
    )


def start_anew(cluster: Cluster, survivor: Host) -> None:
    """Let the survivor go on with the swarm alone, and with what serves readers there."""
    cluster.to(survivor).run(
        ANEW.replace("ADDRESS", survivor.swarm_address),
        sudo=True,
        timeout=120,
        shown="go on with the swarm alone",
    )
