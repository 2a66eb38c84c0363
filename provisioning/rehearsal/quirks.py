"""What hosts in the wild have and fresh ones have not: written on a host's disk before it boots."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from provisioning.rehearsal import trees
from provisioning.rehearsal.guests import enable
from provisioning.rehearsal.layout import SLICE, Host

# The oldest version of its API that Docker Engine 29.0 still speaks.
OLDEST_API = "1.44"
BUSY = 60  # seconds that the host's own upgrades take
# Holds the locks as apt and dpkg do while they work.
UPGRADING = f"""[Unit]
Description=Rehearsal: the host's own upgrades
[Service]
ExecStart=python3 -c 'import fcntl, time; \\
  files = [open("/var/lib/dpkg/" + name, "w") for name in ("lock-frontend", "lock")]; \\
  files.append(open("/var/lib/apt/lists/lock", "w")); \\
  [fcntl.lockf(file, fcntl.LOCK_EX) for file in files]; time.sleep({BUSY})'
[Install]
WantedBy=multi-user.target
"""


def _oldest_api(host: Host, root: Path) -> None:
    folder = root / "etc/systemd/system/docker.service.d"
    folder.mkdir(parents=True)
    setting = f"[Service]\nEnvironment=DOCKER_MIN_API_VERSION={OLDEST_API}\n"
    (folder / "oldest-api.conf").write_text(setting)


def _installed(host: Host, root: Path) -> None:
    trees.apt(root, "update")
    trees.apt(root, "install", "--no-install-recommends", "docker.io")
    trees.in_tree(root, ["apt-mark", "hold", "docker.io", "containerd", "runc"])


def _upgrading(host: Host, root: Path) -> None:
    (root / "etc/systemd/system/upgrading.service").write_text(UPGRADING)
    enable(root, "upgrading.service")


def _noexec(host: Host, root: Path) -> None:
    kind = "tmpfs noexec,nosuid,nodev 0 0"
    (root / "etc/fstab").write_text(f"tmpfs /tmp {kind}\ntmpfs /var/tmp {kind}\n")


def _named(host: Host, root: Path) -> None:
    (root / "etc/hostname").write_text(f"{long_name(host)}\n")


def long_name(host: Host) -> str:
    """Return a name that is not the inventory's, with capitals, and as long as Linux allows."""
    short = f"IP-{host.address.replace('.', '-')}.{SLICE}."
    return (short + "Compute.Internal.Example." * 3)[:64].rstrip(".").ljust(64, "x")


QUIRKS: dict[str, tuple[str, Callable[[Host, Path], None]]] = {
    "oldest-api": (f"the engine speaks no API before {OLDEST_API}, as Engine 29.0", _oldest_api),
    "installed": ("the engine is installed already, its packages held", _installed),
    "upgrading": (f"the host's own upgrades hold apt's locks for {BUSY} s", _upgrading),
    "noexec": ("nothing in /tmp can be executed", _noexec),
    "names": ("the hosts call themselves otherwise, in 64 letters", _named),
}


def apply(names: Sequence[str], host: Host, root: Path) -> None:
    """Write quirks on a host's disk."""
    for name in names:
        QUIRKS[name][1](host, root)
