"""Flask, gunicorn's sync worker, SQLAlchemy Core and PyMySQL."""

from typing import Any

from flask import Flask, abort, redirect, render_template, request
from markupsafe import Markup
from sqlalchemy import URL, Connection, create_engine, text

from benchmarks.peers import common

where = common.database()
engine = create_engine(
    URL.create("mysql+pymysql", where["user"], where["password"], where["host"], where["port"],
               where["db"], {"charset": "utf8mb4"})
)  # fmt: skip
app = Flask(__name__, template_folder=str(common.TEMPLATES), static_folder=str(common.STATIC))


def _rows(connection: Connection, sql: str, **values: Any) -> list[dict[str, Any]]:
    return [dict(row) for row in connection.execute(text(sql), values).mappings()]


def _person(connection: Connection) -> tuple[int, str | None, str]:
    token = request.cookies.get("session", "")
    found = _rows(connection, common.SESSION.format(":token"), token=token) if token else []
    return (found[0]["id"], found[0]["name"], token) if found else (0, None, "")


def _page(template: str, person: str | None, token: str, **more: Any) -> str:
    values = common.context(template, person, token, **more)
    return render_template(f"{template}.html", **{**values, "padding": Markup(values["padding"])})  # noqa: S704


@app.get("/")
def index() -> str:
    words, prices = common.wish(request.args)
    where = ""
    values: dict[str, Any] = {}
    if words:
        where += common.SEARCH.format(":words")
        values["words"] = words
    if prices:
        where += common.PRICES.format(":low", ":high")
        values |= {"low": prices[0], "high": prices[1]}
    with engine.connect() as connection:
        _id, name, token = _person(connection)
        rows = _rows(connection, common.CARD + where + common.ORDER, **values)
        matches = connection.execute(text(common.COUNT + where), values).scalar_one()
    cards = [common.card(row) for row in rows]
    return _page("catalogue", name, token, **common.catalogue(cards, matches))


@app.get("/books/<int:book_id>")
def book(book_id: int) -> str:
    with engine.connect() as connection:
        _id, name, token = _person(connection)
        found = _rows(connection, common.BOOK.format(":id"), id=book_id)
    if not found:
        abort(404)
    return _page("book", name, token, book=common.card(found[0]))


@app.post("/basket")
def add() -> Any:
    with engine.begin() as connection:
        person, _name, _token = _required(connection)
        connection.execute(
            text("INSERT INTO basket_items (person_id, book_id, quantity) VALUES (:p, :b, :q)"
                 " ON DUPLICATE KEY UPDATE quantity = VALUES(quantity)"),
            {"p": person, "b": request.form["book_id"], "q": request.form["quantity"]},
        )  # fmt: skip
    return redirect("/basket", 303)


@app.get("/checkout")
def checkout() -> str:
    with engine.connect() as connection:
        person, name, token = _person(connection)
        lines = _rows(connection, common.BASKET.format(":id"), id=person)
    total = sum(line["price"] * line["quantity"] for line in lines)
    return _page(
        "checkout",
        name,
        token,
        countries=common.COUNTRIES,
        lines=[common.card(line) for line in lines],
        total=common.amount(total),
    )


@app.post("/checkout")
def place() -> Any:
    with engine.begin() as connection:
        person, _name, _token = _required(connection)
        lines = _rows(connection, common.BASKET.format(":id"), id=person)
        for line in lines:
            taken = connection.execute(
                text("UPDATE books SET stock = stock - :q WHERE id = :id AND stock >= :q"),
                {"q": line["quantity"], "id": line["id"]},
            )
            if taken.rowcount != 1:
                abort(409)
        total = sum(line["price"] * line["quantity"] for line in lines)
        order = connection.execute(
            text("INSERT INTO orders (person_id, state, total, name, address, country)"
                 " VALUES (:p, 'placed', :t, :n, :a, :c)"),
            {"p": person, "t": total, "n": request.form["name"], "a": request.form["address"],
             "c": request.form["country"]},
        ).lastrowid  # fmt: skip
        connection.execute(
            text("INSERT INTO order_lines (order_id, book_id, title, price, quantity)"
                 " VALUES (:o, :b, :t, :p, :q)"),
            [{"o": order, "b": line["id"], "t": line["title"], "p": line["price"],
              "q": line["quantity"]} for line in lines],
        )  # fmt: skip
        connection.execute(text("DELETE FROM basket_items WHERE person_id = :p"), {"p": person})
    return redirect(f"/orders/{order}/pay", 303)


@app.get("/orders/<int:order_id>/pay")
def payment(order_id: int) -> str:
    with engine.connect() as connection:
        person, name, token = _person(connection)
        total = _total(connection, order_id, person)
    return _page("pay", name, token, order_id=order_id, total=common.amount(total))


@app.post("/orders/<int:order_id>/pay")
def pay(order_id: int) -> Any:
    with engine.begin() as connection:
        person, _name, _token = _required(connection)
        total = _total(connection, order_id, person)
        connection.execute(
            text("INSERT INTO payments (order_id, amount, card) VALUES (:o, :a, :c)"),
            {"o": order_id, "a": total, "c": request.form["card_number"][-4:]},
        )
        connection.execute(
            text("UPDATE orders SET state = 'paid' WHERE id = :o AND state = 'placed'"),
            {"o": order_id},
        )
    return redirect(f"/orders/{order_id}", 303)


def _required(connection: Connection) -> tuple[int, str | None, str]:
    person, name, token = _person(connection)
    if not person or not common.genuine(request.form["csrf_token"], token):
        abort(403)
    return person, name, token


def _total(connection: Connection, order_id: int, person: int) -> int:
    found = _rows(
        connection, "SELECT total FROM orders WHERE id = :o AND person_id = :p",
        o=order_id, p=person,
    )  # fmt: skip
    if not found:
        abort(404)
    return int(found[0]["total"])
