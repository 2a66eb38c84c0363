"""The tables of holds, and the copies that they take and give back."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from bookstore.catalogue import changes
from bookstore.catalogue.repository import locked_quotes
from bookstore.contracts import HoldLine, Quote
from bookstore.data.database import Database
from bookstore.data.housekeeping import delete_older
from bookstore.data.queries import Queries

type Source = Database | Queries


class _State(NamedTuple):
    state: str


class _Reference(NamedTuple):
    reference: str


async def write(
    queries: Queries, reference: str, lines: Sequence[HoldLine], *, expires_at: int
) -> list[Quote] | None:
    """Write a hold; return the terms of its books, which nobody else changes until the transaction
    ends, or None if its reference was released for good. Raises Duplicate for one that is known."""
    for line in lines:
        await queries.queue(
            "INSERT INTO holds (reference, book_id, quantity, state, expires_at)"
            " VALUES (:reference, :book_id, :quantity, 'held', :expires_at)",
            {"reference": reference, **line._asdict(), "expires_at": expires_at},
        )
    # Whether it was released is asked behind the rows: `release` writes that down first and looks
    # for rows then, so that one of the two sees the other.
    released, quotes = await queries.together(
        (
            tuple,
            "SELECT 1 FROM released_holds WHERE reference = :reference" + queries.for_update,
            {"reference": reference},
        ),
        locked_quotes(queries, [line.book_id for line in lines]),
    )
    return None if released else [row.quote() for row in quotes]


async def take(queries: Queries, lines: Sequence[HoldLine], now: int) -> None:
    """Take copies off sale along with the next statement. The books are locked by the caller, who
    has seen that there are enough."""
    for line in lines:
        # on_sale comes first: MySQL assigns from left to right, so stock is the old one there.
        await queries.queue(
            "UPDATE books SET on_sale = (listed = 1 AND stock > :quantity),"
            " stock = stock - :quantity, updated_at = :now WHERE id = :book_id",
            {**line._asdict(), "now": now},
        )
    # Whose last copy it was leaves the listings.
    await changes.record(queries, [line.book_id for line in lines], now, listed="1 - on_sale")


async def return_copies(queries: Queries, line: HoldLine, now: int) -> None:
    """Put the copies of a line back into stock; a book that is listed is on sale again."""
    await queries.execute(
        "UPDATE books SET on_sale = listed, stock = stock + :quantity, updated_at = :now"
        " WHERE id = :id",
        {"id": line.book_id, "quantity": line.quantity, "now": now},
    )
    came_back = f"CASE WHEN stock = {int(line.quantity)} THEN listed ELSE 0 END"
    await changes.record(queries, [line.book_id], now, listed=came_back)


async def states(source: Source, reference: str) -> set[str]:
    """Return the states that the lines of a hold are in, empty for an unknown reference."""
    rows = await source.all(
        _State, "SELECT state FROM holds WHERE reference = :reference", {"reference": reference}
    )
    return {row.state for row in rows}


async def locked_states(queries: Queries, reference: str) -> set[str]:
    """Return the states of a hold that nobody else changes until the transaction ends."""
    rows = await queries.all(
        _State,
        "SELECT state FROM holds WHERE reference = :reference" + queries.for_update,
        {"reference": reference},
    )
    return {row.state for row in rows}


async def extend(queries: Queries, reference: str, expires_at: int) -> None:
    """Move the end of a hold that is still open (milliseconds)."""
    await queries.execute(
        "UPDATE holds SET expires_at = :expires_at WHERE reference = :reference AND state = 'held'",
        {"reference": reference, "expires_at": expires_at},
    )


async def delete_released(queries: Queries, reference: str) -> None:
    """Forget that a hold was given back, so that its reference may hold again."""
    await queries.execute(
        "DELETE FROM holds WHERE reference = :reference AND state = 'released'",
        {"reference": reference},
    )


async def sell(source: Source, reference: str, now: int) -> int:
    """Return how many lines were sold; those that ran out are not."""
    return await source.execute(
        "UPDATE holds SET state = 'sold'"
        " WHERE reference = :reference AND state = 'held' AND expires_at > :now",
        {"reference": reference, "now": now},
    )


async def refuse_from_now_on(queries: Queries, reference: str, now: int) -> None:
    """Write down that a reference was released for good."""
    again = (  # an INSERT IGNORE warns, and the drivers ask what about
        "ON DUPLICATE KEY UPDATE reference = reference"
        if queries.dialect == "mysql"
        else "ON CONFLICT DO NOTHING"
    )
    await queries.execute(
        f"INSERT INTO released_holds (reference, released_at) VALUES (:reference, :now) {again}",
        {"reference": reference, "now": now},
    )


async def release(
    queries: Queries,
    reference: str,
    now: int,
    *,
    run_out: bool,
    book_ids: Sequence[int] | None = None,
) -> list[HoldLine]:
    """Mark a hold, or the part of it that is some books, as released, held or sold, or only if it
    has run out; return its lines."""
    which = "= 'held' AND expires_at <= :now" if run_out else "IN ('held', 'sold')"
    values: dict[str, Any] = {"reference": reference, "now": now}
    if book_ids is not None:
        which += " AND book_id IN :books"
        values["books"] = sorted(book_ids)
    # An UPDATE would pass by rows that are being written at this moment; this waits for them.
    lines = await queries.all(
        HoldLine,
        "SELECT book_id, quantity FROM holds"
        f" WHERE reference = :reference AND state {which} ORDER BY book_id{queries.for_update}",
        values,
    )
    if lines:
        await queries.execute(
            f"UPDATE holds SET state = 'released' WHERE reference = :reference AND state {which}",
            values,
        )
    return lines


async def run_out(source: Source, now: int, limit: int) -> list[str]:
    """Return the references of holds that ran out."""
    rows = await source.all(
        _Reference,
        "SELECT DISTINCT reference FROM holds WHERE state = 'held' AND expires_at <= :now"
        " LIMIT :limit",
        {"now": now, "limit": limit},
    )
    return [row.reference for row in rows]


async def forget_released(database: Database, before: int, ended_before: int) -> None:
    """Forget which references were released before a moment, and the lines of holds that ended
    without a sale. What was sold stays: the copies of a book are counted by it."""
    await delete_older(database, "released_holds", "released_at", before)
    await delete_older(database, "holds", "expires_at", ended_before, where="state = 'released'")
