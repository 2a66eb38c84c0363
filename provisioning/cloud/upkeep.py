"""What changes by itself on AWS and must reach the swarm: ECR's passwords, and the database's."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from dataclasses import dataclass, field

from provisioning import lock
from provisioning.care import waiting
from provisioning.cloud import images, inventory_file
from provisioning.cloud.aws import Aws
from provisioning.cloud.deploy import Deployer
from provisioning.cluster import Cluster
from provisioning.errors import OperatorError
from provisioning.release import deploy
from provisioning.release.proposal import propose
from provisioning.ssh.transport import Connection

REGISTRY_EVERY = 6 * 3600.0  # half of the time that a password of ECR's is good for
DATABASE_EVERY = 3600.0

Say = Callable[[str], None]


@dataclass
class Upkeep:
    """Brings new credentials to the hosts, each in its time; a failure is said, not raised."""

    aws: Aws
    cluster: Cluster
    say: Say
    clock: Callable[[], float]
    _due: dict[str, float] = field(default_factory=dict)
    _said: dict[str, str] = field(default_factory=dict)

    def round(self) -> None:
        """Do what is due."""
        for name, every, step in (
            ("registry", REGISTRY_EVERY, self._registry),
            ("database", DATABASE_EVERY, self._database),
        ):
            if self.clock() < self._due.get(name, 0.0):
                continue
            try:
                step()
                self._due[name] = self.clock() + every
                self._said.pop(name, None)
            except OperatorError as error:
                if self._said.get(name) != str(error):  # once only while it lasts
                    self.say(f"The {name}'s credentials could not be brought to the hosts: {error}")
                self._said[name] = str(error)
                self._due[name] = self.clock() + every / 12  # tried again well before it is late

    def _registry(self) -> None:
        if log_in(self.aws, self.cluster):
            self.say("The hosts and services have a new password for the registry.")

    def _database(self) -> None:
        if renew_database(self.aws, self.cluster, self.say):
            self.say("The shop signs in to the database with its new password.")


def log_in(aws: Aws, cluster: Cluster) -> bool:
    """Log every host in to ECR, and give the services a password that later workers pull with.

    Nothing is restarted: how an image is pulled is no part of what runs. Refuse while one of them
    is rolled out. Return whether the shop's image is in ECR at all.
    """
    name = images.ecr(cluster.spec.image)
    if name is None:
        return False
    password = images.password(aws, name)
    cluster.redact.hide(password)
    command = f"docker login --username AWS --password-stdin {shlex.quote(name.host)}"

    def enter(connection: Connection) -> None:
        connection.run(command, sudo=True, stdin=password.encode(), shown=f"log in to {name.host}")

    with lock.exclusive(cluster, "scale-hosts: new registry password"):
        answers = cluster.fleet.each(cluster.hosts, enter)
        manager = cluster.manager()
        enter(manager)
        mine = [s for s in cluster.services() if s.image.startswith(f"{name.host}/")]
        waiting.refuse_rollout(mine)  # an update now would take the place of what it goes back to
        for service in mine:
            manager.run(
                f"docker service update --detach --with-registry-auth {shlex.quote(service.name)}",
                sudo=True,
                shown=f"give {service.name} the registry's new password",
            )
    failed = [f"{host}: {a}" for host, a in answers.items() if isinstance(a, OperatorError)]
    if failed:
        raise OperatorError("these hosts have no new password:\n  " + "\n  ".join(failed))
    return True


def renew_database(aws: Aws, cluster: Cluster, say: Say) -> bool:
    """Deploy the database's password if it has changed; tell whether it had.

    The old one works until the change after. What else is not deployed yet is left to its operator.
    """
    stack = Deployer(aws).find(f"{cluster.name}-data")
    if stack is None or stack.parameters.get("Rotation") != "true":
        return False
    path = cluster.spec.database_url_file
    before = path.read_text(encoding="utf-8")
    fresh = inventory_file.database_url(aws, stack.outputs)
    if fresh == before:
        return False
    cluster.redact.hide(fresh.strip())
    with lock.exclusive(cluster, "scale-hosts: new database password"):
        if propose(cluster, cluster.manager(), None, lambda text: None).needed:
            raise OperatorError(
                "the inventory has changes that are not deployed. Run ./run ops cloud inventory "
                "and ./run ops deploy, which brings both."
            )
        inventory_file.put(path, fresh)
        try:
            proposal = propose(cluster, cluster.manager(), None, say)
            with lock.recorded(cluster, f"deploy release {proposal.release.number}"):
                deploy.carry_out(cluster, proposal, say)
        except BaseException:
            inventory_file.put(path, before)  # so that it is tried again
            raise
    return True
