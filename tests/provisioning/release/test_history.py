"""Releases are found again, and what none of them needs is garbage."""

from __future__ import annotations

import pytest

from provisioning.errors import OperatorError
from provisioning.release.history import Release, find, garbage


def test_garbage_keeps_what_runs_and_the_last_five_releases() -> None:
    def release(number: int) -> Release:
        secret = {"k": {"external": True, "name": f"bookstore_k_{number:012x}"}}
        return Release(number, "", "", "", {"app": {"services": {}, "secrets": secret}})

    releases = [release(n) for n in range(1, 8)]
    names = [f"bookstore_k_{n:012x}" for n in range(1, 9)]
    others = ["bookstore_certificate_000000000001", "theirs_k_000000000001", "bookstore_x"]
    found = garbage("bookstore", names + others, releases, [])
    assert found == [f"bookstore_k_{n:012x}" for n in (1, 2, 8)]


def test_rollback_finds_the_release_before_or_by_number() -> None:
    releases = [Release(n, "", "", "", {}) for n in (1, 2, 3)]
    assert find(releases, None).number == 2
    assert find(releases, 1).number == 1
    with pytest.raises(OperatorError, match=r"no release 9\. Known are: 1, 2, 3"):
        find(releases, 9)
