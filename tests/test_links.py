"""The contract between contexts holds for direct calls and for signed HTTP alike."""

import json
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest

from bookstore.app import create_app, derived_key
from bookstore.catalogue.service import Catalogue
from bookstore.clock import SECOND, now
from bookstore.contracts import CatalogueLink, HoldLine, HoldRefused, SiblingUnavailable
from bookstore.data.database import Database
from bookstore.links import DirectCatalogue, HttpCatalogue, HttpSessions
from bookstore.siblings import Sibling
from bookstore.web.signing import Refused, Signer
from tests.conftest import SECRET, settings_for
from tests.support.books import add_book
from tests.support.server import Server, serving

SOON = 15 * 60 * 1000


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    return sqlite_url


@pytest.fixture
def service(database_url: str, tmp_path: Path) -> Iterator[Server]:
    """Accounts and catalogue as a service for orders."""
    with serving(
        database_url, tmp_path, contexts="accounts,catalogue", orders_origin="http://127.0.0.1:9"
    ) as server:
        yield server


@pytest.fixture
def signer() -> Signer:
    return Signer(derived_key(SECRET, "internal calls"))


@pytest.fixture(params=["direct", "http"])
async def catalogue(
    request: pytest.FixtureRequest, database_url: str, tmp_path: Path
) -> AsyncIterator[CatalogueLink]:
    """The catalogue by each kind of link."""
    if request.param == "direct":
        app = create_app(settings_for(database_url, tmp_path))
        async with app.test_app():
            service: Catalogue = app.extensions["bookstore.catalogue"]
            yield DirectCatalogue(service)
        return
    server: Server = request.getfixturevalue("service")
    sibling = Sibling("catalogue", server.origin, request.getfixturevalue("signer"))
    yield HttpCatalogue(sibling)
    await sibling.close()


async def test_quotes_tell_the_terms_of_the_books_that_exist(
    catalogue: CatalogueLink, database: Database
) -> None:
    book = await add_book(database, title="Níebla", price=950, copies=3)
    quotes = await catalogue.quotes([book, 999_999])
    assert list(quotes) == [book]
    assert (quotes[book].title, quotes[book].price, quotes[book].stock) == ("Níebla", 950, 3)


async def test_a_hold_is_all_or_none(catalogue: CatalogueLink, database: Database) -> None:
    many = await add_book(database, copies=5)
    few = await add_book(database, copies=1)
    with pytest.raises(HoldRefused) as refusal:
        await catalogue.hold("one", [HoldLine(many, 1), HoldLine(few, 2)], now() + SOON)
    assert refusal.value.left == {few: 1}
    assert (await catalogue.quotes([many]))[many].stock == 5


async def test_every_call_may_be_repeated(catalogue: CatalogueLink, database: Database) -> None:
    book = await add_book(database, copies=5)
    lines = [HoldLine(book, 2)]
    for _again in range(2):
        await catalogue.hold("two", lines, now() + SOON)
    assert (await catalogue.quotes([book]))[book].stock == 3
    assert [await catalogue.confirm("two"), await catalogue.confirm("two")] == [True, True]
    for _again in range(2):
        await catalogue.release("two")
    assert (await catalogue.quotes([book]))[book].stock == 5
    assert await catalogue.confirm("two") is False


# Bad calls


@pytest.mark.parametrize("path", ["/internal/catalogue/quotes", "/internal/accounts/person_of"])
def test_unsigned_calls_are_refused_and_written_down(service: Server, path: str) -> None:
    answer = httpx.post(service.origin + path, json={"book_ids": [1], "token": "s"})
    assert answer.status_code == 401
    assert "internal_call_refused" in service.log.read_text()


def test_a_replayed_call_is_refused(service: Server, signer: Signer) -> None:
    body = json.dumps({"book_ids": [1]}).encode()
    headers = signer.headers("POST", "/internal/catalogue/quotes", body)
    url = f"{service.origin}/internal/catalogue/quotes"
    answers = [httpx.post(url, content=body, headers=headers).status_code for _each in range(2)]
    assert answers == [200, 409]


def test_an_oversized_call_is_refused(service: Server, signer: Signer) -> None:
    body = b"[" + b"1," * 40_000 + b"1]"
    headers = signer.headers("POST", "/internal/catalogue/quotes", body)
    url = f"{service.origin}/internal/catalogue/quotes"
    assert httpx.post(url, content=body, headers=headers).status_code == 413


def test_a_stale_signature_is_refused(signer: Signer) -> None:
    headers = signer.headers("POST", "/p", b"")
    later = Signer(derived_key(SECRET, "internal calls"), lambda: now() + 31 * SECOND)
    with pytest.raises(Refused, match="older than 30 seconds"):
        later.check("POST", "/p", headers, b"")


@pytest.mark.parametrize(
    ("method", "path", "body"), [("GET", "/p", b"b"), ("POST", "/q", b"b"), ("POST", "/p", b"c")]
)
def test_a_signature_is_for_one_call_alone(
    signer: Signer, method: str, path: str, body: bytes
) -> None:
    headers = signer.headers("POST", "/p", b"b")
    with pytest.raises(Refused, match="not signed"):
        signer.check(method, path, headers, body)


# A sibling that is away


async def test_a_sibling_that_is_away_is_given_up_within_two_seconds(signer: Signer) -> None:
    sibling = Sibling("accounts", "http://127.0.0.1:9", signer)
    started = time.monotonic()
    with pytest.raises(SiblingUnavailable):
        await HttpSessions(sibling).person_of("s" + "x" * 43, fresh=True)
    assert time.monotonic() - started < 2.5
    await sibling.close()


async def test_a_sibling_that_stays_away_is_not_asked_each_time(signer: Signer) -> None:
    sibling = Sibling("accounts", "http://127.0.0.1:9", signer)
    sessions = HttpSessions(sibling)
    for _attempt in range(4):
        with pytest.raises(SiblingUnavailable):
            await sessions.person_of("s" + "x" * 43, fresh=True)
    started = time.monotonic()
    with pytest.raises(SiblingUnavailable):
        await sessions.person_of("s" + "x" * 43, fresh=True)
    assert time.monotonic() - started < 0.05
    await sibling.close()


@pytest.mark.parametrize("about", ["", "?lang=es", "?" + "z" * 1100])
@pytest.mark.parametrize("person", ["", "; person=7", "; person=8"])
async def test_a_book_is_shown_without_accounts(
    sqlite_url: str, tmp_path: Path, about: str, person: str
) -> None:
    """Only whose cookie says that the book is their own are asked who they are."""
    asked: list[str] = []

    async def away(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.path)
        raise httpx.ConnectError("nobody is there")

    app = create_app(
        settings_for(
            sqlite_url, tmp_path, page_cache_mb=8, contexts="catalogue",
            accounts_origin="http://127.0.0.1:9", orders_origin="http://127.0.0.1:9",
        ),
        transport=httpx.MockTransport(away),
    )  # fmt: skip
    async with app.test_app():
        book = await add_book(app.extensions["bookstore.catalogue"].database, seller_id=7)
        client = app.test_client(use_cookies=False)
        cookie = f"session=s{'a' * 43}{person}"
        answer = await client.get(f"/books/{book}{about}", headers={"cookie": cookie})
        assert answer.status_code == 200
        assert "Retry-After" not in answer.headers
        assert bool(asked) is (person == "; person=7")
