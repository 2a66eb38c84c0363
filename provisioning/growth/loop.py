"""One round after the other: look at swarm and group, then let workers come and go."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial

from provisioning import lock
from provisioning.care import drain
from provisioning.care.rebalance import rebalance
from provisioning.cluster import Cluster
from provisioning.errors import OperatorError
from provisioning.growth import listing, view
from provisioning.growth.policy import Decision, Memory, Rules, decide
from provisioning.growth.provider import Group, Machine, Provider
from provisioning.growth.view import LEAVING, View
from provisioning.inventory import Host, load
from provisioning.setup.apply import apply, renew_tokens
from swarm.model import Node

SELF_JOIN = 300.0  # seconds that a machine which joins by itself is given before it is helped

Say = Callable[[str], None]


@dataclass
class Scaler:
    """Keeps the group as large as the tasks need; remembers how long each host has been idle."""

    cluster: Cluster
    provider: Provider
    rules: Rules
    say: Say
    clock: Callable[[], float]
    dry_run: bool = False
    memory: Memory = field(default_factory=Memory)
    failed: bool = False  # whether something went wrong in the last round
    _offered: str | None = None  # the token that new machines may have; None: not known
    _said: dict[str, str] = field(default_factory=dict)
    _released: set[str] = field(default_factory=set)

    def round(self) -> bool:
        """Look once and act; tell whether anything was changed. A failure is said, not raised."""
        self.failed, changed = False, False
        try:
            self.cluster.inventory = load(self.cluster.inventory.path)  # operators change it, too
            connection = self.cluster.manager()
            seen, group = view.read(connection), self.provider.group()
            self.cluster.redact.hide(seen.token)
        except OperatorError as error:
            return self._fail("", error)
        self._news(
            "trouble", f"The last host asked for did not come: {group.trouble}", group.trouble
        )
        # A cloud may go on showing for a while what has been given back: that is none that comes.
        self._released &= {m.name for m in group.machines}
        arriving = [
            m
            for m in group.machines
            if not (m.leaving or m.name in self._released or view.joined(seen, m))
        ]
        for name, step in self._steps(seen, group, arriving):
            changed = self._try(name, step) or changed
        # What has just been changed is looked at before anything is decided.
        return changed or self._try("", partial(self._decide, seen, group))

    def _steps(
        self, seen: View, group: Group, arriving: list[Machine]
    ) -> Iterator[tuple[str, Callable[[], bool]]]:
        """List what may be to do, each under the name of what it is about."""
        yield "token", partial(self._tokens, seen, group, arriving)
        for node in view.departed(seen, group):
            name = node.labels.get("host", node.hostname)
            yield name, partial(self._forget, node, name)
        for machine in group.machines:
            member = seen.node_of(machine)
            if member and (machine.leaving or member.labels.get(LEAVING) == "true"):
                yield machine.name, partial(self._retire, machine, member)
            elif machine.leaving:
                yield machine.name, partial(self._let_go, machine)
        for machine in arriving:
            yield machine.name, partial(self._admit, machine, seen)

    def _decide(self, seen: View, group: Group) -> bool:
        """Follow the policy."""
        present = view.cluster(seen, group, self.rules.boot_time)
        decision, self.memory = decide(present, self.rules, self.memory, self.clock())
        size = f"{len(present.hosts)} worker{'' if len(present.hosts) == 1 else 's'}"
        size += f" and {len(present.coming)} coming" if present.coming else ""
        self._news("decision", f"{size}: {_words(decision)}")
        if self.dry_run or not (decision.grow or decision.shrink):
            return False
        if decision.grow:
            with self._acting(f"ask for {decision.grow} more"):
                self.provider.grow(decision.grow)
        for name in decision.shrink:
            machine = next(m for m in group.machines if m.name == name)
            node = seen.node_of(machine)
            assert node is not None  # the policy only knows members
            self._retire(machine, node)
        return True

    def _tokens(self, seen: View, group: Group, arriving: list[Machine]) -> bool:
        """Offer the swarm's token while a machine is awaited; make it worthless afterwards."""
        awaited = bool(arriving) or group.wanted > sum(not m.leaving for m in group.machines)
        if self.dry_run or not self.provider.joins_itself:
            return False
        if awaited and self._offered != seen.token:
            self.provider.offer(seen.token)
            self._offered = seen.token
            self.say("New workers may join: they find the swarm's token.")
        elif not awaited and self._offered != "":
            if self.provider.withdraw():
                renew_tokens(self.cluster.manager())
                self.say("Nobody is awaited: the token is withdrawn, and new ones made.")
            self._offered = ""
        return False

    def _admit(self, machine: Machine, seen: View) -> bool:
        """Make a new machine a member that takes tasks."""
        if self.dry_run:
            self._news(machine.name, f"{machine.name} would be set up and join.")
            return False
        late = machine.age > self.rules.boot_time
        key = self.provider.host_key(machine) if machine.address else None
        alone = self.provider.joins_itself and seen.node_of(machine) is None
        if key is None or (alone and machine.age < SELF_JOIN):
            self._news(machine.name, f"{machine.name} is booting.")
            if late:
                self.say(f"{machine.name} has not come up in {machine.age:.0f} s.")
                return self._let_go(machine)
            return False
        with self._acting(f"set up {machine.name}"):
            try:
                self.cluster.inventory = listing.add(self.cluster.inventory.path, machine, key)
                host = self.cluster.inventory.named(machine.name)
                apply(self._around(host), (), self.say, only=host.name)
            except OperatorError as error:
                if not late:
                    raise
                self.say(f"{machine.name} cannot be set up: {error}")
                return self._let_go(machine)
            self.say(f"{machine.name} has joined.")
            if not seen.pending and not seen.rolling:
                rebalance(self.cluster, self.say)
        return True

    def _retire(self, machine: Machine, node: Node) -> bool:
        """Drain a worker, take it out of the swarm, and give its machine back."""
        if self.dry_run:
            self._news(machine.name, f"{machine.name} would be drained and given back.")
            return False
        with self._acting(f"remove {machine.name}"):
            connection = self.cluster.manager()
            # Should this be interrupted, the label says that it is to be gone on with.
            connection.run(f"docker node update --label-add {LEAVING}=true {node.id}", sudo=True)
            host = self._listed(machine)
            if node.state == "ready":
                try:
                    drain.drain(self.cluster, host, self.say)
                except OperatorError:
                    if not machine.leaving:  # nobody forces us: it goes on working
                        stay = f"--availability active --label-rm {LEAVING}"
                        connection.run(f"docker node update {stay} {node.id}", sudo=True)
                    raise
                self.cluster.fleet.each(
                    [host], lambda c: c.run("docker swarm leave", sudo=True, check=False)
                )
            self._forget(node, machine.name)
        return self._let_go(machine)

    def _forget(self, node: Node, name: str) -> bool:
        """Take a departed node out of the swarm and out of the inventory."""
        if self.dry_run:
            self._news(name, f"{name} has departed and would be forgotten.")
            return False
        self.cluster.manager().run(f"docker node rm --force {node.id}", sudo=True)
        self._unlist(name)
        self.say(f"{name} has left the swarm.")
        return True

    def _let_go(self, machine: Machine) -> bool:
        """Give a machine back that is no member (any more)."""
        if self.dry_run:
            return False
        self.provider.release(machine)
        self._released.add(machine.name)
        self._unlist(machine.name)
        self.say(f"{machine.name} is given back.")
        return True

    def _unlist(self, name: str) -> None:
        for host in self.cluster.inventory.host:
            if host.name == name:
                self.cluster.fleet.forget(host)
                self.cluster.inventory = listing.remove(self.cluster.inventory.path, name)

    def _listed(self, machine: Machine) -> Host:
        """Find a machine in the inventory, or put it there."""
        if not any(h.name == machine.name for h in self.cluster.inventory.host):
            key = self.provider.host_key(machine)
            if key is None:
                raise OperatorError(f"The SSH host key of {machine.name} is not known (yet).")
            self.cluster.inventory = listing.add(self.cluster.inventory.path, machine, key)
        return self.cluster.inventory.named(machine.name)

    def _around(self, host: Host) -> Cluster:
        """Narrow the cluster to what setting up one host needs; others may be down."""
        inventory = self.cluster.inventory
        members = (*inventory.managers, host)
        return Cluster(inventory.model_copy(update={"host": members}), self.cluster.fleet)

    @contextmanager
    def _acting(self, command: str) -> Iterator[None]:
        """Act under the operators' lock, and record it."""
        command = f"scale-hosts: {command}"
        with (
            lock.exclusive(self.cluster, command),
            lock.recorded(self.cluster, command),
        ):
            yield

    def _news(self, about: str, text: str, true: object = True) -> None:
        """Say something unless it has just been said about the same."""
        if not true:
            self._said.pop(about, None)
        elif self._said.get(about) != text:
            self._said[about] = text
            self.say(text)

    def _try(self, about: str, step: Callable[[], bool]) -> bool:
        """Do something; what is in the way is said, not raised, and once only while it lasts."""
        try:
            changed = step()
        except OperatorError as error:
            return self._fail(about, error)
        self._said.pop(f"!{about}", None)
        return changed

    def _fail(self, about: str, error: OperatorError) -> bool:
        self.failed = True
        self._news(f"!{about}", str(error))
        return False


def _words(decision: Decision) -> str:
    if decision.grow:
        return f"{decision.reason}; {decision.grow} more asked for."
    if decision.shrink:
        return f"{decision.reason}; {', '.join(decision.shrink)} may go."
    return f"{decision.reason}."
