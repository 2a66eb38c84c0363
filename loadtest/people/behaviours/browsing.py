"""Looking around in the catalogue."""

from __future__ import annotations

import re
from urllib.parse import urlencode

from loadtest.people.checks import BOOK, LISTING, book_page, listing
from loadtest.people.pages import Page
from loadtest.people.person import Person


def browse(person: Person) -> None:
    """Leaf through the catalogue and look at some books."""
    page = leaf(person)
    for _ in range(person.random.randint(1, 3)):
        books = page.links(BOOK)
        if not books:
            return
        person.open(person.random.choice(books), "/books/[id]", book_page)
        person.think()


def search(person: Person) -> None:
    """Look for a word that is on a page, and open a hit."""
    page = leaf(person)
    words = re.findall(r"[A-Za-z]{5,}", " ".join(re.findall("<h2>([^<]+)</h2>", page.text)))
    if not words:
        return
    word = person.random.choice(words)
    found = person.open(f"/?q={word}", "/?q=[word]", listing)
    person.think()
    if books := found.links(BOOK):
        person.open(person.random.choice(books), "/books/[id]", book_page)


def choose(person: Person) -> Page | None:
    """Find a book that is on sale and open its page."""
    page = leaf(person)
    books = page.links(BOOK)
    if not books:
        return None
    person.think()
    book = person.open(person.random.choice(books), "/books/[id]", book_page)
    person.think()
    return book


def leaf(person: Person) -> Page:
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
