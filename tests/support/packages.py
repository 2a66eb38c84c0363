"""Debian packages that a command of this repository needs, installed when it may."""

import os
import shutil
import subprocess
from collections.abc import Mapping


def install(wanted: Mapping[str, str]) -> list[str]:
    """Install the packages whose programs are missing (program -> package) where this runs as
    root on Debian; return the packages that are still missing."""
    missing = _missing(wanted)
    if missing and os.geteuid() == 0 and shutil.which("apt-get"):
        print(f"Installing {', '.join(missing)} …", flush=True)
        apt = ["apt-get", "-q", "-y", "-o", "DPkg::Lock::Timeout=400"]
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        for step in (["update"], ["install", "--no-install-recommends", *missing]):
            subprocess.call([*apt, *step], env=environment, stdout=subprocess.DEVNULL)
        missing = _missing(wanted)
    return missing


def _missing(wanted: Mapping[str, str]) -> list[str]:
    return [package for program, package in wanted.items() if not shutil.which(program)]
