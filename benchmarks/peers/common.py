"""What the peers have in common: the statements, the pages' contents and the checks of a form."""

import hashlib
import hmac
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

TEMPLATES = Path(__file__).parent / "templates"
STATIC = Path(__file__).parents[2] / "bookstore" / "static"
PAGE = 24
CATEGORIES = (
    "fiction", "classics", "crime", "fantasy", "romance", "young", "comics", "poetry", "history",
    "science", "society", "arts", "other",
)  # fmt: skip
CONDITIONS = ("new", "as-new", "fine", "very-good", "good", "fair", "poor")
COUNTRIES = tuple("AD AT BE BG CH CY CZ DE DK EE ES FI FR GB GR HR HU IE IS IT".split())  # noqa: SIM905
# Characters of nothing that make each page as long as the shop's, by the name of its template.
PADDING: dict[str, str] = {
    name: f"<!--{'.' * max(size - 7, 0)}-->" if size else ""
    for name, size in json.loads(os.environ.get("BENCH_PADDING", "{}")).items()
}
_KEY = b"the key of a peer in a benchmark"

CARD = (
    "SELECT id, title, author, year, language, `condition`, price, cover FROM books"
    " WHERE on_sale = 1"
)
ORDER = " ORDER BY id DESC LIMIT 25"
COUNT = "SELECT COUNT(*) FROM books WHERE on_sale = 1"
PRICES = " AND price BETWEEN {} AND {}"
SEARCH = " AND MATCH(title, author) AGAINST ({} IN BOOLEAN MODE)"
BOOK = (
    "SELECT b.id, b.title, b.author, b.year, b.language, b.category, b.`condition`, b.price,"
    " b.stock, b.description, b.seller_id, p.name AS seller_name"
    " FROM books b JOIN people p ON p.id = b.seller_id WHERE b.id = {}"
)
SESSION = (
    "SELECT p.id, p.name FROM sessions s JOIN people p ON p.id = s.person_id WHERE s.token = {}"
)
BASKET = (
    "SELECT b.id, b.title, b.author, b.price, b.stock, i.quantity FROM basket_items i"
    " JOIN books b ON b.id = i.book_id WHERE i.person_id = {} ORDER BY b.id"
)


def database() -> dict[str, Any]:
    """Return where the database is, as PyMySQL and aiomysql take it."""
    parts = urlsplit(os.environ["BENCH_DATABASE_URL"])
    return {
        "host": parts.hostname, "port": parts.port, "user": parts.username,
        "password": parts.password, "db": parts.path[1:], "charset": "utf8mb4",
    }  # fmt: skip


def amount(cents: int) -> str:
    """Write a price."""
    return f"€{cents / 100:.2f}"


def card(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row as its card shows it."""
    return {**row, "amount": amount(row["price"]), "tint": row["id"] % 8}


def wish(arguments: Mapping[str, str]) -> tuple[str | None, tuple[int, int] | None]:
    """Return the text and the range of prices, in cents, that an address asks for."""
    words = arguments.get("q", "").split()
    text = " ".join(f"+{word}" for word in words) or None
    if "min" not in arguments or "max" not in arguments:
        return text, None
    return text, (round(float(arguments["min"]) * 100), round(float(arguments["max"]) * 100))


def context(template: str, person: str | None, token: str, **more: Any) -> dict[str, Any]:
    """Return what a template needs."""
    return {
        "person": person, "csrf": csrf(token) if token else "", "search": "",
        "padding": PADDING.get(template, ""), **more,
    }  # fmt: skip


def catalogue(rows: list[dict[str, Any]], matches: int) -> dict[str, Any]:
    """Return what the catalogue's template shows."""
    return {
        "cards": rows[:PAGE], "matches": matches, "categories": CATEGORIES,
        "conditions": CONDITIONS,
        "next_page": f"/?after={rows[PAGE - 1]['id']}" if len(rows) > PAGE else None,
    }  # fmt: skip


def csrf(token: str) -> str:
    """Return the token for the forms of a session."""
    return hmac.new(_KEY, token.encode(), hashlib.sha256).hexdigest()


def genuine(given: str, token: str) -> bool:
    """Tell whether a form came from this session's own page."""
    return hmac.compare_digest(given, csrf(token))
