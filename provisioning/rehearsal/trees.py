"""The disk images of the rehearsal, made once and cached: the hosts' and the cloud's."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Sequence
from pathlib import Path

from provisioning.rehearsal import mounts
from provisioning.rehearsal.layout import CACHE, USER
from provisioning.rehearsal.system import run, step

SUITE = "trixie"
# Stage one is also the base of images: see images.py.
BASE = ("ca-certificates", "python3")
# What Debian's cloud image has and our hosts use.
HOST = (
    *("systemd", "systemd-sysv", "dbus", "openssh-server", "sudo", "iproute2", "iptables"),
    *("curl", "procps", "kmod", "less", "iputils-ping", "apt-utils"),
)
# What an operator may want to install: the hosts have no way out, so it waits in a local mirror.
ENGINE = ("docker.io", "docker-cli", "docker-compose")
TOOLS = ("nfs-common", "chrony", "jq", "nftables", "tcpdump")
MIRROR = (*ENGINE, *TOOLS)
# What plays AWS, what builds images, and what examines TLS from outside.
CLOUD = (
    *("mariadb-server", "haproxy", "docker-registry", "pebble", "dnsmasq-base"),
    *("buildah", "netavark", "testssl.sh", "bsdextrautils", "bind9-host"),
)

PATIENCE = 1800  # seconds that a step of building may take on a busy machine
MIRROR_IN_HOST = "/opt/mirror"
# Version 1 control groups are read-only in a guest until this; EC2 hosts have their own kernel.
CGROUP_UNIT = """[Unit]
Description=Writable control groups
DefaultDependencies=no
Before=sysinit.target
ConditionPathExists=!/sys/fs/cgroup/cgroup.controllers
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/sh -c 'for d in /sys/fs/cgroup/*/; do mount -o remount,bind,rw "$d" || true; done'
[Install]
WantedBy=sysinit.target
"""


def folder() -> Path:
    """Return the cache folder that belongs to this recipe; another recipe has another folder."""
    recipe = repr((SUITE, BASE, HOST, MIRROR, CLOUD, CGROUP_UNIT, 1))
    return CACHE / f"trees-{hashlib.sha256(recipe.encode()).hexdigest()[:12]}"


def base_archive() -> Path:
    """Return the tar archive of the smallest tree."""
    return folder() / "base.tar"


def host_tree() -> Path:
    """Return the tree that every guest starts from, read-only by agreement."""
    return folder() / "host"


def cloud_layer() -> Path:
    """Return the layer that lies upon the host tree in the cloud guest."""
    return folder() / "cloud"


def build() -> None:
    """Make the trees unless they are cached; a half-made set is thrown away."""
    target = folder()
    if target.is_dir():
        return
    CACHE.mkdir(parents=True, exist_ok=True)
    discard_unused()
    partial = target.with_suffix(".partial")
    (partial / "host").mkdir(parents=True)
    partial.chmod(0o755)
    with step(f"Debian {SUITE} (once)"):
        debootstrap(partial / "host", SUITE)
        run(["tar", "-C", partial / "host", "--one-file-system", "-cf", partial / "base.tar", "."])
    with step("Host root: systemd, sshd, packages to be installed (once)"):
        make_host(partial / "host")
        fill_mirror(partial / "host", MIRROR)
    with step("Cloud: database, load balancer, registry, ACME server (once)"):
        _make_cloud(partial)
    use_mirror(partial / "host")
    partial.rename(target)


def discard_unused() -> None:
    """Delete cached trees that no guest stands on, and what an interrupted build left."""
    for path in CACHE.glob("trees-*"):
        if not mounts.is_layer(path):
            mounts.unmount_under(path)
            shutil.rmtree(path)


def in_tree(tree: Path, argv: Sequence[str]) -> str:
    """Run a program in a tree, with the machine's network, and leave no mount behind."""
    script = (
        'set -e; mount --bind "$0" "$0"; mount -t proc proc "$0/proc"; '
        'mount --rbind /dev "$0/dev"; mount -t tmpfs tmpfs "$0/run"; '
        'for f in resolv.conf hosts; do touch "$0/run/$f"; cat "/etc/$f" > "$0/run/$f"; '
        'touch "$0/etc/$f"; mount --bind "$0/run/$f" "$0/etc/$f"; done; '
        'exec chroot "$0" "$@"'
    )
    alone = ["unshare", "--mount", "--pid", "--fork", "--kill-child"]
    return run([*alone, "sh", "-c", script, str(tree), *argv], timeout=PATIENCE)


def debootstrap(tree: Path, suite: str, *source: str) -> None:
    """Make the smallest tree of a suite; `source` is a mirror and script other than usual."""
    alone = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
    options = ["--variant=minbase", f"--include={','.join(BASE)}"]
    run([*alone, "debootstrap", *options, suite, tree, *source], timeout=PATIENCE)
    run(["sh", "-c", f"rm -rf {tree}/var/cache/apt/archives/*.deb"])


def apt(tree: Path, *argv: str) -> None:
    """Run apt-get in a tree."""
    in_tree(tree, ["apt-get", "-y", *argv])


def fill_mirror(tree: Path, *groups: Sequence[str]) -> None:
    """Put packages and what they need into the mirror on a host's disk, in place of what it held.

    The packages of a group go together; those of two groups need not.
    """
    apt(tree, "clean")
    for packages in groups:
        apt(tree, "install", "--download-only", *packages)
    mirror = tree / MIRROR_IN_HOST.lstrip("/")
    run(["rm", "-rf", mirror])
    run(["mv", tree / "var/cache/apt/archives", mirror])
    (tree / "var/cache/apt/archives/partial").mkdir(parents=True)
    in_tree(tree, ["sh", "-c", f"cd {MIRROR_IN_HOST} && apt-ftparchive packages . > Packages"])


def make_host(tree: Path) -> None:
    """Make a bare host of the smallest tree."""
    apt(tree, "update")
    apt(tree, "install", "--no-install-recommends", *HOST)
    for key in tree.glob("etc/ssh/ssh_host_*"):
        key.unlink()  # each host gets its own
    (tree / "etc/machine-id").write_text("")
    (tree / "etc/resolv.conf").unlink(missing_ok=True)
    in_tree(tree, ["useradd", "--create-home", "--shell", "/bin/bash", USER])
    sudoers = tree / f"etc/sudoers.d/90-cloud-init-{USER}"
    sudoers.write_text(f"{USER} ALL=(ALL) NOPASSWD:ALL\n")
    sudoers.chmod(0o440)
    unit = tree / "etc/systemd/system/writable-cgroups.service"
    unit.write_text(CGROUP_UNIT)
    in_tree(tree, ["systemctl", "enable", unit.name])


def _make_cloud(partial: Path) -> None:
    for name in ("cloud", "work", "root"):
        (partial / name).mkdir()
    mounts.overlay(partial / "root", [partial / "host"], partial / "cloud", partial / "work")
    try:
        apt(partial / "root", "install", "--no-install-recommends", *CLOUD)
        apt(partial / "root", "clean")
        in_tree(
            partial / "root",
            ["systemctl", "disable", "haproxy", "docker-registry", "ssh", "mariadb"],
        )
    finally:
        mounts.unmount_under(partial / "root")
    for name in ("work", "root"):
        shutil.rmtree(partial / name)


def use_mirror(tree: Path) -> None:
    """Make `apt-get update` and `apt-get install` in a host find the local mirror."""
    for file in (*tree.glob("etc/apt/sources.list"), *tree.glob("etc/apt/sources.list.d/*")):
        file.unlink()
    source = f"deb [trusted=yes] file:{MIRROR_IN_HOST} ./\n"
    (tree / "etc/apt/sources.list").write_text(source)
    for path in (tree / "var/lib/apt/lists").iterdir():
        if path.is_file():
            path.unlink()
