"""What the list of sessions calls a browser."""

import pytest

from bookstore.accounts.browsers import browser_and_system
from bookstore.web.shop import Shop
from tests.support.reader import PASSWORD, Reader

WEBKIT = "AppleWebKit/537.36 (KHTML, like Gecko)"


@pytest.mark.parametrize(
    ("user_agent", "known"),
    [
        ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
         ("Firefox", "Linux")),
        (f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {WEBKIT} Chrome/140.0.0.0 Safari/537.36",
         ("Chrome", "Windows")),
        (f"Mozilla/5.0 (Windows NT 10.0) {WEBKIT} Chrome/140.0.0.0 Safari/537.36 Edg/140.0",
         ("Edge", "Windows")),
        (f"Mozilla/5.0 (Linux; Android 15; SM-S921B) {WEBKIT} SamsungBrowser/28.0 Chrome/130.0"
         " Mobile Safari/537.36", ("Samsung Internet", "Android")),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like"
         " Gecko) Version/18.5 Mobile/15E148 Safari/604.1", ("Safari", "iPhone")),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko)"
         " Version/18.5 Safari/605.1.15", ("Safari", "macOS")),
        ("curl/8.14.1", ("", "")),
        ("", ("", "")),
    ],
)  # fmt: skip
def test_browsers_are_named_as_people_know_them(user_agent: str, known: tuple[str, str]) -> None:
    assert browser_and_system(user_agent) == known


async def test_the_account_page_names_the_browser_of_each_session(
    reader: Reader, shop: Shop
) -> None:
    await reader.register()
    phone = Reader(shop)
    form = (await phone.get("/login")).form("/login")
    await phone.post(
        "/login",
        {**form, "email": reader.email, "password": PASSWORD},
        User_Agent="Mozilla/5.0 (Android 15; Mobile; rv:140.0) Gecko/140.0 Firefox/140.0",
    )
    sessions = (await reader.get("/account")).see(".sessions")
    assert "Firefox on Android" in sessions
    assert "Unknown browser" in sessions
