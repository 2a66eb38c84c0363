"""Copies set aside for orders: held, then sold or released. Locks are taken in one order, the
hold's rows first and then the books by rising id, so that two baskets never wait for each other.
"""

from collections.abc import Sequence
from contextlib import suppress

from bookstore.catalogue import repository
from bookstore.catalogue.changes import Changes
from bookstore.catalogue.domain import merged_lines, shortfall
from bookstore.clock import Clock
from bookstore.contracts import HoldLine, HoldRefused
from bookstore.database import Database, Duplicate, Queries

SWEEP_SECONDS = 3.0
_SWEEP_AT_ONCE = 200


class Holds:
    """The copies that orders have set aside."""

    def __init__(self, database: Database, clock: Clock, changes: Changes) -> None:
        self.database = database
        self.clock = clock
        self.changes = changes

    async def hold(self, reference: str, lines: Sequence[HoldLine], expires_at: int) -> None:
        """Set copies aside until `expires_at`, all or none; raise HoldRefused with what is left of
        the books that fell short. A reference that holds or has sold already changes nothing; one
        that was released, or ran out, sets the copies aside anew."""
        wanted = merged_lines(lines)
        with suppress(Duplicate):  # the same request at the same moment was quicker: it holds
            await self.database.in_transaction(
                lambda queries: self._hold(queries, reference, wanted, expires_at)
            )
        self.changes.here(*(line.book_id for line in wanted))

    async def _hold(
        self, queries: Queries, reference: str, wanted: Sequence[HoldLine], expires_at: int
    ) -> None:
        states = await repository.hold_states(queries, reference)
        if "held" in states or "sold" in states:
            await repository.extend_hold(queries, reference, expires_at)
            return
        if states:
            await repository.forget_released(queries, reference)
        await repository.add_holds(queries, reference, wanted, expires_at)
        for taken, line in enumerate(wanted):
            if not await repository.take_copies(queries, line, self.clock()):
                left = await repository.copies_left(queries, [line.book_id for line in wanted])
                for earlier in wanted[:taken]:  # this transaction took them; it gives them back
                    left[earlier.book_id] += earlier.quantity
                raise HoldRefused(shortfall(wanted, left))

    async def confirm(self, reference: str) -> bool:
        """Sell what is held. False when the hold ran out, was released or never was."""
        if await repository.sell_held(self.database, reference, self.clock()):
            return True
        return "sold" in await repository.hold_states(self.database, reference)

    async def release(self, reference: str) -> None:
        """Put copies back on sale, held or sold."""
        returned: list[int] = []
        await self.database.in_transaction(
            lambda queries: self._release(queries, reference, returned, ran_out_at=None)
        )
        self.changes.here(*returned)

    async def release_expired(self) -> int:
        """Release the holds that ran out; return how many."""
        now = self.clock()
        references = await repository.expired_references(self.database, now, _SWEEP_AT_ONCE)
        for reference in references:
            returned: list[int] = []
            await self.database.in_transaction(
                lambda queries, name=reference, books=returned: self._release(  # type: ignore[misc]
                    queries, name, books, ran_out_at=now
                )
            )
            self.changes.here(*returned)
        return len(references)

    async def sweep(self) -> None:
        """Release the holds that ran out, as a background chore."""
        await self.release_expired()

    async def _release(
        self, queries: Queries, reference: str, returned: list[int], *, ran_out_at: int | None
    ) -> None:
        returned.clear()  # an attempt before this one may have been undone
        if await repository.mark_released(queries, reference, ran_out_at):
            for line in await repository.hold_lines(queries, reference):
                await repository.return_copies(queries, line, self.clock())
                returned.append(line.book_id)
