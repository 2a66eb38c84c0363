"""Check how old the pages of books were: a kept page may be stale, for a while and no longer.

The shop tells its replicas of a change within a second, while its database answers. While that is
away nobody changes anything, and pages are shown as they were. A page that shows other copies than
there can have been since is a finding.
"""

from __future__ import annotations

import bisect
import itertools
from collections import defaultdict
from collections.abc import Mapping, Sequence, Set
from typing import Any

from loadtest.evidence.ledger.model import Audit, OrderRow, State

Entry = Mapping[str, Any]
STALE = 15.0  # seconds that a page may be behind
AGAIN = 10.0  # seconds in which somebody is told again that the shop is away, while it is
APART = 2.0  # seconds that the clocks of shop and clients may differ

type Confirmed = Mapping[int, Sequence[tuple[float, int]]]  # by book: since when, how many copies


def check_kept_pages(
    entries: Sequence[Entry], confirmed: Confirmed, state: State, made: Audit
) -> int:
    """Name pages that were too old; return how many were judged."""
    totals = {book.id: book.total for book in state.books}
    sums = {book: list(_summed(sorted(steps))) for book, steps in confirmed.items()}
    lines = _lines(state)
    looks = [e for e in entries if e["what"] == "looked" and e["book"] in totals]
    outages = _outages(entries) if looks else ()
    named: set[tuple[int, str]] = set()
    for look in looks:
        book, shown = look["book"], int(look["copies"])
        total = totals[book]
        since = _behind(float(look["begin"]), outages)
        most = total - _until(sums.get(book, ()), since)
        left = total - _perhaps_taken(lines.get(book, ()), since, float(look["t"]))
        how = "more" if shown > most else "fewer" if shown < left else ""
        if how and (book, how) not in named:
            named.add((book, how))  # once is enough: the rest of them is the same
            bound = f"at most {most}" if how == "more" else f"at least {left}"
            made.add(
                "stale",
                f"Book {book} was shown with {shown} copies left, and there had been {bound} "
                f"for {STALE:.0f} s.",
            )
    return len(looks)


def _outages(entries: Sequence[Entry]) -> Sequence[tuple[float, float]]:
    """Return the times in which the shop said again and again that it is away, and nothing else."""
    said = [
        (float(e["t"]), e["what"] == "away")
        for e in entries
        if e["what"] == "away" or (e["what"] in ("told", "refused") and e["kind"] != "look")
    ]
    times: list[tuple[float, float]] = []
    goes_on = False
    for at, away in sorted(said):
        if away and goes_on and at - times[-1][1] <= AGAIN:
            times[-1] = times[-1][0], at
        elif away:
            times.append((at, at))
        goes_on = away
    return times


def _behind(moment: float, outages: Sequence[tuple[float, float]]) -> float:
    """Return since when a page may not have heard of changes that is asked for at a moment."""
    left = STALE
    for begin, end in reversed(outages):
        if begin >= moment:
            continue
        if moment - end >= left:
            break
        left -= max(moment - end, 0.0)
        moment = begin
    return moment - left


def for_good(
    orders: Sequence[tuple[int, float, Sequence[Sequence[int]]]],
    state: State,
    called_off: Set[tuple[int, int]],
) -> Confirmed:
    """Return the copies that were confirmed and never given back, by book.

    An order is its number, when its buyer knew of it, and its books with their copies.
    """
    kept = {order.id for order in state.orders if order.released_at is None}
    made: dict[int, list[tuple[float, int]]] = defaultdict(list)
    for order, since, lines in orders:
        for book, copies in lines:
            if order in kept and (order, book) not in called_off:
                made[book].append((since, copies))
    return made


def _summed(steps: Sequence[tuple[float, int]]) -> Sequence[tuple[float, int]]:
    sums = itertools.accumulate(copies for _, copies in steps)
    return list(zip((at for at, _ in steps), sums, strict=True))


def _until(sums: Sequence[tuple[float, int]], moment: float) -> int:
    place = bisect.bisect_right(sums, moment, key=lambda step: step[0])
    return sums[place - 1][1] if place else 0


def _lines(state: State) -> Mapping[int, Sequence[tuple[OrderRow, int]]]:
    orders = {order.id: order for order in state.orders}
    made: dict[int, list[tuple[OrderRow, int]]] = defaultdict(list)
    for line in state.lines:
        if line.order_id in orders:
            made[line.book_id].append((orders[line.order_id], line.quantity))
    return made


def _perhaps_taken(lines: Sequence[tuple[OrderRow, int]], begin: float, end: float) -> int:
    """Return the copies that orders may have held at some moment of a time."""
    first, last = (begin - APART) * 1000, (end + APART) * 1000
    return sum(
        quantity
        for order, quantity in lines
        if order.placed_at <= last and (order.released_at is None or order.released_at >= first)
    )
