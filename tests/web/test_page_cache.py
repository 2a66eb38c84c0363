"""The page cache in front of a small application that counts how often it is asked."""

import asyncio
import gzip
import re
from pathlib import Path
from typing import Any

import brotli
import pytest
import zstandard

from bookstore.web.cache.page_cache import PageCache
from bookstore.web.cache.versions import Versions
from bookstore.web.placeholders import CSRF_MARK, FLAG, KEY_MARK
from bookstore.web.templating import STATIC_DIR
from tests.conftest import settings_for

KEY = b"the key of the tests"
VISITOR = "v" + "a" * 43
OTHER = "v" + "b" * 43
SIGNED_IN = "s" + "c" * 43


class Answer:
    def __init__(self, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
        self.status = status
        self.headers = {name.decode().lower(): value.decode() for name, value in headers}
        self.body = body

    @property
    def text(self) -> str:
        decode = {"gzip": gzip.decompress, "br": brotli.decompress, "zstd": zstandard.decompress}
        raw = decode.get(self.headers.get("content-encoding", ""), bytes)(self.body)
        return str(raw, "utf-8")


class Site:
    """An application behind the cache. It answers with what it was asked, and how often."""

    def __init__(self, tmp_path: Path, *, budget: int = 1_000_000) -> None:
        self.asked = 0
        self.tag = b"catalogue"
        self.status = 200
        self.text = "page " * 200
        self.delay = 0.0
        self.extra: list[tuple[bytes, bytes]] = []
        self.versions = Versions()
        settings = settings_for(f"sqlite:///{tmp_path}/none.db", tmp_path)
        self.cache = PageCache(self._answer, settings, KEY, self.versions, budget=budget)

    async def _answer(self, scope: Any, receive: Any, send: Any) -> None:
        self.asked += 1
        number = self.asked
        await asyncio.sleep(self.delay)
        marks = f"{CSRF_MARK} {KEY_MARK} {KEY_MARK}" if "form" in self.text else ""
        text = f"{number} {scope['path']} {scope.get(FLAG)} {self.text} {marks}"
        headers = [
            (b"content-type", b"text/html; charset=utf-8"),
            (b"x-page-cache", self.tag),
            (b"x-request-id", b"first-request"),
            *self.extra,
        ]
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        await send({"type": "http.response.body", "body": text.encode(), "more_body": False})

    async def get(
        self, path: str = "/", *, method: str = "GET", session: str = "", **headers: str
    ) -> Answer:
        """Ask as a browser asks."""
        path, _, query = path.partition("?")
        given = [(name.lower().replace("_", "-").encode(), value.encode())
                 for name, value in {"host": "localhost", **headers}.items()]  # fmt: skip
        if session:
            given.append((b"cookie", f"session={session}".encode()))
        scope = {
            "type": "http", "method": method, "path": path, "query_string": query.encode(),
            "headers": given,
        }  # fmt: skip
        sent: list[dict[str, Any]] = []

        async def send(message: Any) -> None:
            sent.append(message)

        async def receive() -> Any:
            return {"type": "http.request", "body": b"", "more_body": False}

        await self.cache(scope, receive, send)
        body = b"".join(message.get("body", b"") for message in sent[1:])
        return Answer(sent[0]["status"], list(sent[0]["headers"]), body)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


async def test_the_same_page_is_made_once(site: Site) -> None:
    pages = [await site.get("/?q=a&sort=price") for _each in range(4)]
    assert site.asked == 1
    assert len({page.text for page in pages}) == 1
    assert len({page.headers["x-request-id"] for page in pages}) == 4


@pytest.mark.parametrize(
    "other",
    [
        {"path": "/?q=b"},
        {"accept_language": "es"},
        {"hx_request": "true"},
        {"session": SIGNED_IN},
        {"host": "books.example"},
        {"cookie": "lang=es"},
    ],
    ids=lambda other: next(iter(other)),
)
async def test_what_a_page_depends_on_makes_another_page(site: Site, other: dict[str, str]) -> None:
    await site.get()
    await site.get(other.pop("path", "/"), **other)
    assert site.asked == 2


async def test_a_change_makes_pages_of_its_tag_anew(site: Site) -> None:
    await site.get("/")
    site.tag = b"book 12"
    await site.get("/books/12")
    site.versions.changed("book 12")
    await site.get("/")
    assert site.asked == 2
    await site.get("/books/12")
    assert site.asked == 3


async def test_a_page_that_was_begun_before_a_change_is_not_kept_after_it(site: Site) -> None:
    site.delay = 0.05
    first = asyncio.ensure_future(site.get("/"))
    await asyncio.sleep(0.01)
    site.versions.changed("catalogue")
    await first
    await site.get("/")
    assert site.asked == 2


async def test_many_at_once_wait_for_one(site: Site) -> None:
    site.delay = 0.05
    pages = await asyncio.gather(*(site.get("/") for _each in range(20)))
    assert site.asked == 1
    assert len({page.text for page in pages}) == 1


@pytest.mark.parametrize("status", [404, 500, 503])
async def test_errors_are_not_kept(site: Site, status: int) -> None:
    site.status = status
    assert [(await site.get("/")).status for _each in range(2)] == [status] * 2
    assert site.asked == 2


async def test_pages_that_set_a_cookie_are_not_kept(site: Site) -> None:
    site.extra = [(b"set-cookie", b"lang=es")]
    assert "lang=es" in (await site.get("/")).headers["set-cookie"]
    await site.get("/")
    assert site.asked == 2


async def test_pages_that_nobody_offers_are_not_kept(site: Site) -> None:
    site.tag = b""
    await site.get("/")
    await site.get("/")
    assert site.asked == 2


@pytest.mark.parametrize(
    ("accepted", "chosen"),
    [
        ("gzip, deflate, br, zstd", "zstd"),
        ("gzip, br", "br"),
        ("gzip", "gzip"),
        ("", None),
        ("gzip;q=0", None),
        ("br;q=0.9, gzip;q=0.8", "br"),
        ("gzip;q=0.0", None),
        ("gzip;q=0.000, br;q=0.0", None),
        ("br;q=0.1, gzip", "gzip"),
        ("GZIP", "gzip"),
        ("*", "zstd"),
        ("*;q=0", None),
        ("zstd;q=0, *", "br"),
        ("identity, gzip;q=0.5", None),
        ("gzip;q=0.5, identity;q=0.2", "gzip"),
        ("deflate", None),
        ("gzip;q=x", None),
    ],
)
async def test_encodings(site: Site, accepted: str, chosen: str | None) -> None:
    for _cold_then_warm in range(2):
        page = await site.get("/", accept_encoding=accepted)
        assert page.headers.get("content-encoding") == chosen
        assert "page page" in page.text
        assert int(page.headers["content-length"]) == len(page.body)


@pytest.mark.parametrize("encoding", ["zstd", "br", "gzip"])
async def test_the_first_to_ask_for_a_file_gets_it_as_small_as_everybody(
    site: Site, encoding: str
) -> None:
    site.text = (STATIC_DIR / "app.css").read_text().replace("form", "")
    page = await site.get("/", accept_encoding=encoding)
    sizes = [
        len((await site.get("/static/app.css", accept_encoding=encoding)).body) for _time in "ab"
    ]
    assert sizes[0] == sizes[1]
    assert sizes[0] < len(page.body) * 0.9


@pytest.mark.parametrize(
    ("condition", "status"),
    [
        ("{etag}", 304),
        ('"another", {etag}', 304),
        ('{etag},"another"', 304),
        ("*", 304),
        ('"another"', 200),
        ("", 200),
        ("nonsense", 200),
    ],
)
async def test_conditions(site: Site, condition: str, status: int) -> None:
    etag = (await site.get("/")).headers["etag"]
    page = await site.get("/", if_none_match=condition.format(etag=etag))
    assert page.status == status
    assert (page.body == b"") == (status == 304)


@pytest.mark.parametrize(
    ("wanted", "status", "part"),
    [
        ("bytes=0-3", 206, "bytes 0-3/{length}"),
        ("bytes=-5", 206, "bytes {last}-{end}/{length}"),
        ("bytes=4-", 206, "bytes 4-{end}/{length}"),
        ("bytes=-99999", 206, "bytes 0-{end}/{length}"),
        ("bytes=5-99999999999999999999", 206, "bytes 5-{end}/{length}"),
        ("bytes=99999-", 416, "bytes */{length}"),
        ("bytes=0-1,4-5", 200, None),
        ("seconds=1-2", 200, None),
        ("bytes=3-1", 200, None),
        ("bytes=²-", 200, None),
        ("bytes", 200, None),
        ("", 200, None),
    ],
)
async def test_parts_of_a_file(site: Site, wanted: str, status: int, part: str | None) -> None:
    whole = (await site.get("/static/a.css")).body
    answer = await site.get("/static/a.css", range=wanted, accept_encoding="gzip")
    length = len(whole)
    expected = part and part.format(length=length, end=length - 1, last=length - 5)
    assert (answer.status, answer.headers.get("content-range")) == (status, expected)
    if status == 206:
        start, end = map(int, answer.headers["content-range"][6:].partition("/")[0].split("-"))
        assert answer.body == whole[start : end + 1]
    assert site.asked == 1


async def test_a_part_of_what_may_have_changed_is_the_whole(site: Site) -> None:
    etag = (await site.get("/static/a.css")).headers["etag"]
    assert (await site.get("/static/a.css", range="bytes=0-3", if_range=etag)).status == 200


@pytest.mark.parametrize("path", ["/static/x/../a.css", "/static//a.css", "/static/./a.css"])
async def test_a_file_is_kept_under_one_path(site: Site, path: str) -> None:
    await site.get("/static/a.css")
    for number in range(20):
        await site.get(f"{path}?{number}", method="HEAD")
    for number in range(20):
        await site.get(f"/static/a.css?{number}", method="HEAD")
    assert len(site.cache.entries) == 1


async def test_a_page_that_is_known_is_not_sent_again(site: Site) -> None:
    etag = (await site.get("/")).headers["etag"]
    again = await site.get("/", if_none_match=etag)
    assert (again.status, again.body) == (304, b"")
    site.versions.changed("catalogue")
    assert (await site.get("/", if_none_match=etag)).status == 200


async def test_head_has_the_headers_alone(site: Site) -> None:
    page = await site.get("/", method="HEAD")
    assert page.body == b""
    assert int(page.headers["content-length"]) > 0


async def test_each_visitor_gets_a_token_and_keys_of_their_own(site: Site) -> None:
    site.text = "form " * 200
    texts = [
        (await site.get("/books/1", session=session, accept_encoding=encoding)).text
        for session in (VISITOR, OTHER)
        for encoding in ("", "gzip", "br", "zstd")
    ]
    assert site.asked == 1
    tokens = [re.findall(r"\b[0-9a-f]{80}\b", text) for text in texts]
    assert all(len(found) == 1 for found in tokens)
    keys = [key for text in texts for key in re.findall(r" ([\w-]{22})(?= |$)", text)]
    assert len(keys) == len(set(keys)) == 16
    assert not any("mark-" in text for text in texts)


async def test_a_new_visitor_gets_a_cookie_with_the_form(site: Site) -> None:
    site.text = "form " * 200
    first, second = [await site.get("/books/1") for _each in range(2)]
    assert first.headers["set-cookie"].startswith("session=v")
    assert first.headers["set-cookie"] != second.headers["set-cookie"]
    assert "etag" not in first.headers
    assert "set-cookie" not in (await site.get("/books/1", session=VISITOR)).headers


async def test_memory_is_bounded(tmp_path: Path) -> None:
    site = Site(tmp_path, budget=20_000)
    for number in range(200):
        await site.get(f"/?q={number}")
    assert site.cache.entries.bytes <= 20_000
    assert len(site.cache.entries) < 12
    await site.get("/?q=199")
    assert site.asked == 200
    assert site.cache.entries.bytes == site.cache.entries.counted()


@pytest.mark.parametrize(
    "spelled",
    ["/static/a.css?n=1", "/static/a.css?m=2&n", "/static/./a.css", "/static/b/../a.css?n=3",
     "/static//a.css", "/static/../static/a.css"],
)  # fmt: skip
async def test_a_file_is_kept_once_however_it_is_spelled(site: Site, spelled: str) -> None:
    plain = await site.get("/static/a.css")
    assert (await site.get(spelled)).text == plain.text
    assert site.asked == 1


async def test_a_lasting_address_is_told_from_a_plain_one(site: Site) -> None:
    await site.get("/static/a.css?v=1")
    await site.get("/static/a.css?v=2")
    assert site.asked == 1
    await site.get("/static/a.css")
    assert site.asked == 2


async def test_a_path_that_leaves_the_files_is_no_file(site: Site) -> None:
    answers = [await site.get("/static/../account") for _each in range(2)]
    assert site.asked == 2
    assert "/static/../account" in answers[0].text


async def test_what_a_stranger_chooses_counts_in_the_budget(tmp_path: Path) -> None:
    site = Site(tmp_path, budget=1_000_000)
    short = await site.get("/?q=1")
    of_short = site.cache.entries.bytes
    await site.get("/?q=" + "1" * 900)
    assert len(short.body) > 0
    assert site.cache.entries.bytes - of_short >= of_short + 890


@pytest.mark.parametrize(
    ("method", "path"), [("POST", "/"), ("GET", "/orders"), ("GET", "/?lang=es")]
)
async def test_other_requests_pass_by(site: Site, method: str, path: str) -> None:
    await site.get(path, method=method)
    await site.get(path, method=method)
    assert site.asked == 2


async def test_who_owns_what_a_page_shows_is_answered_by_the_handler(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.extra = [(b"x-page-owner", b"12")]
    owner, other = f"session={SIGNED_IN}; person=12", f"session={SIGNED_IN}; person=1"
    assert "True" in (await site.get("/books/7", cookie=other)).text
    assert site.asked == 1
    answer = await site.get("/books/7", cookie=owner)
    assert "None" in answer.text  # not rendered for everybody
    assert site.asked == 2
    kept = await site.get("/books/7", cookie=other)
    assert site.asked == 2
    assert "x-page-owner" not in kept.headers
    assert "1 /books/7 True" in kept.text
