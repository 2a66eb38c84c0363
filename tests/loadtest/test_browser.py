"""What a browser keeps, sends and loads besides."""

from __future__ import annotations

from loadtest.people.browser import Browser
from loadtest.people.client import Answer

PAGE = """
<link rel="icon" href="/static/icon.svg?v=1" type="image/svg+xml">
<link rel="stylesheet" href="/static/app.css?v=2">
<link rel="canonical" href="https://books.example.org/">
<script src="/static/app.js?v=3" defer></script>
<img class="book-cover" src="/covers/ab.webp" alt=""><img src="/covers/ab.webp">
<img src="https://elsewhere.example.org/x.png">
<span id="basket-badge" hx-get="/basket/badge" hx-trigger="load, basket-changed from:body"></span>
<a hx-get="/?page=2" hx-trigger="revealed">more</a>
"""


def answer(status: int = 200, body: bytes = b"x", **headers: str) -> Answer:
    return Answer(status, {k.replace("_", "-"): v for k, v in headers.items()}, (), body)


def test_a_page_makes_a_browser_load_its_files_and_parts_once_each() -> None:
    with_scripts = Browser("http://shop").besides(PAGE)
    assert with_scripts == [
        ("/static/icon.svg?v=1", "/static/[name]"),
        ("/static/app.css?v=2", "/static/[name]"),
        ("/static/app.js?v=3", "/static/[name]"),
        ("/covers/ab.webp", "/covers/[name]"),
        ("/basket/badge", "/basket/badge"),
    ]
    assert Browser("http://shop", scripts=False).besides(PAGE) == with_scripts[:-1]


def test_what_is_fresh_is_not_asked_for_again() -> None:
    browser = Browser("http://shop")
    browser.take("/a", answer(cache_control="public, max-age=60"))
    browser.take("/b", answer(cache_control="private, no-cache", etag='"1"'))
    browser.take("/c", answer(cache_control="no-store", etag='"1"'))
    assert [browser.fresh(p) for p in ("/a", "/b", "/c")] == [True, False, False]
    assert browser.condition("/b") == {"If-None-Match": '"1"'}
    assert browser.condition("/c") == {}


def test_what_has_not_changed_is_what_was_kept() -> None:
    browser = Browser("http://shop")
    browser.take("/b", answer(body=b"kept", cache_control="no-cache", etag='"1"'))
    assert browser.take("/b", answer(304, b"")).body == b"kept"
    assert browser.take("/unknown", answer(304, b"")).status == 304


def test_cookies_come_and_go() -> None:
    browser = Browser("http://shop")
    lines = ("session=abc; Path=/; HttpOnly", "lang=es; Max-Age=31536000")
    browser.take("/", Answer(200, cookies=lines))
    assert browser.headers("page")["Cookie"] == "session=abc; lang=es"
    browser.take("/", Answer(200, cookies=("session=; Max-Age=0; Path=/",)))
    assert browser.headers("page")["Cookie"] == "lang=es"


def test_each_kind_of_request_says_what_it_is() -> None:
    browser = Browser("http://shop", language="es")
    browser.page = "/basket"
    form = browser.headers("form")
    assert form["Origin"] == "http://shop"
    assert form["Referer"] == "http://shop/basket"
    assert "HX-Request" not in form
    htmx = browser.headers("htmx form", {"Content-Type": "x"})
    assert (htmx["HX-Request"], htmx["Origin"], htmx["Content-Type"]) == (
        "true",
        "http://shop",
        "x",
    )
    assert htmx["Accept-Language"].startswith("es")
    assert len(browser.headers("page")) >= 10
