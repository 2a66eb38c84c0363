"""Tabs, retries and old forms: nothing is lost, nothing is done twice, and nobody is told what is
not so. These readers' browsers say where a request comes from, as all of today do."""

import asyncio
import io
import json
import time
from typing import Any

import pyotp
import pytest
from PIL import Image
from werkzeug.datastructures import FileStorage

from bookstore.accounts import links
from bookstore.accounts.recovery import reset_link
from bookstore.accounts.service import Accounts
from bookstore.app import derived_key
from bookstore.web import kept_answers, urls
from bookstore.web.csrf import LIFETIME, token_of
from bookstore.web.shop import Shop
from bookstore.web.stale import Treatment
from tests.conftest import SECRET
from tests.orders.support import ADDRESS, databases, on_sale, person_id
from tests.support.reader import PASSWORD, Page, Reader

BOOK = {"title": "Orlando", "author": "Virginia Woolf", "category": "classics",
        "condition": "good", "price": "7.50", "copies": "2"}  # fmt: skip


class Tabs(Reader):
    """One browser with several tabs: what differs from a Reader is the browser's own word."""

    async def post(self, path: str, fields: Any = None, **given: Any) -> Page:
        return await super().post(path, fields, **{"Sec_Fetch_Site": "same-origin", **given})

    def session(self) -> str:
        cookies = {cookie.name: cookie.value for cookie in self._client.cookie_jar}
        return cookies["session"] or ""

    def forget(self) -> None:
        """Take the cookies back that answers brought, as a browser whose request was first."""
        self._client.cookie_jar.clear()


@pytest.fixture
def tabs(shop: Shop) -> Tabs:
    return Tabs(shop)


async def book_form(tabs: Reader, book: int) -> dict[str, str]:
    """Open a book's page in a tab."""
    return (await tabs.get(f"/books/{book}")).form("/basket")


async def count(tabs: Reader) -> str:
    return (await tabs.get("/basket/badge")).text


def marked(shop: Shop, treatment: Treatment) -> set[str]:
    """Return the addresses whose handlers treat old forms so."""
    return {
        rule.rule
        for rule in shop.url_map.iter_rules()
        if "POST" in (rule.methods or ())
        and getattr(shop.view_functions[rule.endpoint], "stale_form", None) is treatment
    }


def aged(form: dict[str, str], tabs: Tabs, seconds: float = LIFETIME + 60) -> dict[str, str]:
    """Return a form as if it had been opened so long ago."""
    key = derived_key(SECRET, "csrf")
    return {**form, "csrf_token": token_of(key, tabs.session(), int(time.time() - seconds))}


async def test_two_tabs_of_a_new_visitor_keep_both_books(tabs: Tabs, shop: Shop) -> None:
    books = [await on_sale(shop) for _tab in "ab"]
    forms = [await book_form(tabs, book) for book in books]
    answers = await asyncio.gather(*(tabs.post("/basket", form) for form in forms))
    assert [answer.status for answer in answers] == [303, 303]
    assert await count(tabs) == "2"


async def test_two_tabs_that_opened_at_the_same_moment_do_as_well(tabs: Tabs, shop: Shop) -> None:
    """Neither page knew of the other's cookie; that of the second is the browser's now."""
    books = [await on_sale(shop) for _tab in "ab"]
    first = await book_form(tabs, books[0])
    tabs.forget()
    second = await book_form(tabs, books[1])
    for form in (first, second):
        assert (await tabs.post("/basket", form)).status == 303
    assert await count(tabs) == "2"


async def test_a_first_book_whose_answer_got_lost_is_there_once(tabs: Tabs, shop: Shop) -> None:
    form = await book_form(tabs, await on_sale(shop, copies=5))
    before = [(cookie.name, cookie.value) for cookie in tabs._client.cookie_jar]
    await tabs.post("/basket", form)
    tabs.forget()  # with the answer its cookies got lost
    for name, value in before:
        tabs._client.set_cookie("localhost", name, value or "")
    again = await tabs.post("/basket", form)
    assert again.status == 303
    assert await count(tabs) == "1"
    assert ("has_basket", "1") in {(c.name, c.value) for c in tabs._client.cookie_jar}


async def test_a_kept_answer_fits_whoever_asks_again(tabs: Tabs, shop: Shop) -> None:
    book = await on_sale(shop, copies=5)
    form = await book_form(tabs, book)
    assert (await tabs.post("/basket", form, HX_Request="true")).status == 204
    plain = await tabs.post("/basket", form)
    assert (plain.status, plain.location) == (303, "/basket?sent=before")
    assert "nothing was added again" in (await tabs.get(str(plain.location))).text
    form = await book_form(tabs, book)
    assert (await tabs.post("/basket", form)).location == "/basket"
    htmx = await tabs.post("/basket", form, HX_Request="true")
    assert (htmx.status, htmx.headers.get("HX-Redirect")) == (204, "/basket")
    assert "Location" not in htmx.headers
    form = (await tabs.get("/basket")).form(f"/basket/{book}")
    fields = {**form, "quantity": "3"}
    assert (await tabs.post(f"/basket/{book}", fields, HX_Request="true")).status == 200
    assert (await tabs.post(f"/basket/{book}", fields)).location == "/basket"
    assert await count(tabs) == "3"


async def test_the_same_form_with_another_quantity_is_meant_anew(tabs: Tabs, shop: Shop) -> None:
    form = await book_form(tabs, await on_sale(shop, copies=9))
    assert (await tabs.post("/basket", form)).location == "/basket"
    for _time in range(2):  # also without a script, which would have renewed the key
        answer = await tabs.post("/basket", {**form, "quantity": "2"})
        assert answer.status == 303
    assert await count(tabs) == "3"


async def test_a_request_that_was_taken_over_is_undone(
    tabs: Tabs, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first is held up for longer than a live process should be, and then goes on."""
    monkeypatch.setattr(kept_answers, "ABANDONED", 200)
    baskets = shop.extensions["bookstore.orders"].baskets
    quotes, waiting, released = baskets.catalogue.quotes, asyncio.Event(), asyncio.Event()

    async def held_up(book_ids: Any) -> Any:
        if not waiting.is_set():
            waiting.set()
            await released.wait()
        return await quotes(book_ids)

    monkeypatch.setattr(baskets.catalogue, "quotes", held_up)
    form = await book_form(tabs, await on_sale(shop, copies=5))
    first = asyncio.ensure_future(tabs.post("/basket", form))
    await waiting.wait()
    second = await tabs.post("/basket", form)
    released.set()
    assert (second.status, (await first).status) == (303, 303)
    assert "Idempotent-Replay" in (await first).headers
    assert await count(tabs) == "1"


async def test_an_old_form_is_shown_again_and_then_taken(tabs: Tabs, shop: Shop) -> None:
    await tabs.register()
    form = aged((await tabs.get("/sell")).form("/sell"), tabs)
    shown = await tabs.post("/sell", {**form, **BOOK})
    assert shown.status == 422
    assert "opened long ago" in shown.see(".notice.error")
    again = shown.form("/sell")
    assert (again["title"], again["price"]) == ("Orlando", "7.50")
    assert again["idempotency_key"] != form["idempotency_key"]
    assert (await tabs.post("/sell", again)).status == 303
    books = await databases(shop)["catalogue"].value("SELECT COUNT(*) FROM books")
    assert books == 1


async def test_an_old_checkout_does_not_lead_to_an_old_order(tabs: Tabs, shop: Shop) -> None:
    await tabs.register()
    for number in range(2):
        form = await book_form(tabs, await on_sale(shop))
        await tabs.post("/basket", form)
        checkout = {**(await tabs.get("/checkout")).form("/checkout"), **ADDRESS}
        if number == 0:
            old = checkout
            first = await tabs.post("/checkout", checkout)
    await databases(shop)["orders"].execute("DELETE FROM orders_idempotency")  # days have passed
    answer = await tabs.post("/checkout", aged(old, tabs))
    assert answer.status == 422
    placed = await tabs.post("/checkout", {**answer.form("/checkout"), **ADDRESS})
    assert placed.status == 303
    assert placed.location != first.location


async def test_an_old_form_that_was_sent_before_gets_its_answer(tabs: Tabs) -> None:
    await tabs.register()
    form = (await tabs.get("/account")).form("/account")
    fields = {**form, "name": "Berta"}
    assert (await tabs.post("/account", fields)).location == "/account?done=name"
    again = await tabs.post("/account", aged(fields, tabs))
    assert (again.status, again.location) == (303, "/account?done=name")
    assert again.headers["Idempotent-Replay"] == "true"


async def test_an_old_page_still_adds_to_the_basket(tabs: Tabs, shop: Shop) -> None:
    form = aged(await book_form(tabs, await on_sale(shop)), tabs)
    assert (await tabs.post("/basket", form)).status == 303
    assert await count(tabs) == "1"


async def test_signing_in_in_another_tab_loses_no_form_nor_its_picture(
    tabs: Tabs, shop: Shop
) -> None:
    await tabs.register(email="ana@example.org")
    form = (await tabs.get("/sell")).form("/sell")
    await tabs.submit("/account", "/logout")
    await tabs.sign_in("ana@example.org")
    picture = io.BytesIO()
    Image.new("RGB", (80, 120), "teal").save(picture, "PNG")
    picture.seek(0)
    file = FileStorage(picture, filename="orlando.png")
    shown = await tabs.post("/sell", {**form, **BOOK}, files={"cover": file})
    assert shown.status == 422
    assert "You signed in or out" in shown.see(".notice.error")
    again = shown.form("/sell")
    assert again["kept_cover"].endswith(".webp")
    published = await tabs.post("/sell", again)
    assert (
        again["kept_cover"].removesuffix(".webp") in (await tabs.get(str(published.location))).text
    )


async def test_signing_in_in_another_tab_still_adds_to_the_basket(tabs: Tabs, shop: Shop) -> None:
    accounts: Accounts = shop.extensions["bookstore.accounts"]
    await accounts.register(email="ana@example.org", name="Ana", password=PASSWORD, form_key="k",
                            language="en")  # fmt: skip
    first, second = [await book_form(tabs, await on_sale(shop)) for _tab in "ab"]
    await tabs.post("/basket", first)
    await tabs.sign_in("ana@example.org")
    assert (await tabs.post("/basket", second)).status == 303
    assert await count(tabs) == "2"


async def test_a_button_pressed_in_an_old_tab_asks_and_then_does(tabs: Tabs, shop: Shop) -> None:
    await tabs.register(email="ana@example.org")
    book = await on_sale(shop, seller_id=await person_id(shop, "ana@example.org"))
    withdraw = f"/my/books/{book}/withdraw"
    form = (await tabs.get(f"/my/books/{book}")).form(withdraw)
    await tabs.submit("/account", "/logout")
    await tabs.sign_in("ana@example.org")
    asked = await tabs.post(withdraw, form)
    assert asked.status == 422
    assert "You signed in or out" in asked.text
    assert (await tabs.post(withdraw, asked.form(withdraw))).location == "/my/books?done=withdrawn"


async def test_who_signed_out_in_another_tab_keeps_what_was_typed(tabs: Tabs) -> None:
    await tabs.register(email="ana@example.org")
    form = (await tabs.get("/sell")).form("/sell")
    await tabs.submit("/account", "/logout")
    asked = await tabs.post("/sell", {**form, **BOOK})
    assert asked.status == 422
    kept = asked.form("/sell")
    assert kept["title"] == "Orlando"
    await tabs.sign_in("ana@example.org")
    shown = await tabs.post("/sell", kept)
    assert (await tabs.post("/sell", shown.form("/sell"))).status == 303


async def test_a_page_holds_no_password_for_later(tabs: Tabs) -> None:
    await tabs.register()
    form = (await tabs.get("/account")).form("/account/password")
    await tabs.submit("/account", "/logout")
    answer = await tabs.post(
        "/account/password", {**form, "current": PASSWORD, "password": "another quiet lantern"}
    )
    assert PASSWORD not in answer.text
    assert (answer.location or "").startswith("/login")


@pytest.mark.parametrize("action", ["/login", "/register", "a link for a new password"])
async def test_a_browser_that_forgot_its_cookies_signs_in_with_one_more_press(
    tabs: Tabs, shop: Shop, action: str
) -> None:
    await tabs.register(email="ana@example.org")
    await tabs.submit("/account", "/logout")
    fields = {"email": "ana@example.org", "password": PASSWORD}
    if action == "/register":
        fields = {"name": "Nora", "email": "nora@example.org", "password": PASSWORD}
    elif action != "/login":
        accounts: Accounts = shop.extensions["bookstore.accounts"]
        number = await person_id(shop, "ana@example.org")
        action = urls.account_link(await reset_link(accounts, number))
        fields = {"password": "another quiet lantern"}
    form = (await tabs.get(action)).form(action)
    tabs.forget()
    shown = await tabs.post(action, {**form, **fields})
    assert shown.status == 422
    assert "no cookie of this shop" in shown.text
    assert fields["password"] not in shown.text
    kept = shown.form(action)
    assert {kept.get(name) for name in fields if name != "password"} == {
        value for name, value in fields.items() if name != "password"
    }
    done = await tabs.post(action, {**kept, "password": fields["password"]})
    assert done.status == 303
    assert (await tabs.get("/account")).status == 200


async def test_without_cookies_no_session_starts_and_the_page_says_why(tabs: Tabs) -> None:
    await tabs.register(email="ana@example.org")
    fields = {"email": "ana@example.org", "password": PASSWORD}
    for _press in range(3):
        tabs.forget()
        form = (await tabs.get("/login")).form("/login")
        tabs.forget()
        answer = await tabs.post("/login", {**form, **fields})
        assert answer.status == 422
        assert "allow cookies" in answer.text
        assert not any(c.startswith("session=s") for c in answer.headers.getlist("Set-Cookie"))


@pytest.mark.parametrize("word", [{}, {"Sec_Fetch_Site": "none"}])
async def test_without_the_browser_s_word_an_old_form_is_refused(
    shop: Shop, word: dict[str, Any]
) -> None:
    reader = Reader(shop)
    form = await book_form(reader, await on_sale(shop))
    answer = await reader.post("/basket", {**form, "csrf_token": "0" * 80}, **word)
    assert answer.status == 403
    assert await count(reader) == ""


async def test_no_handler_takes_an_old_form_that_it_is_to_show_again(
    tabs: Tabs, shop: Shop
) -> None:
    """Each that is marked so must look at its form before it does anything."""
    await tabs.register(email="ana@example.org")
    seller = await person_id(shop, "ana@example.org")
    book = await on_sale(shop, seller_id=seller)
    await tabs.post("/basket", await book_form(tabs, await on_sale(shop)))
    order = await tabs.submit("/checkout", **ADDRESS)
    set_up = (await tabs.get("/account/second-step")).see("code")
    pages = {
        "/account/second-step": "/account/second-step",
        "/account/second-step/off": "/account/second-step",
        "/account/delete": "/account/delete",
        "/account": "/account", "/account/password": "/account", "/account/email": "/account",
        "/sell": "/sell", "/checkout": "/checkout", f"/my/books/{book}": f"/my/books/{book}",
        str(order.location): str(order.location),
    }  # fmt: skip
    assert len(marked(shop, Treatment.SHOWN)) == len(pages)
    await tabs.post("/basket", await book_form(tabs, await on_sale(shop)))
    values = {**BOOK, **ADDRESS, "name": "Berta", "current": PASSWORD, "email": "b@example.org",
              "password": "another quiet lantern", "card_number": "4242424242424242",
              "code": "123456"}  # fmt: skip
    for action, page in pages.items():
        if action == "/account/second-step/off":
            code = pyotp.TOTP(set_up).now()
            await tabs.submit(page, "/account/second-step", code=code)
        form = (await tabs.get(page)).form("/account" if page == "/account" else action)
        fields = {name: values.get(name, value) for name, value in {**form, **values}.items()}
        answer = await tabs.post(action, aged({**form, **fields}, tabs))
        assert answer.status == 422, action
        if action != "/account/email":  # which is not on the page of a shop without mail
            assert "opened long ago" in answer.text, action


async def test_no_handler_that_signs_in_takes_a_form_without_cookies(
    tabs: Tabs, shop: Shop
) -> None:
    """Nor does a press on any of the links that share such a handler."""
    await tabs.register(email="ana@example.org")
    await tabs.submit("/account", "/logout")
    accounts: Accounts = shop.extensions["bookstore.accounts"]
    number = await person_id(shop, "ana@example.org")
    tokens = {
        purpose: await links.add(
            accounts.database, number, purpose, accounts.clock(), address="a@example.org", pair="p"
        )
        for purpose in links.Purpose
    }
    step = urls.second_step(tokens.pop(links.Purpose.SECOND_STEP))
    actions = {
        "/login": ["/login"], "/register": ["/register"], "/login/code/<token>": [step],
        "/account/links/<token>": [urls.account_link(token) for token in tokens.values()],
    }  # fmt: skip
    assert set(actions) == marked(shop, Treatment.SIGNS_IN)
    values = {"email": "ana@example.org", "name": "Ana", "password": PASSWORD, "code": "123456"}
    for action in [one for some in actions.values() for one in some]:
        form = (await tabs.get(action)).form(action)
        fields = {name: values.get(name, value) for name, value in form.items()}
        for _press in range(2):
            tabs.forget()
            answer = await tabs.post(action, fields)
            assert answer.status == 422, action
            assert "no cookie of this shop" in answer.text, action
            assert answer.form(action).keys() == form.keys()
    opened = await accounts.database.value(
        "SELECT COUNT(*) FROM one_time_links WHERE used_at IS NULL"
    )
    assert opened == len(links.Purpose)


@pytest.mark.parametrize("purpose", ["confirm", "change_old", "change_new"])
async def test_a_link_pressed_without_cookies_does_its_work_with_one_more_press(
    tabs: Tabs, shop: Shop, purpose: str
) -> None:
    await tabs.register(email="ana@example.org")
    accounts: Accounts = shop.extensions["bookstore.accounts"]
    number = await person_id(shop, "ana@example.org")
    token = await links.add(
        accounts.database, number, links.Purpose(purpose), accounts.clock(),
        address="a@example.org", pair="p",
    )  # fmt: skip
    action = urls.account_link(token)
    form = (await tabs.get(action)).form(action)
    tabs.forget()
    again = (await tabs.post(action, form)).form(action)
    first, second = [await tabs.post(action, again) for _press in range(2)]
    assert first.status == second.status == (303 if purpose == "confirm" else 200)
    assert "Idempotent-Replay" in second.headers


async def test_the_badge_s_hint_follows_the_basket(tabs: Tabs, shop: Shop) -> None:
    def hint() -> str | None:
        return {c.name: c.value for c in tabs._client.cookie_jar}.get("has_basket")

    book = await on_sale(shop)
    await tabs.get(f"/books/{book}")
    assert hint() is None
    added = await tabs.post("/basket", await book_form(tabs, book), HX_Request="true")
    assert "basket-changed" in json.loads(added.headers["HX-Trigger"])
    assert hint() == "1"
    told = [c for c in added.headers.getlist("Set-Cookie") if c.startswith("has_basket")]
    assert "HttpOnly" not in told[0]
    form = (await tabs.get("/basket")).form(f"/basket/{book}")
    await tabs.post(f"/basket/{book}", {**form, "quantity": "0"})
    await tabs.get("/basket")
    assert hint() is None


async def test_who_brings_no_cookie_costs_no_statement(shop: Shop, monkeypatch: Any) -> None:
    async def never(*_given: object) -> Any:
        raise AssertionError("the database was asked")

    monkeypatch.setattr(databases(shop)["orders"], "all", never)
    assert await count(Reader(shop)) == ""
