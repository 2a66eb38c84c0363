"""Copies set aside for orders: held, then sold or released. Locks are taken in one order, the
hold's rows first and then the books by rising id, so that two baskets never wait for each other.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress

from bookstore.catalogue import hold_repository as repository
from bookstore.catalogue.changes import Changes
from bookstore.catalogue.domain import merged_lines, shortfall
from bookstore.clock import DAY, HOUR, Clock
from bookstore.contracts import HoldLine, HoldRefused
from bookstore.data.database import Database
from bookstore.data.queries import Busy, Duplicate, Queries

SWEEP_SECONDS = 3.0
_SWEEP_AT_ONCE = 200
_ENDED_KEPT = 30 * DAY  # how long the lines of a hold that ended without a sale can be read
_REFUSED_FOR = 2 * DAY  # how long a late call for a released reference is told so


class Holds:
    """The copies that orders have set aside."""

    def __init__(self, database: Database, clock: Clock, changes: Changes) -> None:
        self.database = database
        self.clock = clock
        self.changes = changes
        self._forgot_at = 0

    async def hold(
        self,
        reference: str,
        lines: Sequence[HoldLine],
        expires_at: int,
        *,
        terms: Mapping[int, str] | None = None,
    ) -> None:
        """Set copies aside until `expires_at`, all or none; raise HoldRefused with what is left of
        the books that fell short. A reference stands for the same books each time: one that holds
        or has sold already changes nothing; one that ran out sets the copies aside anew; one that
        was released is refused, with no book, and so is a hold of books that are not on the `terms`
        given (Quote.terms by book id)."""
        wanted = merged_lines(lines)
        agreed = dict(terms or {})
        try:
            await self.database.in_transaction(
                lambda queries: self._take(queries, reference, wanted, agreed, expires_at)
            )
        except Duplicate:
            with suppress(Duplicate):  # the same call at the same moment: it holds
                await self.database.in_transaction(
                    lambda queries: self._hold_again(queries, reference, wanted, agreed, expires_at)
                )
        self.changes.here(*(line.book_id for line in wanted))

    async def _hold_again(
        self,
        queries: Queries,
        reference: str,
        wanted: Sequence[HoldLine],
        agreed: Mapping[int, str],
        expires_at: int,
    ) -> None:
        states = await repository.locked_states(queries, reference)
        if "held" in states or "sold" in states:
            await repository.extend(queries, reference, expires_at)
            return
        await repository.delete_released(queries, reference)
        await self._take(queries, reference, wanted, agreed, expires_at)

    async def _take(
        self,
        queries: Queries,
        reference: str,
        wanted: Sequence[HoldLine],
        agreed: Mapping[int, str],
        expires_at: int,
    ) -> None:
        found = await repository.write(queries, reference, wanted, expires_at=expires_at)
        if found is None:
            raise HoldRefused({})
        left = {quote.book_id: quote.stock if quote.listed else 0 for quote in found}
        if short := shortfall(wanted, left):
            raise HoldRefused(short)
        if any(agreed[one.book_id] != one.terms for one in found if one.book_id in agreed):
            raise HoldRefused({})
        await repository.take(queries, wanted, self.clock())

    async def confirm(self, reference: str) -> bool:
        """Sell what is held. False when the hold ran out, was released or never was."""
        if await repository.sell(self.database, reference, self.clock()):
            return True
        return "sold" in await repository.states(self.database, reference)

    async def release(self, reference: str) -> None:
        """Put copies back on sale, held or sold, and refuse a hold that arrives later."""
        await self._release(reference, run_out=False)

    async def release_books(self, reference: str, book_ids: Sequence[int]) -> None:
        """Put the copies of some of a reference's books back on sale; the others stay its own."""
        await self._release(reference, run_out=False, book_ids=book_ids)

    async def release_expired(self) -> int:
        """Release the holds that ran out; return how many."""
        references = await repository.run_out(self.database, self.clock(), _SWEEP_AT_ONCE)
        for reference in references:
            with suppress(Busy):  # one locked row keeps no other hold from being released
                await self._release(reference, run_out=True)
        return len(references)

    async def _release(
        self, reference: str, *, run_out: bool, book_ids: Sequence[int] | None = None
    ) -> None:
        async def work(queries: Queries) -> list[HoldLine]:
            now = self.clock()
            if not run_out and book_ids is None:
                await repository.refuse_from_now_on(queries, reference, now)
            lines = await repository.release(
                queries, reference, now, run_out=run_out, book_ids=book_ids
            )
            for line in lines:
                await repository.return_copies(queries, line, now)
            return lines

        returned = await self.database.in_transaction(work)
        self.changes.here(*(line.book_id for line in returned))

    async def sweep(self) -> None:
        """Release the holds that ran out, as a background chore."""
        await self.release_expired()
        if self.clock() - self._forgot_at > HOUR:
            self._forgot_at = self.clock()
            await repository.forget_released(
                self.database, self._forgot_at - _REFUSED_FOR, self._forgot_at - _ENDED_KEPT
            )
