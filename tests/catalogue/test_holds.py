"""Copies set aside for orders: never more than there are, never lost."""

import asyncio
import random
from contextlib import suppress
from typing import NamedTuple

import pytest

from bookstore.catalogue.changes import Changes
from bookstore.catalogue.holds import Holds
from bookstore.clock import DAY
from bookstore.contracts import HoldLine, HoldRefused
from bookstore.data.database import Database
from tests.support.books import add_book

LATER = 10_000


class Clock:
    """A clock that stands still until it is set."""

    def __init__(self) -> None:
        self.time = 1_000

    def __call__(self) -> int:
        return self.time


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def holds(database: Database, clock: Clock) -> Holds:
    return Holds(database, clock, Changes(database, clock))


class Copies(NamedTuple):
    stock: int
    held: int
    sold: int
    on_sale: int


async def copies(database: Database, book_id: int) -> Copies:
    """Return where the copies of a book are, after checking that none came or went."""
    found = await database.one(
        Copies,
        "SELECT stock,"
        " COALESCE((SELECT SUM(quantity) FROM holds WHERE book_id = b.id AND state = 'held'), 0)"
        " AS held,"
        " COALESCE((SELECT SUM(quantity) FROM holds WHERE book_id = b.id AND state = 'sold'), 0)"
        " AS sold, on_sale FROM books b WHERE id = :id",
        {"id": book_id},
    )
    total = await database.value("SELECT copies_total FROM books WHERE id = :id", {"id": book_id})
    assert found is not None
    assert found.stock + found.held + found.sold == total
    assert bool(found.on_sale) == (found.stock > 0)
    return Copies(*(int(number) for number in found))


async def test_what_is_held_is_off_sale_until_it_is_sold(database: Database, holds: Holds) -> None:
    book = await add_book(database, copies=3)
    await holds.hold("order 1", [HoldLine(book, 2)], LATER)
    assert await copies(database, book) == (1, 2, 0, 1)
    assert await holds.confirm("order 1")
    assert await copies(database, book) == (1, 0, 2, 1)


async def test_every_call_may_be_repeated(database: Database, holds: Holds) -> None:
    book = await add_book(database, copies=3)
    for _time in range(2):
        await holds.hold("order 1", [HoldLine(book, 1)], LATER)
    assert await copies(database, book) == (2, 1, 0, 1)
    assert [await holds.confirm("order 1") for _time in range(2)] == [True, True]
    await holds.hold("order 1", [HoldLine(book, 1)], LATER)
    assert await copies(database, book) == (2, 0, 1, 1)
    for _time in range(2):
        await holds.release("order 1")
    assert await copies(database, book) == (3, 0, 0, 1)
    assert not await holds.confirm("order 1")


async def test_a_basket_is_held_whole_or_not_at_all(database: Database, holds: Holds) -> None:
    plenty, scarce, gone = [await add_book(database, copies=n) for n in (5, 1, 1)]
    await database.execute("UPDATE books SET listed = 0 WHERE id = :id", {"id": gone})
    with pytest.raises(HoldRefused) as refused:
        await holds.hold(
            "order 1",
            [HoldLine(gone, 1), HoldLine(scarce, 2), HoldLine(plenty, 4), HoldLine(987654, 1)],
            LATER,
        )
    assert refused.value.left == {scarce: 1, gone: 0, 987654: 0}
    assert await copies(database, plenty) == (5, 0, 0, 1)
    assert await copies(database, scarce) == (1, 0, 0, 1)


async def test_lines_of_the_same_book_add_up(database: Database, holds: Holds) -> None:
    book = await add_book(database, copies=3)
    with pytest.raises(HoldRefused):
        await holds.hold("order 1", [HoldLine(book, 2), HoldLine(book, 2)], LATER)
    await holds.hold("order 2", [HoldLine(book, 1), HoldLine(book, 2)], LATER)
    assert await copies(database, book) == (0, 3, 0, 0)


@pytest.mark.parametrize("quantity", [0, -100, 10**30])
async def test_no_hold_takes_a_senseless_quantity(
    database: Database, holds: Holds, quantity: int
) -> None:
    book = await add_book(database, copies=3)
    with pytest.raises(ValueError, match="copies"):
        await holds.hold("order 1", [HoldLine(book, quantity)], LATER)
    assert await copies(database, book) == (3, 0, 0, 1)


async def test_a_hold_that_ran_out_sells_nothing_and_goes_back_on_sale(
    database: Database, holds: Holds, clock: Clock
) -> None:
    book = await add_book(database)
    await holds.hold("order 1", [HoldLine(book, 1)], LATER)
    assert await holds.release_expired() == 0
    clock.time = LATER
    assert not await holds.confirm("order 1")
    assert await holds.release_expired() == 1
    assert await copies(database, book) == (1, 0, 0, 1)


async def test_a_reference_that_ran_out_may_hold_again(
    database: Database, holds: Holds, clock: Clock
) -> None:
    book = await add_book(database)
    await holds.hold("order 1", [HoldLine(book, 1)], LATER)
    clock.time = LATER
    await holds.sweep()
    await holds.hold("order 1", [HoldLine(book, 1)], LATER * 2)
    assert await copies(database, book) == (0, 1, 0, 0)
    assert await holds.confirm("order 1")


async def test_a_released_reference_holds_nothing_more(
    database: Database, holds: Holds, clock: Clock
) -> None:
    book = await add_book(database, copies=3)
    await holds.hold("order 1", [HoldLine(book, 1)], LATER)
    for reference in ("order 1", "order that came late"):
        await holds.release(reference)
        with pytest.raises(HoldRefused) as refused:
            await holds.hold(reference, [HoldLine(book, 1)], LATER)
        assert refused.value.left == {}
        assert not await holds.confirm(reference)
    assert await copies(database, book) == (3, 0, 0, 1)
    clock.time += 3 * DAY
    await holds.sweep()
    assert await database.value("SELECT COUNT(*) FROM released_holds") == 0


async def test_holding_and_releasing_at_the_same_moment_holds_nothing(
    database: Database, holds: Holds
) -> None:
    book = await add_book(database, copies=50)

    async def late_hold(number: int) -> None:
        with suppress(HoldRefused):
            await holds.hold(f"order {number}", [HoldLine(book, 1)], LATER)

    for number in range(40):
        calls = [late_hold(number), holds.release(f"order {number}")]
        await asyncio.gather(*(calls if number % 2 else calls[::-1]))
    assert await copies(database, book) == (50, 0, 0, 1)


async def test_a_withdrawn_book_comes_back_to_its_seller_not_to_the_listing(
    database: Database, holds: Holds
) -> None:
    book = await add_book(database)
    await holds.hold("order 1", [HoldLine(book, 1)], LATER)
    await database.execute("UPDATE books SET listed = 0 WHERE id = :id", {"id": book})
    await holds.release("order 1")
    assert await database.value("SELECT stock FROM books") == 1
    assert await database.value("SELECT on_sale FROM books") == 0


async def test_fifty_at_once_for_the_last_copy(database: Database, holds: Holds) -> None:
    book = await add_book(database)

    async def attempt(number: int) -> bool:
        try:
            await holds.hold(f"order {number}", [HoldLine(book, 1)], LATER)
        except HoldRefused:
            return False
        return True

    won = await asyncio.gather(*(attempt(number) for number in range(50)))
    assert sum(won) == 1
    assert await copies(database, book) == (0, 1, 0, 0)


async def test_baskets_in_opposite_order_all_end(database: Database, holds: Holds) -> None:
    books = [await add_book(database, copies=10) for _number in range(2)]

    async def attempt(number: int) -> bool:
        order = books if number % 2 else books[::-1]
        try:
            await holds.hold(f"order {number}", [HoldLine(book, 1) for book in order], LATER)
        except HoldRefused:
            return False
        return True

    won = await asyncio.gather(*(attempt(number) for number in range(30)))
    assert sum(won) == 10
    for book in books:
        assert await copies(database, book) == (0, 10, 0, 0)


async def test_the_same_hold_sent_at_once_is_one(database: Database, holds: Holds) -> None:
    book = await add_book(database, copies=20)
    await asyncio.gather(*(holds.hold("order 1", [HoldLine(book, 1)], LATER) for _time in range(8)))
    assert await copies(database, book) == (19, 1, 0, 1)


async def test_copies_are_conserved_whatever_happens_at_once(
    database: Database, holds: Holds, clock: Clock
) -> None:
    books = [await add_book(database, copies=4) for _number in range(3)]
    chance = random.Random(7)
    references = [f"order {number}" for number in range(12)]

    async def meddle() -> None:
        reference = chance.choice(references)
        lines = [HoldLine(book, chance.randint(1, 2)) for book in chance.sample(books, 2)]
        step = chance.choice(["hold", "hold", "confirm", "release", "sweep"])
        if step == "hold":
            try:
                await holds.hold(reference, lines, chance.choice([500, LATER]))
            except HoldRefused:
                return
        elif step == "confirm":
            await holds.confirm(reference)
        elif step == "release":
            await holds.release(reference)
        else:
            await holds.sweep()

    await asyncio.gather(*(meddle() for _time in range(120)))
    for book in books:
        await copies(database, book)
