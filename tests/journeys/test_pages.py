"""Every page in every state: accessible in light and dark, valid, no wider than a phone."""

import csv
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.journeys.conftest import CHROMIUM, demo
from tests.journeys.states import register_newcomer, walk
from tests.journeys.test_journeys import pay, place_order

# How a page looks has nothing to do with how many services there are.
pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]
WIDTH = """(text) => {
  document.documentElement.style.fontSize = text === "100%" ? "" : text;
  const width = document.documentElement.scrollWidth;
  document.documentElement.style.fontSize = "";
  return width;
}"""
# Sends the form of each book's page, as its button does.
ADD = """async (books) => {
  for (const book of books) {
    const html = await (await fetch(`/books/${book}`)).text();
    const form = new DOMParser().parseFromString(html, "text/html").querySelector("form.add");
    const body = form && new URLSearchParams(new FormData(form));
    if (form) await fetch("/basket", { method: "POST", body });
  }
}"""
TOOLS = Path(__file__).parents[1] / "browser" / "node_modules"


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which the shop keeps its data."""
    return tmp_path_factory.mktemp("demo")


@pytest.fixture(scope="module")
def shop(data: Path) -> Iterator[str]:
    """A demo shop in one process; a parcel's day takes a fifth of a second."""
    with demo(data, shipping_speed="432000") as origin:
        yield origin


def test_every_page_and_state_is_well(
    browser: Browser, shop: str, data: Path, tmp_path: Path
) -> None:
    axe = (TOOLS / "axe-core" / "axe.min.js").read_text()
    violations: dict[tuple[str, str, str], list[str]] = {}
    wide: dict[tuple[str, str], int] = {}
    pages: dict[str, str] = {}
    for name, page in walk(browser, shop, data):
        pages.setdefault(page.url, page.request.get(page.url).text())
        if name == "a mail as HTML":  # may run no script, an examiner's neither
            continue
        page.evaluate(axe)
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            for rule in page.evaluate("axe.run()")["violations"]:
                nodes = [node["html"][:120] for node in rule["nodes"]]
                violations[name, scheme, rule["id"]] = nodes[:3]
        page.set_viewport_size({"width": 360, "height": 740})
        for text in ("100%", "200%"):
            width = page.evaluate(WIDTH, text)
            if width > 360:
                wide[name, text] = width
        page.set_viewport_size({"width": 1280, "height": 900})
    assert violations == {}
    assert wide == {}
    assert _faults(pages, tmp_path) == []


def _faults(pages: dict[str, str], folder: Path) -> list[tuple[str, str, str]]:
    """Return what the HTML checker has to say of pages, by their addresses."""
    names = {}
    for number, (url, html) in enumerate(pages.items()):
        (folder / f"{number}.html").write_text(html)
        names[f"{number}.html"] = url
    done = subprocess.run(
        ["java", "-jar", str(TOOLS / "vnu-jar/build/dist/vnu.jar"), "--format", "json",
         "--errors-only", *map(str, sorted(folder.glob("*.html")))],
        capture_output=True, text=True,
    )  # fmt: skip
    # htmx's own attributes, and their `:` modifiers, are not in the HTML standard
    return [
        (names[found["url"].rsplit("/", 1)[1]], found["message"], found.get("extract", ""))
        for found in json.loads(done.stderr)["messages"]
        if "hx-" not in found["message"]
    ]


@pytest.mark.parametrize("path", ["/", "/books", "/books/10"])
def test_lighthouse_is_content(shop: str, path: str, tmp_path: Path) -> None:
    """Its performance score depends on what else the machine does, and is not judged here."""
    subprocess.run(
        ["node", str(TOOLS / "lighthouse/cli/index.js"), shop + path, "--quiet", "--output=json",
         f"--output-path={tmp_path}/report.json",
         "--only-categories=accessibility,best-practices,seo",
         "--chrome-flags=--headless --no-sandbox --disable-gpu --disable-background-networking"],
        check=True, env={**os.environ, "CHROME_PATH": CHROMIUM}, timeout=120,
    )  # fmt: skip
    categories = json.loads((tmp_path / "report.json").read_text())["categories"]
    assert {name: found["score"] for name, found in categories.items()} == {
        "accessibility": 1, "best-practices": 1, "seo": 1,
    }  # fmt: skip


def test_a_receipt_of_twenty_books_is_one_sheet(browser: Browser, shop: str) -> None:
    page = browser.new_context(base_url=shop, locale="en-GB").new_page()
    register_newcomer(page)
    page.goto("/books")
    page.evaluate(ADD, list(range(20, 45)))
    place_order(page)
    pay(page, "4242 4242 4242 4242")
    page.get_by_role("link", name="Receipt").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Receipt for order")
    assert page.locator(".receipt .plain-lines li").count() >= 20
    for paper in ("A4", "Letter"):
        assert len(re.findall(rb"/Type\s*/Page\b", page.pdf(format=paper))) == 1
    page.context.close()


def test_four_pages_come_by_themselves_and_the_fifth_by_a_press(
    browser: Browser, shop: str, data: Path
) -> None:
    file = data / "many.csv"
    with file.open("w") as lines:
        writer = csv.writer(lines)
        writer.writerow(["Title", "Author", "Price", "Condition"])
        writer.writerows([f"Volume {n}", "Anon", "3.00", "Good"] for n in range(160))
    subprocess.run(
        [sys.executable, "-m", "bookstore", "import", str(file), "--data", str(data)],
        check=True, capture_output=True,
    )  # fmt: skip
    page = browser.new_context(base_url=shop, locale="en-GB").new_page()
    _open_the_whole_list(page)
    cards, press = page.locator(".card"), page.get_by_role("button", name="More books")
    for pages in (2, 3, 4):
        page.locator("footer").scroll_into_view_if_needed()
        expect(cards).to_have_count(24 * pages)
    page.locator("footer").scroll_into_view_if_needed()
    expect(page.locator("footer")).to_be_in_viewport()
    expect(press).to_be_visible()
    expect(cards).to_have_count(24 * 4)
    press.click()
    expect(cards).to_have_count(24 * 5)
    page.context.close()


def _open_the_whole_list(page: Page) -> None:
    """Open the list once the shop shows what another process brought in, within a second or so."""
    for _look in range(60):
        page.goto("/?q=volume")
        if re.search("160 books", page.locator(".results-head").inner_text()):
            break
        page.wait_for_timeout(500)
    page.goto("/books")
