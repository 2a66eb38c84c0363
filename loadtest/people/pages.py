"""The shop's pages as a browser without JavaScript sees them: links and forms."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from html.parser import HTMLParser
from typing import NamedTuple

_HREF = re.compile(r'<a\s[^>]*?href="([^"]+)"')
_CARD = re.compile(
    r'<li class="card">\s*<a href="([^"]+)">.*?<h2>(.*?)</h2>\s*</a>\s*'
    r'<p class="card-author">(.*?)</p>\s*<p class="card-terms">'
    r'<strong class="price">(.*?)</strong>',
    re.S,
)
_FORM = re.compile(r"<form\b.*?</form>", re.S)
_HEADING = re.compile(r"<h1\b[^>]*>(.*?)</h1>", re.S)
_AUTHOR = re.compile(r'class="book-author">[^<]*<span[^>]*>(.*?)</span>', re.S)
_LANGUAGE = re.compile(r'<html lang="([^"]*)"')
_ADDRESS = re.compile(r"<address>(.*?)</address>", re.S)
_DUE = re.compile(r'class="amount"><strong>(.*?)</strong>')
_BADGE = re.compile(r'class="badge badge-(\w+)"')
_BASKET_ITEM = re.compile(r'action="/basket/(\d+)"')
_QUANTITY = re.compile(r'type="number" name="quantity" value="(\d+)"')
_ROW_PRICE = re.compile(r'class="row-price"><strong>(.*?)</strong>', re.S)
_SERVED = re.compile(r"<[^>]+>")


class Card(NamedTuple):
    """A book in a listing, as it is shown."""

    link: str
    title: str
    author: str
    price: str


class Row(NamedTuple):
    """A book in a basket; `quantity` None: it cannot be had any more."""

    quantity: int | None
    total: int


@dataclass
class Form:
    """A form with its fields as they stand; `files` are the names of its file inputs."""

    action: str
    method: str = "get"
    fields: dict[str, str] = field(default_factory=dict)
    choices: dict[str, list[str]] = field(default_factory=dict)  # of selects
    files: list[str] = field(default_factory=list)
    htmx: bool = False  # a browser that runs scripts sends it with htmx


@dataclass(frozen=True)
class Page:
    """An answer of the shop. `status` 0: none came, and `problem` says why."""

    path: str
    status: int
    text: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    problem: str = ""
    wrong: str = ""  # what a check has found
    size: int = 0  # of the body, in bytes
    start: bytes = b""  # its first bytes
    fragment: bool = False  # it was asked for with htmx

    def found(self, wrong: str) -> Page:
        """Return the page with what a check has found."""
        return replace(self, wrong=wrong) if wrong else self

    @property
    def heard(self) -> bool:
        """Tell whether the shop itself answered: not a dead connection, not an error page."""
        return 0 < self.status < 500

    @property
    def location(self) -> str:
        """Return where the answer sends the browser; "" when it does not."""
        return self.headers.get("location", "") or self.headers.get("hx-redirect", "")

    def links(self, pattern: str) -> list[str]:
        """List the links whose address matches, each once, in order."""
        found = dict.fromkeys(html.unescape(m) for m in _HREF.findall(self.text))
        return [link for link in found if re.fullmatch(pattern, link)]

    @property
    def accepted(self) -> bool:
        """Tell whether a form was taken: the answer leads on, or says that there is no more."""
        return self.status in (204, 302, 303)

    def cards(self) -> list[Card]:
        """List the books of a listing as they are shown, in order."""
        return [
            Card(link, _plain(title), _plain(author), _plain(price))
            for link, title, author, price in _CARD.findall(self.text)
        ]

    def heading(self) -> str:
        """Return the page's heading; "" without one."""
        found = _HEADING.search(self.text)
        return _plain(found[1]) if found else ""

    def offer(self) -> tuple[str, str, str]:
        """Return title, author and price of a book's page."""
        author = _AUTHOR.search(self.text)
        prices = self.texts("price")
        return self.heading(), _plain(author[1]) if author else "", prices[0] if prices else ""

    def copies(self) -> int | None:
        """Return how many copies of a book are said to be left; None where nothing is said."""
        if self.texts("gone"):
            return 0
        said = self.texts("stock")
        number = re.search(r"\d+", said[0]) if said else None
        return (int(number[0]) if number else 1) if said else None  # the last copy has no number

    def language(self) -> str:
        """Return the language that a whole page says it is in."""
        found = _LANGUAGE.search(self.text)
        return found[1] if found else ""

    def address(self) -> str:
        """Return to whom an order goes."""
        found = _ADDRESS.search(self.text)
        return _plain(found[1]) if found else ""

    def due(self) -> int:
        """Return the sum that a page asks to be paid, in minor units."""
        found = _DUE.search(self.text)
        return amount(found[1]) if found else 0

    def total(self) -> int:
        """Return the sum at the end of a page, in minor units."""
        totals = self.texts("total")
        return amount(totals[-1]) if totals else 0

    def badge(self) -> str:
        """Return the state of an order in one word, such as paid."""
        found = _BADGE.search(self.text)
        return found[1] if found else ""

    def basket(self) -> dict[int, Row]:
        """Return the rows of a basket, by the number of the book."""
        rows: dict[int, Row] = {}
        for part in self.text.split('<li class="row')[1:]:
            number = _BASKET_ITEM.search(part)
            if number is None:
                continue
            quantity = _QUANTITY.search(part)
            price = _ROW_PRICE.search(part)
            rows[int(number[1])] = Row(
                int(quantity[1]) if quantity else None, amount(price[1]) if price else 0
            )
        return rows

    def forms(self) -> list[Form]:
        """Read the page's forms."""
        reader = _Forms()
        for form in _FORM.finditer(self.text):  # the rest of a page is most of it
            reader.feed(form[0])
        return reader.forms

    def form(self, pattern: str) -> Form | None:
        """Find the form that posts to a matching address."""
        return next(
            (f for f in self.forms() if f.method == "post" and re.fullmatch(pattern, f.action)),
            None,
        )

    def texts(self, css_class: str) -> list[str]:
        """List the texts of elements of a class (of those without elements of the same name)."""
        pattern = rf'<(\w+)[^>]*class="(?:[^"]* )?{css_class}(?: [^"]*)?"[^>]*>(.*?)</\1>'
        found = re.findall(pattern, self.text, re.S)
        return [_plain(text) for _, text in found]


def amount(text: str) -> int:
    """Read money as it is shown, such as €1,234.50, in minor units."""
    return int(re.sub(r"\D", "", text) or 0)


def _plain(text: str) -> str:
    return " ".join(html.unescape(_SERVED.sub(" ", text)).split())


class _Forms(HTMLParser):
    """Collects forms with the values that a browser would send."""

    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self._form: Form | None = None
        self._select = ""
        self._area = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        have = {name: value or "" for name, value in attrs}
        if tag == "form":
            method = have.get("method", "get").lower()
            self._form = Form(have.get("action", ""), method, htmx="hx-post" in have)
            self.forms.append(self._form)
        elif self._form is None:
            return
        elif tag == "input" and "name" in have:
            self._input(self._form, have)
        elif tag == "select":
            self._select = have.get("name", "")
            self._form.choices[self._select] = []
        elif tag == "option" and self._select:
            value = have.get("value", "")
            self._form.choices[self._select].append(value)
            if "selected" in have or self._select not in self._form.fields:
                self._form.fields[self._select] = value
        elif tag == "textarea":
            self._area = have.get("name", "")
            self._form.fields[self._area] = ""

    @staticmethod
    def _input(form: Form, have: Mapping[str, str]) -> None:
        kind = have.get("type", "text")
        if kind == "file":
            form.files.append(have["name"])
        elif kind not in ("checkbox", "radio"):
            form.fields[have["name"]] = have.get("value", "")
        elif "checked" in have:
            form.fields[have["name"]] = have.get("value", "on")

    def handle_data(self, data: str) -> None:
        if self._area and self._form is not None:
            self._form.fields[self._area] += data.removeprefix("\n")

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._form = None
        elif tag == "select":
            self._select = ""
        elif tag == "textarea":
            self._area = ""
