"""Save the swarm's state (members, services, secrets, configs, releases) and bring it back."""

from __future__ import annotations

import io
import os
import tarfile
from collections.abc import Callable
from pathlib import Path

from provisioning.cluster import Cluster
from provisioning.errors import OperatorError
from provisioning.inventory import Host
from provisioning.ssh.transport import Connection, HostError

# The engine stands still while its files are copied: what the copy holds is what a power loss at
# that moment would have left, which raft is made to recover from. Containers run on.
COPY = (
    "pid=$(pidof dockerd); [ -n \"$pid\" ] || { echo 'the engine does not run' >&2; exit 1; }; "
    "trap 'kill -CONT $pid' EXIT; kill -STOP $pid && sync && "
    'cp -a /var/lib/docker/swarm "$copy"; ok=$?; kill -CONT $pid; trap - EXIT; [ $ok = 0 ]'
)

# Puts a copy in place of what the engine has; where that fails, what it had is back and it runs.
RESTORE = """
cd /var/lib/docker || exit
systemctl stop docker.socket docker || exit
rm -rf swarm.before
[ ! -e swarm ] || mv swarm swarm.before
tar -xzf .swarm-backup.tar.gz && systemctl start docker &&
    docker swarm init --force-new-cluster --advertise-addr ADDRESS >/dev/null
failed=$?
if [ $failed != 0 ]; then
    systemctl stop docker.socket docker
    rm -rf swarm
    [ ! -e swarm.before ] || mv swarm.before swarm
    systemctl start docker
fi
rm -f .swarm-backup.tar.gz
exit $failed
"""


def backup(cluster: Cluster, file: Path, say: Callable[[str], None]) -> None:
    """Write the swarm's state to a file that only its owner may read: it holds the secrets."""
    if file.exists():
        raise OperatorError(f"{file} exists. Name another file, or move that one away.")
    connection = cluster.manager()
    content = copy_state(connection)
    part = file.with_name(f".{file.name}.part")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as out:
        out.write(content)
        out.flush()
        os.fsync(out.fileno())
    part.replace(file)
    say(
        f"Saved the swarm's state of {connection.name} to {file} "
        f"({len(content) / 1024:.0f} KiB). It holds every secret: keep it safe."
    )


def copy_state(connection: Connection) -> bytes:
    """Return a manager's copy of the swarm's state, a tar archive."""
    result = connection.run(
        f'copy=$(mktemp -d) && ( {COPY} ) && tar -czf - -C "$copy" swarm; ok=$?; '
        'rm -rf "$copy"; exit $ok',
        sudo=True,
        timeout=120,
        shown="copy the swarm's state",
    )
    check(result.raw, connection.name)
    return result.raw


def check(content: bytes, where: str) -> None:
    """Refuse what is no copy of a swarm's state."""
    try:
        with tarfile.open(fileobj=io.BytesIO(content)) as archive:
            names = archive.getnames()
    except tarfile.TarError as error:
        raise OperatorError(f"{where}: this is no backup of a swarm ({error}).") from None
    if not any(name.startswith("swarm/raft") for name in names):
        raise OperatorError(f"{where}: this is no backup of a swarm (no raft log in it).")


def restore(cluster: Cluster, host: Host, file: Path, say: Callable[[str], None]) -> None:
    """Start the swarm anew on one manager from a backup.

    Refused while managers still agree on a swarm, for it would be cut in two.
    """
    try:
        content = file.read_bytes()
    except OSError as error:
        raise OperatorError(f"The backup {file} cannot be read: {error.strerror}.") from None
    check(content, str(file))
    try:
        alive = cluster.manager()
    except OperatorError:
        alive = None
    if alive:
        raise OperatorError(
            f"The swarm lives: {alive.name} manages it. A restore would cut it in two."
        )
    connection = cluster.to(host)
    if connection.run("command -v dockerd", sudo=True, check=False).status:
        raise HostError(host.name, "it has no engine. Install it: apt-get install docker.io")
    connection.upload("/var/lib/docker/.swarm-backup.tar.gz", content, mode=0o600, sudo=True)
    connection.run(
        RESTORE.replace("ADDRESS", host.swarm_address),
        sudo=True,
        timeout=180,
        shown="put the swarm's state in place",
    )
    say(
        f"{host.name} manages the swarm again, alone. Workers find it by themselves if its address "
        "is the old one. On every other old manager, and on hosts that stay away, run docker swarm "
        "leave --force; then ./run ops apply joins them."
    )
