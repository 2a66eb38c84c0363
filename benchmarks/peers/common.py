"""What the peers have in common: the statements, what a page shows, and the session's tokens."""

import hashlib
import hmac
import json
import os
import secrets
import socket
import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import zstandard

TEMPLATES = Path(__file__).parent / "templates"
STATIC = Path(__file__).parents[2] / "bookstore" / "static"
VOCABULARY: dict[str, Any] = json.loads(Path(os.environ["BENCH_VOCABULARY"]).read_text())
CATEGORIES: dict[str, str] = VOCABULARY["categories"]
GRADES: dict[str, tuple[str, str]] = VOCABULARY["grades"]  # code -> name, what it promises
CONDITIONS = [(code, name) for code, (name, _means) in GRADES.items()]
PAGE = 24
MOST = 20  # copies of a book in a basket
BADGE = "SELECT COALESCE(SUM(quantity), 0) AS copies FROM basket_items WHERE person_id = {}"
_compressors = threading.local()  # one is not for several threads
LANGUAGES = {
    "de": "German", "en": "English", "es": "Spanish", "fr": "French", "it": "Italian",
    "la": "Latin", "pt": "Portuguese",
}  # fmt: skip
SORTS = {
    "newest": "Newest", "price-up": "Price: low to high", "price-down": "Price: high to low",
    "title": "Title",
}  # fmt: skip
_KEY = b"the key of a peer in a benchmark"
_REPLICA = socket.gethostname()

CARD = (
    "SELECT id, title, author, `condition`, price, cover,"
    " (SELECT p.name FROM people p WHERE p.id = seller_id) AS seller_name,"
    " (SELECT o.price FROM books o WHERE o.isbn13 = books.isbn13 AND o.on_sale = 1"
    " AND o.id <> books.id ORDER BY o.price LIMIT 1) AS others_from"
    " FROM books WHERE on_sale = 1{}{}"
    " ORDER BY id DESC LIMIT 25"
)
COUNT = "SELECT COUNT(*) FROM books WHERE on_sale = 1{}"
BOOK = (
    "SELECT b.*, p.name AS seller_name, b.stock - COALESCE((SELECT SUM(h.quantity) FROM holds h"
    " WHERE h.book_id = b.id AND h.expires_at > {}), 0) AS available"
    " FROM books b JOIN people p ON p.id = b.seller_id WHERE b.id = {}"
)
OTHERS = (
    "SELECT b.id, b.title, b.author, b.`condition`, b.price, b.cover, p.name AS seller_name"
    " FROM books b JOIN people p ON p.id = b.seller_id"
    " WHERE b.isbn13 = {} AND b.on_sale = 1 AND b.id <> {} ORDER BY b.price LIMIT 5"
)
SESSION = (
    "SELECT p.id, p.name FROM sessions s JOIN people p ON p.id = s.person_id"
    " WHERE s.token = {} AND s.expires_at > {}"
)


class Visitor(NamedTuple):
    """Who sent a request: the person's id and name, None without a session, and its token."""

    id: int | None
    name: str | None
    token: str


def database() -> dict[str, Any]:
    """Return where the database is, as PyMySQL and aiomysql take it."""
    parts = urlsplit(os.environ["BENCH_DATABASE_URL"])
    return {
        "host": parts.hostname, "port": parts.port, "user": parts.username,
        "password": parts.password, "db": parts.path[1:], "charset": "utf8mb4",
    }  # fmt: skip


def now() -> int:
    """Return the time in milliseconds, as the tables keep it."""
    return int(datetime.now(UTC).timestamp() * 1000)


def amount(cents: int) -> str:
    """Write a price."""
    return f"€{cents / 100:,.2f}"


def card(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row as its card shows it."""
    return {
        **row, "amount": amount(row["price"]), "tint": row["id"] % 8, "delivery": amount(290),
        "from": amount(row["others_from"]) if row.get("others_from") is not None else "",
        "grade": GRADES[row["condition"]][0],
        "short_title": row["title"][:60], "short_author": row["author"][:40],
    }  # fmt: skip


def book_page(row: Mapping[str, Any], origin: str) -> dict[str, Any]:
    """Return a row as its own page shows it."""
    return {
        **card(row), "plain_amount": f"{row['price'] / 100:.2f}",
        "meaning": GRADES[row["condition"]][1],
        "category_name": CATEGORIES[row["category"]],
        "language_name": LANGUAGES.get(row["language"] or "", row["language"]),
        "since": f"{datetime.fromtimestamp(row['created_at'] / 1000, UTC):%-d %b %Y}",
        "summary": shortened(row["description"]), "available": int(row["available"]),
        "most": min(int(row["available"]), MOST), "linked": _linked(row, origin),
    }  # fmt: skip


def _linked(row: Mapping[str, Any], origin: str) -> str:
    """Return a book for search engines (JSON-LD)."""
    address = f"{origin}/books/{row['id']}"
    used = "New" if row["condition"] == "new" else "Used"
    offer = {
        "@type": "Offer", "url": address, "price": f"{row['price'] / 100:.2f}",
        "priceCurrency": "EUR", "itemCondition": f"https://schema.org/{used}Condition",
        "availability": f"https://schema.org/{'InStock' if row['available'] > 0 else 'SoldOut'}",
        "seller": {"@type": "Person", "name": row["seller_name"]},
    }  # fmt: skip
    book = {
        "@context": "https://schema.org", "@type": "Book", "name": row["title"],
        "author": row["author"], "url": address, "offers": offer, "isbn": row["isbn13"],
        "inLanguage": row["language"],
    }  # fmt: skip
    return json.dumps(book).replace("<", "\\u003c")


def shortened(text: str) -> str:
    """Return the beginning of a description, for search engines."""
    return text if len(text) <= 100 else text[:100].rsplit(" ", 1)[0] + "..."


class Wish(NamedTuple):
    """What the address of a list asks for."""

    text: str
    low: str
    high: str
    category: str
    language: str
    condition: str
    sort: str
    after: int | None  # the last book of the page before

    @property
    def filtered(self) -> bool:
        """Tell whether the list is narrowed."""
        return bool(self.low or self.high or self.category or self.language or self.condition)

    @property
    def words(self) -> str | None:
        """The text as MATCH takes it."""
        return " ".join(f"+{word}" for word in self.text.split()) or None

    @property
    def prices(self) -> tuple[int, int] | None:
        """The range of prices in cents."""
        if not self.low or not self.high:
            return None
        return round(float(self.low) * 100), round(float(self.high) * 100)


def wish(arguments: Mapping[str, str]) -> Wish:
    """Read the address of a list."""
    after = arguments.get("after", "")
    return Wish(
        arguments.get("q", ""), arguments.get("min", ""), arguments.get("max", ""),
        arguments.get("category", ""), arguments.get("language", ""),
        arguments.get("condition", ""), arguments.get("sort", "newest"),
        int(after) if after.isdigit() else None,
    )  # fmt: skip


def narrowing(wanted: Wish, mark: Callable[[int], str]) -> tuple[str, list[Any]]:
    """Return the conditions of a list as SQL and their values; `mark` writes the nth place of a
    value in the way of a driver."""
    asked: list[tuple[str, tuple[Any, ...]]] = []
    if wanted.words:
        asked.append((" AND MATCH(title, author) AGAINST ({} IN BOOLEAN MODE)", (wanted.words,)))
    if wanted.prices:
        asked.append((" AND price BETWEEN {} AND {}", wanted.prices))
    asked += [
        (f" AND `{column}` = {{}}", (getattr(wanted, column),))
        for column in ("category", "language", "condition")
        if getattr(wanted, column)
    ]
    sql = ""
    values: list[Any] = []
    for condition, given in asked:
        places = range(len(values), len(values) + len(given))
        sql += condition.format(*(mark(place) for place in places))
        values += given
    return sql, values


def catalogue(wanted: Wish, cards: list[Any], last_id: int, matches: int) -> dict[str, Any]:
    """Return what the catalogue's template shows."""
    return {
        "wish": wanted, "search": wanted.text, "cards": cards[:PAGE], "matches": matches,
        "categories": CATEGORIES.items(), "languages": LANGUAGES.items(), "sorts": SORTS.items(),
        "conditions": CONDITIONS,
        "next_page": f"/?after={last_id}" if len(cards) > PAGE else None,
    }  # fmt: skip


def context(visitor: Visitor, origin: str, here: str) -> dict[str, Any]:
    """Return what the layout of every page shows."""
    return {
        "person": visitor.name, "csrf": csrf(visitor.token) if visitor.token else "",
        "key": secrets.token_urlsafe(16), "search": "", "origin": origin, "here": here,
        "replica": _REPLICA,
    }  # fmt: skip


def encoded(body: bytes, accepted: str) -> tuple[bytes, str | None]:
    """Return a body as it is sent to who accepts these encodings, and the name of its encoding."""
    if "zstd" in accepted and len(body) > 500:
        if not hasattr(_compressors, "quick"):  # as the shop compresses what it sends once
            _compressors.quick = zstandard.ZstdCompressor(level=1)
        return _compressors.quick.compress(body), "zstd"
    return body, None


def new_token() -> str:
    """Return the cookie of a visitor who has none yet."""
    return secrets.token_urlsafe(32)


def csrf(token: str) -> str:
    """Return the token for the forms of a session."""
    return hmac.new(_KEY, token.encode(), hashlib.sha256).hexdigest()


def genuine(given: str, token: str) -> bool:
    """Tell whether a form came from this session's own page."""
    return hmac.compare_digest(given, csrf(token))
