"""Every command while a stack that the hosts stand on, network or data, is in a bad state."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from provisioning.cloud.deploy import Deployer
from tests.provisioning.cloud.test_states import (
    CHANGING,
    START_FAILED,
    STATES,
    STUCK,
    TAKEN_BACK,
    WELL,
    Operator,
    emulated,
    operator,
    running,
    whole,
)

__all__ = ["emulated", "operator", "running"]  # the table's fixtures
ORDER = ("network", "data", "swarm")
OFTEN = ("CREATE_FAILED", "UPDATE_ROLLBACK_FAILED", "DELETE_FAILED")  # seen in the wild
states = pytest.mark.parametrize(
    "state",
    [*OFTEN, *(pytest.param(s, marks=pytest.mark.nightly) for s in STATES if s not in OFTEN)],
)
parts = pytest.mark.parametrize("part", ORDER[:2])


@pytest.fixture
def unwell(running: Callable[[str], Operator]) -> Callable[[str, str], Operator]:
    """Give a swarm's installation of which one stack is in a state; what comes after a failed
    start or before a failed end is not there."""

    def make(part: str, state: str) -> Operator:
        found = running("swarm")
        starts = (*START_FAILED, "CREATE_IN_PROGRESS", "ROLLBACK_IN_PROGRESS")
        if state in starts or state.startswith("DELETE"):
            deployer = Deployer(found.aws, poll=0.0)
            for later in reversed(ORDER[ORDER.index(part) + 1 :]):
                deployer.delete(f"shop-{later}", lambda event: None)
        found.puts(part, state, *((state, CHANGING[state]) if state in CHANGING else ()))
        return found

    return make


@parts
@states
def test_plan_changes_nothing(
    unwell: Callable[[str, str], Operator], part: str, state: str
) -> None:
    found = unwell(part, state)
    found.stacks()[f"shop-{part}"].later = []
    before = found.there()
    status, said = found.types("swarm", "plan")
    assert (found.there(), found.state_of(part)) == (before, state)
    refused = state in ("DELETE_FAILED", "IMPORT_ROLLBACK_FAILED")
    assert status == int(refused), said
    assert (f"The stack shop-{part} is " in said) == (state not in WELL + TAKEN_BACK)


@parts
@states
def test_up_mends_it_and_goes_on(
    unwell: Callable[[str, str], Operator], part: str, state: str
) -> None:
    found = unwell(part, state)
    before = found.databases()
    status, said = found.types("swarm", "up", "--yes")
    if state in ("DELETE_IN_PROGRESS", "DELETE_FAILED", "IMPORT_ROLLBACK_FAILED"):
        assert (status, found.state_of(part)) == (1, state)
        assert "./run ops cloud" in said or "console" in said
        assert found.databases() == before
        return
    assert status == 0, said
    assert found.there() == whole("swarm")
    assert {found.state_of(name) for name in ORDER} <= {*WELL, *TAKEN_BACK}
    fresh = state in START_FAILED or CHANGING.get(state) in START_FAILED
    if not (fresh and part == "data"):
        assert set(before) <= set(found.databases())  # it was there, and is the same one
    assert [protected for _, protected in found.databases()] == [True]
    assert ("take it back to where it was" in said) == (state in STUCK)
    assert found.types("swarm", "up", "--yes")[1].count("nothing to do") == len(ORDER)


@parts
@states
def test_down_takes_all_of_it(
    unwell: Callable[[str, str], Operator], part: str, state: str
) -> None:
    found = unwell(part, state)
    before = found.there(), found.databases()
    found.stacks()[f"shop-{part}"].later = []
    status, said = found.types("swarm", "down", "--yes", "shop")
    if state in CHANGING:
        assert (status, found.there(), found.databases()) == (1, *before)
        assert said.rstrip().endswith("Nothing was deleted.")
        return
    assert status == 0, said
    assert (found.there(), found.databases()) == (set(), [])


@parts
@states
def test_down_of_the_hosts_touches_neither(
    unwell: Callable[[str, str], Operator], part: str, state: str
) -> None:
    found = unwell(part, state)
    found.stacks()[f"shop-{part}"].later = []
    before = found.databases()
    assert found.types("swarm", "down", "--hosts", "--yes", "shop")[0] == 0
    assert (found.databases(), found.state_of(part)) == (before, state)
    assert "swarm" not in found.there()
