"""How often passwords, codes and registrations may be tried, and that no stranger locks anybody
out."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from bookstore.accounts import passwords, throttle
from bookstore.accounts.checks import network
from bookstore.accounts.throttle import Limit, TooManyTries
from bookstore.app import create_app
from bookstore.clock import MINUTE, now
from bookstore.data.database import Database
from bookstore.web.shop import Shop
from tests.conftest import settings_for
from tests.support.reader import PASSWORD, Reader

ANA = "ana@example.org"
HOME, ABROAD = "198.51.100.7", "203.0.113.9"
WRONG = "not the password"


class Clock:
    def __init__(self) -> None:
        self.ahead = 0

    def __call__(self) -> int:
        return now() + self.ahead


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def shop(database_url: str, tmp_path: Path, clock: Clock) -> AsyncIterator[Shop]:
    app = create_app(settings_for(database_url, tmp_path), clock=clock)
    async with app.test_app():
        yield app


class _Client:
    """A test client that connects from where its reader is."""

    def __init__(self, client: Any, reader: "Somebody") -> None:
        self._client, self._reader = client, reader
        self.cookie_jar, self.set_cookie = client.cookie_jar, client.set_cookie

    async def get(self, path: str, **options: Any) -> Any:
        return await self._client.get(path, scope_base=self._place(), **options)

    async def post(self, path: str, **options: Any) -> Any:
        return await self._client.post(path, scope_base=self._place(), **options)

    def _place(self) -> dict[str, Any]:
        return {"client": (self._reader.address, 4711)}


class Somebody(Reader):
    """A browser at an address."""

    def __init__(self, shop: Any, address: str) -> None:
        super().__init__(shop)
        self.address = address
        self._client = _Client(self._client, self)


@pytest.fixture
async def owner(shop: Shop) -> Somebody:
    """Ana, who has registered at home and signed out."""
    ana = Somebody(shop, HOME)
    await ana.register("Ana", ANA)
    await ana.submit("/account", "/logout")
    return ana


@pytest.fixture
def tried(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The passwords that were really tried."""
    found: list[str] = []
    real = passwords.verify

    async def counted(password: str, password_hash: str | None) -> bool:
        found.append(password)
        return await real(password, password_hash)

    monkeypatch.setattr(passwords, "verify", counted)
    return found


async def guess(shop: Shop, times: int, *, address: str = ABROAD, email: str = ANA) -> list[int]:
    return [(await Somebody(shop, address).sign_in(email, WRONG)).status for _time in range(times)]


async def test_of_150_guesses_at_once_at_most_ten_are_tried(
    shop: Shop, owner: Somebody, tried: list[str]
) -> None:
    readers = [Somebody(shop, f"203.0.113.{number}") for number in range(150)]
    forms = [(await reader.get("/login")).form("/login") for reader in readers]
    answers = await asyncio.gather(
        *(
            reader.post("/login", {**form, "email": ANA, "password": WRONG})
            for reader, form in zip(readers, forms, strict=True)
        )
    )
    assert len(tried) <= 10
    assert sorted(answer.status for answer in answers) == [422] * len(tried) + [429] * (
        150 - len(tried)
    )
    assert len(tried) >= 9


async def test_two_replicas_count_together(
    shop: Shop, owner: Somebody, database_url: str, tmp_path: Path, tried: list[str]
) -> None:
    other = create_app(settings_for(database_url, tmp_path))
    async with other.test_app():
        for turn in range(16):
            await guess(other if turn % 2 else shop, 1)
    assert len(tried) == 10


async def test_who_guesses_from_elsewhere_does_not_lock_the_owner_out(
    shop: Shop, owner: Somebody
) -> None:
    assert (await guess(shop, 12))[-2:] == [429, 429]
    assert (await owner.sign_in(ANA)).status == 303  # the browser, wherever it is
    await owner.submit("/account", "/logout")
    owner.address = "192.0.2.77"
    assert (await owner.sign_in(ANA)).status == 303
    assert (await Somebody(shop, HOME).sign_in(ANA)).status == 303  # another browser at home
    stranger = Somebody(shop, ABROAD)
    answer = await stranger.sign_in(ANA)  # who may be anybody
    assert answer.status == 429
    assert int(answer.headers["Retry-After"]) == 90


async def test_the_owners_browser_has_a_limit_too(
    shop: Shop, owner: Somebody, tried: list[str]
) -> None:
    statuses = [(await owner.sign_in(ANA, WRONG)).status for _time in range(12)]
    assert statuses == [422] * 10 + [429] * 2
    assert len(tried) == 10


async def test_a_browser_is_trusted_by_those_alone_who_signed_in_with_it(
    shop: Shop, owner: Somebody
) -> None:
    bea = Somebody(shop, ABROAD)
    await bea.register("Bea", "bea@example.org")
    await bea.submit("/account", "/logout")
    statuses = [(await bea.sign_in(ANA, WRONG)).status for _time in range(11)]
    assert statuses == [422] * 10 + [429]
    assert (await Somebody(shop, "192.0.2.1").sign_in(ANA)).status == 429  # as any stranger's
    assert (await bea.sign_in("bea@example.org")).status == 303


async def test_an_invented_browser_is_not_trusted(shop: Shop, owner: Somebody) -> None:
    await guess(shop, 10)
    liar = Somebody(shop, ABROAD)
    mark = next(c for c in owner._client.cookie_jar if c.name == "device")
    contents, _, signature = str(mark.value).partition(".")
    other = ("A" if signature[0] != "A" else "B") + signature[1:]
    for value in (f"{contents}.{other}", f"{contents}.", "e30.x", ""):
        liar._client.set_cookie("localhost", "device", value)
        assert (await liar.sign_in(ANA)).status == 429


async def test_a_guesser_waits_and_nobody_waits_for_ever(
    shop: Shop, owner: Somebody, clock: Clock
) -> None:
    for _quarter in range(3):  # who goes on guessing all the time
        await guess(shop, 12)
    assert (await guess(shop, 1))[0] == 429
    clock.ahead += throttle.PER_ACCOUNT.interval + 1000
    assert (await Somebody(shop, ABROAD).sign_in(ANA)).status == 303
    assert (await guess(shop, 11, address="192.0.2.9")) == [422] * 10 + [429]  # counted anew


async def test_an_address_has_a_limit_over_all_accounts(
    shop: Shop, tried: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(throttle, "PER_ADDRESS", Limit(6, 15 * MINUTE))
    statuses = [
        (await guess(shop, 1, email=f"somebody{number}@example.org"))[0] for number in range(8)
    ]
    assert statuses == [422] * 6 + [429] * 2
    assert len(tried) == 6


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("2001:db8:1:2:3::4", "2001:db8:1:2::9", True),
        ("2001:db8:1:2::4", "2001:db8:1:3::4", False),
        ("::ffff:198.51.100.7", "198.51.100.7", True),
        ("198.51.100.7", "198.51.100.8", False),
        ("", "", True),
    ],
)
def test_a_household_is_one_address(one: str, other: str, same: bool) -> None:
    assert (network(one) == network(other)) is same


async def test_unknown_accounts_count_as_known_ones_do(shop: Shop, tried: list[str]) -> None:
    statuses = await guess(shop, 12, email="nobody@example.org")
    assert statuses == [422] * 10 + [429] * 2
    assert len(tried) == 10


async def change_password(ana: Somebody, current: str) -> int:
    return (
        await ana.submit(
            "/account", "/account/password", current=current, password="eight new ravens"
        )
    ).status


async def change_email(ana: Somebody, current: str) -> int:
    fields: dict[str, Any] = {"current": current, "email": "new@example.org"}
    return (await ana.submit("/account", "/account/email", **fields)).status


async def delete(ana: Somebody, current: str) -> int:
    return (await ana.submit("/account/delete", current=current)).status


async def test_the_current_password_is_guessed_ten_times_in_all(
    shop: Shop, owner: Somebody, tried: list[str], clock: Clock
) -> None:
    """Whoever finds a browser signed in guesses at it through every page that asks."""
    await owner.sign_in(ANA)
    tried.clear()
    pages: list[Callable[[Somebody, str], Any]] = [change_password, delete]
    if "/account/email" in (await owner.get("/account")).text:
        pages.append(change_email)
    statuses = [await pages[turn % len(pages)](owner, WRONG) for turn in range(14)]
    assert statuses == [422] * 10 + [429] * 4
    assert len(tried) == 10
    clock.ahead += throttle.CURRENT_PASSWORD.interval + 1000
    assert await change_password(owner, PASSWORD) == 303


async def test_registering_has_a_limit_an_address(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(throttle, "REGISTRATIONS", Limit(3, 60 * MINUTE))
    hashed: list[str] = []
    real = passwords.hash_password

    async def counted(password: str) -> str:
        hashed.append(password)
        return await real(password)

    monkeypatch.setattr(passwords, "hash_password", counted)

    async def register(number: int, address: str) -> int:
        fields: dict[str, Any] = {
            "name": "Ana",
            "email": f"n{number}@example.org",
            "password": PASSWORD,
        }
        return (await Somebody(shop, address).submit("/register", **fields)).status

    assert [await register(number, ABROAD) for number in range(5)] == [303] * 3 + [429] * 2
    assert len(hashed) == 3
    assert await register(9, HOME) == 303


async def test_few_hear_that_an_address_is_taken(
    shop: Shop, owner: Somebody, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(throttle, "TAKEN_ADDRESSES", Limit(2, 60 * MINUTE))
    fields: dict[str, Any] = {"name": "Eve", "email": ANA, "password": PASSWORD}
    answers = [await Somebody(shop, ABROAD).submit("/register", **fields) for _time in range(4)]
    assert [answer.status for answer in answers] == [422, 422, 429, 429]
    assert "There is an account" in answers[1].text
    assert "There is an account" not in answers[3].text


@pytest.mark.parametrize("at_once", [1, 30])
async def test_a_bucket_takes_its_limit_and_then_one_an_interval(
    database: Database, at_once: int
) -> None:
    limit = Limit(5, 5000)

    async def passes(moment: int) -> bool:
        try:
            await throttle.take(database, "one", limit, moment)
        except TooManyTries:
            return False
        return True

    async def wave(moment: int) -> int:
        if at_once == 1:
            return sum([await passes(moment) for _try in range(30)])
        return sum(await asyncio.gather(*(passes(moment) for _try in range(30))))

    start = now()
    assert 5 - (at_once > 1) <= await wave(start) <= 5
    await wave(start)
    assert await wave(start) == 0
    assert await wave(start + 1000) == 1
    assert await wave(start + 4000) == 3
    await throttle.give_back(database, "one", limit)
    assert await wave(start + 4000) == 1
    await throttle.clear(database, "one")
    await throttle.forget_old(database, start + 99_000)
    assert await wave(start + 100_000) >= 5 - (at_once > 1)
