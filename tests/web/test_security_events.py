"""What concerns security stands in the log and in the metrics, and no secret does."""

import json
from typing import Any

import pytest
from structlog.testing import capture_logs

from bookstore.app import create_app
from bookstore.orders import payments
from bookstore.web.security import Event
from bookstore.web.shop import Shop
from tests.conftest import settings_for
from tests.support.asgi import ask
from tests.support.reader import PASSWORD, Page, Reader

NEW = "another quiet lantern"


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """What is written down does not depend on the engine."""
    return sqlite_url


def noted(logs: list[Any]) -> list[tuple[str, str]]:
    return [(line["event"], line["log_level"]) for line in logs if "route" in line]


async def metric(reader: Reader, event: str) -> float:
    name = f'bookstore_security_events_total{{event="{event}"}} '
    lines = (await reader.get("/metrics")).text.splitlines()
    return next(float(line.removeprefix(name)) for line in lines if line.startswith(name))


async def wrong_password(reader: Reader) -> Page:
    return await reader.sign_in("ana@example.org", "a wrong guess of mine")


async def new_browser(reader: Reader) -> Page:
    return await reader.sign_in("ana@example.org")


async def throttled(reader: Reader) -> Page:
    for _guess in range(11):
        answer = await wrong_password(reader)
    return answer


async def foreign_form(reader: Reader) -> Page:
    return await reader.post("/basket", {}, Origin="https://evil.example")


async def form_without_token(reader: Reader) -> Page:
    return await reader.post("/basket", {"csrf_token": "x" * 80})


async def other_host(reader: Reader) -> Page:
    return await reader.get("/login", Host="evil.example")


async def changed_password(reader: Reader) -> Page:
    return await reader.submit("/account", "/account/password", current=PASSWORD, password=NEW)


async def wrong_current_password(reader: Reader) -> Page:
    return await reader.submit("/account", "/account/password", current=NEW, password=NEW)


async def ended_sessions(reader: Reader) -> Page:
    form = (await reader.get("/account")).form("/account")
    return await reader.post("/account/sessions", form)


async def signed_out(reader: Reader) -> Page:
    return await reader.submit("/account", "/logout")


@pytest.mark.parametrize(
    ("act", "signed_in", "event", "level"),
    [
        (wrong_password, False, Event.SIGN_IN_FAILED, "warning"),
        (new_browser, False, Event.SIGNED_IN_NEW_BROWSER, "info"),
        (throttled, False, Event.SIGN_IN_THROTTLED, "warning"),
        (foreign_form, False, Event.FORM_REFUSED, "warning"),
        (form_without_token, False, Event.FORM_REFUSED, "warning"),
        (other_host, False, Event.HOST_REFUSED, "warning"),
        (changed_password, True, Event.PASSWORD_CHANGED, "info"),
        (wrong_current_password, True, Event.PASSWORD_CHECK_FAILED, "warning"),
        (ended_sessions, True, Event.SESSIONS_ENDED, "info"),
        (signed_out, True, Event.SIGNED_OUT, "info"),
    ],
)
async def test_it_is_written_down(
    reader: Reader, shop: Shop, act: Any, signed_in: bool, event: Event, level: str
) -> None:
    await (reader if signed_in else Reader(shop)).register(email="ana@example.org")
    before = await metric(reader, event)
    with capture_logs() as logs:
        await act(reader)
    assert (event.value, level) in noted(logs)
    assert await metric(reader, event) > before
    written = json.dumps(logs)
    for secret in (PASSWORD, NEW, "a wrong guess of mine", "ana@example.org"):
        assert secret not in written


async def test_signing_in_is_written_down(reader: Reader) -> None:
    with capture_logs() as logs:
        await reader.register(email="ana@example.org")
    assert (Event.SIGNED_IN.value, "info") in noted(logs)


async def test_a_refused_webhook_is_written_down(reader: Reader, shop: Shop) -> None:
    now = shop.extensions["bookstore.orders"].clock()
    signed = payments.sign(b"another key", b"{}", now)
    with capture_logs() as logs:
        answer = await reader.post("/webhooks/payments", {}, Stripe_Signature=signed)
    assert answer.status == 400
    assert (Event.WEBHOOK_REFUSED.value, "warning") in noted(logs)
    assert signed.partition("v1=")[2] not in json.dumps(logs)


async def test_a_refused_internal_call_is_written_down(sqlite_url: str, tmp_path: Any) -> None:
    app = create_app(settings_for(sqlite_url, tmp_path, contexts="accounts,catalogue"))
    async with app.test_app():
        with capture_logs() as logs:
            answer = await ask(app, "/internal/catalogue/quotes", method="POST", body=b"{}")
    assert answer.status == 401
    assert (Event.INTERNAL_CALL_REFUSED.value, "warning") in noted(logs)


async def test_a_token_in_an_address_is_not_written_down(reader: Reader) -> None:
    token = "t" * 43
    with capture_logs() as logs:
        await reader.post(f"/account/links/{token}", {}, Origin="https://evil.example")
    assert noted(logs) == [(Event.FORM_REFUSED.value, "warning")]
    assert token not in json.dumps(logs)


def test_every_event_is_in_the_metrics_from_the_start() -> None:
    from bookstore.web.security import EVENTS

    seen = {sample.labels["event"] for family in EVENTS.collect() for sample in family.samples}
    assert seen == set(Event)
