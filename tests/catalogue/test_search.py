"""What an address asks of the listing, and how a text is looked up."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.datastructures import MultiDict

from bookstore.catalogue import search, words
from bookstore.catalogue.search import Cursor, Search, Terms
from bookstore.web import urls


def asked(query: str) -> Search:
    pairs = [pair.partition("=")[::2] for pair in query.split("&") if pair]
    return search.parse(MultiDict(pairs))


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", Search()),
        ("q=  the   hobbit ", Search(text="the hobbit", sort="relevance")),
        ("q=x&sort=price-up", Search(text="x", sort="price-up")),
        ("sort=relevance", Search()),
        ("sort=price;drop", Search()),
        ("condition=good&condition=fine", Search(conditions=("fine", "good"))),
        ("condition=Very Good", Search(conditions=("very-good",))),
        ("condition=evil&language=xx&category=<b>", Search()),
        ("min=5&max=12,5", Search(price_min=500, price_max=1250)),
        ("min=-1&max=nan", Search()),
        ("min=9999999", Search(price_min=1_000_000)),
        ("seller=12", Search(seller=12)),
        ("seller=1 OR 1", Search()),
        ("after=0.17", Search(after=Cursor(0, 17))),
        ("sort=title&after=a.b.17", Search(sort="title", after=Cursor("a.b", 17))),
        ("sort=price-up&after=x.17", Search(sort="price-up")),
        ("after=0.99999999999999999999", Search()),
    ],
)
def test_an_address_is_read_and_nonsense_left_out(query: str, expected: Search) -> None:
    assert asked(query) == expected


@given(
    st.dictionaries(
        st.sampled_from(
            ["q", "condition", "language", "category", "min", "max", "seller", "sort", "after"]
        ),
        st.text(max_size=300),
    )
)
def test_every_wish_has_an_address_that_asks_the_same(query: dict[str, str]) -> None:
    wish = search.parse(MultiDict(query))
    address = wish.address()
    pairs = [
        (key, str(item))
        for key, value in address.items()
        if value not in (None, "", [])
        for item in (value if isinstance(value, list) else [value])
    ]
    assert search.parse(MultiDict(pairs)) == wish
    assert urls.books(**address).startswith("/")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("hobbit", Terms("words", (), "hobbit", "hobbit")),
        ("The Hobbit", Terms("words", (), "hobbit", "hobbit")),
        ("harry pot", Terms("words", ("harry",), "pot", "harry pot")),
        ("lord of the", Terms("words", ("lord",), None, "lord of the")),
        ("harry po", Terms("words", ("harry",), "po", "harry po")),
        ("lord of th", Terms("words", ("lord",), None, "lord of th")),
        ("It", Terms("beginning", beginning="it")),
        ("h", Terms("beginning", beginning="h")),
        ("Yu", Terms("either", ("yu",), beginning="yu")),
        ("978-0-439-02348-1", Terms("isbn", isbn13="9780439023481")),
        ("0439023483", Terms("isbn", isbn13="9780439023481")),
        ("978-0-439", Terms("words", (), "9780439", "9780439")),
        ("Antoine de Saint-Exupéry", Terms("words", ("antoine", "saint"), "exupery",
                                           "antoine de saint exupery")),
        ("!!! …", Terms("nothing")),
    ],
)  # fmt: skip
def test_how_a_text_is_looked_up(text: str, expected: Terms) -> None:
    assert search.terms(text)._replace(phrases=()) == expected


@pytest.mark.parametrize(
    ("title", "key"),
    [
        ("The Hobbit", "hobbit"),
        ("El árbol de la ciencia", "arbol de la ciencia"),
        ("The", "the"),
        ("Ender's Game", "enders game"),
        ("Łódź & Smørrebrød", "lodz smorrebrod"),
        ("x" * 100, "x" * 40),
    ],
)
def test_titles_are_sorted_without_case_accents_and_articles(title: str, key: str) -> None:
    assert words.title_key(title) == key


def test_initials_are_found_joined_and_apart() -> None:
    assert words.indexed(["J.K. Rowling"]).split() == ["zzzj", "zzzk", "zzzrowling", "zzzjk"]
