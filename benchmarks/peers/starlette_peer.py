"""Starlette, uvicorn with uvloop and httptools, aiomysql. With BENCH_CACHE pages for anonymous
readers are kept for a second, by what twenty lines can do."""

import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, ClassVar

import aiomysql
import pymysql
from jinja2 import Environment, FileSystemLoader
from starlette.applications import Starlette
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.templating import Jinja2Templates

from benchmarks.peers import common, selling
from benchmarks.peers.common import Visitor
from benchmarks.peers.forms import AddForm, CheckoutForm, PaymentForm

templates = Jinja2Templates(
    env=Environment(loader=FileSystemLoader(common.TEMPLATES), autoescape=True, trim_blocks=True,
                    lstrip_blocks=True, auto_reload=False)
)  # fmt: skip
SESSION = common.SESSION.format("%s", "%s")
BOOK = common.BOOK.format("%s", "%s")
OTHERS = common.OTHERS.format("%s", "%s")
BASKET = selling.BASKET.format("%s")
BADGE = common.BADGE.format("%s")


@asynccontextmanager
async def pool(app: Starlette) -> AsyncIterator[None]:
    """Keep connections to the database open while the application runs."""
    level = "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED"
    settings = {**common.database(), "init_command": level, "autocommit": True}
    async with aiomysql.create_pool(**settings, minsize=1, maxsize=10) as made:
        app.state.pool = made
        yield


@asynccontextmanager
async def reading(request: Request) -> AsyncIterator[Any]:
    """Yield a cursor whose statements commit by themselves."""
    async with (
        request.app.state.pool.acquire() as connection,
        connection.cursor(aiomysql.DictCursor) as cursor,
    ):
        yield cursor


@asynccontextmanager
async def transaction(request: Request) -> AsyncIterator[Any]:
    """Yield a cursor; commit at the end, roll back if anything is raised."""
    async with (
        request.app.state.pool.acquire() as connection,
        connection.cursor(aiomysql.DictCursor) as cursor,
    ):
        await connection.begin()
        try:
            yield cursor
        except BaseException:
            await connection.rollback()
            raise
        await connection.commit()


async def rows(cursor: Any, sql: str, *values: Any) -> list[dict[str, Any]]:
    """Return what a statement finds, each row by column name."""
    await cursor.execute(sql, values)
    found: list[dict[str, Any]] = await cursor.fetchall()
    return found


async def visitor(request: Request, cursor: Any) -> Visitor:
    """Return who asks by the session cookie, nobody for an unknown or ended one."""
    token = request.cookies.get("session", "")
    found = await rows(cursor, SESSION, token, common.now()) if token else []
    return Visitor(found[0]["id"], found[0]["name"], token) if found else Visitor(None, None, token)


def page(request: Request, template: str, who: Visitor, status: int = 200, **more: Any) -> Response:
    """Return a template in the shop's layout, compressed as the browser takes it."""
    layout = common.context(who, str(request.base_url)[:-1], request.url.path)
    shown = templates.get_template(f"{template}.html").render({**layout, **more})
    accepted = request.headers.get("accept-encoding", "")
    body, encoding = common.encoded(shown.encode(), accepted)
    response = Response(body, status, {"vary": "accept-encoding"}, "text/html")
    if encoding:
        response.headers["content-encoding"] = encoding
    return response


async def badge(request: Request) -> Response:
    """Answer the number of copies in the basket, nothing for none."""
    async with reading(request) as cursor:
        who = await visitor(request, cursor)
        copies = (await rows(cursor, BADGE, who.id))[0]["copies"] if who.id else 0
    return Response(f"<b>{copies}</b>" if copies else "", media_type="text/html")


async def index(request: Request) -> Response:
    """Answer a page of the list, searched and narrowed by the query."""
    wanted = common.wish(request.query_params)
    narrowed, values = common.narrowing(wanted, lambda _place: "%s")
    after = [wanted.after] if wanted.after else []
    async with reading(request) as cursor:
        who = await visitor(request, cursor)
        sql = common.CARD.format(narrowed, " AND id < %s" if after else "")
        found = await rows(cursor, sql, *values, *after)
        matches = (await rows(cursor, common.COUNT.format(narrowed), *values))[0]["COUNT(*)"]
    cards = [common.card(row) for row in found]
    last = cards[: common.PAGE][-1]["id"] if cards else 0
    return page(request, "catalogue", who, **common.catalogue(wanted, cards, last, matches))


async def book(request: Request) -> Response:
    """Answer a book with the copies that no hold keeps, and other offers of it."""
    book_id = request.path_params["book_id"]
    async with reading(request) as cursor:
        who = await visitor(request, cursor)
        found = await rows(cursor, BOOK, common.now(), book_id)
        if not found:
            raise HTTPException(404)
        isbn = found[0]["isbn13"]
        others = await rows(cursor, OTHERS, isbn, book_id) if isbn else []
    known = who.token
    who = who._replace(token=known or common.new_token())
    shown = common.book_page(found[0], str(request.base_url)[:-1])
    response = page(request, "book", who, book=shown,
                    others=[common.card(row) for row in others])  # fmt: skip
    if not known:
        response.set_cookie("session", who.token, httponly=True, samesite="lax")
    return response


class Refused(Exception):
    """A form that may be corrected and sent again: nothing of it is kept."""

    def __init__(self, response: Response) -> None:
        super().__init__()
        self.response = response


async def once(
    request: Request, form: FormData, work: Callable[[Any, Visitor], Awaitable[str]]
) -> Response:
    """Do the work of a form in one transaction, and once for each idempotency key: where it leads
    to is kept in the same transaction and given again."""
    key = str(form.get("idempotency_key", ""))
    digest = selling.fingerprint(request.url.path, dict(form))
    try:
        async with transaction(request) as cursor:
            who = await visitor(request, cursor)
            if who.id is None or not common.genuine(str(form.get("csrf_token", "")), who.token):
                raise HTTPException(403)
            if not key:
                raise HTTPException(400)
            try:
                await cursor.execute(
                    "INSERT INTO answers (person_id, `key`, fingerprint, location)"
                    " VALUES (%s, %s, %s, '')",
                    (who.id, key, digest),
                )
            except pymysql.err.IntegrityError:
                [kept] = await rows(
                    cursor, "SELECT fingerprint, location FROM answers"
                    " WHERE person_id = %s AND `key` = %s", who.id, key,
                )  # fmt: skip
                if kept["fingerprint"] != digest:
                    raise HTTPException(422) from None
                return RedirectResponse(kept["location"], 303)
            location = await work(cursor, who)
            await cursor.execute(
                "UPDATE answers SET location = %s WHERE person_id = %s AND `key` = %s",
                (location, who.id, key),
            )
    except Refused as refused:
        return refused.response
    return RedirectResponse(location, 303)


async def add(request: Request) -> Response:
    """Put copies of a book into the basket, if they are there and not one's own."""
    sent = await request.form()
    form = AddForm(sent)
    if not form.validate():
        raise HTTPException(422)

    async def work(cursor: Any, who: Visitor) -> str:
        sold = await rows(
            cursor, "SELECT stock, seller_id FROM books WHERE id = %s AND on_sale = 1",
            form.book_id.data,
        )  # fmt: skip
        if not sold or sold[0]["stock"] < form.quantity.data or sold[0]["seller_id"] == who.id:
            raise HTTPException(409)
        await cursor.execute(
            "INSERT INTO basket_items (person_id, book_id, quantity) VALUES (%s, %s, %s)"
            " ON DUPLICATE KEY UPDATE quantity = VALUES(quantity)",
            (who.id, form.book_id.data, form.quantity.data),
        )
        return "/basket"

    return await once(request, sent, work)


async def checkout(request: Request) -> Response:
    """Show the review with the address of the last order."""
    async with reading(request) as cursor:
        who = await visitor(request, cursor)
        if who.id is None:
            return RedirectResponse("/login", 303)
        lines = await rows(cursor, BASKET, who.id)
        last = await rows(
            cursor, "SELECT name, address, country FROM orders WHERE person_id = %s"
            " ORDER BY id DESC LIMIT 1", who.id,
        )  # fmt: skip
    form = CheckoutForm(data=last[0] if last else {"name": who.name})
    return page(request, "checkout", who, form=form, **selling.review(lines))


async def place(request: Request) -> Response:
    """Order what was seen: hold copies, write order, lines and parcels in one transaction."""
    sent = await request.form()
    form = CheckoutForm(sent)

    async def work(cursor: Any, who: Visitor) -> str:
        lines = await rows(cursor, BASKET + " FOR UPDATE", who.id)
        if not form.validate() or not lines:
            raise Refused(page(request, "checkout", who, 422, form=form, **selling.review(lines)))
        if sent.get("seen") != selling.digest(lines):
            raise HTTPException(409)
        moment = common.now()
        books = [line["id"] for line in lines]
        places = f"({', '.join(['%s'] * len(books))})"
        held = await rows(cursor, selling.HELD.format(places, "%s"), *books, moment)
        if selling.sold_out(lines, [(row["book_id"], row["quantity"]) for row in held]):
            raise HTTPException(409)
        return f"/orders/{await _write_order(cursor, who.id, form.data, lines, moment)}/pay"

    return await once(request, sent, work)


async def _write_order(
    cursor: Any, person: int | None, sent: dict[str, Any], lines: Any, moment: int
) -> int:
    parcels = selling.parcels_of(lines)
    carrier = sent["carrier"]
    expires = moment + selling.HOLD
    await cursor.execute(
        "INSERT INTO orders (person_id, state, goods, shipping, carrier, name, address, country,"
        " placed_at, expires_at) VALUES (%s, 'placed', %s, %s, %s, %s, %s, %s, %s, %s)",
        (person, sum(parcel["goods"] for parcel in parcels), selling.shipping(parcels, carrier),
         carrier, sent["name"], sent["address"], sent["country"], moment, expires),
    )  # fmt: skip
    order = cursor.lastrowid
    await cursor.executemany(
        "INSERT INTO order_lines (order_id, book_id, seller_id, title, author, price, quantity)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s)",
        [(order, line["id"], line["seller_id"], line["title"], line["author"], line["price"],
          line["quantity"]) for line in lines],
    )  # fmt: skip
    await cursor.executemany(
        "INSERT INTO holds (order_id, book_id, quantity, expires_at) VALUES (%s, %s, %s, %s)",
        [(order, line["id"], line["quantity"], expires) for line in lines],
    )
    await cursor.executemany(
        "INSERT INTO shipments (order_id, seller_id, goods, shipping) VALUES (%s, %s, %s, %s)",
        [(order, parcel["seller_id"], parcel["goods"], selling.shipping([parcel], carrier))
         for parcel in parcels],
    )  # fmt: skip
    await cursor.execute("DELETE FROM basket_items WHERE person_id = %s", (person,))
    return int(order)


async def payment(request: Request) -> Response:
    """Show the payment form of one's own order."""
    async with reading(request) as cursor:
        who = await visitor(request, cursor)
        order = await _order(request, cursor, who)
    return _pay_page(request, who, order, PaymentForm(data={"expiry": "12/30", "cvc": "123"}))


def _pay_page(
    request: Request, who: Visitor, order: dict[str, Any], form: PaymentForm, status: int = 200
) -> Response:
    return page(request, "pay", who, status, form=form, order_id=order["id"], cards=selling.CARDS,
                total=common.amount(order["goods"] + order["shipping"]),
                until=selling.until(order["expires_at"]),
                until_iso=selling.until_iso(order["expires_at"]))  # fmt: skip


async def pay(request: Request) -> Response:
    """Take the payment, copies and holds in one transaction."""
    sent = await request.form()
    form = PaymentForm(sent)

    async def work(cursor: Any, who: Visitor) -> str:
        order = await _order(request, cursor, who, " FOR UPDATE")
        moment = common.now()
        if order["state"] != "placed" or order["expires_at"] <= moment:
            raise HTTPException(409)
        if not form.validate() or form.card_number.data != selling.PAYING:
            raise Refused(_pay_page(request, who, order, form, 422))
        await cursor.execute(
            "UPDATE books b JOIN holds h ON h.book_id = b.id"
            " SET b.stock = b.stock - h.quantity WHERE h.order_id = %s",
            (order["id"],),
        )
        await cursor.execute("DELETE FROM holds WHERE order_id = %s", (order["id"],))
        await cursor.execute(
            "INSERT INTO payments (order_id, amount, card, paid_at) VALUES (%s, %s, %s, %s)",
            (order["id"], order["goods"] + order["shipping"], form.card_number.data[-4:], moment),
        )
        await cursor.execute("UPDATE orders SET state = 'paid' WHERE id = %s", (order["id"],))
        return f"/orders/{order['id']}"

    return await once(request, sent, work)


async def _order(request: Request, cursor: Any, who: Visitor, lock: str = "") -> dict[str, Any]:
    found = await rows(
        cursor, "SELECT id, state, goods, shipping, expires_at FROM orders"
        f" WHERE id = %s AND person_id = %s{lock}", request.path_params["order_id"], who.id,
    )  # fmt: skip
    if not found:
        raise HTTPException(404)
    return found[0]


class ResponseCache:
    """Keep what visitors without cookies get, by address and encodings."""

    kept: ClassVar[dict[tuple[bytes, bytes, bytes], tuple[float, list[Any]]]] = {}

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer what was rendered within the last second to readers without a cookie."""
        headers = dict(scope["headers"]) if scope["type"] == "http" else {}
        if scope["type"] != "http" or scope["method"] != "GET" or b"cookie" in headers:
            await self.app(scope, receive, send)
            return
        key = scope["raw_path"], scope["query_string"], headers.get(b"accept-encoding", b"")
        found = self.kept.get(key)
        if found is None or found[0] < time.monotonic():
            found = (time.monotonic() + 1, [])
            await self.app(scope, receive, self.recorder(found[1]))
            self.kept[key] = found
        for message in found[1]:
            await send(message)

    def recorder(self, messages: list[Any]) -> Any:
        """Return a `send` that keeps an answer's messages in the list."""

        async def record(message: Any) -> None:
            messages.append(message)

        return record


app = Starlette(
    lifespan=pool,
    middleware=[Middleware(ResponseCache)] if os.environ.get("BENCH_CACHE") else [],
    routes=[
        Route("/", index),
        Route("/books", index),
        Route("/books/{book_id:int}", book),
        Route("/basket", add, methods=["POST"]),
        Route("/basket/badge", badge),
        Route("/checkout", checkout),
        Route("/checkout", place, methods=["POST"]),
        Route("/orders/{order_id:int}/pay", payment),
        Route("/orders/{order_id:int}/pay", pay, methods=["POST"]),
        Mount("/static", StaticFiles(directory=common.STATIC)),
    ],
)
