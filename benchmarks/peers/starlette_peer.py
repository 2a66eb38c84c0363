"""Starlette, uvicorn with uvloop and httptools, aiomysql."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiomysql
from jinja2 import Environment, FileSystemLoader
from markupsafe import Markup
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.templating import Jinja2Templates

from benchmarks.peers import common

templates = Jinja2Templates(
    env=Environment(loader=FileSystemLoader(common.TEMPLATES), autoescape=True)
)


@asynccontextmanager
async def pool(app: Starlette) -> AsyncIterator[None]:
    async with aiomysql.create_pool(**common.database(), minsize=1, maxsize=10) as made:
        app.state.pool = made
        yield


@asynccontextmanager
async def _cursor(request: Request) -> AsyncIterator[Any]:
    async with (
        request.app.state.pool.acquire() as connection,
        connection.cursor(aiomysql.DictCursor) as cursor,
    ):
        try:
            yield cursor
        except BaseException:
            await connection.rollback()
            raise
        await connection.commit()


async def _rows(cursor: Any, sql: str, *values: Any) -> list[dict[str, Any]]:
    await cursor.execute(sql, values)
    rows: list[dict[str, Any]] = await cursor.fetchall()
    return rows


async def _person(request: Request, cursor: Any) -> tuple[int, str | None, str]:
    token = request.cookies.get("session", "")
    found = await _rows(cursor, common.SESSION.format("%s"), token) if token else []
    return (found[0]["id"], found[0]["name"], token) if found else (0, None, "")


def _page(request: Request, template: str, person: str | None, token: str, **more: Any) -> Any:
    values = common.context(template, person, token, **more)
    values["padding"] = Markup(values["padding"])  # noqa: S704
    return templates.TemplateResponse(request, f"{template}.html", values)


async def index(request: Request) -> Any:
    words, prices = common.wish(request.query_params)
    where = ""
    values: list[Any] = []
    if words:
        where += common.SEARCH.format("%s")
        values.append(words)
    if prices:
        where += common.PRICES.format("%s", "%s")
        values += prices
    async with _cursor(request) as cursor:
        _id, name, token = await _person(request, cursor)
        rows = await _rows(cursor, common.CARD + where + common.ORDER, *values)
        matches = (await _rows(cursor, common.COUNT + where, *values))[0]["COUNT(*)"]
    cards = [common.card(row) for row in rows]
    return _page(request, "catalogue", name, token, **common.catalogue(cards, matches))


async def book(request: Request) -> Any:
    async with _cursor(request) as cursor:
        _id, name, token = await _person(request, cursor)
        found = await _rows(cursor, common.BOOK.format("%s"), request.path_params["book_id"])
    if not found:
        raise HTTPException(404)
    return _page(request, "book", name, token, book=common.card(found[0]))


async def add(request: Request) -> Any:
    form = await request.form()
    async with _cursor(request) as cursor:
        person = await _required(request, cursor, form)
        await cursor.execute(
            "INSERT INTO basket_items (person_id, book_id, quantity) VALUES (%s, %s, %s)"
            " ON DUPLICATE KEY UPDATE quantity = VALUES(quantity)",
            (person, form["book_id"], form["quantity"]),
        )
    return RedirectResponse("/basket", 303)


async def checkout(request: Request) -> Any:
    async with _cursor(request) as cursor:
        person, name, token = await _person(request, cursor)
        lines = await _rows(cursor, common.BASKET.format("%s"), person)
    total = sum(line["price"] * line["quantity"] for line in lines)
    return _page(
        request,
        "checkout",
        name,
        token,
        countries=common.COUNTRIES,
        lines=[common.card(line) for line in lines],
        total=common.amount(total),
    )


async def place(request: Request) -> Any:
    form = await request.form()
    async with _cursor(request) as cursor:
        person = await _required(request, cursor, form)
        lines = await _rows(cursor, common.BASKET.format("%s"), person)
        for line in lines:
            taken = await cursor.execute(
                "UPDATE books SET stock = stock - %s WHERE id = %s AND stock >= %s",
                (line["quantity"], line["id"], line["quantity"]),
            )
            if taken != 1:
                raise HTTPException(409)
        total = sum(line["price"] * line["quantity"] for line in lines)
        await cursor.execute(
            "INSERT INTO orders (person_id, state, total, name, address, country)"
            " VALUES (%s, 'placed', %s, %s, %s, %s)",
            (person, total, form["name"], form["address"], form["country"]),
        )
        order = cursor.lastrowid
        await cursor.executemany(
            "INSERT INTO order_lines (order_id, book_id, title, price, quantity)"
            " VALUES (%s, %s, %s, %s, %s)",
            [(order, line["id"], line["title"], line["price"], line["quantity"])
             for line in lines],
        )  # fmt: skip
        await cursor.execute("DELETE FROM basket_items WHERE person_id = %s", (person,))
    return RedirectResponse(f"/orders/{order}/pay", 303)


async def payment(request: Request) -> Any:
    order_id = request.path_params["order_id"]
    async with _cursor(request) as cursor:
        person, name, token = await _person(request, cursor)
        total = await _total(cursor, order_id, person)
    return _page(request, "pay", name, token, order_id=order_id, total=common.amount(total))


async def pay(request: Request) -> Any:
    order_id = request.path_params["order_id"]
    form = await request.form()
    async with _cursor(request) as cursor:
        person = await _required(request, cursor, form)
        total = await _total(cursor, order_id, person)
        await cursor.execute(
            "INSERT INTO payments (order_id, amount, card) VALUES (%s, %s, %s)",
            (order_id, total, str(form["card_number"])[-4:]),
        )
        await cursor.execute(
            "UPDATE orders SET state = 'paid' WHERE id = %s AND state = 'placed'", (order_id,)
        )
    return RedirectResponse(f"/orders/{order_id}", 303)


async def _required(request: Request, cursor: Any, form: Any) -> int:
    person, _name, token = await _person(request, cursor)
    if not person or not common.genuine(form["csrf_token"], token):
        raise HTTPException(403)
    return person


async def _total(cursor: Any, order_id: int, person: int) -> int:
    found = await _rows(
        cursor, "SELECT total FROM orders WHERE id = %s AND person_id = %s", order_id, person
    )
    if not found:
        raise HTTPException(404)
    return int(found[0]["total"])


app = Starlette(
    lifespan=pool,
    routes=[
        Route("/", index),
        Route("/books/{book_id:int}", book),
        Route("/basket", add, methods=["POST"]),
        Route("/checkout", checkout),
        Route("/checkout", place, methods=["POST"]),
        Route("/orders/{order_id:int}/pay", payment),
        Route("/orders/{order_id:int}/pay", pay, methods=["POST"]),
        Mount("/static", StaticFiles(directory=common.STATIC)),
    ],
)
