"""When tasks are moved, and how many."""

from __future__ import annotations

import pytest

from provisioning.care.rebalance import moves, uneven


@pytest.mark.parametrize(
    ("hosts", "zones", "is_uneven"),
    [
        ({"a": 2, "b": 2}, {}, False),
        ({"a": 2, "b": 1}, {}, False),
        ({"a": 3, "b": 1}, {}, True),
        ({"a": 4, "b": 0, "c": 0}, {}, True),
        ({"a": 4, "b": 2, "c": 2}, {"a": "x", "b": "y", "c": "y"}, False),
        ({"a": 3, "b": 3, "c": 0}, {"a": "x", "b": "y", "c": "y"}, True),
        ({"a": 4}, {}, False),
    ],
)
def test_uneven(hosts: dict[str, int], zones: dict[str, str], is_uneven: bool) -> None:
    assert uneven(hosts, zones) is is_uneven


def test_no_more_is_moved_than_lies_above_an_equal_share() -> None:
    assert moves({"a": 4, "b": 0, "c": 0}) == 2
    assert moves({"a": 2, "b": 1}) == 0
