"""Passkeys in a real browser, with the authenticator that Chromium brings for tests."""

import itertools

import pytest
from playwright.sync_api import Browser, CDPSession, Page, expect

from tests.journeys.test_journeys import register

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]
_numbers = itertools.count(1)


@pytest.fixture
def page(browser: Browser, site: str) -> Page:
    # Browsers make passkeys for names, not for addresses.
    origin = site.replace("127.0.0.1", "localhost")
    return browser.new_context(base_url=origin, locale="en-GB").new_page()


@pytest.fixture
def authenticator(page: Page) -> CDPSession:
    session = page.context.new_cdp_session(page)
    session.send("WebAuthn.enable")
    session.send(
        "WebAuthn.addVirtualAuthenticator",
        {
            "options": {
                "protocol": "ctap2",
                "transport": "internal",
                "hasResidentKey": True,
                "hasUserVerification": True,
                "isUserVerified": True,
                "automaticPresenceSimulation": True,
            }
        },
    )
    return session


def sign_out(page: Page) -> None:
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("link", name="Sign in")).to_be_visible()


def test_a_passkey_signs_in_without_a_password(page: Page, authenticator: CDPSession) -> None:
    page.goto("/register")
    register(page, "Pia Passkey")
    page.goto("/account/passkeys")
    page.get_by_role("button", name="Add a passkey").click()
    expect(page.get_by_text("added")).to_be_visible()
    sign_out(page)
    page.goto("/login?next=/account")
    page.get_by_role("button", name="Use a passkey").click()
    expect(page.get_by_role("heading", level=1, name="Account")).to_be_visible()
    expect(page.get_by_label("Name")).to_have_value("Pia Passkey")


def test_a_passkey_in_a_new_browser_is_told_to_its_owner(
    page: Page, authenticator: CDPSession
) -> None:
    page.goto("/register")
    register(page, "Pia Passkey")
    page.goto("/account/passkeys")
    page.get_by_role("button", name="Add a passkey").click()
    expect(page.get_by_text("added")).to_be_visible()
    page.context.clear_cookies()  # nothing here is known any more but the passkey
    page.goto("/login?next=/account")
    page.get_by_role("button", name="Use a passkey").click()
    expect(page.get_by_role("heading", level=1, name="Account")).to_be_visible()
    notice = page.get_by_role("link", name="New sign-in to your account")
    page.goto("/mailbox")
    while notice.count() == 0:  # it is sent in the background
        page.wait_for_timeout(250)
        page.reload()
    notice.first.click()
    expect(page.get_by_role("main")).to_contain_text("Chrom")


def test_a_passkey_that_was_removed_opens_nothing(page: Page, authenticator: CDPSession) -> None:
    page.goto("/register")
    register(page, "Pia Passkey")
    page.goto("/account/passkeys")
    page.get_by_role("button", name="Add a passkey").click()
    page.get_by_role("button", name="Remove the passkey").click()
    expect(page.get_by_text("added")).to_have_count(0)
    sign_out(page)
    page.goto("/login")
    page.get_by_role("button", name="Use a passkey").click()
    expect(page.get_by_role("main")).to_contain_text("not accepted")


def test_giving_up_says_so_and_leaves_the_password(page: Page, authenticator: CDPSession) -> None:
    page.goto("/login")
    page.get_by_role("button", name="Use a passkey").click()
    expect(page.get_by_text("No passkey was used.")).to_be_visible()
    expect(page.get_by_label("Password")).to_be_visible()
