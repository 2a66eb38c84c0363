"""What people do in the shop, by following its own links and forms.

Each takes the person who does it. A check looks at what a page says, and returns what is wrong
with it, or "".
"""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from PIL import Image

from loadtest.evidence import recorder
from loadtest.people.pages import Page, amount

if TYPE_CHECKING:
    from loadtest.people.users import Person

BOOK = r"/books/\d+"
ORDER = r"/orders/\d+"
LISTING = r"/\?[^#]*"
GOOD_CARD = {"card_number": "4242 4242 4242 4242", "expiry": "12/34", "cvc": "123"}


def whole(page: Page) -> str:
    """Expect a whole page of the shop, or a redirect."""
    if page.status in (302, 303):
        return "" if page.location else "a redirect to nowhere"
    if page.status != 200:
        return f"status {page.status}"
    return "" if 'id="main"' in page.text and "</html>" in page.text else "a page cut short"


def listing(page: Page) -> str:
    """Expect books, or a sentence that there are none."""
    if wrong := whole(page):
        return wrong
    return "" if page.links(BOOK) or page.texts("nothing") else "a listing without books"


def book_page(page: Page) -> str:
    """Expect a book with its title and price."""
    if wrong := whole(page):
        return wrong
    return "" if "<h1" in page.text and re.search(r"[€$£]\s?\d|\d\s?€", page.text) else "no price"


def picture(page: Page) -> str:
    """Expect a cover."""
    kind = page.headers.get("content-type", "")
    return "" if page.status == 200 and kind == "image/webp" else f"status {page.status}, {kind}"


def accepted(page: Page) -> str:
    """Expect that a form was taken, or refused with a sentence."""
    if page.status in (204, 302, 303):
        return ""
    if page.status in (409, 422) and (page.texts("error") or page.texts("error-text")):
        return ""
    return f"status {page.status} without a sentence that says why"


def browse(person: Person) -> None:
    """Leaf through the catalogue and look at some books."""
    page = _listing(person)
    for _ in range(person.random.randint(1, 3)):
        books = page.links(BOOK)
        if not books:
            return
        person.open(person.random.choice(books), "/books/[id]", book_page)
        person.think()


def search(person: Person) -> None:
    """Look for a word that is on a page, and open a hit."""
    page = _listing(person)
    words = re.findall(r"[A-Za-z]{5,}", " ".join(re.findall("<h2>([^<]+)</h2>", page.text)))
    if not words:
        return
    word = person.random.choice(words)
    found = person.open(f"/?q={word}", "/?q=[word]", listing)
    person.think()
    if books := found.links(BOOK):
        person.open(person.random.choice(books), "/books/[id]", book_page)


def sign_up(person: Person) -> bool:
    """Create an account, once; tell whether there is one."""
    from loadtest.people.users import people

    if person.email:
        return True
    page = person.open("/register", "/register")
    form = page.form("/register")
    if form is None:
        return False
    details = people(type(person).__name__)
    answer = person.send(form, "/register", accepted, details)
    if answer.status not in (302, 303):
        return False
    person.email = details["email"]
    recorder.write("ledger", what="registered", email=person.email)
    person.think()
    return True


def choose(person: Person) -> Page | None:
    """Find a book that is on sale and open its page."""
    page = _listing(person)
    books = page.links(BOOK)
    if not books:
        return None
    person.think()
    book = person.open(person.random.choice(books), "/books/[id]", book_page)
    person.think()
    return book


def buy(person: Person, book: Page | None = None) -> None:
    """Put a book into the basket, check out and pay."""
    if not sign_up(person):
        return
    book = book or choose(person)
    form = book.form("/basket") if book else None
    if book is None or form is None:  # sold out meanwhile: there is no button
        return
    added = person.send(form, "/basket", accepted)
    if added.status not in (204, 302, 303):
        return
    basket = person.open("/basket", "/basket")
    person.think()
    if not basket.links("/checkout"):
        _empty(person, basket)
        return
    order = check_out(person, _lines(basket))
    if order:
        person.think()
        pay(person, order)


def check_out(person: Person, lines: list[list[int]]) -> str:
    """Order what is in the basket; give the order's address, "" when it was refused.

    `lines` are the books and quantities in the basket.
    """
    page = person.open("/checkout", "/checkout")
    form = page.form("/checkout")
    if form is None:
        return ""
    key = form.fields.get("idempotency_key", "")
    recorder.write(
        "ledger", what="asked", kind="order", key=key, by=person.email, total=_total(page)
    )
    details = {"name": "Load Reader", "address": "Calle Mayor 1\n28013 Madrid"}
    answer = person.send(form, "/checkout", accepted, details)
    order = re.match(ORDER, answer.location)
    if order is None:
        outcome = "refused" if answer.heard else "unheard"
        recorder.write("ledger", what=outcome, kind="order", key=key, by=person.email)
        if answer.heard:
            _empty(person, person.open("/basket", "/basket"))
        return ""
    recorder.write(
        "ledger", what="told", kind="order", key=key, by=person.email, order=_number(order[0]),
        lines=lines,
    )  # fmt: skip
    return order[0]


def pay(person: Person, order: str) -> None:
    """Pay an order with a card that works."""
    page = person.open(f"{order}/pay", "/orders/[id]/pay")
    form = page.form(f"{order}/pay")
    if form is None:
        return
    number = _number(order)
    recorder.write("ledger", what="asked", kind="payment", order=number)
    answer = person.send(form, "/orders/[id]/pay", accepted, GOOD_CARD)
    if answer.status not in (302, 303):
        outcome = "refused" if answer.heard else "unheard"
        recorder.write("ledger", what=outcome, kind="payment", order=number)
        return
    seen = person.open(answer.location, "/orders/[id]")
    badge = (seen.texts("badge") or [""])[0]
    if badge:
        total = [text for text in seen.texts("total") if text]
        recorder.write(
            "ledger", what="told", kind="payment", order=number, badge=badge,
            total=amount(total[-1]) if total else 0,
        )  # fmt: skip


def watch(person: Person) -> None:
    """Look what became of an order."""
    if not person.email:
        return
    page = person.open("/orders", "/orders")
    if orders := page.links(ORDER):
        person.think()
        person.open(person.random.choice(orders), "/orders/[id]")


def sell(person: Person) -> None:
    """Put a book up for sale, with a picture of its cover."""
    if not sign_up(person):
        return
    page = person.open("/sell", "/sell")
    form = page.form("/sell")
    if form is None:
        return
    person.think(1, 3)
    title = f"{_word(person)} and {_word(person)}"
    copies = person.random.randint(1, 4)
    fields = {
        "title": title, "author": f"{_word(person)} {_word(person)}", "price": "7.50",
        "copies": str(copies), "description": "Read once, kept dry.",
    }  # fmt: skip
    fields = {k: v for k, v in fields.items() if k in form.fields}
    fields |= {
        name: person.random.choice([value for value in values if value])
        for name, values in form.choices.items()
        if not form.fields.get(name) and any(values)
    }
    key = form.fields.get("idempotency_key", "")
    recorder.write("ledger", what="asked", kind="book", key=key, by=person.email, title=title)
    files = {name: ("cover.jpg", _cover(person), "image/jpeg") for name in form.files[:1]}
    answer = person.send(form, "/sell", accepted, fields, files)
    outcome = "told" if answer.status in (302, 303) else "refused" if answer.heard else "unheard"
    book = re.search(r"/books/(\d+)", answer.location)
    recorder.write(
        "ledger", what=outcome, kind="book", key=key, by=person.email, title=title, copies=copies,
        book=int(book[1]) if book else None,
    )  # fmt: skip
    if outcome == "told":
        person.open(answer.location, "/my/books")


def sales(person: Person) -> None:
    """Look at what was sold, and send a parcel off."""
    if not person.email:
        return
    page = person.open("/sales", "/sales")
    form = page.form(r"/sales/\d+/ship")
    if form:
        person.think()
        person.send(form, "/sales/[id]/ship", accepted)


def _listing(person: Person) -> Page:
    """Open the catalogue, and often leaf on or narrow it down."""
    page = person.open("/", "/", listing)
    for _ in range(person.random.randint(0, 2)):
        further = [link for link in page.links(LISTING) if "lang=" not in link]
        narrower = _narrowed(person, page)
        if not further and not narrower:
            break
        person.think()
        link = person.random.choice([*further, narrower] if narrower else further)
        page = person.open(link, "/?[listing]", listing)
    return page


def _narrowed(person: Person, page: Page) -> str:
    """Choose a category or an order in the form of filters; give the address it leads to."""
    for form in page.forms():
        kinds = [name for name in ("category", "sort") if any(form.choices.get(name, ()))]
        if form.method == "get" and kinds:
            name = person.random.choice(kinds)
            chosen = person.random.choice([value for value in form.choices[name] if value])
            kept = {k: v for k, v in form.fields.items() if v and k != name}
            return f"{form.action}?{urlencode({**kept, name: chosen})}"
    return ""


def _empty(person: Person, basket: Page) -> None:
    """Take everything out of a basket that cannot be ordered."""
    for form in basket.forms():
        if form.fields.get("quantity") == "0" and form.method == "post":
            person.send(form, "/basket/[id]", accepted)


def _lines(basket: Page) -> list[list[int]]:
    """Give the books and quantities in a basket, by the forms that change them."""
    return [
        [_number(form.action), int(form.fields["quantity"])]
        for form in basket.forms()
        if form.method == "post" and form.fields.get("quantity", "0") not in ("", "0")
    ]


def _total(page: Page) -> int:
    totals = page.texts("total")
    return amount(totals[-1]) if totals else 0


def _number(order: str) -> int:
    return int(order.rsplit("/", 1)[1])


_SYLLABLES = ("ka", "lo", "mi", "ren", "sol", "ta", "ver", "zu")


def _word(person: Person) -> str:
    return "".join(person.random.choices(_SYLLABLES, k=3)).capitalize()


def _cover(person: Person) -> bytes:
    """Make a picture: one colour is enough, but each cover has its own."""
    colour = tuple(person.random.randrange(256) for _ in range(3))
    file = io.BytesIO()
    Image.new("RGB", (400, 600), colour).save(file, "JPEG")
    return file.getvalue()
