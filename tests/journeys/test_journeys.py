"""What people come for, from the first page to the end, in a browser."""

import itertools
import re
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from bookstore.commands.demo import PASSWORD, PEOPLE

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]
_numbers = itertools.count(1)


def register(page: Page, name: str = "Nora Reader") -> str:
    """Fill in the registration form that is open; return the e-mail."""
    email = f"nora{next(_numbers)}@example.org"
    page.get_by_label("Name").fill(name)
    page.get_by_label("E-mail").fill(email)
    page.get_by_label("Password").fill("violet engines sleeping")
    page.get_by_role("button", name="Create account").click()
    return email


def sign_in(page: Page, email: str, password: str = PASSWORD) -> None:
    page.goto("/login")
    page.get_by_label("E-mail").fill(email)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("link", name="Account")).to_be_visible()


def find(page: Page, title: str) -> None:
    """Search for a title and open the book."""
    page.goto("/")
    page.get_by_role("combobox", name="Search books").fill(title)
    page.get_by_role("button", name="Search").click()
    page.get_by_role("link", name=title, exact=False).first.click()
    expect(page.get_by_role("heading", level=1, name=title)).to_be_visible()


def add_to_basket(page: Page) -> None:
    """Press the button and wait for what says that it worked: a toast, or the basket itself."""
    page.get_by_role("button", name="Add to basket").click()
    basket = page.get_by_role("heading", level=1, name="Basket")
    expect(page.locator("#toasts p").or_(basket).first).to_be_visible()


def place_order(page: Page) -> None:
    """From the basket to the payment page, creating an account on the way if needed."""
    page.goto("/basket")
    page.get_by_role("link", name="Checkout").or_(
        page.get_by_role("button", name="Checkout")
    ).click()
    if "/login" in page.url:
        page.get_by_role("main").get_by_role("link", name="Create account").click()
        register(page)
    page.get_by_label("Name").fill("Nora Reader")
    page.get_by_label("Address").fill("Calle Mayor 1\n28013 Madrid")
    page.get_by_label("Country").select_option("ES")
    page.get_by_role("button", name="Place order").click()
    expect(page).to_have_url(re.compile(r"/orders/\d+/pay"))


def pay(page: Page, card: str) -> None:
    page.get_by_label("Card number").fill(card)
    page.get_by_label("Expiry").or_(page.get_by_label("Valid until")).first.fill("12/40")
    page.get_by_label("CVC").or_(page.get_by_label("Security code")).first.fill("123")
    page.get_by_role("button", name=re.compile("^Pay")).click()


def test_a_book_is_found_bought_paid_shipped_and_arrives(
    page: Page, browser: Browser, site: str
) -> None:
    find(page, "Dune")
    seller = page.locator(".seller a").inner_text()
    add_to_basket(page)
    place_order(page)
    pay(page, "4242 4242 4242 4242")
    expect(page).to_have_url(re.compile(r"/orders/\d+$"))
    order = page.url

    shop_side = browser.new_context(base_url=site, locale="en-GB").new_page()
    sign_in(shop_side, dict(PEOPLE)[seller])
    shop_side.goto("/sales")
    shop_side.get_by_role("button", name="Mark as shipped").first.click()
    shop_side.wait_for_load_state()
    shop_side.context.close()

    for _look in range(30):
        page.goto(order)
        if page.get_by_text("Delivered").first.is_visible():
            break
        page.wait_for_timeout(500)
    expect(page.get_by_text("Delivered").first).to_be_visible()


def test_three_d_secure_and_a_decline_before_it(page: Page) -> None:
    find(page, "The Hobbit")
    add_to_basket(page)
    place_order(page)
    pay(page, "4000000000009995")
    expect(page.get_by_role("alert").first).to_be_visible()
    pay(page, "4000000000003220")
    if "3ds" not in page.url:
        page.get_by_role("link", name="Continue to your bank").click()
    page.get_by_role("button", name="Approve payment").click()
    expect(page).to_have_url(re.compile(r"/orders/\d+$"))


def test_a_book_is_published_with_its_cover(page: Page, tmp_path: Path) -> None:
    sign_in(page, "ana@example.org")
    picture = tmp_path / "cover.jpg"
    Image.new("RGB", (600, 900), "#805020").save(picture)
    title = f"Attic find number {next(_numbers)}"
    page.goto("/sell")
    page.get_by_label("Title").fill(title)
    page.get_by_label("Author").fill("A. Nonymous")
    page.get_by_label("Price").fill("4.50")
    page.get_by_label("Copies").fill("2")
    page.get_by_label("Condition").select_option(label="Good")
    page.get_by_label("Category").select_option(label="History and biography")
    page.get_by_label("Cover").set_input_files(picture)
    page.get_by_role("button", name="Publish").click()
    page.wait_for_load_state()
    find(page, title)
    cover = page.locator("img.book-cover").first
    expect(cover).to_be_visible()
    assert (
        page.request.get(cover.get_attribute("src") or "").headers["content-type"] == "image/webp"
    )


def test_the_isbn_fills_the_form(page: Page) -> None:
    sign_in(page, "ana@example.org")
    page.goto("/sell")
    page.get_by_label("ISBN").fill("978-0-441-17271-9")
    page.get_by_role("button", name="Look up").click()
    expect(page.get_by_label("Title")).to_have_value("Dune")
    expect(page.get_by_label("Author")).to_have_value("Frank Herbert")


def test_the_shop_speaks_spanish(page: Page) -> None:
    page.goto("/")
    page.get_by_role("link", name="Español").click()
    expect(page.get_by_role("button", name="Buscar")).to_be_visible()
    page.get_by_role("link", name="Iniciar sesión").click()
    expect(page.get_by_role("heading", name="Iniciar sesión")).to_be_visible()


def test_typing_searches_by_itself(browser: Browser, site: str) -> None:
    page = browser.new_context(base_url=site, locale="en-GB").new_page()
    page.goto("/books")
    page.get_by_role("combobox", name="Search books").press_sequentially("hobb", delay=40)
    expect(page.get_by_role("link", name="The Hobbit").first).to_be_visible()
    expect(page).to_have_url(re.compile("q=hobb"))
    page.go_back()
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    page.context.close()


def test_adding_to_the_basket_shows_in_the_header(browser: Browser, site: str) -> None:
    page = browser.new_context(base_url=site, locale="en-GB").new_page()
    find(page, "Sapiens")
    page.get_by_role("button", name="Add to basket").click()
    expect(page.locator("#basket-badge")).to_have_text("1")
    expect(page.locator("#toasts p").first).to_be_visible()
    page.context.close()


def test_filters_on_a_phone_stay_as_the_reader_left_them(browser: Browser, site: str) -> None:
    """Folded away over a filtered list that was come to, open while somebody chooses."""
    context = browser.new_context(
        base_url=site, locale="en-GB", viewport={"width": 390, "height": 800}
    )
    page = context.new_page()
    page.goto("/?condition=good")
    fine = page.locator(".facets input[name=condition][value=fine]")
    expect(page.locator(".facets summary")).to_contain_text("Filters (1)")
    expect(fine).not_to_be_visible()
    page.locator(".facets summary").click()
    fine.check()
    expect(page.locator(".facets summary")).to_contain_text("Filters (2)")
    expect(fine).to_be_visible()
    context.close()
