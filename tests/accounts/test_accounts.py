"""Accounts as their users meet them."""

import hashlib

import pytest

from bookstore.clock import DAY, MINUTE, now
from bookstore.web.shop import Shop
from tests.support.reader import PASSWORD, Reader


async def test_whoever_registers_is_signed_in(reader: Reader) -> None:
    await reader.register("Ana")
    account = await reader.get("/account")
    assert account.status == 200
    assert "Ana" in account.text


async def test_a_session_that_signed_out_opens_nothing(reader: Reader, shop: Shop) -> None:
    await reader.register()
    stolen = {cookie.name: cookie.value for cookie in reader._client.cookie_jar}
    await reader.submit("/account", "/logout")
    thief = Reader(shop)
    thief._client.set_cookie("localhost", "session", stolen["session"] or "")
    answer = await thief.get("/account")
    assert (answer.status, answer.location) == (303, "/login?next=%2Faccount")


@pytest.mark.parametrize(
    ("column", "age"), [("seen_at", 7 * DAY + MINUTE), ("expires_at", MINUTE)], ids=["idle", "all"]
)
async def test_a_session_ends_by_itself(reader: Reader, shop: Shop, column: str, age: int) -> None:
    await reader.register()
    database = shop.extensions["bookstore.databases"]["accounts"]
    await database.execute(f"UPDATE sessions SET {column} = :then", {"then": now() - age})
    assert (await reader.get("/account")).location == "/login?next=%2Faccount"


async def test_signing_in_gives_a_new_session(reader: Reader) -> None:
    await reader.register(email="ana@example.org")
    await reader.submit("/account", "/logout")
    await reader.get("/login")
    before = {cookie.name: cookie.value for cookie in reader._client.cookie_jar}
    assert (await reader.sign_in("ana@example.org")).status == 303
    after = {cookie.name: cookie.value for cookie in reader._client.cookie_jar}
    assert before["session"] != after["session"]


@pytest.mark.parametrize(
    ("password", "accepted"),
    [
        ("short", False),
        ("password", False),
        ("Password1", False),
        ("aaaaaaaaaaaa", False),
        ("reader@example.org", False),
        ("ñandú ñoño 42", True),
        ("x1" * 128, True),
        ("x1" * 129, False),
    ],
)
async def test_passwords(reader: Reader, password: str, accepted: bool) -> None:
    answer = await reader.submit(
        "/register", name="Ana", email="reader@example.org", password=password
    )
    assert answer.status == (303 if accepted else 422)


async def test_unknown_person_and_wrong_password_look_the_same(reader: Reader) -> None:
    await reader.register(email="ana@example.org")
    await reader.submit("/account", "/logout")
    wrong = await reader.sign_in("ana@example.org", "not the password")
    unknown = await reader.sign_in("nobody@example.org", "not the password")
    assert wrong.status == unknown.status == 422
    assert wrong.see(".notice") == unknown.see(".notice")


async def test_signing_in_waits_after_ten_failures(reader: Reader) -> None:
    await reader.register(email="ana@example.org")
    await reader.submit("/account", "/logout")
    for _attempt in range(10):
        assert (await reader.sign_in("ana@example.org", "wrong password")).status == 422
    assert (await reader.sign_in("ana@example.org", PASSWORD)).status == 429


async def test_an_address_in_use_is_said_at_once(reader: Reader, shop: Shop) -> None:
    await reader.register(email="ana@example.org")
    answer = await Reader(shop).submit(
        "/register", name="B", email="ANA@example.org", password=PASSWORD
    )
    assert answer.status == 422
    assert "already" in " ".join(answer.errors())


@pytest.mark.parametrize(
    "wanted", ["//evil.example", "https:evil", "/\\evil", "https://evil.example/", "/a\r\nX: y"]
)
async def test_signing_in_never_leads_elsewhere(reader: Reader, wanted: str) -> None:
    await reader.register(email="ana@example.org")
    await reader.submit("/account", "/logout")
    answer = await reader.submit("/login", email="ana@example.org", password=PASSWORD, next=wanted)
    assert (answer.status, answer.location) == (303, "/")


async def test_passwords_and_tokens_are_kept_as_hashes(reader: Reader, shop: Shop) -> None:
    await reader.register()
    database = shop.extensions["bookstore.databases"]["accounts"]
    kept = await database.value("SELECT password_hash FROM people")
    assert kept.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    given = next(cookie.value for cookie in reader._client.cookie_jar if cookie.name == "session")
    session = await database.value("SELECT token_hash FROM sessions")
    assert session == hashlib.sha256(str(given).encode()).hexdigest()
