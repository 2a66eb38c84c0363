"""Finding what one means: a hundred queries, typing errors, suggestions."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from bookstore.app import create_app
from bookstore.catalogue import listing, spelling, vocabulary
from bookstore.catalogue.search import Search
from bookstore.catalogue.service import Catalogue
from bookstore.data import mysql, sqlite
from bookstore.data.answer import Answer
from bookstore.data.database import Database
from bookstore.web.shop import Shop
from tests.catalogue import finding_queries
from tests.catalogue.importing.support import load
from tests.conftest import DATA, settings_for
from tests.support.books import add_book
from tests.support.reader import Reader


async def catalogue_of(shop: Shop) -> Catalogue:
    catalogue: Catalogue = shop.extensions["bookstore.catalogue"]
    await catalogue.learner.learn_all()
    return catalogue


def holds(expected: str, found: list[listing.Card]) -> bool:
    """Tell whether title and author of one of the first three have the words asked for."""
    for card in found[:3]:
        said = f"{card.title} {card.author}".lower()
        if expected in said or all(word in said.split() for word in expected.split()):
            return True
    return False


async def missed(catalogue: Catalogue, queries: str) -> list[str]:
    out = []
    for text, expected in finding_queries.pairs(queries):
        found = await catalogue.search(Search(text=text, sort="relevance"))
        if not holds(expected, found.cards):
            first = "; ".join(card.title for card in found.cards[:3])
            out.append(f"{text}: {first or 'nothing'} (meant {found.meant})")
    return out


def test_there_are_a_hundred_queries() -> None:
    both = finding_queries.ENGLISH + finding_queries.OTHERS
    assert len(dict(finding_queries.pairs(both.replace("\n\n", "\n")))) == 100


@pytest.mark.data
@pytest.mark.skipif(not DATA.exists(), reason=f"the data set is not there: {DATA}")
@pytest.mark.timeout(300)
async def test_a_hundred_queries(shop: Shop, tmp_path: Path) -> None:
    database: Database = shop.extensions["bookstore.catalogue"].database
    await load(database, DATA, invent=True)
    await add_others(database)
    catalogue = await catalogue_of(shop)
    english = await missed(catalogue, finding_queries.ENGLISH)
    others = await missed(catalogue, finding_queries.OTHERS)
    print("\n" + "\n".join(english + others))
    assert len(english) + len(others) <= 5


async def add_others(database: Database) -> None:
    for title, author in finding_queries.pairs(finding_queries.BOOKS):
        await add_book(database, title=title, author=author)


async def test_every_script_is_found(shop: Shop) -> None:
    catalogue: Catalogue = shop.extensions["bookstore.catalogue"]
    await add_others(catalogue.database)
    await catalogue_of(shop)
    assert await missed(catalogue, finding_queries.OTHERS) == []
    for one, other in (("हिन्दी", "हिन्दू"), ("हिन्दू", "हिन्दी")):
        found = await catalogue.search(Search(text=one, sort="relevance"))
        assert [card.title.split()[0] for card in found.cards] == [one]
        assert other not in str(found.cards)


SHELF = (
    ("It", "Stephen King"),
    ("Misery", "Stephen King"),
    ("Kings of the North", "Cecilia Holland"),
    ("The Gift of the Magi", "O. Henry"),
    ("Henry and June", "Anaïs Nin"),
    ("Harry Potter and the Chamber of Secrets (Harry Potter, #2)", "J.K. Rowling, Mary GrandPré"),
    ("Emma", "Austen, Jane, 1775-1817"),
    ("To Kill a Mockingbird", "Harper Lee"),
)


async def shelf(shop: Shop) -> Catalogue:
    catalogue: Catalogue = shop.extensions["bookstore.catalogue"]
    for title, author in SHELF:
        await add_book(catalogue.database, title=title, author=author)
    return await catalogue_of(shop)


@pytest.mark.parametrize(
    ("text", "first", "meant"),
    [
        ("king it", "It", None),
        ("stephen king it", "It", None),
        ("king", "Misery", None),  # a whole word goes before one that is only begun
        ("o. henry", "The Gift of the Magi", None),
        ("hary poter", "Harry Potter and the", "harry potter"),
        ("mocking bird", "To Kill a Mockingbird", "mockingbird"),
        ("harrypotter", "Harry Potter and the", "harry potter"),
        ("kign", "Misery", "king"),
        ("jane austen", "Emma", None),
        ("austen jane 1775", "Emma", None),
        ("chmaber of scerets", "Harry Potter and the", "chamber of secrets"),
        ("jk rowlng", "Harry Potter and the", "jk rowling"),
        (
            "hary potter and the chamber of the secrets",
            "Harry Potter and the",
            "harry potter and the chamber of the secrets",
        ),
    ],
)
async def test_what_comes_first(shop: Shop, text: str, first: str, meant: str | None) -> None:
    catalogue = await shelf(shop)
    found = await catalogue.search(Search(text=text, sort="relevance"))
    assert found.cards[0].title.startswith(first)
    assert found.meant == meant


@pytest.mark.parametrize(
    ("text", "statements"),
    [
        ("king", 1),
        ("emma", 2),  # found, but little: are there similar words in more books?
        ("xylographer", 2),  # what else may it be?
        ("hary poter", 3),
        ("chmaber of scerets", 3),
    ],
)
async def test_what_was_meant_takes_few_statements(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, text: str, statements: int
) -> None:
    catalogue = await shelf(shop)
    wish = Search(text=text, sort="relevance")
    expected = await catalogue.search(wish)
    engine = mysql.Connections if catalogue.database.dialect == "mysql" else sqlite.Connections
    run, sent = engine.run, 0
    this = asyncio.current_task()

    async def counted(connections: Any, raw: Any, given: Any) -> list[Answer]:
        nonlocal sent
        sent += asyncio.current_task() is this  # chores look around meanwhile
        return await run(connections, raw, given)

    monkeypatch.setattr(engine, "run", counted)
    assert await catalogue.search(wish) == expected
    assert sent == statements


async def test_more_is_asked_for_only_where_words_are_in_more_books(shop: Shop) -> None:
    database = (await shelf(shop)).database
    await add_book(database, title="Kinng of the Moor", author="Ann")
    for number in range(6):
        await add_book(database, title=f"Kingdom {number}", author="Ann")
    catalogue = await catalogue_of(shop)
    found = await catalogue.search(Search(text="kinng", sort="relevance"))
    assert (found.matches, found.instead) == (1, None)  # seven begin with king, two have it
    for number in range(3):
        await add_book(database, title=f"King {number}", author="Ann")
    await catalogue.learner.learn_all()
    found = await catalogue.search(Search(text="kinng", sort="relevance"))
    assert found.instead == "king"


async def test_a_word_that_a_book_has_is_one_slip_away_from_another(shop: Shop) -> None:
    database = (await shelf(shop)).database
    for title in (*(f"Harpsichord {number}" for number in range(6)), "Harpsicord", "Harpzycord"):
        await add_book(database, title=title, author="Ann")
    catalogue = await catalogue_of(shop)
    for text, instead in (("harpsicord", "harpsichord"), ("harpzycord", None)):
        found = await catalogue.search(Search(text=text, sort="relevance"))
        assert (found.matches, found.instead) == (1, instead)


async def test_rare_words_are_looked_up_first(shop: Shop) -> None:
    database = (await shelf(shop)).database
    wish = Search(text="stephen king mis", sort="relevance")
    for books in ({}, {"king": 1, "stephen": 9}, {"stephen": 1, "king": 9, "mis": 0}):
        found = await listing.page(database, wish, books)
        assert [card.title for card in found.cards] == ["Misery"]


@pytest.mark.parametrize("text", ["xylographer", "qqqq", "12345", "a", "9780141439580", "no such"])
async def test_what_nobody_means_stays_nothing(shop: Shop, text: str) -> None:
    catalogue = await shelf(shop)
    found = await catalogue.search(Search(text=text, sort="relevance"))
    assert found.meant is None
    assert [card for card in found.cards if card.title != "It"] == found.cards


async def test_a_common_word_is_no_slip(shop: Shop) -> None:
    database = (await shelf(shop)).database
    for title, author in (("Tehe", "Ann"), ("What We Are", "Jane Doe"), ("Jane Eyre", "Brontë")):
        await add_book(database, title=title, author=author)
    catalogue = await catalogue_of(shop)
    for text, meant in (
        ("the", None),
        ("thee", "tehe"),
        ("the misrey", "the misery"),
        ("misrey adn", "misery and"),
        ("jane ayre", "jane eyre"),
    ):
        found = await catalogue.search(Search(text=text, sort="relevance"))
        assert found.meant == meant


async def test_words_of_books_that_are_sold_out_are_not_meant(shop: Shop) -> None:
    catalogue = await shelf(shop)
    await catalogue.database.execute("UPDATE books SET on_sale = 0 WHERE title = 'Misery'")
    found = await catalogue.search(Search(text="misrey", sort="relevance"))
    assert (found.cards, found.meant) == ([], None)


async def test_the_page_says_what_it_shows(shop: Shop, reader: Reader) -> None:
    await shelf(shop)
    page = await reader.get("/?q=hary+poter")
    assert "Showing results for “harry potter”." in page.see(".meant")
    instead = page.soup.select_one(".meant a")
    assert instead is not None
    assert instead["href"] == "/?q=hary+poter&exact=1"
    page = await reader.get(str(instead["href"]))
    assert "No book on sale fits “hary poter”." in page.text
    assert page.soup.select(".meant") == []


async def test_little_that_is_found_asks_whether_more_was_meant(shop: Shop, reader: Reader) -> None:
    database = (await shelf(shop)).database
    for number in range(2, 8):
        await add_book(database, title=f"Harry Potter {number}", author="J.K. Rowling")
    await add_book(database, title="Hary Poter's cookery", author="Ann")
    await catalogue_of(shop)
    page = await reader.get("/?q=hary+poter")
    link = page.soup.select_one(".meant a")
    assert link is not None
    assert (link.text, link["href"]) == ("harry potter", "/?q=harry+potter")
    assert "cookery" in page.text
    for text in ("/?q=misery", "/?q=mockingbird", "/?q=hary+poter&exact=1"):
        assert (await reader.get(text)).soup.select(".meant") == []


async def test_suggestions_are_names_and_titles(shop: Shop, reader: Reader) -> None:
    await shelf(shop)

    async def suggested(text: str) -> list[str]:
        page = await reader.get(f"/suggestions?q={text}")
        return [str(option["value"]) for option in page.soup.select("option")]

    assert await suggested("row") == ["J.K. Rowling", "Harry Potter and the Chamber of Secrets"]
    assert await suggested("harry+p") == ["Harry Potter", "Harry Potter and the Chamber of Secrets"]
    assert (await suggested("aust"))[0] == "Austen, Jane"
    assert await suggested("") == []
    assert await suggested("%3Cscript%3E") == []


async def test_a_title_that_changes_is_learned(shop: Shop, reader: Reader) -> None:
    catalogue: Catalogue = shop.extensions["bookstore.catalogue"]
    await reader.register()
    answer = await reader.submit(
        "/sell", title="Emmma", author="Ann", price="5", condition="good", category="fiction"
    )
    await catalogue.learner.learn_all()
    path = f"/my/books/{str(answer.location).rpartition('/')[2]}"
    assert (await reader.submit(path, title="Walden")).status == 303
    found = await catalogue.search(Search(text="waldn", sort="relevance"))
    assert found.meant == "walden"


@pytest.mark.parametrize(
    ("typed", "nearer", "farther"),
    [
        ("hobit", "hobbit", "habit"),
        ("suess", "seuss", "guess"),
        ("cohelo", "coelho", "castle"),
        ("cat", "cat", "cut"),
        ("abcd", "abce", "abcdefgh"),
    ],
)
def test_likely_errors_cost_less(typed: str, nearer: str, farther: str) -> None:
    assert spelling.distance(typed, nearer, 2) < spelling.distance(typed, farther, 2)
    assert spelling.distance(typed, typed, 2) == 0


def test_two_words_with_an_error_share_a_stub() -> None:
    for typed, word in (("hary", "harry"), ("suess", "seuss"), ("dostoevsky", "dostoyevsky")):
        assert vocabulary.stubs(typed, 1) & vocabulary.stubs(word, 1)


@pytest.mark.parametrize(
    "text", ["king", "kin", "it", "i", "stephen king it", "emma 9", "9780141439587", "?", "misrey"]
)
async def test_what_is_found_is_told_without_reading_it(shop: Shop, text: str) -> None:
    database = (await shelf(shop)).database
    for wish in (Search(text=text), Search(text=text, categories=("poetry",))):
        matches = (await listing.page(database, wish)).matches or 0
        told = [await listing.finds(database, wish, at_least=many) for many in range(1, 6)]
        assert told == [many <= matches for many in range(1, 6)]


async def test_a_search_that_found_nothing_is_asked_anew_when_words_were_learned(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The words of new books are learned a while after they are put on sale, by any replica."""
    monkeypatch.setattr(vocabulary, "LEARN_SECONDS", 3600.0)  # the test says when
    app = create_app(settings_for(database_url, tmp_path, page_cache_mb=8))
    async with app.test_app():
        reader = Reader(app)
        catalogue: Catalogue = app.extensions["bookstore.catalogue"]
        await add_book(catalogue.database, title="The Hobbit", author="J. R. R. Tolkien")
        assert "No book on sale fits" in (await reader.get("/?q=tolkein")).text
        await vocabulary.Learner(catalogue.database).learn_all()
        assert "No book on sale fits" in (await reader.get("/?q=tolkein")).text, "it is kept"
        await catalogue.learn()
        assert "Showing results for “tolkien”" in (await reader.get("/?q=tolkein")).text
