"""Whatever came before, a shop that keeps pages answers as its twin does that keeps none."""

import asyncio
import re
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from bookstore.app import create_app
from tests.conftest import settings_for
from tests.support.asgi import Answer, Headers, ask
from tests.support.books import add_book

VISITOR, OTHER, SIGNED_IN = "v" + "a" * 43, "v" + "b" * 43, "s" + "c" * 43

type Asked = tuple[str, str, Headers]  # method, path with its query, headers


class Twins:
    """Two shops on the same books; one has a page cache, the other none."""

    def __init__(self, url: str, media: Path) -> None:
        self.loop = asyncio.new_event_loop()
        self.shops = [create_app(settings_for(url, media, page_cache_mb=size)) for size in (8, 0)]
        self.stack = AsyncExitStack()
        for shop in self.shops:
            self.loop.run_until_complete(self.stack.enter_async_context(shop.test_app()))  # type: ignore[arg-type]  # Quart types it without its methods
        self.loop.run_until_complete(self._fill())

    async def _fill(self) -> None:
        database = self.shops[0].extensions["bookstore.databases"]["catalogue"]
        for seller in (1, 2):
            for title in ("Orlando", "The Waves", "Cien años"):
                await add_book(database, title=title, seller_id=seller, category="classics")

    def compare(self, requests: list[Asked]) -> None:
        """Send each request to both, one after another, the cache empty at first."""
        self.shops[0].extensions["bookstore.versions"].everything_changed()
        for method, path, headers in requests:
            kept, made = [
                self.loop.run_until_complete(ask(shop, path, headers, method=method))
                for shop in self.shops
            ]
            assert _seen(kept) == _seen(made), (method, path, headers)

    def close(self) -> None:
        self.loop.run_until_complete(self.stack.aclose())
        self.loop.close()


def _seen(answer: Answer) -> tuple[int, list[tuple[str, str]], str]:
    """Return an answer without what is new each time: ids, tokens, keys, and how many bytes
    compressing took."""
    new = {"x-request-id", "content-length"}
    headers = sorted(
        (name, value.partition("=")[0] if name == "set-cookie" else value)
        for name, value in answer.headers
        if name not in new
    )
    text = re.sub(r'(name="(?:csrf_token|idempotency_key)" value=")[^"]+', r"\1", answer.text)
    return answer.status, headers, text


@pytest.fixture(scope="module")
def twins(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Twins]:
    folder = tmp_path_factory.mktemp("twins")
    (folder / "shop.db").write_bytes(sqlite_template.read_bytes())
    twins = Twins(f"sqlite:///{folder}/shop.db", folder)
    yield twins
    twins.close()


_headers = st.lists(
    st.one_of(
        st.tuples(st.just("HX-Request"), st.sampled_from(["true", "x", "True", "", "false"])),
        st.tuples(st.just("HX-Request-Type"), st.sampled_from(["full", "partial", "Full"])),
        st.tuples(st.just("HX-History-Restore-Request"), st.sampled_from(["true", "false"])),
        st.tuples(
            st.just("Cookie"),
            st.lists(
                st.sampled_from(
                    [
                        f"session={VISITOR}", f"session={OTHER}", f"session={SIGNED_IN}",
                        "session=1", "lang=es", "lang=en", "lang=xx", "basket=1", "x", "",
                    ]
                ),
                max_size=3,
            ).map("; ".join),
        ),
        st.tuples(st.just("Accept-Language"), st.sampled_from(["es", "en", "es;q=0.1,en", "*"])),
        st.tuples(st.just("Accept-Encoding"), st.sampled_from(["gzip", "gzip;q=0", "br, gzip"])),
        st.tuples(st.just("If-None-Match"), st.sampled_from(["*", '"x"', 'W/"x", "y"'])),
        st.tuples(st.just("Range"), st.sampled_from(["bytes=-5", "bytes=3-9", "items=1-2"])),
        st.tuples(st.just("Host"), st.sampled_from(["localhost", "evil.example"])),
        st.tuples(st.just("Referer"), st.sampled_from(["http://[x", "http://localhost/"])),
        st.tuples(st.just("X-Forwarded-Proto"), st.just("https")),
    ),
    max_size=5,
)  # fmt: skip
_pairs = st.tuples(
    st.sampled_from(["q", "q", "seller", "sort", "category", "after", "v", "lang", "min", ""]),
    st.sampled_from(["", "orlando", "1", "2", "price-up", "classics", "%ff", "%fe", "%C3%B1", "+"]),
).map("=".join)
_queries = st.lists(_pairs | st.sampled_from(["q", "&", "seller"]), max_size=3).map("&".join)
_paths = st.sampled_from(
    [
        "/", "/", "/books/1", "/books/2", "/books/01", "/books/99", "/books/x", "/static/app.css",
        "/static/x/../app.css", "/static//app.css", "/static/none.css", "/covers/none.webp",
    ]
)  # fmt: skip
_requests = st.tuples(
    st.sampled_from(["GET", "GET", "HEAD"]),
    st.tuples(_paths, _queries).map(lambda parts: "?".join(filter(None, parts))),
    _headers,
)


@settings(max_examples=150, deadline=None, derandomize=True,
          suppress_health_check=[HealthCheck.function_scoped_fixture])  # fmt: skip
@given(requests=st.lists(_requests, min_size=2, max_size=8))
@example([("GET", "/", [("HX-Request", "true"), ("HX-Request", "x")]), ("GET", "/", [])])
@example(
    [
        ("GET", "/", [("HX-Request", "x"), ("HX-Request", "true")]),
        ("GET", "/", [("HX-Request", "true")]),
    ]
)
@example(
    [
        (
            "GET",
            "/",
            [("HX-Request", "true"), ("HX-Request-Type", "full"), ("HX-Request-Type", "partial")],
        ),
        ("GET", "/", [("HX-Request", "true")]),
    ]
)
@example(
    [
        ("GET", "/", [("Cookie", f"session={SIGNED_IN}"), ("Cookie", f"session={VISITOR}")]),
        ("GET", "/", []),
    ]
)
@example([("GET", "/?q=&q=waves", []), ("GET", "/?q=waves", [])])
@example(
    [
        ("GET", "/?seller=2", [("HX-Request", "true")]),
        ("GET", "/?seller=2&q=", [("HX-Request", "true")]),
    ]
)
@example([("GET", "/?q=%ff", []), ("GET", "/?q=%fe", [])])
def test_a_shop_with_a_cache_answers_as_one_without(twins: Twins, requests: list[Asked]) -> None:
    twins.compare(requests)
