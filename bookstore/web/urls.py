"""The paths of the shop. No other module builds a path for a page; routes declare theirs, and
segments.py says which service they belong to."""

import re
from collections.abc import Mapping
from urllib.parse import quote, urlencode

# In a route: numbers that no database can hold are no ids of anything, so they are 404.
ID = f"int(max={2**63 - 1})"

# Names that can be a part of a path: short, and nothing that browsers would resolve.
_AUTHOR = re.compile(r"[^./\\%?#][^/\\%?#]{0,59}")
# Under these, and at home and in the list, pages are the same for everybody who looks.
FOR_EVERYBODY = ("/books/", "/categories/", "/authors/")


def home() -> str:
    """Return the front page's path; with parameters it is the list."""
    return "/"


def books(**query: object) -> str:
    """Return the listing's address with search, facets, sort and cursor as its query."""
    said = {name: value for name, value in query.items() if _is_said(value)}
    match said:
        case {"category": str(code) | [str(code)]} if len(said) == 1:
            return f"/categories/{code}"
        case {"author": str(name)} if len(said) == 1 and _AUTHOR.fullmatch(name):
            return f"/authors/{quote(name, safe='')}"
    return _with_query("/", said) if said else "/books"


def similar_books(book_id: int) -> str:
    """Return where a book's page fetches books like it from."""
    return f"/books/{book_id}/similar"


def seen_books() -> str:
    """Return where a browser's own list of seen books is made into cards."""
    return "/books/seen"


def suggestions() -> str:
    """Return where the search box asks while one types."""
    return "/suggestions"


def book(book_id: int) -> str:
    """Return the path of an offer's page."""
    return f"/books/{book_id}"


def cover(name: str) -> str:
    """Return the path of a picture, named by its content."""
    return f"/covers/{name}"


def sell(**query: object) -> str:
    """Return where a book is offered, GET and POST."""
    return _with_query("/sell", query)


def my_books(**query: object) -> str:
    """Return where sellers find their own books, searched by the query."""
    return _with_query("/my/books", query)


def import_books() -> str:
    """Return where a seller's files are sent."""
    return "/my/books/import"


def import_job(job_id: int, **query: object) -> str:
    """Return where a file is looked at, confirmed and undone."""
    return _with_query(f"/my/books/import/{job_id}", query)


def import_step(job_id: int, step: str) -> str:
    """Return where a step of an import is sent to: columns, confirm or undo; or its report.csv."""
    return f"/my/books/import/{job_id}/{step}"


def export_books() -> str:
    """Return where a seller downloads all that is on sale."""
    return "/my/books/export.csv"


def change_many_books() -> str:
    """Return where changes of many books are posted."""
    return "/my/books/many"


def my_book(book_id: int) -> str:
    """Return where a seller changes a book, GET and POST."""
    return f"/my/books/{book_id}"


def withdraw_book(book_id: int) -> str:
    """Return where a book is taken off sale, POST."""
    return f"/my/books/{book_id}/withdraw"


def offer_book(book_id: int) -> str:
    """Return where a withdrawn book comes back on sale, POST."""
    return f"/my/books/{book_id}/offer"


def look_up_book() -> str:
    """Return where an ISBN fills the form, POST."""
    return "/sell/look-up"


def register(**query: object) -> str:
    """Return where accounts are made, GET and POST."""
    return _with_query("/register", query)


def login(**query: object) -> str:
    """Return where one signs in; `next` says where to go on."""
    return _with_query("/login", query)


def logout() -> str:
    """Return where a session ends, POST."""
    return "/logout"


def account(**query: object) -> str:
    """Return a person's own page; `done` names what to confirm."""
    return _with_query("/account", query)


def account_password() -> str:
    """Return where a password is changed, POST."""
    return "/account/password"


def account_sessions() -> str:
    """Return where all other sessions are ended, POST."""
    return "/account/sessions"


def account_email() -> str:
    """Return where another address is asked for, POST."""
    return "/account/email"


def account_confirm() -> str:
    """Return where another mail to confirm the address is asked for, POST."""
    return "/account/confirm"


def account_mails() -> str:
    """Return where the topics of mails are chosen, POST."""
    return "/account/mails"


def account_data() -> str:
    """Return where a zip of a person's data is downloaded."""
    return "/account/data"


def account_delete() -> str:
    """Return where an account is deleted, GET and POST."""
    return "/account/delete"


def account_link(token: str) -> str:
    """Return where a mailed link leads, GET and POST."""
    return f"/account/links/{token}"


def forgot_password(**query: object) -> str:
    """Return where a link for a new password is asked for."""
    return _with_query("/login/forgot", query)


def second_step(token: str, **query: object) -> str:
    """Return where a sign-in asks for its code."""
    return _with_query(f"/login/code/{token}", query)


def account_second_step() -> str:
    """Return where codes are set up, GET and POST."""
    return "/account/second-step"


def account_second_step_off() -> str:
    """Return where codes are switched off, POST."""
    return "/account/second-step/off"


def account_passkeys() -> str:
    """Return where passkeys are listed and added."""
    return "/account/passkeys"


def remove_passkey(passkey_id: int) -> str:
    """Return where a passkey is forgotten, POST."""
    return f"/account/passkeys/{passkey_id}/remove"


def login_passkey() -> str:
    """Return where a passkey signs in, POST."""
    return "/login/passkey"


def unsubscribe(token: str) -> str:
    """Return where a mail's own link stops its topic."""
    return f"/account/unsubscribe/{token}"


def feed(**query: object) -> str:
    """Return the Atom feed of a search."""
    return _with_query("/feed", query)


def sitemap(part: int | str | None = None) -> str:
    """Return the index of the sitemap, or one of its parts."""
    return "/sitemap.xml" if part is None else f"/sitemap-{part}.xml"


def opensearch() -> str:
    """Return the description that browsers add the search by."""
    return "/opensearch.xml"


def speculation_rules() -> str:
    """Return which pages a browser may fetch beforehand."""
    return "/speculation-rules.json"


def manifest() -> str:
    """Return the description that phones keep the shop by."""
    return "/site.webmanifest"


def info(name: str) -> str:
    """Return a page of the operator's: help, privacy, terms, accessibility."""
    return f"/{name}"


def mailbox(*parts: str) -> str:
    """Return where the demo shows its mails, or one of them."""
    return "/".join(["/mailbox", *parts])


def person(person_id: int) -> str:
    """Return what everybody sees of a person."""
    return f"/people/{person_id}"


def basket(**query: object) -> str:
    """Return the basket; a POST to it adds."""
    return _with_query("/basket", query)


def basket_item(book_id: int) -> str:
    """Return where the copies of a book in the basket are set, POST."""
    return f"/basket/{book_id}"


def basket_badge() -> str:
    """Return where a page's header fetches the number of copies."""
    return "/basket/badge"


def checkout() -> str:
    """Return where an order is placed, GET and POST."""
    return "/checkout"


def orders(**query: object) -> str:
    """Return a buyer's orders, a page of them by the query."""
    return _with_query("/orders", query)


def order(order_id: int) -> str:
    """Return an order's page."""
    return f"/orders/{order_id}"


def order_timeline(order_id: int) -> str:
    """Return the part of an order's page that looks again."""
    return f"/orders/{order_id}/timeline"


def pay(order_id: int) -> str:
    """Return where an order is paid, GET and POST."""
    return f"/orders/{order_id}/pay"


def receipt(order_id: int) -> str:
    """Return an order's receipt, for printing."""
    return f"/orders/{order_id}/receipt"


def order_again(order_id: int) -> str:
    """Return where an order's books go back into the basket, POST."""
    return f"/orders/{order_id}/again"


def cancel_order(order_id: int) -> str:
    """Return where an order is called off, POST."""
    return f"/orders/{order_id}/cancel"


def sales(**query: object) -> str:
    """Return a seller's sales, a page of them by the query."""
    return _with_query("/sales", query)


def cancel_parcel(order_id: int, shipment_id: int) -> str:
    """Return where a buyer calls a parcel off, POST."""
    return f"/orders/{order_id}/parcels/{shipment_id}/cancel"


def cancel_sale(shipment_id: int) -> str:
    """Return where a seller calls a parcel off, POST."""
    return f"/sales/{shipment_id}/cancel"


def ship(shipment_id: int) -> str:
    """Return where a parcel is marked as sent, POST."""
    return f"/sales/{shipment_id}/ship"


def three_d_secure(intent_id: str) -> str:
    """Return the simulated bank's page, GET and POST."""
    return f"/pay/3ds/{intent_id}"


def payment_webhook() -> str:
    """Return where the payment provider reports, signed, POST."""
    return "/webhooks/payments"


def static(name: str) -> str:
    """Return where a file of ours lies; `static_url` adds its sum."""
    return f"/static/{name}"


def _with_query(path: str, query: Mapping[str, object]) -> str:
    pairs = [(key, value) for key, value in query.items() if _is_said(value)]
    return f"{path}?{urlencode(pairs, doseq=True)}" if pairs else path


def _is_said(value: object) -> bool:
    return value not in (None, "", [])
