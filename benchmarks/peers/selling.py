"""The rules of an order, which the peers share: its terms, its price, and which card pays."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from benchmarks.peers.common import GRADES, LANGUAGES, VOCABULARY, amount

HOLD = 15 * 60 * 1000  # how long copies wait for their payment, in milliseconds
CARRIERS: dict[str, dict[str, Any]] = VOCABULARY["carriers"]
COUNTRY_CHOICES = [("", "Choose a country"), *map(tuple, VOCABULARY["countries"])]
_EFFECTS = (
    "Pays at once", "The bank asks for approval (3-D Secure), then pays",
    "The bank asks for approval, then declines", "Declined", "Declined: insufficient funds",
    "Declined: the card has expired", "Declined: the security code is incorrect",
    "Declined: an error while processing", "The bank takes half a minute, then pays",
)  # fmt: skip
CARDS = list(zip(VOCABULARY["cards"], _EFFECTS, strict=True))
_NUMBERS = {number.replace(" ", "") for number, _effect in CARDS}
PAYING = "4242424242424242"  # the one card that the peers let pay

# In this order in each transaction, so that two baskets never wait for each other.
BASKET = (
    "SELECT b.id, b.title, b.author, b.`condition`, b.year,"
    " b.language, b.isbn13, b.price, b.stock, b.on_sale, b.seller_id, i.quantity,"
    " p.name AS seller_name FROM basket_items i JOIN books b ON b.id = i.book_id"
    " JOIN people p ON p.id = b.seller_id WHERE i.person_id = {} ORDER BY b.id"
)
HELD = "SELECT book_id, quantity FROM holds WHERE book_id IN {} AND expires_at > {}"


def carrier_choices() -> list[tuple[str, str]]:
    """Return the carriers, with what each takes for one copy."""
    return [
        (code, f"{carrier['name']} · {_days(*carrier['days'])} · {amount(carrier['first'])}")
        for code, carrier in CARRIERS.items()
    ]


def _days(least: int, most: int) -> str:
    if least == most:
        return "1 day" if least == 1 else f"{least} days"
    return f"{least} to {most} days"


def parcels_of(lines: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the lines by seller, each of whom sends a parcel."""
    parcels: dict[int, dict[str, Any]] = {}
    for line in lines:
        parcel = parcels.setdefault(
            line["seller_id"],
            {"seller_id": line["seller_id"], "seller": line["seller_name"], "lines": [],
             "copies": 0, "goods": 0},
        )  # fmt: skip
        total = line["price"] * line["quantity"]
        parcel["lines"].append({**line, "amount": amount(total), "terms": terms(line)})
        parcel["copies"] += line["quantity"]
        parcel["goods"] += total
    return list(parcels.values())


def shipping(parcels: Sequence[Mapping[str, Any]], carrier: str) -> int:
    """Return what a carrier takes for the parcels."""
    first, further = CARRIERS[carrier]["first"], CARRIERS[carrier]["further"]
    return sum(first + further * (int(parcel["copies"]) - 1) for parcel in parcels)


def review(lines: Sequence[Mapping[str, Any]], carrier: str = "post") -> dict[str, Any]:
    """Return what the checkout page shows of a basket."""
    parcels = parcels_of(lines)
    goods = sum(parcel["goods"] for parcel in parcels)
    sent = shipping(parcels, carrier)
    return {
        "parcels": parcels, "seen": digest(lines),
        "totals": {
            "copies": sum(parcel["copies"] for parcel in parcels), "goods": amount(goods),
            "parcels": len(parcels), "carrier": CARRIERS[carrier]["name"],
            "shipping": amount(sent), "total": amount(goods + sent),
        },
    }  # fmt: skip


def digest(lines: Sequence[Mapping[str, Any]]) -> str:
    """Return what changes when a book, a quantity or a price of a basket does."""
    agreed = [[line["id"], line["quantity"], line["price"], terms(line)] for line in lines]
    return hashlib.sha256(json.dumps(agreed).encode()).hexdigest()


def terms(line: Mapping[str, Any]) -> str:
    """Return what a copy is like, in one line."""
    language = LANGUAGES.get(line["language"] or "", line["language"])
    isbn = f"ISBN {line['isbn13']}" if line["isbn13"] else ""
    parts = (GRADES[line["condition"]][0], str(line["year"] or ""), language, isbn)
    return " · ".join(part for part in parts if part)


def fingerprint(path: str, fields: Mapping[str, str]) -> str:
    """Return what tells two forms with the same idempotency key apart."""
    sent = sorted((name, value) for name, value in fields.items() if name != "csrf_token")
    return hashlib.sha256(json.dumps([path, sent]).encode()).hexdigest()


def sold_out(lines: Sequence[Mapping[str, Any]], held: Sequence[tuple[int, int]]) -> bool:
    """Tell whether a line of a basket asks for more copies than nobody holds."""
    taken: dict[int, int] = {}
    for book_id, quantity in held:
        taken[book_id] = taken.get(book_id, 0) + quantity
    return any(
        not line["on_sale"] or line["stock"] - taken.get(line["id"], 0) < line["quantity"]
        for line in lines
    )


def until(moment: int) -> str:
    """Write until when copies are set aside."""
    return f"{datetime.fromtimestamp(moment / 1000, UTC):%H:%M}"


def until_iso(moment: int) -> str:
    """Write the same for machines."""
    return datetime.fromtimestamp(moment / 1000, UTC).isoformat()


def luhn(digits: str) -> bool:
    """Tell whether a card's number ends with the digit that its others demand."""
    twice = [int(digit) * (2 if place % 2 else 1) for place, digit in enumerate(reversed(digits))]
    return sum(value - 9 if value > 9 else value for value in twice) % 10 == 0


def card_number(text: str) -> str | None:
    """Return the number of a test card, however it is spaced; None for every other card."""
    digits = text.replace(" ", "").replace("-", "")
    return digits if digits.isdigit() and luhn(digits) and digits in _NUMBERS else None


def over(expiry: str) -> bool:
    """Tell whether a card's month, MM/YY, is over."""
    month, year = (int(part) for part in expiry.split("/"))
    today = datetime.now(UTC)
    return ((year if year > 99 else 2000 + year), month) < (today.year, today.month)
