"""Every page: accessible in light and dark, valid HTML, nothing wider than a phone."""

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from tests.journeys.conftest import CHROMIUM
from tests.journeys.test_journeys import add_to_basket, find, pay, place_order, sign_in

# How a page looks has nothing to do with how many services there are.
pytestmark = [
    pytest.mark.browser,
    pytest.mark.timeout(300),
    pytest.mark.parametrize("site", ["monolith"], indirect=True, scope="module"),
]
TOOLS = Path(__file__).parents[1] / "browser" / "node_modules"
PUBLIC = ["/", "/books", "/?q=tolkien", "/?q=nothing+like+it", "/?category=poetry&sort=price-up",
          "/books/1", "/categories/poetry", "/authors/Jane%20Austen", "/?min=x",
          "/login", "/register", "/people/1", "/basket", "/not-there"]  # fmt: skip
PRIVATE = [
    "/account",
    "/account/second-step",
    "/account/passkeys",
    "/account/delete",
    "/sell",
    "/my/books",
    "/my/books/1",
    "/orders",
    "/sales",
]


@pytest.fixture(scope="module")
def visited(browser: Browser, site: str) -> Iterator[Page]:
    """A person with a book on sale, something in the basket, and an order to pay."""
    page = browser.new_context(base_url=site, locale="en-GB").new_page()
    sign_in(page, "ana@example.org")
    find(page, "Persepolis")
    if not page.get_by_role("button", name="Add to basket").count():
        find(page, "Maus")
    add_to_basket(page)
    yield page
    page.context.close()


def pages_of(page: Page) -> list[str]:
    return [*PUBLIC, *PRIVATE, "/checkout", *getattr(page, "extra", [])]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(visited: Page, scheme: str) -> None:
    axe = (TOOLS / "axe-core" / "axe.min.js").read_text()
    visited.emulate_media(color_scheme=scheme, reduced_motion="reduce")  # type: ignore[arg-type]
    found = {}
    for path in pages_of(visited):
        visited.goto(path)
        visited.evaluate(axe)
        result = visited.evaluate("axe.run()")
        if result["violations"]:
            found[path] = [
                (rule["id"], [node["html"][:120] for node in rule["nodes"]][:3])
                for rule in result["violations"]
            ]
    assert found == {}


def test_nothing_is_wider_than_a_phone(visited: Page) -> None:
    visited.set_viewport_size({"width": 360, "height": 740})
    wide = {}
    for path in pages_of(visited):
        visited.goto(path)
        width = visited.evaluate("document.documentElement.scrollWidth")
        if width > 360:
            wide[path] = width
    visited.set_viewport_size({"width": 1280, "height": 900})
    assert wide == {}


def test_the_html_is_valid(visited: Page, tmp_path: Path) -> None:
    for number, path in enumerate(pages_of(visited)):
        html = visited.request.get(path).text()
        (tmp_path / f"{number}.html").write_text(html)
    done = subprocess.run(
        ["java", "-jar", str(TOOLS / "vnu-jar/build/dist/vnu.jar"), "--format", "json",
         "--errors-only", *map(str, sorted(tmp_path.glob("*.html")))],
        capture_output=True, text=True,
    )  # fmt: skip
    messages = json.loads(done.stderr)["messages"]
    # htmx's own attributes, and their `:` modifiers, are not in the HTML standard
    ours = [m for m in messages if "hx-" not in m["message"]]
    assert [(m["url"].rsplit("/", 1)[1], m["message"], m.get("extract", "")) for m in ours] == []


@pytest.mark.parametrize("path", ["/", "/books", "/books/10"])
def test_lighthouse_is_content(visited: Page, site: str, path: str, tmp_path: Path) -> None:
    """Its performance score depends on what else the machine does; docs/performance.md has it."""
    subprocess.run(
        ["node", str(TOOLS / "lighthouse/cli/index.js"), site + path, "--quiet", "--output=json",
         f"--output-path={tmp_path}/report.json",
         "--only-categories=accessibility,best-practices,seo",
         "--chrome-flags=--headless --no-sandbox --disable-gpu --disable-background-networking"],
        check=True, env={**os.environ, "CHROME_PATH": CHROMIUM}, timeout=120,
    )  # fmt: skip
    categories = json.loads((tmp_path / "report.json").read_text())["categories"]
    assert {name: found["score"] for name, found in categories.items()} == {
        "accessibility": 1, "best-practices": 1, "seo": 1,
    }  # fmt: skip


def test_the_checkout_pages_too(visited: Page) -> None:
    """The payment page exists once an order does; after it the audits above cover it as well."""
    place_order(visited)
    path = visited.url.split("/", 3)[3]
    find(visited, "Der Prozess")
    add_to_basket(visited)
    place_order(visited)
    pay(visited, "4242424242424242")
    receipt = visited.get_by_role("link", name="Receipt").get_attribute("href")
    visited.extra = [f"/{path}", f"/{path.removesuffix('/pay')}", receipt]  # type: ignore[attr-defined]
    test_axe_finds_nothing(visited, "light")
    test_axe_finds_nothing(visited, "dark")
    test_nothing_is_wider_than_a_phone(visited)
