"""Finding one's way: categories, authors, series, offers of one title, similar books."""

import json

import pytest

from bookstore.catalogue.titles import parted
from bookstore.web import urls
from bookstore.web.shop import Shop
from tests.orders.support import databases, on_sale
from tests.support.reader import Page, Reader


def titles(page: Page) -> list[str]:
    return [tag.get_text(strip=True) for tag in page.soup.select(".card h2")]


def canonical(page: Page) -> str:
    link = page.soup.select_one("link[rel=canonical]")
    return str(link["href"]).removeprefix("http://localhost") if link else ""


@pytest.mark.parametrize(("language", "name"), [("en", "Poetry and drama"), ("es", "Poesía y")])
async def test_a_category_is_a_page_with_a_title(
    reader: Reader, shop: Shop, language: str, name: str
) -> None:
    await on_sale(shop, title="Soledades", category="poetry")
    await on_sale(shop, title="Kim", category="fiction")
    page = await reader.get(f"/categories/poetry?lang={language}")
    assert titles(page) == ["Soledades"]
    assert page.see("h1").startswith(name)
    assert page.see("title").startswith(name)
    assert canonical(page) == "/categories/poetry"
    assert canonical(await reader.get("/?category=poetry")) == "/categories/poetry"


async def test_there_are_no_other_categories(reader: Reader) -> None:
    assert (await reader.get("/categories/cars")).status == 404


NAMES = ["Jane Austen", "Gabriel García Márquez", "AC/DC", "..", "Who? & #1", "100% Me", "x" * 300]


@pytest.mark.parametrize("name", NAMES)
async def test_an_author_is_a_page(reader: Reader, shop: Shop, name: str) -> None:
    book = await on_sale(shop, title="Mine", author=name)
    await on_sale(shop, title="Another", author="Somebody Else")
    link = (await reader.get(f"/books/{book}")).soup.select_one(".book-author a")
    assert link is not None
    page = await reader.get(str(link["href"]))
    assert titles(page) == ["Mine"]
    assert page.see("h1") == f"Books by {name}"
    other = page.soup.select_one("#language-link-es")
    assert other is not None
    assert " " not in str(other["href"])
    assert (await reader.get(str(other["href"]))).see("h1") == f"Libros de {name}"
    assert canonical(page) == str(link["href"]) == urls.books(author=name)


async def test_filters_on_an_authors_page_stay_with_the_author(reader: Reader, shop: Shop) -> None:
    for title, author, condition in [
        ("A", "X Y", "good"),
        ("B", "X Y", "fine"),
        ("C", "Z", "good"),
    ]:
        await on_sale(shop, title=title, author=author, condition=condition)
    page = await reader.get("/authors/X%20Y")
    field = page.soup.select_one("#facets input[name=author]")
    assert field is not None
    assert titles(await reader.get(f"/?author={field['value']}&condition=good")) == ["A"]
    assert titles(await reader.get("/?q=b&author=X+Y")) == ["B"]
    assert titles(await reader.get("/?q=c&author=X+Y")) == []


@pytest.mark.parametrize(
    ("title", "series", "number", "expected"),
    [
        ("Catching Fire (Panem, #2)", None, None, ("Catching Fire", "Panem", "2")),
        ("Catching Fire (Panem #2)", None, None, ("Catching Fire", "Panem", "2")),
        ("Both (A, #1-2)", "", "", ("Both", "A", "1-2")),
        ("Both (A, #1)", "Known", "7", ("Both", "Known", "7")),
        ("Plain", "Known", "", ("Plain", "Known", "")),
        ("Plain", "", "3", ("Plain", "", "")),
        ("It (a novel)", None, None, ("It (a novel)", "", "")),
        ("(Panem, #2)", None, None, ("(Panem, #2)", "", "")),
        ("C# in a week (#1)", None, None, ("C# in a week (#1)", "", "")),
    ],
)
def test_a_series_stands_beside_the_title(
    title: str, series: str | None, number: str | None, expected: tuple[str, str, str]
) -> None:
    assert parted(title, series, number) == expected


async def test_list_and_book_show_the_series_by_itself(reader: Reader, shop: Shop) -> None:
    book = await on_sale(shop, title="Catching Fire (Panem, #2)")
    card = await reader.get("/books")
    assert (titles(card), card.see(".card-series")) == (["Catching Fire"], "Panem, no. 2")
    page = await reader.get(f"/books/{book}")
    assert (page.see("h1"), page.see(".book-series")) == ("Catching Fire", "Panem , no. 2")
    script = page.soup.select_one("script[type='application/ld+json']")
    assert script is not None
    assert json.loads(script.get_text())["name"] == "Catching Fire"


async def test_offers_of_one_title_are_one_card(reader: Reader, shop: Shop) -> None:
    same = {"title": "Emma", "isbn13": "9780141439587"}
    await on_sale(shop, price=300, seller_id=5, **same)
    await on_sale(shop, price=200, copies=0, **same)
    newest = await on_sale(shop, price=900, seller_id=6, **same)
    await on_sale(shop, title="Alone")
    page = await reader.get("/books")
    assert titles(page) == ["Alone", "Emma"]
    (link,) = page.soup.select(".card-rest a")
    assert link.get_text() == "Other copies from €3.00"
    assert link["href"] == f"/books/{newest}#copies"
    assert (await reader.get(f"/books/{newest}")).soup.select_one("#copies") is not None
    assert titles(await reader.get("/?q=emma")) == ["Emma"]
    assert titles(await reader.get("/?q=978-0-14-143958-7")) == ["Emma", "Emma"]
    assert titles(await reader.get("/?seller=5")) == ["Emma"]


async def test_two_offers_of_one_seller_are_both_on_the_sellers_page(
    reader: Reader, shop: Shop
) -> None:
    for condition in ("good", "poor"):
        await on_sale(shop, title="Emma", isbn13="9780141439587", condition=condition)
    assert titles(await reader.get("/?seller=1000")) == ["Emma", "Emma"]
    assert titles(await reader.get("/books")) == ["Emma"]


async def test_a_card_says_delivery_and_seller(reader: Reader, shop: Shop) -> None:
    await on_sale(shop, seller_name="Sela")
    rest = (await reader.get("/books")).see(".card-rest")
    assert "+ €2.90 delivery" in rest
    assert "sold by Sela" in rest


async def test_similar_books_are_by_the_author_then_of_the_category(
    reader: Reader, shop: Shop
) -> None:
    book = await on_sale(shop, title="Emma", author="Jane Austen", category="classics")
    await on_sale(shop, title="Emma", author="Jane Austen", category="classics")
    await on_sale(shop, title="Persuasion", author="Jane Austen", category="romance")
    await on_sale(shop, title="Ivanhoe", author="Walter Scott", category="classics")
    await on_sale(shop, title="Gone", author="Jane Austen", copies=0)
    await on_sale(shop, title="Cosmos", author="Carl Sagan", category="science")
    assert titles(await reader.get(f"/books/{book}/similar")) == ["Persuasion", "Ivanhoe"]
    assert titles(await reader.get("/books/987654/similar")) == []


async def test_what_a_file_said_of_a_book_is_on_its_page(reader: Reader, shop: Shop) -> None:
    book = await on_sale(shop, title="Kim")
    await databases(shop)["catalogue"].in_transaction(
        lambda queries: queries.execute(
            "INSERT INTO book_details (book_id, publisher, binding, edition, signed, weight,"
            " series, series_number, original_title, cover_url) VALUES (:id, 'Macmillan',"
            " 'Hardcover', 'First', 1, 420, 'Empire', '3', 'Kim of India', '')",
            {"id": book},
        )
    )
    page = await reader.get(f"/books/{book}")
    shown = {str(row.dt.get_text()): row.dd.get_text() for row in page.soup.select(".facts > div")
             if row.dt and row.dd}  # fmt: skip
    assert shown | {
        "Publisher": "Macmillan", "Binding": "Hardcover", "Edition": "First",
        "Signed": "By the author", "Weight": "420 g", "Original title": "Kim of India",
    } == shown  # fmt: skip
    assert page.see(".book-series") == "Empire , no. 3"
    assert (await reader.get("/books")).see(".card-series") == "Empire, no. 3"


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("min=cheap", "Write prices as numbers"),
        ("min=5&max=x", "Write prices as numbers"),
        ("min=9&max=3", "The lowest price is above the highest."),
        ("min=3&max=9", ""),
        ("min=&max=", ""),
    ],
)
async def test_the_price_filter_says_what_is_wrong_and_keeps_what_was_typed(
    reader: Reader, query: str, sentence: str
) -> None:
    page = await reader.get(f"/?{query}")
    errors = " ".join(page.errors())
    assert sentence in errors
    assert bool(sentence) is bool(errors)
    typed = {
        str(field["name"]): str(field["value"]).removesuffix(".00")
        for field in page.soup.select(".price-range input")
    }
    assert typed == {"min": "", "max": "", **dict(pair.split("=") for pair in query.split("&"))}
