"""Several tabs of one browser, as people have them open."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.journeys.test_journeys import add_to_basket, find, register, sign_in

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]


@pytest.fixture(params=[True, False], ids=["script", "no-script"])
def tabs(request: pytest.FixtureRequest, browser: Browser, site: str) -> Iterator[BrowserContext]:
    context = browser.new_context(base_url=site, locale="en-GB", java_script_enabled=request.param)
    context.set_default_timeout(20_000)
    yield context
    context.close()


def test_a_new_visitor_with_two_tabs_keeps_both_books(tabs: BrowserContext) -> None:
    first, second = tabs.new_page(), tabs.new_page()
    find(first, "Sapiens")
    find(second, "The Hobbit")
    add_to_basket(first)
    add_to_basket(second)
    second.goto("/basket")
    expect(second.locator(".row h2")).to_have_count(2)


def test_signing_in_in_another_tab_loses_no_filled_in_form(
    tabs: BrowserContext, tmp_path: Path
) -> None:
    picture = tmp_path / "cover.png"
    Image.new("RGB", (300, 450), "teal").save(picture)
    selling, other = tabs.new_page(), tabs.new_page()
    sign_in(selling, "ana@example.org")
    selling.goto("/sell")
    selling.get_by_label("Title").fill("A Book of Two Tabs")
    selling.get_by_label("Author").fill("Nora Reader")
    selling.get_by_label("Category").select_option("classics")
    selling.get_by_label("Condition").select_option("good")
    selling.get_by_label("Price").fill("7.50")
    selling.get_by_label("Cover").set_input_files(picture)
    other.goto("/account")
    other.get_by_role("button", name="Sign out").click()
    sign_in(other, "ana@example.org")
    selling.get_by_role("button", name="Publish").click()
    expect(selling.get_by_role("alert")).to_contain_text("You signed in or out")
    expect(selling.get_by_label("Title")).to_have_value("A Book of Two Tabs")
    expect(selling.get_by_text("Your picture is kept")).to_be_visible()
    selling.get_by_role("button", name="Publish").click()
    expect(selling.get_by_role("heading", level=1, name="A Book of Two Tabs")).to_be_visible()


def test_signing_in_in_another_tab_still_adds_to_the_basket(tabs: BrowserContext) -> None:
    reading, other = tabs.new_page(), tabs.new_page()
    find(reading, "Sapiens")
    other.goto("/register")
    register(other)
    expect(other.get_by_role("link", name="Account")).to_be_visible()
    add_to_basket(reading)
    reading.goto("/basket")
    expect(reading.get_by_role("heading", level=2, name="Sapiens")).to_be_visible()


def test_the_same_book_twice_from_one_page_is_there_twice(browser: Browser, site: str) -> None:
    page = _page(browser, site)
    find(page, "Sapiens")
    for number in ("1", "2"):
        page.get_by_role("button", name="Add to basket").click()
        expect(page.locator("#basket-badge")).to_have_text(number)
    page.context.close()


def test_the_badge_is_asked_for_where_there_is_a_basket_alone(browser: Browser, site: str) -> None:
    page = _page(browser, site)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto("/")
    find(page, "Sapiens")
    assert not [url for url in asked if url.endswith("/basket/badge")]
    add_to_basket(page)
    expect(page.locator("#basket-badge")).to_have_text("1")
    page.goto("/")
    expect(page.locator("#basket-badge")).to_have_text("1")
    page.context.close()


def _page(browser: Browser, site: str) -> Page:
    page = browser.new_context(base_url=site, locale="en-GB").new_page()
    page.set_default_timeout(20_000)
    return page
