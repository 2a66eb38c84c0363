"""The tables of baskets."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from bookstore.data.database import Database
from bookstore.data.queries import Queries

type Source = Database | Queries


class Owner(NamedTuple):
    """Whose basket: a browser's (the hash of its cookie's token), a person's, or both at once."""

    token_hash: str | None
    person_id: int | None


class Basket(NamedTuple):
    """A basket: book id -> quantity, oldest first."""

    id: int
    items: dict[int, int]


class _Id(NamedTuple):
    id: int


class _Item(NamedTuple):
    book_id: int
    quantity: int


async def contents(source: Source, owner: Owner) -> dict[int, int]:
    """Return book id -> quantity of the owner's one or two baskets together, oldest first."""
    if owner == Owner(None, None):
        return {}
    rows = await source.all(
        _Item,
        "SELECT i.book_id, MAX(i.quantity) AS quantity"
        " FROM basket_items i JOIN baskets b ON b.id = i.basket_id"
        f" WHERE {_whose(owner)} GROUP BY i.book_id ORDER BY MIN(i.added_at), i.book_id",
        owner._asdict(),
    )
    return {row.book_id: row.quantity for row in rows}


def _whose(owner: Owner) -> str:
    wanted = [f"b.{name} = :{name}" for name, value in owner._asdict().items() if value is not None]
    return " OR ".join(wanted) or "1 = 0"


class _Row(NamedTuple):
    basket_id: int
    book_id: int | None
    quantity: int | None


async def find_locked(queries: Queries, owner: Owner) -> Basket | None:
    """Return the basket of a browser or a person, one of the two, if there is one. Nobody else
    changes it until the transaction ends."""
    rows = await queries.all(
        _Row,
        "SELECT b.id AS basket_id, i.book_id, i.quantity"
        " FROM baskets b LEFT JOIN basket_items i ON i.basket_id = b.id"
        f" WHERE {_whose(owner)} ORDER BY i.added_at, i.book_id{queries.for_update}",
        owner._asdict(),
    )
    if not rows:
        return None
    items = {row.book_id: row.quantity or 0 for row in rows if row.book_id is not None}
    return Basket(rows[0].basket_id, items)


async def locked_basket(queries: Queries, owner: Owner, now: int) -> Basket:
    """Return the basket of a browser or a person, one of the two, made if needed: raises Duplicate
    when somebody else made it first. Nobody else changes it until the transaction ends."""
    found = await find_locked(queries, owner)
    if found is None:
        basket_id = await queries.insert(
            "INSERT INTO baskets (token_hash, person_id, changed_at)"
            " VALUES (:token_hash, :person_id, :now)",
            {**owner._asdict(), "now": now},
        )
        return Basket(basket_id, {})
    if owner.person_id is None:  # baskets of browsers are forgotten some time after a change
        await queries.queue(
            "UPDATE baskets SET changed_at = :now WHERE id = :id", {"now": now, "id": found.id}
        )
    return found


class _OrderRow(NamedTuple):
    state: str
    payment: str
    basket_id: int | None
    book_id: int | None
    quantity: int | None


async def locked_with_order(queries: Queries, order_id: int) -> tuple[str, str, Basket] | None:
    """Return the state of an order and of its payment, and its buyer's basket, with the id 0 if
    there is none. Nobody else changes any of them until the transaction ends."""
    rows = await queries.all(
        _OrderRow,
        "SELECT o.state, p.state AS payment, b.id AS basket_id, i.book_id, i.quantity"
        " FROM orders o JOIN payment_intents p ON p.order_id = o.id"
        " LEFT JOIN baskets b ON b.person_id = o.buyer_id"
        " LEFT JOIN basket_items i ON i.basket_id = b.id"
        f" WHERE o.id = :id{queries.for_update}",
        {"id": order_id},
    )
    if not rows:
        return None
    items = {row.book_id: row.quantity or 0 for row in rows if row.book_id is not None}
    return rows[0].state, rows[0].payment, Basket(rows[0].basket_id or 0, items)


async def save_items(queries: Queries, basket: Basket, after: Mapping[int, int], now: int) -> None:
    """Write what differs between a basket and how it is to be."""
    before = basket.items
    gone = sorted(before.keys() - after.keys())
    if gone:
        await take_out(queries, basket.id, gone)
    for book_id, quantity in after.items():
        if before.get(book_id) == quantity:
            continue
        await queries.queue(
            "UPDATE basket_items SET quantity = :quantity WHERE basket_id = :id AND book_id = :book"
            if book_id in before
            else "INSERT INTO basket_items (basket_id, book_id, quantity, added_at)"
            " VALUES (:id, :book, :quantity, :now)",
            {"id": basket.id, "book": book_id, "quantity": quantity, "now": now},
        )


async def take_out(queries: Queries, basket_id: int, book_ids: Sequence[int]) -> None:
    """Take books out of a basket; those that are not in it are no error."""
    await queries.queue(
        "DELETE FROM basket_items WHERE basket_id = :id AND book_id IN :books",
        {"id": basket_id, "books": sorted(book_ids)},
    )


async def delete_basket(queries: Queries, basket_id: int) -> None:
    """Delete a basket with all that is in it."""
    await queries.execute("DELETE FROM basket_items WHERE basket_id = :id", {"id": basket_id})
    await queries.execute("DELETE FROM baskets WHERE id = :id", {"id": basket_id})


async def forgotten_baskets(source: Source, before: int, limit: int) -> list[int]:
    """Return the baskets of browsers that were not touched since `before`."""
    rows = await source.all(
        _Id,
        "SELECT id FROM baskets WHERE changed_at < :before AND person_id IS NULL"
        " ORDER BY changed_at LIMIT :limit",
        {"before": before, "limit": limit},
    )
    return [row.id for row in rows]


async def delete_baskets(queries: Queries, basket_ids: Sequence[int], before: int) -> None:
    """Delete baskets of browsers with what is in them, but for those touched meanwhile."""
    rows = await queries.all(
        _Id,
        "SELECT id FROM baskets WHERE id IN :ids AND changed_at < :before ORDER BY id"
        + queries.for_update,
        {"ids": list(basket_ids), "before": before},
    )
    values = {"ids": [row.id for row in rows]}
    await queries.execute("DELETE FROM basket_items WHERE basket_id IN :ids", values)
    await queries.execute("DELETE FROM baskets WHERE id IN :ids", values)
