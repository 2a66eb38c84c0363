"""Rules of the network that the kernel itself reads."""

import os
import shutil
import subprocess

import pytest

from provisioning.rehearsal.network import lossy, muted

pytestmark = pytest.mark.skipif(
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


@pytest.mark.parametrize("others", [["manager1", "manager2", "manager3"], []])
def test_a_host_is_heard_by_some_no_more_and_by_others_still(others: list[str]) -> None:
    script = 'printf %s "$1" | nft -f - && printf %s "$2" | nft -f - && nft list ruleset'
    before, after = lossy("worker1", 7), muted("worker1", others)
    done = subprocess.run(
        ["unshare", "--net", "sh", "-c", script, "sh", before, after],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "numgen" not in done.stdout
    for other in others:
        rule = f'iifname "worker1" oifname "{other}" counter packets 0 bytes 0 drop'
        assert rule in done.stdout
    assert done.stdout.count(" drop") == len(others)
