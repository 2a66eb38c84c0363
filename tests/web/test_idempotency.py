"""The same request twice takes effect once."""

import asyncio
import time

import pytest
from quart import Response

from bookstore.clock import now
from bookstore.web import kept_answers
from bookstore.web.kept_answers import KeptAnswers
from bookstore.web.page_error import PageError
from bookstore.web.shop import Shop
from tests.support.reader import Reader

RENEWED_AT = "SELECT renewed_at FROM accounts_idempotency"


async def keys_kept(shop: Shop) -> int:
    database = shop.extensions["bookstore.databases"]["accounts"]
    return int(await database.value("SELECT COUNT(*) FROM accounts_idempotency"))


async def test_a_repeated_form_gets_the_same_answer(reader: Reader, shop: Shop) -> None:
    await reader.register()
    form = (await reader.get("/account")).form("/account")
    first = await reader.post("/account", {**form, "name": "Berta"})
    second = await reader.post("/account", {**form, "name": "Berta"})
    assert (
        (first.status, first.location)
        == (second.status, second.location)
        == (
            303,
            "/account?done=name",
        )
    )
    assert second.headers["Idempotent-Replay"] == "true"
    assert await keys_kept(shop) == 1


async def test_the_same_key_with_other_contents_is_an_error(reader: Reader) -> None:
    await reader.register("Ana")
    form = (await reader.get("/account")).form("/account")
    await reader.post("/account", {**form, "name": "Berta"})
    assert (await reader.post("/account", {**form, "name": "Carla"})).status == 422
    assert "Berta" in (await reader.get("/account")).text


async def test_two_at_once_wait_for_one_another(reader: Reader, shop: Shop) -> None:
    await reader.register()
    form = (await reader.get("/account")).form("/account")
    answers = await asyncio.gather(
        *(reader.post("/account", {**form, "name": "Berta"}) for _click in range(5))
    )
    assert [answer.status for answer in answers] == [303] * 5
    assert sum("Idempotent-Replay" in answer.headers for answer in answers) == 4


async def test_a_refused_form_can_be_corrected_under_its_key(reader: Reader) -> None:
    await reader.register()
    form = (await reader.get("/account")).form("/account")
    assert (await reader.post("/account", {**form, "name": ""})).status == 422
    assert (await reader.post("/account", {**form, "name": "Berta"})).status == 303


async def test_a_form_without_a_key_is_refused(reader: Reader) -> None:
    await reader.register()
    form = (await reader.get("/account")).form("/account")
    assert (await reader.post("/account", {**form, "idempotency_key": ""})).status == 400
    assert (await reader.post("/account", {**form, "idempotency_key": "x" * 256})).status == 400


async def test_anothers_key_gives_nothing_away(reader: Reader, shop: Shop) -> None:
    await reader.register()
    other = await Reader(shop).register()
    form = (await reader.get("/account")).form("/account")
    await reader.post("/account", {**form, "name": "Berta"})
    theirs = (await other.get("/account")).form("/account")
    answer = await other.post(
        "/account", {**theirs, "idempotency_key": form["idempotency_key"], "name": "Berta"}
    )
    assert "Idempotent-Replay" not in answer.headers


async def test_a_request_whose_process_died_can_be_made_again(reader: Reader, shop: Shop) -> None:
    await reader.register()
    form = (await reader.get("/account")).form("/account")
    await reader.post("/account", {**form, "name": "Berta"})
    database = shop.extensions["bookstore.databases"]["accounts"]
    await database.execute(
        "UPDATE accounts_idempotency SET status = NULL, started_at = :then",
        {"then": now() - 60_000},
    )
    answer = await reader.post("/account", {**form, "name": "Berta"})
    assert answer.status == 303
    assert "Idempotent-Replay" not in answer.headers


async def test_who_is_silent_is_taken_for_dead_and_who_works_on_is_not(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept_answers, "RENEWED", 0.01)
    monkeypatch.setattr(kept_answers, "_PATIENCE", 0.0)
    database = shop.extensions["bookstore.databases"]["accounts"]
    moment = 1_000_000

    def answers() -> KeptAnswers:
        return KeptAnswers(
            database, lambda: moment, "accounts", scope="ana", key="k", fingerprint="f"
        )

    first, second = answers(), answers()
    assert await first.claim() is None
    with first.renewed():
        for _time in range(3):
            moment += kept_answers.ABANDONED
            async with asyncio.timeout(30):
                while await database.value(RENEWED_AT) != moment:  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
            with pytest.raises(PageError):
                await second.claim()
    moment += kept_answers.ABANDONED + 1
    assert await second.claim() is None
    assert not await first.keep(database, Response(""))


async def test_a_twin_waits_no_longer_than_any_request_may(
    reader: Reader, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other was begun a moment ago by a replica that died since."""
    await reader.register()
    form = (await reader.get("/account")).form("/account")
    await reader.post("/account", {**form, "name": "Berta"})
    database = shop.extensions["bookstore.databases"]["accounts"]
    await database.execute(
        "UPDATE accounts_idempotency SET status = NULL, started_at = :now", {"now": now()}
    )
    monkeypatch.setattr("bookstore.app._ANSWER_SECONDS", 1.0)
    asked = time.monotonic()
    answer = await reader.post("/account", {**form, "name": "Berta"})
    assert answer.status == 409
    assert time.monotonic() - asked < 6
