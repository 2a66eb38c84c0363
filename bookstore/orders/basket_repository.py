"""The tables of baskets."""

from collections.abc import Mapping
from typing import NamedTuple

from bookstore.database import Database, Duplicate, Queries

type Source = Database | Queries


class Owner(NamedTuple):
    """Whose basket: a browser's (the hash of its cookie's token), a person's, or both at once."""

    token_hash: str | None
    person_id: int | None


class _Id(NamedTuple):
    id: int


class _Item(NamedTuple):
    book_id: int
    quantity: int


async def contents(source: Source, owner: Owner) -> dict[int, int]:
    """Return book id -> quantity of the owner's one or two baskets together, oldest first."""
    rows = await source.all(
        _Item,
        "SELECT i.book_id, MAX(i.quantity) AS quantity"
        " FROM basket_items i JOIN baskets b ON b.id = i.basket_id"
        " WHERE b.token_hash = :token_hash OR b.person_id = :person_id"
        " GROUP BY i.book_id ORDER BY MIN(i.added_at), i.book_id",
        owner._asdict(),
    )
    return {row.book_id: row.quantity for row in rows}


async def items_of(source: Source, basket_id: int) -> dict[int, int]:
    rows = await source.all(
        _Item,
        "SELECT book_id, quantity FROM basket_items WHERE basket_id = :id"
        " ORDER BY added_at, book_id",
        {"id": basket_id},
    )
    return {row.book_id: row.quantity for row in rows}


async def locked_basket(queries: Queries, owner: Owner, now: int) -> int:
    """Return the id of a basket with one owner, made if needed, that nobody else changes until
    the transaction ends."""
    where = "token_hash = :token_hash" if owner.person_id is None else "person_id = :person_id"
    values = {**owner._asdict(), "now": now}
    if owner.person_id is not None:
        values["token_hash"] = None  # the browser's basket, if any, is another one until merged
    if not await queries.execute(f"UPDATE baskets SET changed_at = :now WHERE {where}", values):
        try:
            return await queries.insert(
                "INSERT INTO baskets (token_hash, person_id, changed_at)"
                " VALUES (:token_hash, :person_id, :now)",
                values,
            )
        except Duplicate:  # somebody else was quicker: wait for that one
            await queries.execute(f"UPDATE baskets SET changed_at = :now WHERE {where}", values)
    return int(await queries.value(f"SELECT id FROM baskets WHERE {where}", values))


async def locked_basket_of_token(queries: Queries, token_hash: str, now: int) -> int | None:
    """Return the id of a browser's basket, if it has one, locked as `locked_basket` does."""
    await queries.execute(
        "UPDATE baskets SET changed_at = :now WHERE token_hash = :hash",
        {"now": now, "hash": token_hash},
    )
    row = await queries.one(
        _Id, "SELECT id FROM baskets WHERE token_hash = :hash", {"hash": token_hash}
    )
    return row.id if row else None


async def save_items(
    queries: Queries, basket_id: int, before: Mapping[int, int], after: Mapping[int, int], now: int
) -> None:
    """Write what differs between two states of a basket."""
    gone = sorted(before.keys() - after.keys())
    if gone:
        await queries.execute(
            "DELETE FROM basket_items WHERE basket_id = :id AND book_id IN :books",
            {"id": basket_id, "books": gone},
        )
    for book_id, quantity in after.items():
        values = {"id": basket_id, "book": book_id, "quantity": quantity, "now": now}
        if book_id not in before:
            await queries.execute(
                "INSERT INTO basket_items (basket_id, book_id, quantity, added_at)"
                " VALUES (:id, :book, :quantity, :now)",
                values,
            )
        elif before[book_id] != quantity:
            await queries.execute(
                "UPDATE basket_items SET quantity = :quantity"
                " WHERE basket_id = :id AND book_id = :book",
                values,
            )


async def delete_basket(queries: Queries, basket_id: int) -> None:
    await queries.execute("DELETE FROM basket_items WHERE basket_id = :id", {"id": basket_id})
    await queries.execute("DELETE FROM baskets WHERE id = :id", {"id": basket_id})


async def forgotten_baskets(source: Source, before: int, limit: int) -> list[int]:
    """Return the baskets of browsers that were not touched since `before`."""
    rows = await source.all(
        _Id,
        "SELECT id FROM baskets WHERE changed_at < :before AND person_id IS NULL LIMIT :limit",
        {"before": before, "limit": limit},
    )
    return [row.id for row in rows]
