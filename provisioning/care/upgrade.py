"""Upgrade the hosts' engines, one at a time and drained; go back where one does not come up."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from dataclasses import dataclass

from provisioning.care import waiting
from provisioning.care.drain import activate
from provisioning.care.maintenance import SERVED, out_of_service
from provisioning.cluster import Cluster, is_node
from provisioning.errors import OperatorError
from provisioning.inventory import Host
from provisioning.release.outside import Outside
from provisioning.release.waiting import until_served
from provisioning.setup.scripts import PATIENTLY, RESTART
from provisioning.ssh.transport import Connection, LockLost

# The packages that belong to the engine, whoever made them: Debian, Ubuntu or Docker.
PACKAGES = (
    "docker.io docker-cli docker-ce docker-ce-cli docker-ce-rootless-extras containerd.io "
    "containerd runc"
)
KEPT = "/var/lib/bookstore-engine"  # the packages as they were, for the way back
LOOK = f"""{PATIENTLY}
patiently apt-get -q update || exit
apt-mark showhold | sed 's/$/ held/'
for package in {PACKAGES}; do
    shown='${{db:Status-Status}} ${{Version}}'
    installed=$(dpkg-query -W -f "$shown" $package 2>/dev/null) || continue
    [ "${{installed% *}}" = installed ] || continue
    candidate=$(apt-cache policy $package | sed -n 's/^  Candidate: //p')
    echo "$package ${{installed#* }} $candidate"
done
"""

Say = Callable[[str], None]


@dataclass(frozen=True)
class Package:
    """A package of the engine on one host."""

    name: str
    installed: str
    candidate: str


@dataclass(frozen=True)
class Upgrade:
    """What would be upgraded on one host."""

    host: Host
    packages: tuple[Package, ...]

    @property
    def words(self) -> str:
        """Return the host with each package, from which version to which."""
        said = ", ".join(f"{p.name} {p.installed} -> {p.candidate}" for p in self.packages)
        return f"{self.host.name}: {said}"


def parse(host: str, text: str) -> tuple[Package, ...]:
    """Read which packages have a newer version; refuse where one is held. Pure."""
    rows = [line.split() for line in text.splitlines()]
    held = {row[0] for row in rows if row[1:] == ["held"]}
    found = tuple(Package(*row) for row in rows if len(row) == 3)
    newer = tuple(p for p in found if p.candidate not in (p.installed, "(none)"))
    if stuck := [p.name for p in newer if p.name in held]:
        raise OperatorError(
            f"{host}: {', '.join(stuck)} is held at its version. If that is no longer wanted: "
            f"apt-mark unhold {' '.join(stuck)}"
        )
    return newer


def plan(cluster: Cluster) -> tuple[list[Upgrade], dict[str, str]]:
    """Say what is to be upgraded: workers first, then managers, the leader last; and who is lost.

    A host that does not answer is left alone.
    """
    answers = cluster.fleet.each(cluster.hosts, lambda c: c.run("true", sudo=True))
    lost = {name: str(a) for name, a in answers.items() if isinstance(a, OperatorError)}
    up = [h for h in cluster.hosts if h.name not in lost]
    # Host after host, and patient: reading the lists of packages keeps a small host busy.
    said = {
        host.name: cluster.to(host)
        .run(
            f"renice -n 10 $$ >/dev/null; {LOOK}",
            sudo=True,
            timeout=500,
            shown="look for newer versions of the engine",
        )
        .stdout
        for host in up
    }
    nodes = cluster.nodes()

    def rank(host: Host) -> int:
        leads = any(n.leader and is_node(cluster.inventory, n, host) for n in nodes)
        return 2 if leads else int(host.role == "manager")

    found = [Upgrade(h, parse(h.name, said[h.name])) for h in sorted(up, key=rank)]
    return [upgrade for upgrade in found if upgrade.packages], lost


def upgrade(cluster: Cluster, upgrades: list[Upgrade], say: Say) -> None:
    """Upgrade host after host; stop at the first that had to go back."""
    for one in upgrades:
        say(one.words)
        connection = cluster.to(one.host)
        _keep(connection, one)
        try:
            with out_of_service(cluster, say, one.host):
                _install(connection, one, "candidate")
        except LockLost:
            raise
        except OperatorError as error:
            say(f"  {error}\n  {one.host.name} goes back to what it had")
            _go_back(cluster, one, say)
            raise OperatorError(
                f"{one.host.name} did not come up with the new engine and runs the old one again: "
                f"{error}\nThe hosts after it are as they were."
            ) from None
        say(f"  {one.host.name} is upgraded")


def _keep(connection: Connection, one: Upgrade) -> None:
    """Fetch the packages as they are, while they can be had: without them there is no way back."""
    names = shlex.join(f"{p.name}={p.installed}" for p in one.packages)
    fetched = connection.run(
        f"rm -rf {KEPT} && install -d -m 755 {KEPT} && cd {KEPT} && "
        f"apt-get -q -o APT::Sandbox::User=root download {names}",
        sudo=True,
        timeout=300,
        check=False,
        shown="fetch the present packages, for the way back",
    )
    if fetched.status:
        raise OperatorError(
            f"{one.host.name}: the packages that it has cannot be had any more, so there would be "
            "no way back. It is left as it is. Add a package source that has them, or upgrade it "
            f"by hand, drained: ./run ops drain {one.host.name}"
        )


def _install(connection: Connection, one: Upgrade, which: str) -> None:
    names = shlex.join(f"{p.name}={getattr(p, which)}" for p in one.packages)
    keep = "-o Dpkg::Options::=--force-confold"
    connection.run(
        # Not every package restarts the engine by itself.
        f"{PATIENTLY}patiently apt-get -q -y {keep} install {names} || exit\n{RESTART}",
        sudo=True,
        timeout=600,
        shown="upgrade the engine",
    )


def _go_back(cluster: Cluster, one: Upgrade, say: Say) -> None:
    cluster.to(one.host).run(
        f"{PATIENTLY}patiently dpkg --force-confold --force-downgrade --install {KEPT}/*.deb; "
        f"systemctl reset-failed docker docker.socket\n{RESTART}",
        sudo=True,
        timeout=300,
        shown="put the old engine back",
    )
    waiting.until_ready(cluster, one.host)
    activate(cluster, one.host, lambda text: None)
    waiting.until_well(cluster)
    until_served(Outside(cluster), (), SERVED, say)
