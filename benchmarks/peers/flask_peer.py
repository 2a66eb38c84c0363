"""Flask, gunicorn's threads, SQLAlchemy Core and PyMySQL."""

from collections.abc import Callable
from typing import Any

from flask import Flask, Response, abort, redirect, render_template, request
from sqlalchemy import URL, Connection, bindparam, create_engine, text
from sqlalchemy.exc import IntegrityError

from benchmarks.peers import common, selling
from benchmarks.peers.common import Visitor
from benchmarks.peers.forms import AddForm, CheckoutForm, PaymentForm

where = common.database()
engine = create_engine(
    URL.create("mysql+pymysql", where["user"], where["password"], where["host"], where["port"],
               where["db"], {"charset": "utf8mb4"}),
    isolation_level="READ COMMITTED",
)  # fmt: skip
reading = create_engine(engine.url, isolation_level="AUTOCOMMIT", pool_reset_on_return=None)
app = Flask(__name__, template_folder=str(common.TEMPLATES), static_folder=str(common.STATIC))
app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True

SESSION = text(common.SESSION.format(":token", ":now"))
BOOK = text(common.BOOK.format(":now", ":id"))
OTHERS = text(common.OTHERS.format(":isbn", ":id"))
BADGE = text(common.BADGE.format(":person"))
BASKET = text(selling.BASKET.format(":person"))
LOCKED_BASKET = text(selling.BASKET.format(":person") + " FOR UPDATE")
HELD = text(selling.HELD.format(":books", ":now")).bindparams(bindparam("books", expanding=True))


def rows(connection: Connection, sql: Any, **values: Any) -> list[dict[str, Any]]:
    """Return what a statement finds, each row by column name."""
    return [dict(row) for row in connection.execute(sql, values).mappings()]


def run(connection: Connection, sql: str, **values: Any) -> Any:
    """Return the result of a statement given as text with named values."""
    return connection.execute(text(sql), values)


def visitor(connection: Connection) -> Visitor:
    """Return who asks by the session cookie, nobody for an unknown or ended one."""
    token = request.cookies.get("session", "")
    found = rows(connection, SESSION, token=token, now=common.now()) if token else []
    return Visitor(found[0]["id"], found[0]["name"], token) if found else Visitor(None, None, token)


def page(template: str, who: Visitor, **more: Any) -> str:
    """Return a template in the shop's layout."""
    layout = common.context(who, request.host_url[:-1], request.path)
    return render_template(f"{template}.html", **{**layout, **more})


@app.after_request
def compress(response: Response) -> Response:
    """Encode the answer as the browser takes it, unless it is streamed."""
    if not response.is_streamed:
        body, encoding = common.encoded(
            response.get_data(), request.headers.get("Accept-Encoding", "")
        )
        if encoding:
            response.set_data(body)
            response.headers["Content-Encoding"] = encoding
    response.vary.add("Accept-Encoding")
    return response


@app.get("/basket/badge")
def badge() -> str:
    """Answer the number of copies in the basket, nothing for none."""
    with reading.connect() as connection:
        who = visitor(connection)
        copies = connection.execute(BADGE, {"person": who.id}).scalar_one() if who.id else 0
    return f"<b>{copies}</b>" if copies else ""


@app.get("/")
@app.get("/books")
def index() -> str:
    """Answer a page of the list, searched and narrowed by the query."""
    wanted = common.wish(request.args)
    narrowed, given = common.narrowing(wanted, lambda place: f":v{place}")
    values = {f"v{place}": value for place, value in enumerate(given)}
    after = {"after": wanted.after} if wanted.after else {}
    with reading.connect() as connection:
        who = visitor(connection)
        sql = common.CARD.format(narrowed, " AND id < :after" if after else "")
        found = rows(connection, text(sql), **values, **after)
        matches = run(connection, common.COUNT.format(narrowed), **values).scalar_one()
    cards = [common.card(row) for row in found]
    last = cards[: common.PAGE][-1]["id"] if cards else 0
    return page("catalogue", who, **common.catalogue(wanted, cards, last, matches))


@app.get("/books/<int:book_id>")
def book(book_id: int) -> Any:
    """Answer a book with the copies that no hold keeps, and other offers of it."""
    with reading.connect() as connection:
        who = visitor(connection)
        found = rows(connection, BOOK, id=book_id, now=common.now())
        if not found:
            abort(404)
        isbn = found[0]["isbn13"]
        others = rows(connection, OTHERS, isbn=isbn, id=book_id) if isbn else []
    known = who.token
    who = who._replace(token=known or common.new_token())
    shown = page("book", who, book=common.book_page(found[0], request.host_url[:-1]),
                 others=[common.card(row) for row in others])  # fmt: skip
    response = Response(shown)
    if not known:
        response.set_cookie("session", who.token, httponly=True, samesite="Lax")
    return response


def once(work: Callable[[Connection, int], str | Response]) -> Any:
    """Do the work of a form in one transaction, and once for each idempotency key: what it answers
    is kept in the same transaction and given again. `work` returns where the form leads to."""
    key = request.form.get("idempotency_key", "")
    digest = selling.fingerprint(request.path, request.form)
    with engine.begin() as connection:
        who = visitor(connection)
        if who.id is None or not common.genuine(request.form.get("csrf_token", ""), who.token):
            abort(403)
        if not key:
            abort(400)
        try:
            run(connection, "INSERT INTO answers (person_id, `key`, fingerprint, location)"
                " VALUES (:p, :k, :f, '')", p=who.id, k=key, f=digest)  # fmt: skip
        except IntegrityError:
            kept = run(connection, "SELECT fingerprint, location FROM answers"
                       " WHERE person_id = :p AND `key` = :k", p=who.id, k=key).one()  # fmt: skip
            return redirect(kept.location, 303) if kept.fingerprint == digest else abort(422)
        location = work(connection, who.id)
        if isinstance(location, str):
            run(connection, "UPDATE answers SET location = :l WHERE person_id = :p AND `key` = :k",
                l=location, p=who.id, k=key)  # fmt: skip
            return redirect(location, 303)
        connection.rollback()  # a form that was refused may be corrected and sent again
        return location


@app.post("/basket")
def add() -> Any:
    """Put copies of a book into the basket, if they are there and not one's own."""
    form = AddForm(request.form)
    if not form.validate():
        abort(422)

    def work(connection: Connection, person: int) -> str:
        sold = rows(connection, text("SELECT stock, seller_id FROM books"
                                     " WHERE id = :b AND on_sale = 1"),
                    b=form.book_id.data)  # fmt: skip
        if not sold or sold[0]["stock"] < form.quantity.data or sold[0]["seller_id"] == person:
            abort(409)
        run(connection, "INSERT INTO basket_items (person_id, book_id, quantity)"
            " VALUES (:p, :b, :q) ON DUPLICATE KEY UPDATE quantity = VALUES(quantity)",
            p=person, b=form.book_id.data, q=form.quantity.data)  # fmt: skip
        return "/basket"

    return once(work)


@app.get("/checkout")
def checkout() -> Any:
    """Show the review with the address of the last order."""
    with reading.connect() as connection:
        who = visitor(connection)
        if who.id is None:
            return redirect("/login", 303)
        lines = rows(connection, BASKET, person=who.id)
        last = run(connection, "SELECT name, address, country FROM orders WHERE person_id = :p"
                   " ORDER BY id DESC LIMIT 1", p=who.id).one_or_none()  # fmt: skip
    form = CheckoutForm(data=last._asdict() if last else {"name": who.name})
    return page("checkout", who, form=form, **selling.review(lines))


@app.post("/checkout")
def place() -> Any:
    """Order what was seen: hold copies, write order, lines and parcels in one transaction."""
    form = CheckoutForm(request.form)

    def work(connection: Connection, person: int) -> str | Response:
        lines = rows(connection, LOCKED_BASKET, person=person)
        if not form.validate() or not lines:
            who = visitor(connection)
            return Response(page("checkout", who, form=form, **selling.review(lines)), 422)
        if request.form.get("seen") != selling.digest(lines):
            abort(409)
        moment = common.now()
        held = connection.execute(
            HELD, {"books": [line["id"] for line in lines], "now": moment}
        ).all()
        if selling.sold_out(lines, [(row.book_id, row.quantity) for row in held]):
            abort(409)
        return f"/orders/{_write_order(connection, person, form.data, lines, moment)}/pay"

    return once(work)


def _write_order(
    connection: Connection, person: int, sent: dict[str, Any], lines: Any, moment: int
) -> int:
    parcels = selling.parcels_of(lines)
    expires = moment + selling.HOLD
    order = run(
        connection,
        "INSERT INTO orders (person_id, state, goods, shipping, carrier, name, address, country,"
        " placed_at, expires_at) VALUES (:p, 'placed', :g, :s, :carrier, :name, :address,"
        " :country, :now, :until)",
        p=person, g=sum(parcel["goods"] for parcel in parcels),
        s=selling.shipping(parcels, sent["carrier"]), now=moment, until=expires, **sent,
    ).lastrowid  # fmt: skip
    for sql, values in (
        ("INSERT INTO order_lines (order_id, book_id, seller_id, title, author, price, quantity)"
         " VALUES (:order, :id, :seller_id, :title, :author, :price, :quantity)", lines),
        ("INSERT INTO holds (order_id, book_id, quantity, expires_at)"
         " VALUES (:order, :id, :quantity, :until)", lines),
        ("INSERT INTO shipments (order_id, seller_id, goods, shipping)"
         " VALUES (:order, :seller_id, :goods, :sent)",
         [{**parcel, "sent": selling.shipping([parcel], sent["carrier"])} for parcel in parcels]),
    ):  # fmt: skip
        connection.execute(text(sql), [{**row, "order": order, "until": expires} for row in values])
    run(connection, "DELETE FROM basket_items WHERE person_id = :p", p=person)
    return int(order)


@app.get("/orders/<int:order_id>/pay")
def payment(order_id: int) -> Any:
    """Show the payment form of one's own order."""
    with reading.connect() as connection:
        who = visitor(connection)
        order = _order(connection, order_id, who.id)
    return _pay_page(who, order, PaymentForm(data={"expiry": "12/30", "cvc": "123"}))


def _pay_page(who: Visitor, order: Any, form: PaymentForm) -> str:
    return page("pay", who, form=form, order_id=order.id, cards=selling.CARDS,
                total=common.amount(order.goods + order.shipping),
                until=selling.until(order.expires_at),
                until_iso=selling.until_iso(order.expires_at))  # fmt: skip


@app.post("/orders/<int:order_id>/pay")
def pay(order_id: int) -> Any:
    """Take the payment, copies and holds in one transaction."""
    form = PaymentForm(request.form)

    def work(connection: Connection, person: int) -> str | Response:
        order = _order(connection, order_id, person, " FOR UPDATE")
        if order.state != "placed" or order.expires_at <= common.now():
            abort(409)
        if not form.validate() or form.card_number.data != selling.PAYING:
            return Response(_pay_page(visitor(connection), order, form), 422)
        run(connection, "UPDATE books b JOIN holds h ON h.book_id = b.id"
            " SET b.stock = b.stock - h.quantity WHERE h.order_id = :o", o=order_id)  # fmt: skip
        run(connection, "DELETE FROM holds WHERE order_id = :o", o=order_id)
        run(connection, "INSERT INTO payments (order_id, amount, card, paid_at)"
            " VALUES (:o, :a, :c, :now)", o=order_id, a=order.goods + order.shipping,
            c=form.card_number.data[-4:], now=common.now())  # fmt: skip
        run(connection, "UPDATE orders SET state = 'paid' WHERE id = :o", o=order_id)
        return f"/orders/{order_id}"

    return once(work)


def _order(connection: Connection, order_id: int, person: int | None, lock: str = "") -> Any:
    found = run(connection, "SELECT id, state, goods, shipping, expires_at FROM orders"
                f" WHERE id = :o AND person_id = :p{lock}", o=order_id, p=person)  # fmt: skip
    return found.one_or_none() or abort(404)
