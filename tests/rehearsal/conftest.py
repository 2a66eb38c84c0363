"""The swarms to test on: one with a single edge, one with three. Each is made when first needed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from provisioning.rehearsal import lifecycle
from tests.rehearsal.operator import Done, ops


def _swarm(managers: int, workers: int) -> Iterator[Done]:
    lifecycle.down()
    done = ops("rehearse", "--managers", str(managers), "--workers", str(workers), timeout=900)
    assert done.status == 0, done.text
    yield done
    lifecycle.down()


@pytest.fixture(scope="module")
def one_edge() -> Iterator[Done]:
    """A manager that is the edge, and three workers: from bare hosts by one command."""
    yield from _swarm(1, 3)


@pytest.fixture(scope="module")
def two_workers() -> Iterator[Done]:
    """A manager that is the edge, and two workers."""
    yield from _swarm(1, 2)


@pytest.fixture(scope="module")
def three_edges() -> Iterator[Done]:
    """Three managers that are edges behind the load balancer, and two workers."""
    yield from _swarm(3, 2)
