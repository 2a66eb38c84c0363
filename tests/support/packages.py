"""Debian packages that a command of this repository needs, installed when it may."""

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

SYSTEM_PATH = "/usr/local/sbin:/usr/sbin:/sbin"  # where sshd lives, not on everybody's PATH
NOT_TO_BE_RUN = Path("/etc/ssh/sshd_not_to_be_run")  # Debian's own switch, for all its inits


def install(wanted: Mapping[str, str]) -> list[str]:
    """Install the packages whose programs are missing (program -> package) where this runs as
    root on Debian; return the packages that are still missing."""
    missing = _missing(wanted)
    if missing and os.geteuid() == 0 and shutil.which("apt-get"):
        print(f"Installing {', '.join(missing)} …", flush=True)
        if "openssh-server" in missing:
            keep_ssh_off(NOT_TO_BE_RUN)
        apt = ["apt-get", "-q", "-y", "-o", "DPkg::Lock::Timeout=400"]
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        for step in (["update"], ["install", "--no-install-recommends", *missing]):
            subprocess.call([*apt, *step], env=environment, stdout=subprocess.DEVNULL)
        missing = _missing(wanted)
    return missing


def keep_ssh_off(switch: Path) -> None:
    """See that the SSH server that is about to be installed never starts: the machine gets the
    program for its tests, and no door to the network."""
    switch.parent.mkdir(exist_ok=True)
    switch.write_text("Written by BookStore's ./run tests. Delete it to use SSH's service.\n")
    print(f"Its service stays off: {switch} says so.", flush=True)


def _missing(wanted: Mapping[str, str]) -> list[str]:
    path = f"{os.environ.get('PATH', os.defpath)}:{SYSTEM_PATH}"
    return [package for program, package in wanted.items() if not shutil.which(program, path=path)]
