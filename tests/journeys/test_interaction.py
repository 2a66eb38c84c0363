"""What happens between pages: typing, going back, failing, waiting."""

import re

import pytest
from playwright.sync_api import Browser, Page, Route, expect

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]


@pytest.fixture
def page(browser: Browser, site: str) -> Page:
    context = browser.new_context(base_url=site, locale="en-GB")
    page = context.new_page()
    page.set_default_timeout(20_000)
    return page


def count_steps(page: Page) -> int:
    return int(page.evaluate("history.length"))


def test_typing_is_one_step_of_the_history(page: Page) -> None:
    page.goto("/books")
    before = count_steps(page)
    field = page.get_by_role("combobox", name="Search books")
    for end in (2, 4, 6):
        field.press_sequentially("madame"[end - 2 : end])
        expect(page).to_have_url(re.compile(f"q={'madame'[:end]}$"))
    assert count_steps(page) == before + 1
    page.go_back()
    expect(page.get_by_role("heading", level=1)).to_have_text("Second-hand books")


def test_enter_keeps_the_filters(page: Page) -> None:
    page.goto("/?category=classics")
    page.get_by_role("combobox", name="Search books").fill("madame")
    page.get_by_role("combobox", name="Search books").press("Enter")
    page.wait_for_url("**/*q=madame*")
    assert "category=classics" in page.url


def test_title_and_language_link_follow_the_search(page: Page) -> None:
    page.goto("/books")
    page.get_by_role("combobox", name="Search books").fill("madame")
    expect(page).to_have_title("Search: madame · BookStore")
    link = page.get_by_role("link", name="Español")
    expect(link).to_have_attribute("href", re.compile("q=madame"))


@pytest.mark.parametrize("how", ["offline", "busy", "foreign"])
def test_a_failing_search_says_so_and_can_be_tried_again(page: Page, how: str) -> None:
    page.goto("/books")

    def fail(route: Route) -> None:
        if how == "offline":
            route.abort()
        elif how == "busy":
            route.fulfill(status=503, headers={"X-Request-ID": "x" * 16}, body="<p>busy</p>")
        else:
            route.fulfill(status=200, content_type="text/html", body="<h1>Hotel Wi-Fi</h1>")

    page.route("**/?*q=*", fail)
    page.get_by_role("combobox", name="Search books").fill("madame")
    button = page.get_by_role("button", name="Try again")
    expect(button).to_be_visible()
    expect(page.get_by_text("Hotel Wi-Fi")).to_have_count(0)
    expect(page.locator(".card").first).to_be_visible()
    page.unroute_all()
    button.click()
    expect(page).to_have_title("Search: madame · BookStore")


def test_after_three_pages_a_press_is_asked_for(page: Page) -> None:
    """The demo has three pages of books: what counts is that the footer can be reached."""
    page.goto("/books")
    for _scroll in range(8):
        page.mouse.wheel(0, 4000)
        page.wait_for_timeout(200)
    expect(page.locator("footer")).to_be_in_viewport()


def test_coming_back_finds_the_list_as_it_was_left(page: Page) -> None:
    page.goto("/books")
    page.locator(".card").nth(20).scroll_into_view_if_needed()
    page.mouse.wheel(0, 3000)
    expect(page.locator(".card").nth(30)).to_be_attached()
    card = page.locator(".card").nth(30)
    title = card.get_by_role("heading").inner_text()
    card.get_by_role("link").click()
    expect(page.get_by_role("heading", level=1, name=title)).to_be_visible()
    page.go_back()
    expect(page.locator(".card").nth(30)).to_be_in_viewport()


def test_the_first_field_in_error_has_the_cursor(page: Page) -> None:
    page.goto("/register")
    page.get_by_label("Name").fill("Nora")
    page.get_by_label("E-mail").fill("not an address")
    page.get_by_label("Password").fill("violet engines sleeping")
    page.get_by_role("button", name="Create account").click()
    expect(page.get_by_label("E-mail")).to_be_focused()


def test_times_are_in_the_zone_of_the_reader(browser: Browser, site: str) -> None:
    context = browser.new_context(base_url=site, locale="en-GB", timezone_id="Asia/Tokyo")
    page = context.new_page()
    page.goto("/mailbox")
    page.evaluate(
        """() => { document.querySelector("main").innerHTML =
            '<time datetime="2026-01-01T00:00:00+00:00" data-local="time">UTC</time>';
            document.dispatchEvent(new Event("htmx:after:swap")); }"""
    )
    expect(page.locator("main time")).to_have_text("09:00")


@pytest.mark.parametrize("path", ["/", "/login", "/books/3", "/help", "/basket"])
def test_the_header_leaves_room_on_a_phone(browser: Browser, site: str, path: str) -> None:
    context = browser.new_context(
        base_url=site, locale="es-ES", viewport={"width": 360, "height": 740}
    )
    page = context.new_page()
    page.goto(path)
    height = page.locator(".site-header").bounding_box()
    assert height is not None
    assert height["height"] < 125
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    page.get_by_role("button", name="Menú").click()
    menu = page.get_by_role("navigation", name="Principal")
    expect(menu.get_by_role("link", name="Vender un libro")).to_be_visible()
