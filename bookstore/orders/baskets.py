"""Baskets: one for each browser and one for each person, seen as one by whoever has both."""

from bookstore.clock import DAY, Clock
from bookstore.contracts import CatalogueLink, Quote
from bookstore.database import Database, Queries
from bookstore.orders import basket_repository as repository
from bookstore.orders import domain
from bookstore.orders.basket_repository import Owner
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

    async def review(self, owner: Owner) -> Review:
        """Return the basket at today's terms."""
        wanted = await repository.contents(self.database, owner)
        quotes = await self.catalogue.quotes(list(wanted)) if wanted else {}
        return domain.review(wanted, quotes, buyer_id=owner.person_id, currency=self.currency)

    async def add(self, owner: Owner, book_id: int, quantity: int) -> Quote:
        """Put copies of a book in; raise NotForSale or domain.BasketFull."""
        return await self._change(owner, book_id, quantity, add=True)

    async def set_quantity(self, owner: Owner, book_id: int, quantity: int) -> None:
        """Have so many copies of a book in; raise NotForSale or domain.BasketFull."""
        await self._change(owner, book_id, quantity, add=False)

    async def remove(self, owner: Owner, book_id: int) -> None:
        """Take a book out, whatever became of it."""

        async def work(queries: Queries) -> None:
            basket_id, before = await merge(queries, owner, self.clock())
            after = {book: n for book, n in before.items() if book != book_id}
            await repository.save_items(queries, basket_id, before, after, self.clock())

        await self.database.in_transaction(work)

    async def _change(self, owner: Owner, book_id: int, quantity: int, *, add: bool) -> Quote:
        quote = (await self.catalogue.quotes([book_id])).get(book_id)

        async def work(queries: Queries) -> Quote:
            basket_id, before = await merge(queries, owner, self.clock())
            after = domain.with_quantity(before, book_id, quantity, add=add)
            problem = domain.problem_of(after[book_id], quote, owner.person_id, self.currency)
            if problem is not None or quote is None:
                raise NotForSale(problem or Problem.GONE, quote)
            await repository.save_items(queries, basket_id, before, after, self.clock())
            return quote

        return await self.database.in_transaction(work)

    async def forget_old(self) -> None:
        """Delete the baskets of browsers that have lost their cookie by now."""
        for basket_id in await repository.forgotten_baskets(
            self.database, self.clock() - _KEPT, limit=500
        ):
            await self.database.in_transaction(
                lambda queries, old=basket_id: repository.delete_basket(queries, old)  # type: ignore[misc]
            )


async def merge(queries: Queries, owner: Owner, now: int) -> tuple[int, dict[int, int]]:
    """Lock the owner's basket, move into it what the browser's holds, and return its id and
    contents. The browser's own basket is gone afterwards."""
    basket_id = await repository.locked_basket(queries, owner, now)
    items = await repository.items_of(queries, basket_id)
    if owner.person_id is None or owner.token_hash is None:
        return basket_id, items
    other = await repository.locked_basket_of_token(queries, owner.token_hash, now)
    if other is not None:
        union = domain.merged(items, await repository.items_of(queries, other))
        await repository.save_items(queries, basket_id, items, union, now)
        await repository.delete_basket(queries, other)
        items = union
    return basket_id, items
