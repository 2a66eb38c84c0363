"""What every request meets: host check, headers, origin and token, errors without details."""

import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import yaml

from bookstore.app import create_app
from bookstore.web.shop import Shop
from tests.conftest import settings_for
from tests.support.reader import PASSWORD, Reader

REQUIRED = {
    "Content-Security-Policy": "default-src 'self'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "X-Frame-Options": "DENY",
    "X-Served-By": "test-replica",
}


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """These rules do not depend on the engine: SQLite alone."""
    return sqlite_url


@pytest.fixture
async def https_shop(sqlite_url: str, tmp_path: Path) -> AsyncIterator[Shop]:
    """A shop as production runs it: a public name, HTTPS, one proxy in front."""
    settings = settings_for(
        sqlite_url, tmp_path, public_origin="https://books.example", trusted_hops=1
    )
    app = create_app(settings)
    async with app.test_app():
        yield app


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/", 200),
        ("/login", 200),
        ("/nothing-here", 404),
        ("/static/app.css", 200),
        ("/healthz", 200),
    ],
)
async def test_headers_are_on_every_answer(reader: Reader, path: str, status: int) -> None:
    page = await reader.get(path)
    assert page.status == status
    for name, value in REQUIRED.items():
        assert page.headers.get(name, "").startswith(value), name


async def test_an_error_of_ours_shows_no_trace(shop: Shop, reader: Reader) -> None:
    async def broken() -> str:
        raise RuntimeError("the secret detail")

    shop.add_url_rule("/broken", view_func=broken)
    shop.config["PROPAGATE_EXCEPTIONS"] = False
    page = await reader.get("/broken")
    assert page.status == 500
    assert "secret detail" not in page.text
    assert "Traceback" not in page.text
    assert page.headers["X-Content-Type-Options"] == "nosniff"


async def test_https_cookies_are_bound_to_the_host(https_shop: Shop) -> None:
    page = await Reader(https_shop).get("/login", Host="books.example")
    cookie = page.headers["Set-Cookie"]
    assert cookie.startswith("__Host-session=")
    for part in ("Secure", "HttpOnly", "SameSite=Lax", "Path=/"):
        assert part in cookie
    assert "Domain" not in cookie
    assert page.headers["Strict-Transport-Security"].startswith("max-age=31536000")


async def test_readers_learn_no_host_s_name_over_https(sqlite_url: str, tmp_path: Path) -> None:
    for shown in (None, False, True):
        settings = settings_for(
            sqlite_url, tmp_path, public_origin="https://books.example", show_replica=shown
        )
        app = create_app(settings)
        async with app.test_app():
            page = await Reader(app).get("/", Host="books.example")
        assert "test-replica" not in page.text
        name = page.headers["X-Served-By"]
        assert (name == "test-replica") is (shown is True)


def test_the_edge_weakens_nothing_that_the_shop_says() -> None:
    edge = yaml.safe_load(Path("swarm/edge/traefik.yml").read_text())
    headers = edge["http"]["middlewares"]["headers"]["headers"]
    assert headers["referrerPolicy"] == REQUIRED["Referrer-Policy"]
    assert headers["contentTypeNosniff"] is True
    assert headers["stsSeconds"] >= 31536000


@pytest.mark.parametrize("host", ["evil.example", "books.example.evil.example", "books.example:1"])
async def test_another_host_name_is_refused(https_shop: Shop, host: str) -> None:
    assert (await Reader(https_shop).get("/", Host=host)).status == 400


async def test_a_direct_start_answers_on_loopback_names_only(reader: Reader) -> None:
    assert (await reader.get("/login", Host="localhost:8000")).status == 200
    assert (await reader.get("/login", Host="evil.example")).status == 400


@pytest.mark.parametrize("path", ["/metrics", "/internal/quotes"])
async def test_what_is_private_is_not_there_through_a_proxy(https_shop: Shop, path: str) -> None:
    page = await Reader(https_shop).get(path, Host="books.example", X_Forwarded_For="203.0.113.9")
    assert page.status == 404


@pytest.mark.parametrize(
    ("headers", "accepted"),
    [
        ({}, True),
        ({"Sec_Fetch_Site": "same-origin"}, True),
        ({"Sec_Fetch_Site": "none"}, True),
        ({"Sec_Fetch_Site": "same-site"}, False),
        ({"Sec_Fetch_Site": "cross-site"}, False),
        ({"Origin": "http://localhost"}, True),
        ({"Origin": "https://evil.example"}, False),
        ({"Origin": "null"}, False),
    ],
)
async def test_forms_of_other_sites_change_nothing(
    reader: Reader, headers: dict[str, str], accepted: bool
) -> None:
    form = (await reader.get("/register")).form("/register")
    fields = {**form, "name": "Ana", "email": "ana@example.org", "password": PASSWORD}
    answer = await reader.post("/register", fields, files=None, **headers)
    assert answer.status == (303 if accepted else 403)


@pytest.mark.parametrize("token", ["", "0" * 64, "ñ", "another"])
async def test_a_form_needs_the_token_of_its_own_visitor(
    reader: Reader, shop: Shop, token: str
) -> None:
    if token == "another":
        token = (await Reader(shop).get("/login")).form("/login")["csrf_token"]
    await reader.get("/login")
    answer = await reader.post(
        "/login", {"email": "a@example.org", "password": PASSWORD, "csrf_token": token}
    )
    assert answer.status == 403


async def test_signing_out_by_a_link_is_not_possible(reader: Reader) -> None:
    await reader.register()
    assert (await reader.get("/logout")).status == 405
    assert (await reader.get("/webhooks/payments")).status == 405
    assert (await reader.get("/account")).status == 200


@pytest.mark.parametrize(
    ("address", "page"),
    [
        ("/account/password", "/account"),
        ("/account/passkeys/7/remove", "/account/passkeys"),
        ("/basket/7", "/basket"),
        ("/my/books/7/withdraw", "/my/books/7"),
        ("/my/books/many", "/my/books"),
        ("/my/books/import/7/columns", "/my/books/import/7"),
        ("/orders/7/parcels/8/cancel", "/orders/7"),
        ("/sales/7/ship", "/sales"),
        ("/sell/look-up", "/sell"),
        ("/login/passkey", "/login"),
    ],
)
async def test_where_a_form_was_refused_one_may_reload_and_change_the_language(
    reader: Reader, address: str, page: str
) -> None:
    assert (await reader.get(address)).location == page
    answer = await reader.get(f"{address}?lang=es")
    assert (answer.status, answer.location) == (303, page)
    assert 'lang="es"' in (await reader.get("/login")).text


async def test_signing_out_leaves_nothing_in_the_browser(reader: Reader) -> None:
    await reader.register()
    assert (await reader.get("/account")).headers["Cache-Control"] == "no-store"
    answer = await reader.submit("/account", "/logout")
    assert answer.headers["Clear-Site-Data"] == '"cache", "storage"'


async def test_a_shop_has_no_mailbox_unless_asked(reader: Reader) -> None:
    assert (await reader.get("/mailbox")).status == 404


async def test_a_body_that_is_too_large_is_refused(reader: Reader) -> None:
    form = (await reader.get("/login")).form("/login")
    answer = await reader.post("/login", {**form, "email": "a" * 13_000_000})
    assert answer.status == 413


async def test_what_people_type_is_inert(reader: Reader) -> None:
    evil = '<img src=x onerror=alert(1)><b hx-get="/logout">'
    await reader.register(evil[:80])
    account = await reader.get("/account")
    assert "<img src=x" not in account.text
    assert "&lt;img src=x" in account.text


def test_production_refuses_to_start_without_a_secret(tmp_path: Path) -> None:
    environment = {key: value for key, value in os.environ.items() if "BOOKSTORE" not in key}
    environment["BOOKSTORE_DATABASE_URL"] = f"sqlite:///{tmp_path}/shop.db"
    done = subprocess.run(
        [sys.executable, "-m", "bookstore", "serve"],
        env=environment, capture_output=True, text=True, timeout=30,
    )  # fmt: skip
    assert done.returncode == 2
    assert "BOOKSTORE_SECRET_KEY is not set" in done.stderr
    assert "Traceback" not in done.stderr
