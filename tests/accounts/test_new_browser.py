"""Whoever owns an account hears of a sign-in with a browser that it has not seen before."""

from email.message import EmailMessage
from typing import Any

import pytest
from structlog.testing import capture_logs

from bookstore.data.queries import Queries
from bookstore.mail.outbox import Outbox
from bookstore.mail.sweep import Sweep
from bookstore.web.security import Event
from bookstore.web.shop import Shop
from tests.accounts.test_second_step import ANA, Phone, first_step
from tests.accounts.test_second_step import ana as ana
from tests.accounts.test_second_step import phone as phone
from tests.mail.conftest import clock as clock
from tests.mail.conftest import link_in
from tests.mail.conftest import office as office
from tests.mail.conftest import settings as settings
from tests.mail.conftest import shop as shop
from tests.mail.conftest import sweep as sweep
from tests.support.reader import PASSWORD, Reader
from tests.support.smtp import PostOffice, text_of

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


@pytest.fixture
def stranger(shop: Shop) -> Reader:
    return Reader(shop)


async def notices(sweep: Sweep, office: PostOffice) -> list[EmailMessage]:
    """Send what waits and return the mails about new browsers."""
    await sweep.run()
    return [mail for mail in office.to(ANA) if mail["Subject"] == "New sign-in to your account"]


async def test_a_new_browser_is_told_of_once(
    ana: Reader, stranger: Reader, sweep: Sweep, office: PostOffice
) -> None:
    for _time in range(2):
        form = (await stranger.get("/login")).form("/login")
        fields = {**form, "email": ANA, "password": PASSWORD}
        assert (await stranger.post("/login", fields, User_Agent=FIREFOX)).status == 303
        await stranger.submit("/account", "/logout")
    [mail] = await notices(sweep, office)
    text = text_of(mail)
    assert "Firefox · Linux" in text
    assert "15 Jan 2027" in text
    assert "change your password" in text
    assert "http://localhost/account" in text


async def test_the_browser_that_registered_is_known(
    ana: Reader, sweep: Sweep, office: PostOffice
) -> None:
    await ana.submit("/account", "/logout")
    await ana.sign_in(ANA)
    assert await notices(sweep, office) == []


async def test_a_browser_is_known_to_the_accounts_that_used_it_alone(
    ana: Reader, stranger: Reader, sweep: Sweep, office: PostOffice
) -> None:
    await stranger.register("Bea", "bea@example.org")
    await stranger.submit("/account", "/logout")
    await stranger.sign_in(ANA)
    assert len(await notices(sweep, office)) == 1


async def test_the_second_step_decides(
    phone: Phone, shop: Shop, sweep: Sweep, office: PostOffice
) -> None:
    reader, address = await first_step(shop)
    assert await notices(sweep, office) == [], "nobody is signed in by the password alone"
    with capture_logs() as logs:
        assert (await reader.submit(address, code=phone.code())).status == 303
    assert Event.SIGNED_IN_NEW_BROWSER in [line["event"] for line in logs]
    assert len(await notices(sweep, office)) == 1


async def test_a_new_password_by_mail_is_told_by_one_mail(
    ana: Reader, stranger: Reader, sweep: Sweep, office: PostOffice
) -> None:
    await stranger.submit("/login/forgot", email=ANA)
    await sweep.run()
    asked = next(mail for mail in office.to(ANA) if "Set a new password" in mail["Subject"])
    await stranger.submit(link_in(asked), password="another quiet lantern")
    assert await notices(sweep, office) == []
    assert "Your password was changed" in [mail["Subject"] for mail in office.to(ANA)]


async def test_the_mail_and_the_session_are_one_transaction(
    ana: Reader,
    stranger: Reader,
    sweep: Sweep,
    office: PostOffice,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    add = Outbox.add

    async def power_cut(outbox: Outbox, queries: Queries, *rest: Any, **options: Any) -> None:
        await add(outbox, queries, *rest, **options)
        raise ConnectionError("the power went")

    with monkeypatch.context() as patch:
        patch.setattr(Outbox, "add", power_cut)
        assert (await stranger.sign_in(ANA)).status >= 500
    assert (await stranger.get("/account")).status == 303
    assert await notices(sweep, office) == []
    assert (await stranger.sign_in(ANA)).status == 303
    assert len(await notices(sweep, office)) == 1
