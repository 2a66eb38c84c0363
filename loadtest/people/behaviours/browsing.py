"""Looking around in the catalogue."""

from __future__ import annotations

import re
import time
from urllib.parse import urlencode

from loadtest.evidence import recorder
from loadtest.people import checks
from loadtest.people.checks import LISTING
from loadtest.people.pages import Card, Page, amount
from loadtest.people.person import Person


def browse(person: Person) -> None:
    """Leaf through the catalogue and look at some books."""
    page = leaf(person)
    for _ in range(person.random.randint(1, 3)):
        cards = page.cards()
        if not cards:
            return
        look_at(person, person.random.choice(cards))
        person.think()


def search(person: Person) -> None:
    """Look for a word that is on a page, and open a hit."""
    page = leaf(person)
    words = re.findall(r"[A-Za-z]{5,}", " ".join(card.title for card in page.cards()))
    if not words:
        return
    word = person.random.choice(words)
    found = person.open(f"/?q={word}", "/?q=[word]", checks.listing, fragment=True)
    person.think()
    if cards := found.cards():
        look_at(person, person.random.choice(cards))


def choose(person: Person) -> Page | None:
    """Find a book that is on sale and open its page."""
    page = leaf(person)
    cards = page.cards()
    if not cards:
        return None
    person.think()
    book = look_at(person, person.random.choice(cards))
    person.think()
    return book


def look_at(person: Person, card: Card) -> Page:
    """Open the page of a book: it is the one that the link named."""
    begin = time.time()
    page = person.open(card.link, "/books/[id]", checks.book(card))
    if not page.wrong:
        number = int(card.link.rsplit("/", 1)[1])
        person.prices[number] = amount(card.price)
        if (copies := page.copies()) is not None:
            recorder.write("ledger", what="looked", book=number, copies=copies, begin=begin)
    return page


def leaf(person: Person) -> Page:
    """Open the catalogue, and often leaf on or narrow it down."""
    page = person.open("/books", "/books", checks.listing)
    for _ in range(person.random.randint(0, 2)):
        further = [link for link in page.links(LISTING) if "lang=" not in link]
        narrower = _narrowed(person, page)
        if not further and not narrower:
            break
        person.think()
        link = person.random.choice([*further, narrower] if narrower else further)
        page = person.open(link, "/?[listing]", checks.listing, fragment=link == narrower)
    return page


def _narrowed(person: Person, page: Page) -> str:
    """Choose a category or an order in the form of filters; return the address it leads to."""
    for form in page.forms():
        kinds = [name for name in ("category", "sort") if any(form.choices.get(name, ()))]
        if form.method == "get" and kinds:
            name = person.random.choice(kinds)
            chosen = person.random.choice([value for value in form.choices[name] if value])
            kept = {k: v for k, v in form.fields.items() if v and k != name}
            return f"{form.action}?{urlencode({**kept, name: chosen})}"
    return ""
