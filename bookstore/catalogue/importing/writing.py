"""Compare offers with what the seller's last file said of them, and write what changed, a batch in
one transaction."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from bookstore.catalogue import changes, repository, vocabulary
from bookstore.catalogue.domain import Seller
from bookstore.catalogue.importing import storing
from bookstore.catalogue.importing.offers import (
    DETAIL_FIELDS,
    TERM_FIELDS,
    Offer,
    book_of_own_sku,
    changed_fields,
    merged_marks,
)
from bookstore.catalogue.repository import Book
from bookstore.data.queries import Queries

_NAMES = ("title", "author", "original_title", "series")
ADDED, CHANGED, WITHDRAWN, SAME, NOTHING = "added", "changed", "withdrawn", "same", "nothing"


class Outcome(NamedTuple):
    """What became of an offer. `before` and `after` hold the fields that differ."""

    line: int
    identity: str
    kind: str
    book_id: int | None
    before: Mapping[str, Any]
    after: Mapping[str, Any]


class Said(NamedTuple):
    """What the seller's last file said of an offer."""

    identity: str
    book_id: int
    price: int
    copies: int
    marks: str


async def take_turn(queries: Queries, seller_id: int) -> None:
    """Wait until nobody else imports for the seller, and keep others waiting until the transaction
    ends."""
    again = (
        "ON CONFLICT (seller_id) DO UPDATE" if queries.dialect == "sqlite" else
        "ON DUPLICATE KEY UPDATE"
    )  # fmt: skip
    await queries.execute(
        "INSERT INTO seller_turns (seller_id, batches) VALUES (:seller, 1) "
        f"{again}{' SET' if queries.dialect == 'sqlite' else ''} batches = batches + 1",
        {"seller": seller_id},
    )


async def said(queries: Queries, seller_id: int, identities: Sequence[str]) -> dict[str, Said]:
    """Return what the seller's last file said of offers."""
    rows = await queries.all(
        Said,
        "SELECT identity, book_id, price, copies, marks FROM seller_offers"
        " WHERE seller_id = :seller AND identity IN :identities",
        {"seller": seller_id, "identities": list(identities)},
    )
    return {row.identity: row for row in rows}


async def write(
    queries: Queries,
    seller: Seller,
    offers: Sequence[Offer],
    *,
    currency: str,
    now: int,
    dry_run: bool = False,
) -> list[Outcome]:
    """Bring the seller's books to what the offers say; return what became of each, in order. With
    `dry_run` nothing is written."""
    if not dry_run:
        await take_turn(queries, seller.id)
    known = await said(queries, seller.id, [offer.identity for offer in offers])
    known |= await _own(queries, seller.id, [o for o in offers if o.identity not in known])
    new = [offer for offer in offers if offer.identity not in known and offer.copies]
    moved = {
        offer.identity: fields
        for offer in offers
        if (last := known.get(offer.identity)) and (fields := _differences(last, offer))
    }
    books = await _locked(queries, [known[identity].book_id for identity in moved], dry_run)
    held = await _held(queries, list(books))
    ids: dict[str, int] = {}
    if new and not dry_run:
        ids = await _add(queries, seller, new, currency, now)
    outcomes = []
    updated: list[tuple[Book, dict[str, Any], Offer, Said]] = []
    for offer in offers:
        last = known.get(offer.identity)
        if last is None:
            kind = ADDED if offer.copies else NOTHING
            outcomes.append(
                Outcome(offer.line, offer.identity, kind, ids.get(offer.identity), {}, {})
            )
            continue
        book = books.get(last.book_id)
        if offer.identity not in moved or book is None:
            outcomes.append(Outcome(offer.line, offer.identity, SAME, last.book_id, {}, {}))
            continue
        after = _after(book, held.get(book.id, 0), offer, moved[offer.identity])
        before = {name: getattr(book, name) for name in after if hasattr(book, name)}
        gone = not offer.copies and "copies" in moved[offer.identity]
        outcomes.append(
            Outcome(
                offer.line, offer.identity, WITHDRAWN if gone else CHANGED, book.id, before, after
            )
        )
        updated.append((book, after, offer, last))
    if updated and not dry_run:
        await _update(queries, seller, updated, now)
    if new and not dry_run:
        await changes.record_everything(queries, now)
    return outcomes


async def _own(queries: Queries, seller_id: int, offers: Sequence[Offer]) -> dict[str, Said]:
    """Return what a file with the shop's own SKUs is compared with: the books as they are."""
    ids = {offer.identity: number for offer in offers if (number := book_of_own_sku(offer.sku))}
    books = await storing.as_said(queries, seller_id, list(ids.values()))
    return {
        identity: Said(identity, number, book.price, book.stock if book.listed else 0, marks)
        for identity, number in ids.items()
        if number in books
        for book, marks in [books[number]]
    }


def _differences(last: Said, offer: Offer) -> set[str]:
    """Return the fields of which the file says something else than the last one."""
    fields = set(changed_fields(last.marks, offer.marks))
    if offer.terms.price and last.price != offer.terms.price:  # sold out, it may have none
        fields.add("price")
    if last.copies != offer.copies:
        fields.add("copies")
    return fields


def _after(book: Book, held: int, offer: Offer, fields: set[str]) -> dict[str, Any]:
    """Return the values that a book is to have in its columns, and in those of its details."""
    after: dict[str, Any] = {}
    for name in ("price", *TERM_FIELDS):
        if name in fields:
            after[name] = getattr(offer.terms, name)
    for name in DETAIL_FIELDS:
        if name in fields:
            after[name] = getattr(offer.details, name)
    if "copies" in fields:
        after["stock"] = max(0, offer.copies - held)
        after["listed"] = int(offer.copies > 0)
    return after


async def _locked(queries: Queries, book_ids: Iterable[int], dry_run: bool) -> dict[int, Book]:
    """Return books that nobody else changes before the transaction ends."""
    ids = sorted(set(book_ids))
    if not ids:
        return {}
    return {
        book.id: book
        for book in await storing.books_by_id(queries, ids, locked=not dry_run)
    }  # fmt: skip


class _Held(NamedTuple):
    book_id: int
    quantity: int


async def _held(queries: Queries, book_ids: Sequence[int]) -> dict[int, int]:
    """Return how many copies checkouts hold of books."""
    if not book_ids:
        return {}
    rows = await queries.all(
        _Held,
        "SELECT book_id, SUM(quantity) AS quantity FROM holds"
        " WHERE book_id IN :ids AND state = 'held' GROUP BY book_id",
        {"ids": list(book_ids)},
    )
    return {row.book_id: int(row.quantity) for row in rows}


async def _add(
    queries: Queries, seller: Seller, offers: Sequence[Offer], currency: str, now: int
) -> dict[str, int]:
    """Add books with their words, details and what the file said; return their ids."""
    keys = {offer.identity: storing.offer_key(seller.id, offer.identity) for offer in offers}
    rows = [
        repository.book_values(
            offer.terms, seller=seller, copies=offer.copies, currency=currency, now=now,
            import_key=keys[offer.identity],
        )
        for offer in offers
    ]  # fmt: skip
    words = {
        keys[offer.identity]: repository.words_of(
            offer.terms, (offer.details.original_title, offer.details.series)
        )
        for offer in offers
    }
    by_key = await storing.add_imported(queries, rows, words)
    ids = {identity: by_key[import_key] for identity, import_key in keys.items()}
    await _say(
        queries, seller.id, [(offer, ids[offer.identity], offer.marks) for offer in offers], now
    )
    detailed = [offer for offer in offers if any(offer.details)]
    await storing.add_details(
        queries,
        [_details_row(ids[offer.identity], offer.details._asdict(), now) for offer in detailed],
    )
    return ids


def _details_row(book_id: int, details: Mapping[str, Any], now: int) -> dict[str, Any]:
    return {
        **details,
        "book_id": book_id,
        "signed": int(details["signed"]),
        "fetch_at": now if details["cover_url"].startswith("http") else None,
    }


async def _say(
    queries: Queries, seller_id: int, offers: Sequence[tuple[Offer, int, str]], now: int
) -> None:
    """Write down what the file says of offers."""
    await queries.execute_many(
        f"{'REPLACE' if queries.dialect == 'mysql' else 'INSERT OR REPLACE'} INTO seller_offers"
        " (seller_id, identity, sku, book_id, price, copies, marks, said_at) VALUES"
        " (:seller_id, :identity, :sku, :book_id, :price, :copies, :marks, :said_at)",
        [
            {
                "seller_id": seller_id,
                "identity": offer.identity,
                "sku": offer.sku,
                "book_id": book_id,
                "price": offer.terms.price,
                "copies": offer.copies,
                "marks": marks,
                "said_at": now,
            }
            for offer, book_id, marks in offers
        ],
    )


async def _update(
    queries: Queries,
    seller: Seller,
    updated: Sequence[tuple[Book, dict[str, Any], Offer, Said]],
    now: int,
) -> None:
    ids = [book.id for book, *_ in updated]
    await changes.record(queries, ids, now, listed="1")  # as offers of an old ISBN knew it
    for book, after, offer, _last in updated:
        await storing.update_from_file(queries, book, after, offer.details._asdict(), now)
    await changes.record(queries, ids, now, listed="1")
    names = [str(after[name]) for _, after, *_ in updated for name in _NAMES if name in after]
    if names:
        await vocabulary.learn_texts(queries, names)
    said_now = []
    for book, _after, offer, last in updated:
        terms = offer.terms._replace(price=offer.terms.price or last.price)
        marks = merged_marks(last.marks, offer.marks)
        said_now.append((offer._replace(terms=terms), book.id, marks))
    await _say(queries, seller.id, said_now, now)


async def withdraw(
    queries: Queries, seller: Seller, missing: Sequence[Said], now: int, *, dry_run: bool
) -> list[Outcome]:
    """Withdraw offers that the file does not name any more."""
    if dry_run:
        return [Outcome(0, one.identity, WITHDRAWN, one.book_id, {}, {}) for one in missing]
    await take_turn(queries, seller.id)
    known = await said(queries, seller.id, [one.identity for one in missing])
    gone = [one for one in known.values() if one.copies]
    books = await _locked(queries, [one.book_id for one in gone], dry_run=False)
    outcomes = []
    for one in gone:
        book = books.get(one.book_id)
        if book is None:
            continue
        after = {"stock": 0, "listed": 0}
        before = {"stock": book.stock, "listed": book.listed}
        await storing.update_from_file(queries, book, after, {}, now)
        outcomes.append(Outcome(0, one.identity, WITHDRAWN, book.id, before, after))
    await changes.record(queries, [one.book_id for one in gone], now, listed="1")
    await queries.execute(
        "UPDATE seller_offers SET copies = 0, said_at = :now"
        " WHERE seller_id = :seller AND identity IN :identities",
        {"seller": seller.id, "identities": [one.identity for one in gone], "now": now},
    )
    return outcomes


async def offers_after(queries: Queries, seller_id: int, identity: str, limit: int) -> list[Said]:
    """Return a seller's offers that are not withdrawn, in the order of their identities."""
    return await queries.all(
        Said,
        "SELECT identity, book_id, price, copies, marks FROM seller_offers"
        " WHERE seller_id = :seller AND identity > :identity AND copies > 0"
        " ORDER BY identity LIMIT :limit",
        {"seller": seller_id, "identity": identity, "limit": limit},
    )


async def unsay(
    queries: Queries, seller_id: int, identity: str, last: Mapping[str, Any] | None, now: int
) -> None:
    """Put back what the seller's file before the last said of an offer, or that it said nothing."""
    key = {"seller": seller_id, "identity": identity}
    if last is None:
        # The book is withdrawn: a file that names it again puts it on sale again.
        await queries.execute(
            "UPDATE seller_offers SET copies = 0, said_at = :now"
            " WHERE seller_id = :seller AND identity = :identity",
            {**key, "now": now},
        )
        return
    await queries.execute(
        "UPDATE seller_offers SET price = :price, copies = :copies, marks = :marks, said_at = :now"
        " WHERE seller_id = :seller AND identity = :identity",
        {**key, "price": last["price"], "copies": last["copies"], "marks": last["marks"],
         "now": now},
    )  # fmt: skip
