"""Instances: guests of a rehearsal that cloud-init sets up at their first boot, as EC2's are.

They are bare but for what Debian's image for EC2 has; user data does the rest. The kernels that
rehearse have no NFS: where a host mounts it, it gets the rehearsal's shared folder.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from provisioning.cloud import host_keys
from provisioning.rehearsal import guests, mounts, trees
from provisioning.rehearsal.layout import SHARED, USER, guest_folder
from provisioning.rehearsal.system import only_one, run, step

IMAGE = ("cloud-init", "locales", "tzdata")  # what the image has besides the rehearsal's hosts
MORE = ("awscli", "jq")  # what user data installs and the rehearsal's mirror lacks
FILES = "/srv/files"  # where a host finds what the file server has
MOUNT = f"""#!/bin/sh
# Stands for the kernel's NFS client: mount.nfs4 SERVER:/ FOLDER …
exec mount --bind {FILES} "$2"
"""
# As Debian's images say, but for the packages, which come from the rehearsal's mirror.
CONFIG = f"""
apt: {{preserve_sources_list: true}}
datasource_list: [NoCloud]
network: {{config: disabled}}
system_info:
  default_user:
    name: {USER}
    gecos: Debian
    lock_passwd: true
    shell: /bin/bash
    sudo: ["ALL=(ALL) NOPASSWD:ALL"]
"""
SEED = "var/lib/cloud/seed/nocloud"


def layer() -> Path:
    """Return the layer that lies upon the hosts' tree, making it when it is not cached."""
    target = trees.folder() / "first-boot"
    if not target.is_dir():
        with only_one(), step("Cloud-init, and what user data installs (once)"):
            _make(target)
    return target


def _make(target: Path) -> None:
    partial = target.with_name("first-boot.partial")
    mounts.unmount_under(partial)
    shutil.rmtree(partial, ignore_errors=True)
    for name in ("upper", "work", "root"):
        (partial / name).mkdir(parents=True)
    root = partial / "root"
    mounts.overlay(root, [trees.host_tree()], partial / "upper", partial / "work")
    try:
        source = root / "etc/apt/sources.list"
        mirror = source.read_text()
        source.write_text(run(["tar", "-xOf", trees.base_archive(), "./etc/apt/sources.list"]))
        apt = ["apt-get", "-y", "--no-install-recommends"]
        trees.in_tree(root, [*apt, "update"])
        trees.in_tree(root, [*apt, "install", *IMAGE])
        trees.in_tree(root, ["apt-get", "clean"])
        trees.in_tree(root, [*apt, "install", "--download-only", *MORE, *trees.MIRROR])
        stock = trees.MIRROR_IN_HOST
        for script in (
            f"mv -n /var/cache/apt/archives/*.deb {stock}; apt-get clean",
            f"cd {stock}; apt-ftparchive packages . > Packages",
            "rm -f /var/lib/apt/lists/*Packages* /var/lib/apt/lists/*Release*",
            f"userdel --remove {USER}; rm /etc/sudoers.d/90-cloud-init-{USER}",
            "dpkg-divert --rename --divert /usr/sbin/mount.nfs4.real --add /usr/sbin/mount.nfs4",
        ):
            trees.in_tree(root, ["sh", "-ec", script])
        source.write_text(mirror)
        (root / "usr/sbin/mount.nfs4").write_text(MOUNT)
        (root / "usr/sbin/mount.nfs4").chmod(0o755)
        (root / "etc/cloud/cloud.cfg.d/99-image.cfg").write_text(CONFIG)
    finally:
        mounts.unmount_under(root)
    (partial / "upper").chmod(0o755)
    (partial / "upper").rename(target)
    shutil.rmtree(partial)


@dataclass(frozen=True)
class Instance:
    """A host that user data sets up."""

    name: str  # the guest's
    address: str
    id: str = ""  # what AWS calls it

    def boot(self, user_data: str) -> None:
        """Boot it for the first time, and wait until cloud-init has ended."""
        guests.boot(
            guests.Guest(
                name=self.name,
                addresses=[self.address],
                layers=[layer(), trees.host_tree()],
                binds={"/var/lib/docker": guest_folder(self.name) / "docker", FILES: SHARED},
                furnish=lambda root: _seed(root, self.name, user_data),
                console="read-only",
            )
        )
        deadline = time.monotonic() + 600
        while self.outcome()["status"] in ("not run", "running"):
            assert time.monotonic() < deadline, self.console()[-3000:]
            time.sleep(1)

    def outcome(self) -> dict[str, Any]:
        """Return what cloud-init says of its work."""
        command = guests.shell(self.name, "cloud-init status --format json || true")
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    def console(self) -> str:
        """Return what the host has written to its console, which only AWS shows on EC2."""
        return (guest_folder(self.name) / "console.log").read_text(errors="replace")

    def host_key(self) -> str:
        """Return the SSH host key that it announced."""
        key = host_keys.announced(self.console())
        assert key, self.console()[-3000:]
        return key


def _seed(root: Path, name: str, user_data: str) -> None:
    """Leave what NoCloud finds; a fresh instance has no name of its own."""
    (root / "etc/hostname").write_text("localhost\n")
    (root / SEED).mkdir(parents=True)
    (root / SEED / "meta-data").write_text(f"instance-id: {name}\n")
    (root / SEED / "user-data").write_text(user_data)
