"""Two strangers on a phone: they register, confirm, lose the password and come back, sell, buy, and
are told of each step by mail, in either language, with and without JavaScript."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, ViewportSize, expect

pytestmark = [
    pytest.mark.browser,
    pytest.mark.timeout(240),
    pytest.mark.parametrize("site", ["monolith"], indirect=True, scope="module"),
]
PHONE: ViewportSize = {"width": 360, "height": 740}
TOLD = {
    "en-GB": {
        "seller": ["Confirm your e-mail address", "Set a new password", "Sold: please ship"],
        "buyer": ["waiting for your payment", "paid", "on its way", "delivered"],
    },
    "es-ES": {
        "seller": ["Confirme su", "Poner una contraseña", "Vendido: envíe"],
        "buyer": ["pendiente de pago", "pagado", "en camino", "entregado"],
    },
}


@pytest.fixture(params=[("en-GB", False), ("es-ES", True)], ids=["en no-script", "es script"])
def people(
    request: pytest.FixtureRequest, browser: Browser, site: str
) -> Iterator[tuple[str, Page, Page]]:
    """A language, and two people with a phone each."""
    locale, script = request.param
    pages = [
        browser.new_context(
            base_url=site, locale=locale, java_script_enabled=script, viewport=PHONE
        ).new_page()
        for _person in range(2)
    ]
    yield locale, *pages
    for page in pages:
        page.context.close()


def send(page: Page, action: str, **fields: str) -> None:
    """Fill in a form by the names of its fields, and send it."""
    form = page.locator(f"main form[action='{action}']")
    for name, value in fields.items():
        field = form.locator(f"[name={name}]")
        if field.evaluate("it => it.tagName") == "SELECT":
            field.select_option(value)
        else:
            field.fill(value)
    form.locator("button[type=submit]").last.click()
    page.wait_for_load_state()


def register(page: Page, name: str, email: str) -> None:
    page.goto("/register")
    send(page, "/register", name=name, email=email, password="violet engines sleeping")
    expect(page).not_to_have_url(re.compile("/register"))


def mail(page: Page, to: str, subject: str) -> None:
    """Wait for somebody's mail and open it."""
    found = page.locator(".mails li", has_text=to).get_by_role("link", name=subject)
    page.goto("/mailbox")
    for _look in range(60):  # it is sent in the background
        if found.count():
            break
        page.wait_for_timeout(500)
        page.goto("/mailbox")
    found.first.click()
    expect(page.locator(".mail-text")).to_be_visible()


def follow(page: Page, link: str) -> None:
    """Follow a link of the mail that is open."""
    page.locator(f".mail-text a[href*='{link}']").first.click()
    page.wait_for_load_state()


def test_strangers_sell_and_buy_and_are_told_of_each_step(people: tuple[str, Page, Page]) -> None:
    locale, seller, buyer = people
    told = TOLD[locale]
    lola, nil = f"lola.{locale}@example.org".lower(), f"nil.{locale}@example.org".lower()
    title = f"Found in an attic {locale}"

    register(seller, "Lola", lola)
    mail(seller, lola, told["seller"][0])
    follow(seller, "/account/links/")
    seller.locator("main form button[type=submit]").click()

    seller.context.clear_cookies()  # another phone, and the password is forgotten
    seller.goto("/login")
    seller.locator("main a[href^='/login/forgot']").click()
    send(seller, "/login/forgot", email=lola)
    mail(seller, lola, told["seller"][1])
    follow(seller, "/account/links/")
    seller.locator("main [name=password]").fill("nine green lanterns")
    seller.locator("main form button[type=submit]").click()
    expect(seller).not_to_have_url(re.compile("/account/links/"))

    seller.goto("/sell")
    send(seller, "/sell", title=title, author="Anon", category="other", condition="good",
         price="5", copies="1")  # fmt: skip
    seller.goto(f"/?q={title}")
    book = seller.locator("main a[href^='/books/']").first.get_attribute("href") or ""

    register(buyer, "Nil", nil)
    buyer.goto(book)
    expect(buyer.get_by_role("heading", level=1)).to_contain_text("attic")
    buyer.locator("main form[action='/basket'] button[type=submit]").first.click()
    expect(buyer.locator("#toasts p").or_(buyer.locator("#basket")).first).to_be_visible()
    buyer.goto("/checkout")
    send(buyer, "/checkout", name="Nil", address="Calle Mayor 1\n28013 Madrid", country="ES")
    expect(buyer).to_have_url(re.compile(r"/orders/\d+/pay"))
    order = buyer.url.removesuffix("/pay")
    send(buyer, f"/orders/{order.rpartition('/')[2]}/pay", card_number="4242 4242 4242 4242",
         expiry="1240", cvc="123")  # fmt: skip
    expect(buyer).to_have_url(order)

    mail(seller, lola, told["seller"][2])
    seller.goto("/sales")
    seller.locator("main form[action$='/ship'] button[type=submit]").first.click()
    for subject in told["buyer"]:
        mail(buyer, nil, subject)
    for page in people[1:]:
        page.goto("/orders" if page is buyer else "/sales")
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
