"""Whether the load itself was what it was meant to be, on made-up recordings."""

from __future__ import annotations

import pytest

from loadtest.evidence.run import RunFacts
from loadtest.summary import generator
from tests.loadtest.test_judge import request


@pytest.mark.parametrize(
    ("tardy", "met"),
    [(0, True), (10, True), (11, False), (500, False)],
)
def test_one_click_in_a_hundred_may_be_noticed_late(tardy: int, met: bool) -> None:
    """Each click counts, and not the latest of each second."""
    late = [0.25] * tardy + [0.003] * (1000 - tardy)
    arrivals = [
        {"what": "second", "clicks": 100, "people": 9, "late": late[n : n + 100]}
        for n in range(0, 1000, 100)
    ]
    facts = RunFacts("shopping", "", "https://shop.test", 10, 99, rate=100)
    made = {e.what: e for e in generator(facts, [request(1)], arrivals, 0)}
    assert made["the generator's own lateness, p99"].met is met
    assert made["clicks that could not begin within 1 s"].seen == "0 of 1000"
