"""What the restart of an engine leaves behind: nothing of the networks that it had."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from provisioning.setup.scripts import RESTART

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("ip") is None, reason="needs root, to make links"
)
# A host with three links of an engine that is gone: on the host itself, in the namespace of a
# network, and in one of its own that is none of the engine's. Programs stand for the engine's.
HOST = """
set -e
mount -t tmpfs tmpfs /run
mkdir -p /run/docker/netns /run/bin
mount --bind /run/docker "$(readlink -f /var/run)/docker"
printf '#!/bin/sh\\necho "$(basename "$0") $*" >> /run/done\\n' > /run/bin/docker
chmod +x /run/bin/docker
cp /run/bin/docker /run/bin/systemctl
PATH=/run/bin:$PATH
for space in 1-abcdefghij theirs; do
    touch /run/docker/netns/$space
    unshare --net=/run/docker/netns/$space true
done
ip link add vx-001001-abcde type vxlan id 4097 dstport 4789
ip link add theirs type vxlan id 7 dstport 4790
for pair in 1-abcdefghij:4098 theirs:4099; do
    ip link add vxlan0 type vxlan id ${pair#*:} dstport 4789
    ip link set vxlan0 netns /run/docker/netns/${pair%:*}
done
"""
LEFT = """
echo --
ip -o link show type vxlan | cut -d: -f2
for space in 1-abcdefghij theirs; do
    nsenter --net=/run/docker/netns/$space ip -o link show type vxlan | sed "s/.*/ $space/"
done
cat /run/done
"""


VXLAN = "ip link add probe type vxlan id 1 dstport 4789"


def test_links_that_an_engine_left_are_gone_and_nobody_elses(tmp_path: Path) -> None:
    probe = ["unshare", "--mount", "--net", "sh", "-c", f"mount -t tmpfs tmpfs /run && {VXLAN}"]
    if (tried := subprocess.run(probe, capture_output=True, text=True, check=False)).returncode:
        pytest.skip(f"no links can be made here: {tried.stderr.strip()}")
    script = tmp_path / "script"
    script.write_text(f"{HOST}\n{RESTART}\n{LEFT}")
    alone = ["unshare", "--mount", "--net", "bash", str(script)]
    done = subprocess.run(alone, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.partition("--\n")[2].splitlines() == [
        " theirs",
        " theirs",
        "systemctl stop docker.socket docker",
        "systemctl start docker",
        "docker info",
    ], done.stderr
