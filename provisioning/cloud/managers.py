"""Renew a swarm's managers one after another, each behind the quorum rule and the health gate."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from provisioning import lock
from provisioning.care import waiting
from provisioning.care.drain import activate, carry_out, prepare
from provisioning.care.maintenance import SERVED, until_it_can_be_spared
from provisioning.care.replace import replace as set_up_anew
from provisioning.care.replace import replace_plan
from provisioning.cloud import inventory_file
from provisioning.cloud.operations import Installation, Say, Tell
from provisioning.cloud.settings import Settings
from provisioning.cluster import Cluster
from provisioning.errors import Interrupted, OperatorError
from provisioning.inventory import Host
from provisioning.release.outside import Outside
from provisioning.release.rendering import hide_secrets, networks_of
from provisioning.release.waiting import until_served

BOOT_TIME = 600.0  # seconds until a new instance's console must show its host key
LOOK = 10.0  # seconds from one look at the console to the next

Open = Callable[[], AbstractContextManager[Cluster]]


def refuse(settings: Settings) -> None:
    """Refuse where there are no managers that could take over from each other."""
    if settings.cloud.kind != "swarm":
        raise OperatorError(f'kind = "{settings.cloud.kind}" has no managers.')
    if settings.hosts.managers == 1:
        raise OperatorError(
            "There is one manager, and nobody could take over from it. Its replacement is a new "
            "swarm: ./run ops cloud down --hosts, then ./run ops cloud up, inventory, apply and "
            "deploy. Database and files stay; readers wait meanwhile."
        )


def outdated(installation: Installation) -> list[int]:
    """List the numbers of the managers whose image or type is not what the settings say."""
    hosts = installation.settings.hosts
    stack = installation.deployer.find(f"{installation.settings.name}-swarm")
    before: Mapping[str, str] = stack.parameters if stack else {}
    wanted = {"Ami": hosts.ami, "Type": hosts.manager_type}
    return [
        n
        for n in range(1, hosts.managers + 1)
        if any(value and before.get(f"Manager{n}{key}") != value for key, value in wanted.items())
    ]


@dataclass(frozen=True)
class Undone:
    """What a renewal has to do, in this order."""

    join: Mapping[str, tuple[str, ...]]  # take no part: what sets each of them up
    drained: tuple[str, ...]  # take part and are what the settings say, but take no tasks
    outdated: tuple[int, ...]  # first what is out of service already

    def __bool__(self) -> bool:
        """Tell whether there is anything to do."""
        return bool(self.join or self.drained or self.outdated)

    def words(self) -> Iterator[str]:
        """Put it in an operator's words."""
        for name, changes in self.join.items():
            yield f"{name} takes no part in the swarm. To set it up:"
            yield from (f"  + {change}" for change in changes)
        for name in self.drained:
            yield f"{name} takes no tasks, and is to take them again."
        names = ", ".join(f"manager{n}" for n in self.outdated)
        yield f"To be replaced, one after another: {names}." if names else "No manager is outdated."


@dataclass
class Renewal:
    """Brings managers to what the settings say; goes on where an earlier one was interrupted."""

    installation: Installation
    inventory: Path
    open: Open  # connects to the swarm that the inventory describes
    say: Say
    tell: Tell
    clock: Callable[[], float] = time.monotonic
    pause: Callable[[float], None] = time.sleep

    def look(self) -> Undone:
        """Write the inventory anew, and see what is to be done; the swarm stays as it is."""
        self._write_inventory()
        old = {f"manager{n}": n for n in outdated(self.installation)}
        with self.open() as cluster:
            managers = cluster.inventory.managers
            away = [h for h in managers if not _takes_part(cluster, h)]
            drained = [
                h.name
                for h in managers
                if h not in away and cluster.node_of(h).availability != "active"
            ]
            hide_secrets(cluster)
            objects = networks_of(cluster.inventory)
            plans = {
                h.name: tuple(
                    f"{o.host}: {o.words}" for o in replace_plan(cluster, h, objects).operations
                )
                for h in away
                if h.name not in old
            }
        order = dict.fromkeys((*(h.name for h in away), *drained, *old))
        return Undone(
            plans,
            tuple(name for name in drained if name not in old),
            tuple(old[name] for name in order if name in old),
        )

    def run(self, undone: Undone) -> None:
        """Put right what an earlier renewal or a bad night has left, then renew one by one."""
        try:
            for name in undone.join:
                self._join(name)
            for name in undone.drained:
                self._back(name)
            for number in undone.outdated:
                self.say(f"manager{number}")
                self._renew(number)
        except OperatorError as error:
            raise OperatorError(f"{error}\nTo go on, run the same command again.") from None

    def _renew(self, number: int) -> None:
        name = f"manager{number}"
        with self.open() as cluster:
            host = cluster.inventory.named(name)
            until_it_can_be_spared(cluster, host)
            with lock.exclusive(cluster, f"replace {name}: drain"):
                seen = prepare(cluster, host)
                with _out_of_service(name):
                    carry_out(cluster, host, seen, self.say)
            with _out_of_service(name):
                until_it_can_be_spared(cluster, host)  # moving the tasks took its time
                before = self.installation.outputs()[f"Manager{number}Id"]
        one = replace(self.installation, renewed=number)
        with _out_of_service(name):
            one.up(self.say, self.tell)
        if one.outputs()[f"Manager{number}Id"] == before:
            self._back(name)  # it was stopped and started with another type
        else:
            self._write_inventory()
            self._join(name)

    def _join(self, name: str) -> None:
        """Set a new machine up, in the place of the one that is gone."""
        with self.open() as cluster:
            host = cluster.inventory.named(name)
            hide_secrets(cluster)
            objects = networks_of(cluster.inventory)
            command = f"replace {name}"
            with lock.exclusive(cluster, command), lock.recorded(cluster, command):
                replace_plan(cluster, host, objects)
                set_up_anew(cluster, host, objects, self.say)
                _wait_until_all_is_well(cluster, host, self.say)

    def _back(self, name: str) -> None:
        with self.open() as cluster, lock.exclusive(cluster, f"replace {name}: activate"):
            host = cluster.inventory.named(name)
            waiting.until_ready(cluster, host)
            activate(cluster, host, self.say)
            _wait_until_all_is_well(cluster, host, self.say)

    def _write_inventory(self) -> None:
        """Write the inventory anew, as soon as every console shows its host's key."""
        deadline = self.clock() + BOOT_TIME
        said = False
        while True:
            try:
                one = self.installation
                inventory_file.renew(one.aws, one.settings, one.outputs(), self.inventory)
                return
            except inventory_file.Silent as silent:
                if self.clock() > deadline:
                    raise
                if not said:
                    self.say(f"  waiting for the host key of {', '.join(silent.names)}")
                said = True
                self.pause(LOOK)


@contextmanager
def _out_of_service(name: str) -> Iterator[None]:
    """Say that a manager takes no tasks, should anything end what is done to it."""
    left = f"{name} takes no tasks now."
    try:
        yield
    except OperatorError as error:
        way = f"To leave it as it was: ./run ops activate {name}"
        raise OperatorError(f"{error}\n{left} {way}") from None
    except KeyboardInterrupt as stop:
        way = "To go on, run the same command again."
        raise Interrupted(f"{left} {way}\n{stop}".strip()) from None


def _takes_part(cluster: Cluster, host: Host) -> bool:
    try:
        return cluster.node_of(host).reachability == "reachable"
    except OperatorError:  # not in the swarm
        return False


def _wait_until_all_is_well(cluster: Cluster, host: Host, say: Say) -> None:
    waiting.until(
        lambda: _takes_part(cluster, host), f"{host.name} takes no part among the managers"
    )
    if any(s.stack for s in cluster.services()):
        waiting.until_well(cluster)
        until_served(Outside(cluster), (), SERVED, say)
    say(f"  {host.name} is renewed, and all managers take part")
