"""Signing in with a code beside the password."""

import re

import pyotp
import pytest

from bookstore.clock import MINUTE, SECOND
from bookstore.web.shop import Shop
from tests.mail.conftest import Clock, link_in
from tests.mail.conftest import clock as clock
from tests.mail.conftest import office as office
from tests.mail.conftest import settings as settings
from tests.mail.conftest import shop as shop
from tests.support.reader import PASSWORD, Page, Reader
from tests.support.smtp import PostOffice

ANA = "ana@example.org"


class Phone:
    """Ana's phone with its authenticator app, and the paper with her recovery codes."""

    def __init__(self, secret: str, clock: Clock) -> None:
        self._totp = pyotp.TOTP(secret)
        self._clock = clock
        self.paper: list[str] = []

    def code(self, *, minutes: float = 0) -> str:
        return self._totp.at((self._clock() + minutes * MINUTE) // SECOND)


@pytest.fixture
async def ana(shop: Shop) -> Reader:
    return await Reader(shop).register("Ana", ANA)


@pytest.fixture
async def phone(ana: Reader, clock: Clock) -> Phone:
    """Ana's phone, after she has switched the second step on."""
    page = await ana.get("/account/second-step")
    phone = Phone(page.see("code"), clock)
    done = await ana.submit("/account/second-step", code=phone.code())
    assert done.status == 200, done.errors()
    phone.paper = re.findall(r"<code>([0-9a-f]{6}-[0-9a-f]{6})</code>", done.text)
    clock.moment += MINUTE
    return phone


async def first_step(shop: Shop) -> tuple[Reader, str]:
    """Sign in with the password; return the browser and the address that asks for the code."""
    reader = Reader(shop)
    answer = await reader.sign_in(ANA)
    assert answer.location is not None
    assert answer.location.startswith("/login/code/")
    return reader, answer.location


async def second(shop: Shop, code: str) -> tuple[Reader, Page]:
    reader, address = await first_step(shop)
    return reader, await reader.submit(address, code=code)


async def is_in(reader: Reader) -> bool:
    return (await reader.get("/account")).status == 200


async def test_the_password_alone_opens_nothing(phone: Phone, shop: Shop) -> None:
    reader, _address = await first_step(shop)
    assert not await is_in(reader)


async def test_the_code_of_the_moment_signs_in(phone: Phone, shop: Shop) -> None:
    reader, answer = await second(shop, phone.code())
    assert answer.status == 303
    assert await is_in(reader)


@pytest.mark.parametrize("minutes", [-5, 5, 60])
async def test_a_code_of_another_time_is_refused(phone: Phone, shop: Shop, minutes: int) -> None:
    reader, answer = await second(shop, phone.code(minutes=minutes))
    assert answer.status == 422
    assert not await is_in(reader)


async def test_a_code_counts_once(phone: Phone, shop: Shop) -> None:
    code = phone.code()
    assert (await second(shop, code))[1].status == 303
    assert (await second(shop, code))[1].status == 422


async def test_a_recovery_code_counts_once_however_it_is_typed(phone: Phone, shop: Shop) -> None:
    assert len(set(phone.paper)) == 10
    typed = phone.paper[0].upper().replace("-", " ")
    assert (await second(shop, typed))[1].status == 303
    assert (await second(shop, phone.paper[0]))[1].status == 422
    assert (await second(shop, phone.paper[1]))[1].status == 303


async def test_guessing_ends(phone: Phone, shop: Shop) -> None:
    statuses = [(await second(shop, f"{n:06}"))[1].status for n in range(12)]
    assert statuses[-1] == 429
    assert (await second(shop, phone.code()))[1].status == 429


async def test_a_sign_in_waits_five_minutes_for_its_code(
    phone: Phone, shop: Shop, clock: Clock
) -> None:
    reader, address = await first_step(shop)
    form = (await reader.get(address)).form(address)
    clock.moment += 6 * MINUTE
    answer = await reader.post(address, {**form, "code": phone.code()})
    assert (answer.status, answer.location) == (303, "/login")
    assert not await is_in(reader)


async def test_a_new_password_by_mail_does_not_skip_the_second_step(
    phone: Phone, shop: Shop, office: PostOffice
) -> None:
    reader = Reader(shop)
    await reader.submit("/login/forgot", email=ANA)
    await shop.extensions["bookstore.mail"].run()
    link = link_in(next(m for m in office.to(ANA) if m["Subject"] == "Set a new password"))
    answer = await reader.submit(link, password="another quiet lantern")
    assert str(answer.location).startswith("/login/code/")
    assert not await is_in(reader)


async def test_switching_off_needs_the_password_and_is_told(
    ana: Reader, phone: Phone, shop: Shop, office: PostOffice
) -> None:
    off = "/account/second-step/off"
    assert (await ana.submit("/account/second-step", off, current="wrong one")).status == 422
    assert (await ana.submit("/account/second-step", off, current=PASSWORD)).status == 303
    assert (await Reader(shop).sign_in(ANA)).location == "/"
    await shop.extensions["bookstore.mail"].run()
    told = [mail["Subject"] for mail in office.to(ANA)]
    assert told.count("The sign-in of your account was changed") == 2  # on, and off


async def test_the_secret_is_not_in_the_database_as_it_is(phone: Phone, shop: Shop) -> None:
    database = shop.extensions["bookstore.databases"]["accounts"]
    kept = await database.value("SELECT secret FROM second_steps")
    assert phone._totp.secret not in kept


async def test_the_page_one_wanted_is_still_known(phone: Phone, shop: Shop) -> None:
    reader = Reader(shop)
    answer = await reader.submit("/login?next=/orders", email=ANA, password=PASSWORD)
    page = await reader.get(str(answer.location))
    action = str(page.soup.select("main form")[0]["action"])
    done = await reader.post(action, {**page.form(action), "code": phone.code()})
    assert done.location == "/orders"
