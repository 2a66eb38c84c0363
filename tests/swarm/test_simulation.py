"""The labels that are shipped, on a simulated shop: they do not breathe, and are not fooled."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.swarm.queueing import Shop

STACKS = Path(__file__).parents[2] / "swarm"
MINUTE = 60.0


def shipped(stack: str = "app.yml", service: str = "web") -> dict[str, str]:
    """Return the labels of a stack file, as a cluster of 2 to 10 replicas has them."""
    content: Any = yaml.safe_load((STACKS / stack).read_text())
    labels = content["services"][service]["deploy"]["labels"]
    fill = {"${REPLICAS_MIN}": "2", "${REPLICAS_MAX}": "10", "${GROW_HOSTS}": "false"}
    return {key: fill.get(value, str(value)) for key, value in labels.items()}


def by_in_flight() -> dict[str, str]:
    """Return labels that go by requests in flight alone."""
    prefix = "bookstore.autoscale."
    return shipped() | {f"{prefix}measure": "in_flight", f"{prefix}target": "4"}


@pytest.mark.parametrize("rate", [20, 110, 170, 250])
def test_at_constant_load_the_direction_never_changes(rate: float) -> None:
    shop = Shop(shipped(), lambda _: rate)
    shop.run(15 * MINUTE)  # from two replicas to as many as it takes
    shop.history.clear()
    shop.run(30 * MINUTE)
    assert shop.turns() == 0, shop.counts()
    assert len(shop.replicas) >= min(max(math.ceil(rate * shop.cpu / 0.66), 2), 10)


def test_requests_in_flight_alone_do_breathe() -> None:
    """What the simulation is for: it shows the fault of the labels that were shipped before."""
    shop = Shop(by_in_flight(), lambda _: 190)
    shop.run(15 * MINUTE)
    shop.history.clear()
    shop.run(30 * MINUTE)
    assert shop.turns() >= 2


def test_five_times_the_load_has_enough_replicas_in_30_seconds() -> None:
    shop = Shop(shipped(), lambda now: 50 if now < 300 else 250)
    shop.run(300)
    assert len(shop.replicas) == 2
    shop.run(30)
    assert shop.healthy() >= 250 * shop.cpu / 0.66
    shop.run(10 * MINUTE)
    late = sorted(wait for at, wait in shop.waits if at > 400)
    assert late[int(len(late) * 0.99)] < 0.5


def test_it_goes_back_after_a_crowd_with_one_change_of_direction() -> None:
    shop = Shop(shipped(), lambda now: 250 if 300 <= now < 600 else 50)
    shop.run(30 * MINUTE)
    assert len(shop.replicas) == 2
    assert shop.turns() == 1


def test_a_slow_database_brings_no_replicas() -> None:
    """A minute of answers three seconds late: what waits needs no processor."""
    shop = Shop(shipped(), lambda _: 50, database=lambda at: 3.0 if 300 < at < 360 else 0.01)
    shop.run(10 * MINUTE)
    assert max(count for _, count in shop.history) <= 3
    other = Shop(by_in_flight(), lambda _: 50, database=lambda at: 3.0 if 300 < at < 360 else 0.01)
    other.run(10 * MINUTE)
    assert max(count for _, count in other.history) == 10


def test_one_outlier_every_five_minutes_keeps_no_replicas() -> None:
    shop = Shop(shipped(), lambda _: 40, outlier_every=5 * MINUTE)
    shop.run(30 * MINUTE)
    assert {count for _, count in shop.history} == {2}


def test_replicas_that_never_become_healthy_are_not_multiplied() -> None:
    shop = Shop(shipped(), lambda now: 50 if now < 300 else 400, start=math.inf)
    shop.run(15 * MINUTE)
    assert max(count for _, count in shop.history) <= 8


@pytest.mark.parametrize("service", ["accounts", "catalogue", "orders"])
def test_three_services_scale_as_one_does(service: str) -> None:
    prefix = "bookstore.autoscale."
    one, three = (
        {key: value for key, value in labels.items() if key.startswith(prefix)}
        for labels in (shipped(), shipped("services.yml", service))
    )
    assert one == three
