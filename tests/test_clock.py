"""The clock that replicas have in common."""

from time import monotonic

import pytest

from bookstore.clock import HOUR, MINUTE, SECOND, SharedClock, now
from bookstore.data.database import Database
from bookstore.web.signing import Refused, Signer
from tests.support.mariadb import ENGINES_AND_DRIVERS

A_LITTLE = 2 * SECOND


def close(one: int, other: int) -> bool:
    return abs(one - other) < A_LITTLE


def heard(clock: SharedClock, moment: int) -> int:
    return clock.hear(moment, monotonic(), monotonic())


def test_until_the_database_was_heard_it_is_the_hosts_own() -> None:
    assert close(SharedClock(lambda: now() + HOUR)(), now() + HOUR)


@pytest.mark.parametrize("off", [HOUR, -HOUR, 3 * SECOND, 0])
def test_what_the_database_shows_counts_and_the_host_is_told_how_far_it_is_off(off: int) -> None:
    clock = SharedClock(lambda: now() + off)
    assert close(heard(clock, now()), off)
    assert close(clock(), now())


def test_a_host_whose_clock_jumps_changes_nothing_once_the_database_was_heard() -> None:
    off = [0]
    clock = SharedClock(lambda: now() + off[0])
    heard(clock, now())
    off[0] = -HOUR
    assert close(clock(), now())


def test_a_database_whose_clock_jumps_is_followed() -> None:
    clock = SharedClock()
    heard(clock, now())
    heard(clock, now() + HOUR)
    assert close(clock(), now() + HOUR)


def test_a_slow_answer_sets_no_clock_that_may_be_right() -> None:
    clock = SharedClock()
    heard(clock, now())
    answered = monotonic()
    clock.hear(now() - 5 * SECOND, answered - 20, answered)  # it was read at any time in between
    assert close(clock(), now())


def test_it_goes_on_without_a_step_back_for_what_is_not_worth_it() -> None:
    clock = SharedClock()
    heard(clock, now())
    before = clock()
    heard(clock, now() - SECOND // 4)
    assert clock() >= before


@pytest.mark.parametrize("database_url", ENGINES_AND_DRIVERS, indirect=True)
async def test_a_database_tells_its_time_in_whichever_zone_it_is(database: Database) -> None:
    if database.dialect == "mysql":
        await database.execute("SET SESSION time_zone = '+05:45'")
    assert abs(await database.moment() - now()) < MINUTE


def test_siblings_that_share_a_clock_trust_each_other_and_others_do_not() -> None:
    ours, theirs = Signer(b"key", now), Signer(b"key", now)
    wrong = Signer(b"key", lambda: now() + HOUR)
    headers = ours.headers("GET", "/internal/x", b"")
    theirs.check("GET", "/internal/x", headers, b"")
    with pytest.raises(Refused, match="clocks"):
        wrong.check("GET", "/internal/x", headers, b"")
