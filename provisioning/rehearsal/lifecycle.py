"""The life of a rehearsal: up, power cuts, partitions, down."""

from __future__ import annotations

import json
import os
import shutil
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from provisioning.errors import OperatorError
from provisioning.rehearsal import (
    cloud,
    guests,
    images,
    mounts,
    network,
    quirks,
    storage,
    suites,
    trees,
)
from provisioning.rehearsal.authority import create_authority, ssh_pair, write_secret
from provisioning.rehearsal.cluster_file import OPERATOR_KEY, host_key, send_mail, write_inventory
from provisioning.rehearsal.layout import (
    CACHE,
    MACHINE,
    MOST_WORKERS,
    SHARED,
    SHARED_IN_HOST,
    STATE,
    USER,
    VPC,
    Host,
    guest_folder,
    hosts,
    parse_host,
)
from provisioning.rehearsal.suites import System
from provisioning.rehearsal.system import (
    allow_many_guests,
    only_one,
    require_machine,
    run,
    step,
)

MEMBERS = STATE / "members.json"
OWN = System()  # the rehearsal's own


def up(
    managers: int, workers: int, *, mail: bool = False, system: System = OWN
) -> tuple[Host, ...]:
    """Make the rehearsal of a swarm, or what is missing of it, of a system; give its hosts."""
    wanted = hosts(managers, workers)
    require_machine()
    with only_one(), only_one(STATE):
        there = current_hosts()
        _refuse_another({"manager": managers})
        wanted += tuple(host for host in there if host not in wanted)
        _make(wanted, managers, max(workers, _newest()), mail=mail, system=system)
        write_inventory(wanted)
        images.provide(images.stack_files())
    return wanted


def up_machine() -> Host:
    """Make the rehearsal of one machine without a swarm, or what is missing of it."""
    require_machine()
    with only_one(), only_one(STATE):
        _refuse_another({"machine": 1})
        _make((MACHINE,), 0, 0)
        images.provide([images.SWARM / "compose.https.yml"])
    return MACHINE


def _refuse_another(wanted: dict[str, int]) -> None:
    found = Counter(host.role for host in current_hosts() if host.role != "worker")
    if found and found != wanted:
        what = " and ".join(f"{count} {role}(s)" for role, count in found.items())
        raise OperatorError(
            f"A rehearsal with {what} is up. Take it down first: ./run ops rehearsal down"
        )


def _make(
    wanted: tuple[Host, ...],
    managers: int,
    newest: int,
    *,
    mail: bool = False,
    system: System = OWN,
) -> None:
    trees.build()
    suites.build(system)
    allow_many_guests()
    _remember(wanted, newest)
    create_authority()
    cloud.create_database_url()
    if mail:
        send_mail()
    with step("Network and cloud"):
        network.create_vpc()
        storage.serve()
        guests.boot(cloud.guest(managers))
        cloud.wait_until_up(managers)
    for host in wanted:
        if not guests.running(host.name):
            with step(f"{host.name} ({host.address})"):
                _power_on(host, system)


def current_hosts() -> tuple[Host, ...]:
    """List the rehearsal's hosts, none when there is no rehearsal."""
    if not MEMBERS.exists():
        return ()
    return tuple(parse_host(name) for name in json.loads(MEMBERS.read_text())["hosts"])


def current_workers() -> tuple[Host, ...]:
    """List the workers alone."""
    return tuple(host for host in current_hosts() if host.role == "worker")


def add_worker(system: System = OWN) -> Host:
    """Boot one more bare worker, under the name that was used longest ago."""
    _require_rehearsal()
    if system != OWN:
        with only_one():
            suites.build(system)
    with only_one(STATE):
        there = current_hosts()
        if MACHINE in there:
            raise OperatorError("This rehearsal is of one machine: no swarm takes workers there.")
        # As on a cloud, a name does not come back at once: the swarm may still list its bearer.
        newest = _newest()
        numbers = (*range(newest + 1, MOST_WORKERS + 1), *range(1, newest + 1))
        free = [host for n in numbers if (host := Host("worker", n)) not in there]
        if not free:
            raise OperatorError(f"{MOST_WORKERS} workers are the most that can be rehearsed.")
        host = free[0]
        # Remembered first: should this be interrupted, removing it takes away what there is.
        _remember((*there, host), host.number)
        with step(f"{host.name} ({host.address})"):
            _power_on(host, system)
        write_inventory((*there, host))
    return host


def remove_worker(name: str) -> None:
    """Take a worker away with its disk; a swarm that it is a member of is not asked."""
    host = named(name)
    if host.role != "worker":
        raise OperatorError(f"{name} is a manager: only workers come and go.")
    with only_one(STATE):
        guests.delete(name)
        left = tuple(h for h in current_hosts() if h != host)
        _remember(left, _newest())
        write_inventory(left)


def _remember(members: tuple[Host, ...], newest: int) -> None:
    """Note the hosts, and the number of the worker that came last."""
    MEMBERS.write_text(json.dumps({"hosts": [h.name for h in members], "newest": newest}))


def _newest() -> int:
    if MEMBERS.exists():
        return int(json.loads(MEMBERS.read_text())["newest"])
    return max((host.number for host in current_workers()), default=0)


def _require_rehearsal() -> None:
    require_machine()
    if not current_hosts():
        raise OperatorError("There is no rehearsal. Make one: ./run ops rehearsal up")


def named(name: str) -> Host:
    """Find one of the rehearsal's hosts."""
    _require_rehearsal()
    host, known = parse_host(name), current_hosts()
    if host not in known:
        raise OperatorError(
            f"There is no {name}; the hosts are {', '.join(h.name for h in known)}."
        )
    return host


def state(host: Host) -> str:
    """Describe a host in a word or two: up, partitioned or without power."""
    if not guests.running(host.name):
        return "no power"
    return "up" if network.plugged(host.name) else "partitioned"


def replace(name: str) -> None:
    """Take a host away with its disk, and boot a bare one in its place, with another host key."""
    host = named(name)
    with only_one(STATE):
        guests.delete(name)
        _power_on(host)
        if host != MACHINE:
            write_inventory(current_hosts())


def crash(*names: str) -> None:
    """Cut hosts' power at once: they vanish from the network, then all that ran on them is dead."""
    gone = [named(name) for name in names]
    with only_one(STATE):
        for host in gone:
            if not guests.running(host.name):
                raise OperatorError(
                    f"{host.name} has no power already. Give it some: boot {host.name}"
                )
        guests.cut_power(*(host.name for host in gone))


def boot(name: str) -> None:
    """Give a host its power back; its disk is as it was."""
    host = named(name)
    with only_one(STATE):
        if guests.running(host.name):
            raise OperatorError(f"{name} is running already.")
        _power_on(host)


def partition(name: str, *, apart: bool) -> None:
    """Pull a host's network cable, or put it back; the host itself goes on."""
    host = named(name)
    with only_one(STATE):
        if not guests.running(host.name):
            raise OperatorError(f"{name} has no power. Boot it first: boot {name}")
        network.plug(host.name, into=not apart)


def lose_packets(name: str, percent: int) -> None:
    """Lose so many in a hundred of the packets to and from a host; 0: none any more."""
    host = named(name)
    with only_one(STATE):
        network.lose(host.name, percent)


def mute(name: str, towards: Sequence[str]) -> None:
    """Lose all packets from a host to some others, whose own reach it; ends like `lose_packets`."""
    host = named(name)
    with only_one(STATE):
        network.mute(host.name, [named(other).name for other in towards])


def packets_lost(name: str) -> int:
    """Return how many packets of a host were lost on purpose since that began."""
    return network.lost(named(name).name)


def stall_storage(*, stalled: bool) -> None:
    """Let the shared storage stop answering, or answer again."""
    require_machine()
    if not current_hosts():
        raise OperatorError("There is no rehearsal. Make one: ./run ops rehearsal up")
    with only_one(STATE):
        storage.stall() if stalled else storage.resume()


def down() -> list[str]:
    """Take away all that a rehearsal made, however it ended; the cache stays.

    Looks at what exists, not at what was written down. Gives what was found.
    """
    require_machine()
    with only_one(), only_one(STATE):
        storage.resume()  # nothing that waits for it can be ended
        found = guests.everything()
        for name in found:
            guests.delete(name)
        if VPC in network.namespaces():
            found.append(VPC)
        network.delete(VPC)
        mounts.unmount_under(STATE)
        run(["rm", "-rf", "--one-file-system", STATE])
        for partial in CACHE.glob("*.partial"):
            mounts.unmount_under(partial)
            shutil.rmtree(partial)
    return found


def _power_on(host: Host, system: System = OWN) -> None:
    guests.boot(
        guests.Guest(
            name=host.name,
            addresses=[host.address],
            layers=suites.layers(system),
            binds={
                # Of images; since Engine 29 in the second. No overlay holds another's layers.
                "/var/lib/docker": guest_folder(host.name) / "docker",
                "/var/lib/containerd": guest_folder(host.name) / "containerd",
                SHARED_IN_HOST: SHARED,
            },
            furnish=lambda root: _furnish(host, root, system),
        )
    )


def _furnish(host: Host, root: Path, system: System) -> None:
    """Do what cloud-init does: the operator's key for the user, and a host key of its own."""
    home = root / "home" / USER
    owner = home.stat()
    authorized = home / ".ssh/authorized_keys"
    write_secret(authorized, ssh_pair(OPERATOR_KEY) + "\n")
    for path, mode in ((authorized.parent, 0o700), (authorized, 0o600)):
        os.chown(path, owner.st_uid, owner.st_gid)
        path.chmod(mode)
    public = host_key(host)
    private = (guest_folder(host.name) / "host_key").read_bytes()
    write_secret(root / "etc/ssh/ssh_host_ed25519_key", private)
    (root / "etc/ssh/ssh_host_ed25519_key.pub").write_text(f"{public} {host.name}\n")
    quirks.apply(system.quirks, host, root)


def rebuild_image() -> str:
    """Build the shop from the working tree anew and push it; give its reference by digest."""
    _require_rehearsal()
    with only_one():
        return images.build_shop()
