"""Rules of the network that the kernel itself reads."""

import os
import shutil
import subprocess

import pytest

from provisioning.rehearsal.network import lossy


@pytest.mark.skipif(
    os.geteuid() != 0 or not shutil.which("nft"), reason="needs root and nft, as a rehearsal does"
)
@pytest.mark.parametrize(("percent", "rules"), [(30, 2), (0, 0)])
def test_packets_are_lost_both_ways_or_not_at_all(percent: int, rules: int) -> None:
    before, after = lossy("worker1", 7), lossy("worker1", percent)
    script = 'printf %s "$1" | nft -f - && printf %s "$2" | nft -f - && nft list ruleset'
    done = subprocess.run(
        ["unshare", "--net", "sh", "-c", script, "sh", before, after],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("counter packets 0") == rules
    assert done.stdout.count(f"mod 100 < {percent} ") == rules
