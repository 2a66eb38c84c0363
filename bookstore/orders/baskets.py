"""Baskets: one for each browser and one for each person, seen as one by whoever has both."""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress

from bookstore.clock import DAY, Clock
from bookstore.contracts import CatalogueLink, Quote
from bookstore.data.database import Database
from bookstore.data.housekeeping import BATCH, alone
from bookstore.data.queries import BeforeCommit, Duplicate, Queries
from bookstore.orders import basket_repository as repository
from bookstore.orders import domain
from bookstore.orders.basket_repository import Basket, Owner
from bookstore.orders.domain import Problem, Review

_KEPT = 30 * DAY  # as long as the cookie may live


class NotForSale(Exception):
    """So many copies of this book cannot go into the basket."""

    def __init__(self, problem: Problem, quote: Quote | None) -> None:
        super().__init__(problem)
        self.problem = problem
        self.quote = quote


class Baskets:
    """What readers mean to buy. Nothing is set aside by a basket."""

    def __init__(
        self, database: Database, clock: Clock, catalogue: CatalogueLink, *, currency: str
    ) -> None:
        self.database = database
        self.clock = clock
        self.catalogue = catalogue
        self.currency = currency

    async def count(self, owner: Owner) -> int:
        """Return how many copies are in the basket."""
        return sum((await repository.contents(self.database, owner)).values())

    async def review(self, owner: Owner, *, left: Mapping[int, int] | None = None) -> Review:
        """Return the basket at today's terms, with what the catalogue has said is `left` of some
        books."""
        wanted = await repository.contents(self.database, owner)
        quotes = await self.catalogue.quotes(list(wanted)) if wanted else {}
        for book_id, stock in (left or {}).items():
            if book_id in quotes:
                quotes[book_id] = quotes[book_id]._replace(stock=stock)
        return domain.review(wanted, quotes, buyer_id=owner.person_id, currency=self.currency)

    async def add(
        self,
        owner: Owner,
        book_id: int,
        quantity: int,
        *,
        before_commit: BeforeCommit[Quote] | None = None,
    ) -> Quote:
        """Put copies of a book in; raise NotForSale or domain.BasketFull."""
        return await self._change(owner, book_id, quantity, add=True, before_commit=before_commit)

    async def set_quantity(self, owner: Owner, book_id: int, quantity: int) -> None:
        """Have so many copies of a book in; raise NotForSale or domain.BasketFull."""
        await self._change(owner, book_id, quantity, add=False)

    async def put_back(self, owner: Owner, wanted: Mapping[int, int]) -> int:
        """Have as many copies of books in as are wanted and on sale; return how many of the books
        are not, or no longer as many. Done twice, it is done once."""
        quotes = await self.catalogue.quotes(list(wanted))

        async def work(queries: Queries) -> int:
            basket = await merge(queries, owner, self.clock())
            items, missing = basket.items, 0
            for book_id, quantity in wanted.items():
                quote = quotes.get(book_id)
                left = min(quantity, quote.stock) if quote is not None and quote.listed else 0
                missing += left < quantity
                goal = max(left, items.get(book_id, 0))
                if not domain.problem_of(goal, quote, owner.person_id, self.currency):
                    with suppress(domain.BasketFull):
                        items = domain.with_quantity(items, book_id, goal, add=False)
            await repository.save_items(queries, basket, items, self.clock())
            return missing

        return await with_basket(self.database, work)

    async def remove(self, owner: Owner, book_id: int) -> None:
        """Take a book out, whatever became of it."""

        async def work(queries: Queries) -> None:
            basket = await merge(queries, owner, self.clock())
            await repository.take_out(queries, basket.id, [book_id])

        await with_basket(self.database, work)

    async def _change(
        self,
        owner: Owner,
        book_id: int,
        quantity: int,
        *,
        add: bool,
        before_commit: BeforeCommit[Quote] | None = None,
    ) -> Quote:
        quote = (await self.catalogue.quotes([book_id])).get(book_id)

        async def work(queries: Queries) -> Quote:
            basket = await merge(queries, owner, self.clock())
            after = domain.with_quantity(basket.items, book_id, quantity, add=add)
            problem = domain.problem_of(after[book_id], quote, owner.person_id, self.currency)
            if problem is not None or quote is None:
                raise NotForSale(problem or Problem.GONE, quote)
            await repository.save_items(queries, basket, after, self.clock())
            if before_commit is not None:
                await before_commit(queries, quote)
            return quote

        return await with_basket(self.database, work)

    async def forget_old(self) -> None:
        """Delete the baskets of browsers that have lost their cookie by now."""
        before = self.clock() - _KEPT
        async with alone(self.database, "forget baskets") as queries:
            while queries is not None:
                old = await repository.forgotten_baskets(queries, before, limit=BATCH)
                if old:
                    await self.database.in_transaction(
                        lambda work, old=old: repository.delete_baskets(work, old, before)  # type: ignore[misc]
                    )
                if len(old) < BATCH:
                    break


async def with_basket[T](database: Database, work: Callable[[Queries], Awaitable[T]]) -> T:
    """Run a transaction that may make a basket, and again when somebody else was quicker: with the
    browser's, with the person's, and with one that was emptied meanwhile."""
    for _attempt in range(4):
        with suppress(Duplicate):
            return await database.in_transaction(work)
    return await database.in_transaction(work)


async def merge(queries: Queries, owner: Owner, now: int) -> Basket:
    """Lock the owner's basket, move into it what the browser's holds, and return it. The browser's
    own basket is gone afterwards."""
    if owner.person_id is None or owner.token_hash is None:
        return await repository.locked_basket(queries, owner, now)
    basket = await repository.locked_basket(queries, owner._replace(token_hash=None), now)
    other = await repository.find_locked(queries, owner._replace(person_id=None))
    if other is None:
        return basket
    union = domain.merged(basket.items, other.items)
    await repository.save_items(queries, basket, union, now)
    await repository.delete_basket(queries, other.id)
    return Basket(basket.id, union)
