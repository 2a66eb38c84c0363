"""The shop floor in a browser: greeting, ways to a book, the time to pay, the receipt, speed."""

import re
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from bookstore.commands.demo import PEOPLE
from tests.journeys.test_journeys import add_to_basket, find, pay, place_order, sign_in

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]
RATIO = """
([one, other]) => {
  const light = (colour) => {
    const [r, g, b] = colour.match(/[\\d.]+/g).slice(0, 3).map((part) => part / 255)
      .map((part) => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const [low, high] = [light(one), light(other)].sort((a, b) => a - b);
  return (high + 0.05) / (low + 0.05);
}"""


def test_from_the_greeting_to_a_book_and_on(page: Page) -> None:
    """By a category, an author and a series, in both languages, with and without scripts."""
    page.goto("/")
    expect(page.get_by_role("heading", level=1)).to_contain_text("another reader")
    page.get_by_role("main").get_by_role("link", name="Poetry and drama").click()
    expect(page).to_have_url(re.compile("/categories/poetry$"))
    expect(page).to_have_title("Poetry and drama · BookStore")
    page.get_by_role("link", name="Hamlet").first.click()
    page.get_by_role("link", name="William Shakespeare").first.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Books by William Shakespeare")
    page.get_by_role("link", name="Español").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Libros de William Shakespeare")
    page.get_by_role("link", name="BookStore").click()
    expect(page.get_by_role("heading", level=2, name="Novedades")).to_be_visible()
    page.get_by_role("combobox").fill("Dune")
    page.get_by_role("button", name="Buscar").click()
    expect(page.get_by_role("link", name="Dune").first).to_be_visible()


def test_books_looked_at_are_on_the_first_page_until_forgotten(browser: Browser, site: str) -> None:
    page = browser.new_context(base_url=site, locale="en-GB").new_page()
    page.goto("/")
    expect(page.get_by_text("Recently seen")).to_be_hidden()
    for title in ("Dune", "Sapiens"):
        find(page, title)
    page.locator(".similar").scroll_into_view_if_needed()
    expect(page.locator(".similar .card").first).to_be_visible()
    page.goto("/")
    expect(page.locator("#recently-seen .card h2")).to_have_text(["Sapiens", "Dune"])
    page.get_by_role("button", name="Forget these").click()
    page.reload()
    expect(page.get_by_text("Recently seen")).to_be_hidden()
    page.context.close()


@pytest.mark.parametrize("script", [True, False], ids=["script", "no-script"])
def test_no_basket_button_on_a_book_of_ones_own(browser: Browser, site: str, script: bool) -> None:
    page = browser.new_context(base_url=site, locale="en-GB", java_script_enabled=script).new_page()
    find(page, "Dune")
    seller = page.locator(".seller a").inner_text()
    book = page.url
    expect(page.get_by_role("button", name="Add to basket")).to_be_visible()
    sign_in(page, dict(PEOPLE)[seller])
    page.goto(book)
    expect(page.get_by_text("This is your own book.")).to_be_visible()
    expect(page.get_by_role("button", name="Add to basket")).to_have_count(0)
    page.get_by_role("link", name="Edit it").click()
    expect(page.get_by_label("Title")).to_have_value("Dune")
    page.context.close()


def test_the_time_to_pay_and_a_receipt_on_one_sheet(browser: Browser, site: str) -> None:
    page = browser.new_context(base_url=site, locale="en-GB").new_page()
    find(page, "Sapiens")
    add_to_basket(page)
    place_order(page)
    expect(page.get_by_role("timer")).to_have_text(re.compile(r"^1[45]:\d\d$"))
    pay(page, "4242 4242 4242 4242")
    page.get_by_role("link", name="Receipt").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Receipt for order")
    paper = page.pdf(format="A4")
    assert len(re.findall(rb"/Type\s*/Page\b", paper)) == 1
    page.context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_fields_and_rings_can_be_told_from_what_is_around(
    browser: Browser, site: str, scheme: str
) -> None:
    context = browser.new_context(base_url=site, locale="en-GB", color_scheme=scheme)  # type: ignore[arg-type]
    page = context.new_page()
    page.emulate_media(reduced_motion="reduce", color_scheme=scheme)  # type: ignore[arg-type]
    low = {}
    for path in ("/", "/books", "/register", "/books/1"):
        page.goto(path)
        around = page.evaluate("getComputedStyle(document.body).backgroundColor")
        around = around if around != "rgba(0, 0, 0, 0)" else _canvas(page)
        fields = page.locator("main :is(input:not([type=hidden]), select, button, a):visible")
        for number in range(min(fields.count(), 12)):
            field = fields.nth(number)
            if field.evaluate("field => field.matches('input:not([type=checkbox]), select')"):
                border = field.evaluate("field => getComputedStyle(field).borderTopColor")
                if (ratio := page.evaluate(RATIO, [border, around])) < 3:
                    low[path, number, "border"] = ratio
            ring = field.evaluate(
                """field => {
                  field.focus({ focusVisible: true });
                  const style = getComputedStyle(field);
                  const shadow = style.boxShadow.match(/rgba?\\([^)]*\\)/);
                  return style.outlineStyle !== "none" && style.outlineWidth !== "0px"
                    ? style.outlineColor : shadow && shadow[0];
                }"""
            )
            if ring is None or (ratio := page.evaluate(RATIO, [ring, around])) < 3:
                low[path, number, field.evaluate("f => f.outerHTML.slice(0, 80)")] = ring
    context.close()
    assert low == {}


def _canvas(page: Page) -> str:
    return str(page.evaluate("getComputedStyle(document.documentElement).backgroundColor"))


def test_the_covers_of_a_strip_are_alike_on_a_phone(browser: Browser, site: str) -> None:
    context = browser.new_context(base_url=site, viewport={"width": 360, "height": 740})
    page = context.new_page()
    page.goto("/")
    covers = "covers => covers.map(cover => Math.round(cover.getBoundingClientRect().width))"
    widths = page.locator(".strip .book-cover").evaluate_all(covers)
    context.close()
    assert len(widths) > 3
    assert len(set(widths)) == 1


def test_a_first_visit_takes_fifty_kilobytes_at_most(browser: Browser, site: str) -> None:
    context = browser.new_context(base_url=site, locale="en-GB")
    page = context.new_page()
    sizes: dict[str, float] = {}
    names: dict[str, str] = {}
    network = context.new_cdp_session(page)
    network.send("Network.enable")

    def began(event: dict[str, Any]) -> None:
        names[event["requestId"]] = event["response"]["url"]

    def ended(event: dict[str, Any]) -> None:
        sizes[event["requestId"]] = event["encodedDataLength"]

    network.on("Network.responseReceived", began)
    network.on("Network.loadingFinished", ended)
    page.goto("/", wait_until="networkidle")
    context.close()
    assert sum(sizes.values()) <= 50_000, {names.get(key, key): size for key, size in sizes.items()}
