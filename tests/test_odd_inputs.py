"""Every route with inputs that no browser sends: whoever is wrong is told so, never with 500."""

import asyncio
import itertools
import json
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from werkzeug.routing import Rule

from bookstore.app import create_app, derived_key
from bookstore.orders import payments
from bookstore.web.signing import Signer
from tests.conftest import SECRET, settings_for
from tests.support.asgi import Answer, Headers, ask
from tests.support.books import add_book
from tests.support.reader import Reader

PARTS = ["0", "1", "-1", str(2**31), str(2**63 - 1), str(2**63), "9" * 40, "x", "²", "a\x00b",
         "e\u0301", "..", "'", "a" * 5000]  # fmt: skip
HEADERS: list[Headers] = [
    [("Referer", "http://[x")],
    [("HX-Request", "true"), ("HX-Current-URL", "http://[x")],
    [("HX-Request", "true"), ("HX-Current-URL", "//[x")],
    [("Range", "bytes=-5")],
    [("Range", "bytes=9-1, -, x")],
    [("If-None-Match", '"'), ("If-Modified-Since", "never")],
    [("If-Range", "x"), ("Range", "bytes=0-")],
    [("Cookie", "session=\xff; lang=\xff; basket=1; =; ;;")],
    [("Cookie", "session=s" + "a" * 43)],
    [("Accept-Language", ";q=\xff, es;q=nan, *;q=-1")],
    [("Accept-Encoding", "gzip;q=nan, \xff;q=1e999")],
    [("Content-Type", "multipart/form-data")],
    [("Content-Type", "application/json; charset=no-such")],
    [("X-Request-ID", "not an id at all \x7f")],
    [("X-Forwarded-For", "x"), ("X-Forwarded-Proto", "\xff")],
    [("User-Agent", "\xff" * 3000)],
    [("Idempotency-Key", "\xff\x00" * 30)],
    [("Origin", "http://[x")],
]
QUERIES = ["", "=", "&&", "%", "%ff=%fe", "lang=%ff", "before=" + "9" * 30, "next=http://[x",
           "next=//[x", "done=%00", "carrier=%F0%9F%93%9A", "of=%ff", "after=9.9.9", "token=%ff",
           "q=%00&seller=" + "9" * 30 + "&min=-1&sort=x"]  # fmt: skip
FORM = "application/x-www-form-urlencoded"
BODIES: list[tuple[str, bytes]] = [
    (FORM, b""),
    (FORM, b"%ff=%fe&=&&quantity=%00&book_id=" + b"9" * 50),
    (FORM, b"book_id=1&quantity=1e999&stock_seen=" + b"9" * 30),
    (FORM, b"name=%ED%A0%80&email=%ED%A0%80@x.org&password=%ED%A0%80aaaaaaaaaaaa&title=%00"),
    (FORM, "&".join(f"field{number}=1" for number in range(2000)).encode()),
    ("multipart/form-data", b"--x\r\n"),
    ("multipart/form-data; boundary=x", b"--x\r\nContent-Disposition: form-data\r\n\r\na\r\n--x--"),
    ("multipart/form-data; boundary=x",
     b'--x\r\nContent-Disposition: form-data; name="cover"; filename="\xff"\r\n\r\n\x00\r\n--x--'),
    ("multipart/form-data; boundary=\xff", b"--\xff\r\n"),
    ("application/json", b'{"a": "\\ud800"}'),
    ("text/plain; charset=utf-16", b"\xff\xfe\x00\xd8"),
]  # fmt: skip


class Odd:
    """A shop, somebody signed in to it, and the tokens of their forms."""

    def __init__(self, url: str, media: Path) -> None:
        self.loop = asyncio.new_event_loop()
        self.shop = create_app(settings_for(url, media, page_cache_mb=8))
        self.headers = [] if url.startswith("mysql") else HEADERS  # which no engine sees
        self.stack = AsyncExitStack()
        self.loop.run_until_complete(self.stack.enter_async_context(self.shop.test_app()))  # type: ignore[arg-type]  # Quart types it without its methods
        self.loop.run_until_complete(self._sign_in())

    async def _sign_in(self) -> None:
        await add_book(self.shop.extensions["bookstore.databases"]["catalogue"])
        reader = await Reader(self.shop).register()
        cookies = {cookie.name: cookie.value for cookie in reader._client.cookie_jar}
        self.cookie = f"session={cookies['session']}"
        self.form = (await reader.get("/account")).form("/account")

    def send(self, path: str, headers: Headers = [], **given: Any) -> Answer:  # noqa: B006
        return self.loop.run_until_complete(ask(self.shop, path, headers, **given))

    def rules(self) -> Iterator[Rule]:
        return self.shop.url_map.iter_rules()

    def close(self) -> None:
        self.loop.run_until_complete(self.stack.aclose())
        self.loop.close()


@pytest.fixture
def odd(database_url: str, tmp_path: Path) -> Iterator[Odd]:
    odd = Odd(database_url, tmp_path)
    yield odd
    odd.close()


def _paths(rule: Rule) -> Iterator[str]:
    """Return addresses of a route: with each odd part, and with a usual one last."""
    names = sorted(rule.arguments)
    for part in [*(PARTS if names else []), "1"]:
        path = rule.rule
        for name in names:
            before, _, rest = path.partition("<")
            inside, _, after = rest.partition(">")
            assert inside.endswith(name)
            path = before + part + after
        yield path


def test_no_route_fails(odd: Odd) -> None:
    failed = []
    numbers = itertools.count()
    fields = "&".join(f"{name}={value}" for name, value in odd.form.items()).encode()
    signed_in = ("Cookie", odd.cookie)
    token = ("X-CSRF-Token", odd.form["csrf_token"])
    for rule in odd.rules():
        tried: list[tuple[str, str, Headers, bytes]] = []
        *odd_paths, path = _paths(rule)
        for method in ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "TRACE", "BREW"):
            tried += [(method, address, [signed_in], b"") for address in odd_paths]
            tried += [(method, path, [signed_in], b""), (method, path, [], b"")]
        for headers, method in itertools.product(odd.headers, ("GET", "POST")):
            tried += [(method, path, headers, fields), (method, path, [*headers, signed_in], b"")]
            tried.append((method, path, [*headers, signed_in, token], b""))
        tried += [("GET", f"{path}?{query}", [signed_in], b"") for query in QUERIES]
        if "POST" in (rule.methods or set()) and rule.rule != "/logout":
            for (kind, body), address in itertools.product(BODIES, (path, *odd_paths[:7])):
                key = ("Idempotency-Key", f"odd {next(numbers)}")
                tried.append(
                    ("POST", address, [("Content-Type", kind), signed_in, token, key], body)
                )
        for method, address, headers, body in tried:
            answer = odd.send(address, headers, method=method, body=body)
            if answer.status >= 500 and (rule.rule, answer.status) != ("/readyz", 503):
                failed.append((method, address[:80], headers, body[:80], answer.status))
    assert not failed, failed[:10]


@pytest.mark.parametrize(
    "path", ["//[x", "//evil.example", "/\x00", "/%", "/books/\ud7ff", "/static/", "/static/..",
             "/static/\x00", "/covers/\x00.webp", "*", ""],
)  # fmt: skip
def test_paths_of_nothing(odd: Odd, path: str) -> None:
    answer = odd.send(path or "/")
    assert answer.status < 500
    assert "//evil.example" not in answer.text


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "TRACE"])
@pytest.mark.parametrize("path", ["/", "/books/1", "/basket", "/static/app.css", "/account"])
def test_a_method_that_no_page_takes(odd: Odd, method: str, path: str) -> None:
    assert odd.send(path, method=method).status == 405


WRONG: list[bytes] = [
    b"", b"null", b"[]", b"7", b'"x"', b"{}", b"{", b"\xff", b"[" * 5000, b'{"id": NaN}',
    b'{"token": "\\ud800", "reference": "\\ud800", "book_ids": [1], "person_ids": [1],'
    b' "person_id": 1, "email": "\\ud800", "lines": [], "expires_at": 1}',
    json.dumps({"token": 7, "reference": None, "book_ids": "x", "person_ids": {},
                "person_id": 2**64, "email": 1, "lines": [[1]], "expires_at": "x"}).encode(),
    json.dumps({"token": "x" * 70000}).encode(),
    json.dumps({"reference": "r", "lines": [[2**64, 1]], "expires_at": 1}).encode(),
    json.dumps({"reference": "r", "lines": [[1, 2**64]], "expires_at": 1}).encode(),
    json.dumps({"reference": "r", "lines": [[1, 1]], "expires_at": 2**64}).encode(),
    json.dumps({"reference": "r" * 300, "lines": [[1, -1]], "expires_at": 1}).encode(),
    json.dumps({"book_ids": [2**64], "person_ids": [2**64]}).encode(),
]  # fmt: skip


@pytest.fixture
async def service(sqlite_url: str, tmp_path: Path) -> AsyncIterator[Any]:
    """The catalogue and accounts as services, which answer internal calls."""
    settings = settings_for(sqlite_url, tmp_path, contexts="accounts,catalogue")
    app = create_app(settings)
    async with app.test_app():
        yield app


@pytest.mark.parametrize("body", WRONG, ids=range(len(WRONG)))
async def test_a_signed_call_that_makes_no_sense(service: Any, body: bytes) -> None:
    signer = Signer(derived_key(SECRET, "internal calls"))
    for rule in service.url_map.iter_rules():
        if rule.rule.startswith("/internal/"):
            path = re.sub(r"<any.*?>", "catalogue", rule.rule)
            headers = list(signer.headers("POST", path, body).items())
            answer = await ask(service, path, headers, method="POST", body=body)
            assert answer.status < 500, (rule.rule, answer.text)
            if b"reference" not in body or rule.rule.endswith("/hold"):
                assert answer.status in {400, 413}, (rule.rule, answer.text)
                assert "error" in json.loads(answer.text)


@pytest.mark.parametrize("moment", ["nan", "inf", "-inf", "", "x", "1e400", "\xb2", "0"])
async def test_a_signed_time_that_is_none(service: Any, moment: str) -> None:
    signer = Signer(derived_key(SECRET, "internal calls"))
    path, body = "/internal/catalogue/quotes", b'{"book_ids": []}'
    headers = signer.headers("POST", path, body, moment=moment)
    answer = await ask(service, path, list(headers.items()), method="POST", body=body)
    assert answer.status == 401


_EVENT = {"id": "evt_1", "type": "payment_intent.succeeded", "data": {"object": {"id": "pi_1"}}}


def _event(**changes: Any) -> bytes:
    return json.dumps({**_EVENT, **changes}).encode()


@pytest.mark.parametrize(
    "body",
    [
        *WRONG,
        _event(id="\ud800"),
        _event(type="\ud800"),
        _event(data={"object": {"id": "\ud800"}}),
        _event(data={"object": {"id": "pi_1", "last_payment_error": {"code": "\ud800"}}}),
        _event(data={"object": {"id": "pi_1", "metadata": {"attempt": 2**70}}}),
        _event(data={"object": {"id": "pi_1", "metadata": {"attempt": "1"}}}),
        _event(data={"object": {"id": "pi_1", "metadata": [1]}}),
    ],
    ids=lambda body: str(body[:30]),
)
async def test_a_signed_webhook_that_makes_no_sense(shop: Any, body: bytes) -> None:
    key = derived_key(SECRET, "payment webhooks")
    now = shop.extensions["bookstore.orders"].clock()
    headers = [("Stripe-Signature", payments.sign(key, body, now))]
    answer = await ask(shop, "/webhooks/payments", headers, method="POST", body=body)
    assert answer.status in {400, 413}, answer.text
