"""Which stacks a release removes: those that ours had before, and nobody else's."""

from __future__ import annotations

from collections.abc import Collection

import pytest

from provisioning.release.history import Release
from provisioning.release.leftovers import left_over
from swarm.model import Service


def release(number: int, *stacks: str) -> Release:
    return Release(number, "", "", "shop:1", {key: {"services": {}} for key in stacks})


def service(stack: str) -> Service:
    labels = {"com.docker.stack.namespace": stack} if stack else {}
    return Service(f"id-{stack}", f"{stack}_one", 1, {"Labels": labels})


@pytest.mark.parametrize(
    ("wanted", "running", "removed"),
    [
        (("edge", "services"), ("edge", "app", "services"), ["app"]),
        (("edge", "services"), ("edge", "services"), []),
        (("edge", "app"), ("edge", "app", "services"), ["services"]),
        (("edge", "app"), ("edge", "app", "theirs"), []),
        (("edge",), ("edge", "app", "services", ""), ["app", "services"]),
    ],
)
def test_what_earlier_releases_had_is_removed_and_what_is_not_ours_stays(
    wanted: Collection[str], running: Collection[str], removed: list[str]
) -> None:
    releases = [release(1, "edge", "app"), release(2, "edge", "services")]
    assert left_over(releases, wanted, map(service, running)) == removed


def test_what_no_release_had_stays() -> None:
    assert left_over([], ("edge",), [service("app")]) == []
