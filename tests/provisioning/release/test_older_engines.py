"""Stacks are handed over by command lines of engines old and new."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any, cast

import pytest

from provisioning.release.waiting import deploy_stacks
from provisioning.ssh.transport import Connection, Result

# As Docker 20.10 and 26.1 answer; the older knows no --detach and always does so.
DOCKER = """#!/bin/sh
case "$* " in
*--help*) echo "Options:"; echo "  -c, --compose-file strings"; echo "KNOWN" ;;
*) for word in "$@"; do case "$word KNOWN" in
     "--detach"*" ") echo "unknown flag: --detach" >&2; exit 125 ;; esac; done
   echo "$@" >> "$(dirname "$0")/asked"; cat > /dev/null ;;
esac
"""


class Shell:
    """A host whose `docker` is a script."""

    def __init__(self, folder: Path) -> None:
        self.path = f"{folder}:{os.environ['PATH']}"

    def run(self, command: str, *, stdin: bytes, **_: Any) -> Result:
        """Run a command as a host would."""
        done = subprocess.run(
            ["sh", "-c", command],
            input=stdin,
            env={"PATH": self.path},
            capture_output=True,
            check=True,
        )
        return Result(done.returncode, done.stdout.decode(), done.stderr.decode())


@pytest.mark.parametrize("known", ["", "  -d, --detach  Exit immediately"])
def test_a_stack_is_deployed_in_the_background(tmp_path: Path, known: str) -> None:
    docker = tmp_path / "docker"
    docker.write_text(DOCKER.replace("KNOWN", known))
    docker.chmod(0o755)
    deploy_stacks(cast(Connection, Shell(tmp_path)), {"app": {"services": {}}}, print)
    asked = (tmp_path / "asked").read_text().split()
    assert asked[-3:] == ["--compose-file", "-", "app"]
    assert ("--detach" in asked) == bool(known)
