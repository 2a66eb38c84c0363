"""What every stack must keep for its checkout to count: no copy is sold twice, and a form that is
sent again takes effect once."""

import asyncio

from benchmarks.client import Browser
from benchmarks.data import COPIES, Data
from benchmarks.stacks import OURS, Stack
from benchmarks.visits import Refused, fill_basket, pay, place
from tests.support.mariadb import MariaDB

BOOK = 150


async def check(stack: Stack, server: MariaDB, data: Data) -> None:
    """Let several buyers order the last copy of a book at once, and one of them send each form
    again; raise Refused when the stack sells it twice or answers anew."""
    _set_copies(server, 1)
    buyers = [Browser(stack.port, {"session": token}) for token in data.spare[1:]]
    try:
        pages = [await fill_basket(buyer, BOOK) for buyer in buyers]
        placed = await asyncio.gather(
            *(place(buyer, page, f"{stack.name}-order-{n}")
              for n, (buyer, page) in enumerate(zip(buyers, pages, strict=True)))
        )  # fmt: skip
        served = [number for number, answer in enumerate(placed) if answer.status == 303]
        if len(served) != 1:
            raise Refused(f"{stack.name} sold the last copy of a book {len(served)} times")
        [number] = served
        buyer, address = buyers[number], placed[number].headers["location"]
        again = await place(buyer, pages[number], f"{stack.name}-order-{number}")
        paid = [await pay(buyer, address, f"{stack.name}-payment") for _time in range(2)]
        answers = [again.headers.get("location"), *(answer.status for answer in paid)]
        if answers != [address, 303, 303]:
            raise Refused(f"{stack.name} answers a form that is sent again with {answers}")
        _expect_sold(stack, server)
    finally:
        for buyer in buyers:
            buyer.close()
        _set_copies(server, COPIES)


def _set_copies(server: MariaDB, copies: int) -> None:
    with server.connect("peers") as connection, connection.cursor() as cursor:
        cursor.execute("UPDATE books SET stock = %s WHERE id = %s", (copies, BOOK))
        cursor.execute(
            "UPDATE shop.books SET stock = %s, copies_total = %s WHERE id = %s",
            (copies, copies, BOOK),
        )
        for table in ("basket_items", "shop.basket_items"):
            cursor.execute(f"DELETE FROM {table} WHERE book_id = %s", (BOOK,))
        connection.commit()


def _expect_sold(stack: Stack, server: MariaDB) -> None:
    database = "shop" if stack.name in OURS else "peers"
    with server.connect(database) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT stock FROM books WHERE id = %s", (BOOK,))
        found = cursor.fetchone()
        cursor.execute("SELECT COUNT(*) FROM order_lines WHERE book_id = %s", (BOOK,))
        lines = cursor.fetchone()
    if found != (0,) or lines is None or not lines[0]:
        raise Refused(f"{stack.name} sold the last copy of a book and has {found} left")
