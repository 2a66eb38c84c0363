"""Kept pages are never out of date for long, and never somebody else's."""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from bookstore.app import create_app
from bookstore.catalogue.changes import Changes
from bookstore.catalogue.service import Catalogue
from bookstore.clock import SECOND, now
from bookstore.contracts import HoldLine
from bookstore.data.database import Database
from bookstore.web.shop import Shop
from tests.conftest import settings_for
from tests.support.books import add_book
from tests.support.reader import Reader


@pytest.fixture
async def replicas(database_url: str, tmp_path: Path) -> AsyncIterator[tuple[Shop, Shop]]:
    """Two replicas of the shop on one database, each with its own page cache."""
    apps = [create_app(settings_for(database_url, tmp_path, page_cache_mb=8)) for _each in "ab"]
    async with apps[0].test_app(), apps[1].test_app():
        yield apps[0], apps[1]


def catalogue_of(app: Shop) -> Catalogue:
    catalogue: Catalogue = app.extensions["bookstore.catalogue"]
    return catalogue


async def soon[T](ask: Callable[[], Awaitable[T]], wanted: T) -> None:
    """Wait for an answer; it comes within a second where the machine has nothing else to do."""
    deadline = time.monotonic() + 20
    while (answer := await ask()) != wanted:
        assert time.monotonic() < deadline, answer
        await asyncio.sleep(0.1)


async def test_a_sale_shows_at_once_here_and_soon_elsewhere(
    replicas: tuple[Shop, Shop], database: Database
) -> None:
    book = await add_book(database, title="A book in two copies", copies=3)
    here, elsewhere = (Reader(app) for app in replicas)
    for reader in (here, elsewhere):
        assert "3 copies left" in (await reader.get(f"/books/{book}")).text
    await catalogue_of(replicas[0]).holds.hold("order 1", [HoldLine(book, 1)], now() + 60_000)
    assert "2 copies left" in (await here.get(f"/books/{book}")).text

    async def shown_elsewhere() -> bool:
        return "2 copies left" in (await elsewhere.get(f"/books/{book}")).text

    await soon(shown_elsewhere, True)


class Listening:
    """A replica that hears of changes when it is told to, by a clock of its own."""

    def __init__(self, database: Database) -> None:
        self.now = 1_000_000
        self.told: list[str] = []
        self.read = 0
        self._database = database
        self.changes = Changes(self, lambda: self.now)  # type: ignore[arg-type]
        self.changes.tell = lambda *tags: self.told.extend(tags)

    async def all(self, *query: Any) -> list[Any]:
        rows = await self._database.all(*query)
        self.read += len(rows)
        return rows

    async def hear(self) -> list[str]:
        """Return what the replica is told at this moment."""
        self.told.clear()
        self.now += SECOND // 2
        await self.changes.poll()
        return sorted(self.told)


async def change(database: Database, *numbers: int) -> None:
    """Have changes with these numbers become visible, each of the book of that number."""
    for number in numbers:
        await database.execute(
            "INSERT INTO book_changes (id, book_id, isbn13, listed, changed_at)"
            " VALUES (:id, :id, NULL, 0, 1000000)",
            {"id": number},
        )


async def test_a_change_is_read_once_while_no_number_is_missing(database: Database) -> None:
    replica = Listening(database)
    await change(database, 1, 2, 3)
    assert await replica.hear() == ["book 1", "book 2", "book 3"]
    await change(database, 4)
    assert [await replica.hear() for _each in range(3)] == [["book 4"], [], []]
    assert replica.read == 4


async def test_a_number_that_turns_up_late_is_heard_of_once(database: Database) -> None:
    replica = Listening(database)
    await change(database, 1, 3, 5)
    assert await replica.hear() == ["book 1", "book 3", "book 5"]
    await change(database, 4)
    assert await replica.hear() == ["book 4"]
    await change(database, 2, 6)
    assert [await replica.hear() for _each in range(2)] == [["book 2", "book 6"], []]


async def test_a_number_that_never_turns_up_is_waited_for_ten_seconds(database: Database) -> None:
    replica = Listening(database)
    await change(database, 2, 3)
    heard = [await replica.hear() for _each in range(22)]
    assert heard == [["book 2", "book 3"], *([[]] * 21)]
    replica.read = 0
    await change(database, 4)
    assert [await replica.hear() for _each in range(2)] == [["book 4"], []]
    assert replica.read == 1


async def test_the_last_copy_leaves_the_listings_and_comes_back(
    replicas: tuple[Shop, Shop], database: Database
) -> None:
    book = await add_book(database, title="The only copy", copies=1)
    readers = [Reader(app) for app in replicas]
    holds = catalogue_of(replicas[0]).holds

    async def shown() -> list[bool]:
        return ["The only copy" in (await reader.get("/books")).text for reader in readers]

    await soon(shown, [True, True])
    await holds.hold("order 1", [HoldLine(book, 1)], now() + 60_000)
    await soon(shown, [False, False])
    await holds.release("order 1")
    await soon(shown, [True, True])


async def test_a_book_published_here_is_in_the_listing_at_once(
    replicas: tuple[Shop, Shop],
) -> None:
    reader = await Reader(replicas[0]).register()
    assert "Fresh from the attic" not in (await reader.get("/books")).text
    answer = await reader.submit(
        "/sell", title="Fresh from the attic", author="Ana", price="5.00", copies="1",
        condition="good", category="fiction", language="en",
    )  # fmt: skip
    assert answer.status == 303, answer.errors()
    assert "Fresh from the attic" in (await reader.get("/books")).text


TOKEN = re.compile(r'name="csrf_token" value="([0-9a-f]+)"')
cookies = st.one_of(
    st.text(max_size=60),
    st.from_regex(r"[vs][A-Za-z0-9_-]{43}", fullmatch=True),
)


@hypothesis_settings(
    max_examples=30, deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip
@given(
    cookie=cookies,
    headers=st.dictionaries(
        st.sampled_from(["Accept-Language", "HX-Request", "Accept-Encoding", "X-Forwarded-For",
                         "Authorization", "If-None-Match", "X-CSRF-Token"]),
        st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=30),
        max_size=4,
    ),
)  # fmt: skip
def test_nobody_is_sent_what_belongs_to_another(
    sqlite_url: str, tmp_path: Path, cookie: str, headers: dict[str, str]
) -> None:
    """Whatever a stranger's cookie and headers are, the page holds nothing of the person who had
    it made: not their token, not their keys, not their name."""

    async def scenario() -> None:
        app = create_app(settings_for(sqlite_url, tmp_path, page_cache_mb=8))
        async with app.test_app():
            books = catalogue_of(app).database
            book = await add_book(books, copies=3)
            victim = await Reader(app).register("Victim of the test")
            theirs = (await victim.get(f"/books/{book}")).text
            stranger = app.test_client()
            encoded = {**headers, "Accept-Encoding": "identity"}
            encoded["Cookie"] = "session=" + cookie.encode("ascii", "ignore").decode().translate(
                dict.fromkeys(range(32))
            )
            response = await stranger.get(f"/books/{book}", headers=encoded)
            text = await response.get_data(as_text=True)
            secrets = set(TOKEN.findall(theirs)) | set(
                re.findall(r'idempotency_key" value="([^"]+)"', theirs)
            )
            assert secrets
            assert not any(secret in text for secret in secrets)
            assert "Victim of the test" not in text
            given = response.headers.get("Set-Cookie", "")
            mine = [cookie.value or "" for cookie in victim._client.cookie_jar]
            tokens = [value for value in mine if len(value) > 40]  # the basket's hint is just a 1
            assert tokens
            assert not any(token in given for token in tokens)

    asyncio.run(scenario())
