"""Pages in the states that readers meet: refused, empty, waiting, over. For audits and pictures.

`walk` brings a browser into one state after the other; whoever walks looks at each page and leaves
it as it is. The shop is a demo whose SQLite file lies in a folder, since no walk waits for the
quarter of an hour after which an order is over.
"""

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from playwright.sync_api import Browser, Page, expect

from tests.journeys.test_journeys import add_to_basket, find, pay, place_order, register, sign_in

EMPTY = ("/basket", "/orders", "/sales", "/my/books", "/people/999999")
PUBLIC = ("/", "/books", "/?q=tolkein", "/?q=nothing+like+it", "/?category=poetry&sort=price-up",
          "/books/1", "/categories/poetry", "/authors/Jane%20Austen", "/?min=x&max=y",
          "/login", "/login?next=/sell", "/login/forgot", "/login/forgot?sent=1", "/register",
          "/people/1", "/help", "/privacy", "/terms", "/accessibility")  # fmt: skip
PRIVATE = ("/account", "/account?done=name", "/account/second-step", "/account/passkeys",
           "/account/delete", "/sell", "/my/books", "/my/books/1", "/my/books?q=zzzz",
           "/my/books/import", "/orders", "/sales")  # fmt: skip


def walk(browser: Browser, site: str, folder: Path, **context: str) -> Iterator[tuple[str, Page]]:
    """Yield a name and a page for each state."""
    page = browser.new_context(**{"base_url": site, "locale": "en-GB", **context}).new_page()  # type: ignore[arg-type]
    page.set_default_timeout(20_000)
    for path in PUBLIC:
        page.goto(path)
        yield path, page
    yield from _refused(page)
    yield from _waiting(page)
    page.context.clear_cookies()  # and with them what was put into the basket
    register_newcomer(page)
    for path in EMPTY:
        page.goto(path)
        yield f"nothing at {path}", page
    yield from _orders(page, folder)
    seller = browser.new_context(**{"base_url": site, "locale": "en-GB", **context}).new_page()  # type: ignore[arg-type]
    sign_in(seller, "ana@example.org")
    for path in PRIVATE:
        seller.goto(path)
        yield path, seller
    yield from _selling(seller)
    yield from _shipping(seller, page)
    yield from _mails(page)
    seller.context.close()
    page.context.close()


def register_newcomer(page: Page) -> None:
    """Create an account for whoever has the page open."""
    page.goto("/register")
    register(page)
    expect(page.get_by_role("link", name="Account")).to_be_visible()


def _refused(page: Page) -> Iterator[tuple[str, Page]]:
    page.goto("/not-there")
    yield "404", page
    page.goto("/login")
    page.get_by_label("E-mail").fill("ana@example.org")
    page.get_by_label("Password").fill("not it")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_be_visible()
    yield "wrong password", page
    page.goto("/register")
    page.get_by_label("Name").fill("N")
    page.get_by_role("button", name="Create account").click()
    expect(page.get_by_role("alert")).to_be_visible()
    yield "registration refused", page
    page.goto("/account/links/" + "x" * 43)
    yield "a link that ended", page
    find(page, "Dune")
    page.context.clear_cookies()
    with page.expect_navigation():
        page.locator("form.add").evaluate("form => form.submit()")
    yield "an old form", page


def _waiting(page: Page) -> Iterator[tuple[str, Page]]:
    """What is on its way, on a network that does not answer, and then says that it failed."""
    page.goto("/books")
    page.route("**/*q=madame*", lambda route: None)
    page.get_by_role("combobox", name="Search books").fill("madame")
    expect(page.locator("#catalogue[aria-busy=true]")).to_be_visible()
    yield "a search under way", page
    page.unroute_all()
    find(page, "Middlemarch")
    page.route("**/basket", lambda route: None)
    page.get_by_role("button", name="Add to basket").click()
    expect(page.locator("form.add[aria-busy=true]")).to_be_visible()
    yield "a button under way", page
    page.unroute_all()
    page.goto("/books")
    page.route("**/*q=madame*", lambda route: route.abort())
    page.get_by_role("combobox", name="Search books").fill("madame")
    expect(page.get_by_role("button", name="Try again")).to_be_visible()
    yield "no network", page
    page.unroute_all()


def _orders(page: Page, folder: Path) -> Iterator[tuple[str, Page]]:
    for title in ("Hamlet", "Beloved"):
        find(page, title)
        add_to_basket(page)
    page.goto("/basket")
    yield "a basket", page
    page.goto("/checkout")
    yield "checkout", page
    page.get_by_role("button", name="Place order").click()
    expect(page.get_by_role("alert")).to_be_visible()
    yield "checkout refused", page
    place_order(page)
    yield "to pay", page
    order = page.url.removesuffix("/pay")
    page.goto(order)
    yield "an order to pay", page
    page.goto("/basket")
    yield "a basket beside an order to pay", page
    page.goto(order + "/pay")
    pay(page, "4000000000009995")
    expect(page.get_by_role("alert").first).to_be_visible()
    yield "payment declined", page
    page.get_by_role("button", name="Pay").click()
    expect(page.locator("[aria-invalid=true]").first).to_be_visible()
    yield "payment refused", page
    pay(page, "4000000000003220")
    expect(page.get_by_role("button", name="Approve payment")).to_be_visible()
    yield "3-D Secure", page
    page.get_by_role("button", name="Approve payment").click()
    expect(page.get_by_role("link", name="Receipt")).to_be_visible()
    yield "an order paid", page
    page.get_by_role("link", name="Receipt").click()
    expect(page.get_by_role("heading", level=1, name="Receipt")).to_be_visible()
    yield "a receipt", page
    page.go_back()
    page.get_by_role("button", name="Cancel this parcel").last.click()
    expect(page.get_by_text(re.compile("go back to you|were refunded"))).to_be_visible()
    yield "a parcel cancelled", page
    find(page, "Persepolis")
    add_to_basket(page)
    place_order(page)
    order = page.url.removesuffix("/pay")
    let_pass(folder, int(order.rpartition("/")[2]))
    page.goto(order)
    expect(page.get_by_text("Nothing was charged.")).to_be_visible()
    yield "an order that expired", page
    page.get_by_role("button", name="Put the books back").click()
    page.wait_for_url("**/basket*")
    yield "its books put back", page
    page.goto("/orders")
    yield "orders", page


def let_pass(folder: Path, order_id: int) -> None:
    """Let the time go by that an order had to be paid in."""
    with closing(sqlite3.connect(folder / "bookstore.db", timeout=20)) as database, database:
        changed = database.execute(
            "UPDATE orders SET expires_at = placed_at + 1 WHERE id = ?", [order_id]
        )
        assert changed.rowcount == 1


def _selling(page: Page) -> Iterator[tuple[str, Page]]:
    page.goto("/sell")
    page.get_by_label("Price").fill("cheap")
    page.get_by_role("button", name="Publish").click()
    expect(page.get_by_role("alert")).to_be_visible()
    yield "a sale refused", page
    page.goto("/sell")
    page.get_by_label("ISBN").fill("9780441172719")
    page.get_by_role("button", name="Look up").click()
    expect(page.get_by_label("Title")).to_have_value("Dune")
    yield "an ISBN looked up", page
    page.goto("/my/books/1")
    page.get_by_role("button", name="Withdraw").click()
    page.wait_for_url("**/my/books?done=*")
    yield "a book withdrawn", page
    page.goto("/my/books/1")
    yield "a withdrawn book", page
    page.get_by_role("button", name="Put on sale again").click()
    page.wait_for_url("**/my/books?done=*")


def _shipping(seller: Page, buyer: Page) -> Iterator[tuple[str, Page]]:
    """A parcel of the order that was paid leaves and arrives."""
    seller.goto("/sales")
    seller.get_by_label("Tracking code").first.fill("!")
    seller.get_by_role("button", name="Mark as shipped").first.click()
    expect(seller.locator("[aria-invalid=true]")).to_be_visible()
    yield "a tracking code refused", seller
    seller.get_by_label("Tracking code").first.fill("EZ2000000002")
    seller.get_by_role("button", name="Mark as shipped").first.click()
    expect(seller.locator(".badge")).to_be_visible()
    yield "a parcel sent", seller
    buyer.goto("/orders")
    buyer.get_by_role("link", name="Order").last.click()
    expect(buyer.locator(".parcel .timeline").first).to_be_visible()
    yield "an order on its way", buyer


def _mails(page: Page) -> Iterator[tuple[str, Page]]:
    for _look in range(60):
        page.goto("/mailbox")
        if page.get_by_role("link", name="paid").count():
            break
        page.wait_for_timeout(500)
    yield "the mailbox", page
    page.get_by_role("link", name="paid").first.click()
    expect(page.locator(".mail-text")).to_be_visible()
    yield "a mail", page
    page.goto(page.url + "/html")
    yield "a mail as HTML", page
