"""What the catalogue decides."""

import hashlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import NamedTuple

from bookstore import money
from bookstore.catalogue import (
    book_page,
    listing,
    own_books,
    repository,
    sitemap,
    spelling,
    vocabulary,
)
from bookstore.catalogue.book_page import Offers
from bookstore.catalogue.changes import LEARNED, POLL_SECONDS, Changes
from bookstore.catalogue.domain import Seller, Terms, possible_ids
from bookstore.catalogue.holds import SWEEP_SECONDS, Holds
from bookstore.catalogue.importing import cover_fetch, jobs
from bookstore.catalogue.importing.cover_fetch import CoverFetcher
from bookstore.catalogue.importing.jobs import Imports
from bookstore.catalogue.listing import Card, Found
from bookstore.catalogue.own_books import Wish
from bookstore.catalogue.personal import CataloguePersonal
from bookstore.catalogue.repository import Book, Known
from bookstore.catalogue.search import Cursor, Search
from bookstore.clock import MINUTE, Clock
from bookstore.contracts import Person, Quote
from bookstore.data.database import Database
from bookstore.data.queries import Duplicate, Queries
from bookstore.mail.outbox import Outbox
from bookstore.settings import Settings

_OTHER_COPIES = 6
_SUGGESTED = 8
_FEW = 2  # books, with which a reader is asked whether he meant something else
_TIMES_MORE = 5
_SHELF = 10  # books on a shelf of the front page


class StockChanged(Exception):
    """Copies were sold or came back since the form was opened; `left` are there now."""

    def __init__(self, left: int) -> None:
        super().__init__(f"{left} copies are left")
        self.left = left


class Listing(NamedTuple):
    """A page of the listing. `matches` counts to listing.COUNTED + 1 and is None on later pages."""

    cards: list[Card]
    matches: int | None
    after: Cursor | None
    seller_name: str | None
    languages: tuple[str, ...]
    meant: str | None = None  # what was looked up, where the words as they stand find nothing
    instead: str | None = None  # what may have been meant, where they find little


class Shelves(NamedTuple):
    """What the front page shows of the books."""

    newest: list[Card]
    spoken: list[Card]  # in the reader's language


class Catalogue:
    """The books on sale."""

    def __init__(
        self, database: Database, settings: Settings, clock: Clock, outbox: Outbox
    ) -> None:
        self.database = database
        self.settings = settings
        self.clock = clock
        self.changes = Changes(database, clock)
        self.holds = Holds(database, clock, self.changes)
        self.imports = Imports(
            database, settings, clock, lambda: self.changes.tell_everything(), outbox
        )
        self.fetcher = CoverFetcher(database, settings, clock)
        self.learner = vocabulary.Learner(database)
        self.personal = CataloguePersonal(database, clock)
        self._languages: tuple[str, ...] = ()
        self._languages_until = 0

    def chores(self) -> list[tuple[float, Callable[[], Awaitable[None]]]]:
        """Return what to do in the background and how often, in seconds."""
        return [
            (SWEEP_SECONDS, self.holds.sweep),
            (POLL_SECONDS, self.changes.poll),
            (60, self.changes.forget_old),
            (vocabulary.LEARN_SECONDS, self.learn),
            (jobs.SWEEP_SECONDS, self.imports.sweep),
            (cover_fetch.SWEEP_SECONDS, self.fetcher.sweep),
            (3600, self.imports.forget_old),
        ]

    async def learn(self) -> None:
        """Learn the words of new books. Another replica may have learned them, so searches that
        found nothing are asked anew each time."""
        try:
            await self.learner.sweep()
        finally:
            self.changes.tell(LEARNED)

    async def quotes(self, book_ids: Sequence[int]) -> dict[int, Quote]:
        """Return today's terms of those of the books that exist, withdrawn ones included."""
        found = await repository.quotes(self.database, possible_ids(book_ids))
        return {quote.book_id: quote for quote in found}

    async def search(self, wish: Search) -> Listing:
        """Return a page of books, with one query; the languages are asked for once a minute."""
        return await self.database.read(lambda queries: self._search(queries, wish))

    async def _search(self, queries: Queries, wish: Search) -> Listing:
        found, meant, instead = await listing.page(queries, wish), None, None
        if wish.text and not (wish.exact or wish.after):
            if not found.cards:
                found, meant = await _meant(queries, wish, found)
            elif 0 < (found.matches or 0) <= _FEW:
                instead = await _instead(queries, wish, found.matches or 1)
        if wish.after is None and self.clock() >= self._languages_until:
            self._languages = await listing.languages(queries)
            self._languages_until = self.clock() + MINUTE
        return Listing(*found, self._languages, meant, instead)

    async def shelves(self, language: str) -> Shelves:
        """Return what the front page shows: the newest books, and more of them in a language."""
        newest = await listing.page(self.database, Search())
        spoken = await listing.page(self.database, Search(languages=(language,)))
        shown = newest.cards[:_SHELF]
        others = [card for card in spoken.cards if card not in shown]
        return Shelves(shown, others[:_SHELF])

    async def cards(self, book_ids: Sequence[int]) -> list[Card]:
        """Return the cards of those of the books that are on sale, in the order given."""
        wanted = possible_ids(book_ids)
        found = await listing.cards(self.database, wanted) if wanted else {}
        return [found[book_id] for book_id in dict.fromkeys(book_ids) if book_id in found]

    async def suggestions(self, text: str) -> list[str]:
        """Return what somebody who is typing may mean: authors, series, titles."""
        if not (text := text.strip()):
            return []
        names = await vocabulary.names(self.database, text, _SUGGESTED // 2)
        wish = Search(text=text, sort="relevance")
        cards = (await listing.page(self.database, wish)).cards
        found = dict.fromkeys([*(one.name for one in names), *(card.title for card in cards)])
        return list(found)[:_SUGGESTED]

    async def similar(self, book_id: int) -> list[Card]:
        """Return books that a reader of this one may like as well."""
        book = await repository.book(self.database, book_id)
        return await book_page.similar(self.database, book) if book and book.listed else []

    async def book(self, book_id: int) -> Offers | None:
        """Return a book that is on sale or sold out, and the cheapest other offers of it. A
        withdrawn one is nobody's business."""
        found = await book_page.offers(self.database, book_id, _OTHER_COPIES)
        return found if found is not None and found.book.listed else None

    async def changed_at(self, book_ids: Sequence[int]) -> dict[int, int]:
        """Return when each of the books last changed."""
        return dict(await sitemap.changed_at(self.database, book_ids))

    async def sitemap_parts(self) -> list[int]:
        """Return the numbers of the sitemap's parts."""
        return await sitemap.parts(self.database)

    async def sitemap_part(self, part: int) -> list[sitemap.Page]:
        """Return the books of a part of the sitemap."""
        return await sitemap.part(self.database, part)

    async def known(self, isbn13: str) -> Known | None:
        """Return what the catalogue knows of an ISBN."""
        return await repository.known(self.database, isbn13)

    async def own_book(self, person: Person, book_id: int) -> Book | None:
        """Return a person's own book, withdrawn or not; somebody else's is as if it were not."""
        book = await repository.book(self.database, book_id)
        return book if book is not None and book.seller_id == person.id else None

    async def own_books(self, person: Person, wish: Wish) -> tuple[list[Book], int]:
        """Return a page of a person's books, one more if others follow, and how many there are."""
        return await own_books.page(self.database, person.id, wish)

    async def change_many(
        self, person: Person, book_ids: Sequence[int] | Wish, action: str, percent: float
    ) -> int:
        """Withdraw many of a person's books, put them back or change their prices; all that a wish
        asks for, or some."""
        if isinstance(book_ids, Wish):
            book_ids = await own_books.ids(self.database, person.id, book_ids)
        highest = money.highest(self.settings.currency)
        changed = await own_books.change_many(
            self.database, person.id, book_ids, action, self.clock(), percent=percent,
            highest=highest,
        )  # fmt: skip
        self.changes.tell_everything()
        return changed

    async def publish(
        self, person: Person, terms: Terms, copies: int, cover: str | None, form_key: str = ""
    ) -> int:
        """Put a book on sale; return its id. A form (`form_key`) puts one book on sale, however
        often it arrives: also when the replica that took it in was cut off before it answered."""
        once = _once(person, form_key)
        values = repository.book_values(
            terms,
            seller=Seller(person.id, person.name),
            copies=copies,
            currency=self.settings.currency,
            now=self.clock(),
            cover=cover,
            import_key=once,
        )
        try:
            book_id = await self.database.in_transaction(
                lambda queries: repository.add_book(queries, values, terms)
            )
            self.changes.here(book_id, listed=True)
            return book_id
        except Duplicate:
            assert once is not None  # no other column of a new book is unique
            return (await repository.imported(self.database, [once]))[once]

    async def change(
        self, person: Person, book: Book, terms: Terms, *, copies: int, seen: int, cover: str | None
    ) -> None:
        """Change a person's own book. `copies` replaces what is left to sell, and only if that is
        still what the form showed as `seen`; else nothing changes and StockChanged says why."""

        async def write(queries: Queries) -> None:
            if copies != seen and not await repository.set_copies(
                queries, book.id, seen=seen, copies=copies
            ):
                now = await repository.book(queries, book.id)
                raise StockChanged(now.stock if now else 0)
            await repository.change_book(
                queries, book.id, terms, seller_name=person.name, cover=cover, now=self.clock()
            )

        await self.database.in_transaction(write)
        self.changes.here(book.id, listed=True)
        if (terms.title, terms.author) != (book.title, book.author):
            texts = (terms.title, terms.author)
            await self.database.in_transaction(
                lambda queries: vocabulary.learn_texts(queries, texts)
            )

    async def set_listed(self, book: Book, listed: bool) -> None:
        """Withdraw a person's own book from sale, or put it back."""
        await self.database.in_transaction(
            lambda queries: repository.set_listed(queries, book.id, listed, self.clock())
        )
        self.changes.here(book.id, listed=True)


async def _instead(queries: Queries, wish: Search, found: int) -> str | None:
    """Return a text that finds many times as much, if what was typed may be that mistyped."""
    more = _TIMES_MORE * found

    async def finds(text: str, books: Mapping[str, int]) -> bool:
        wanted = wish._replace(text=text)
        return await listing.finds(queries, wanted, books, at_least=more)

    return await spelling.instead(queries, wish.text, finds, more)


async def _meant(queries: Queries, wish: Search, nothing: Found) -> tuple[Found, str | None]:
    """Return what is found for what the text may have meant, and that text."""
    found = nothing

    async def finds(text: str, books: Mapping[str, int]) -> bool:
        nonlocal found
        found = await listing.page(queries, wish._replace(text=text), books)
        return bool(found.cards)

    meant = await spelling.meant(queries, wish.text, finds)
    return found, meant


def _once(person: Person, form_key: str) -> str | None:
    """Return what marks the book of one form, in the column that imports mark theirs in."""
    if not form_key:
        return None
    return "form:" + hashlib.sha256(f"{person.id}:{form_key}".encode()).hexdigest()[:35]
