"""What the server refuses of a passkey's answers; browsers are in tests/journeys."""

import base64
import json
import re

import pytest

from bookstore.accounts.passkeys import offered
from bookstore.web.shop import Shop
from tests.mail.conftest import clock as clock
from tests.mail.conftest import office as office
from tests.mail.conftest import settings as settings
from tests.mail.conftest import shop as shop
from tests.support.reader import Reader


@pytest.mark.parametrize(
    ("origin", "expected"),
    [
        ("https://books.example.org", True),
        ("http://localhost:8000", True),
        ("http://books.example.org", False),
        ("http://127.0.0.1:8000", False),
        ("https://192.0.2.7", False),
        ("https://[2001:db8::1]", False),
    ],
)
def test_passkeys_are_offered_where_browsers_make_them(origin: str, expected: bool) -> None:
    assert offered(origin) is expected


def answer(challenge: str, **changes: object) -> str:
    client_data = json.dumps(
        {"type": "webauthn.get", "challenge": challenge, "origin": "http://localhost"}
    )
    packed = base64.urlsafe_b64encode(client_data.encode()).decode().rstrip("=")
    return json.dumps(
        {
            "id": "AAAA",
            "rawId": "AAAA",
            "type": "public-key",
            "response": {
                "clientDataJSON": packed,
                "authenticatorData": "AAAA",
                "signature": "AAAA",
            },
            **changes,
        }
    )


async def challenge_of(reader: Reader) -> str:
    page = await reader.get("/login")
    found = re.search(
        r'"challenge": ?"([\w-]+)"', str(page.soup.select("form[data-options]")[0]["data-options"])
    )
    assert found is not None
    return found[1]


@pytest.mark.parametrize(
    "sent", ["", "x", "{}", "[]", "null", '{"response": 1}', answer("AAAA"), "[" * 9999, "\ud800"]
)
async def test_nonsense_is_refused_calmly(shop: Shop, sent: str) -> None:
    reader = Reader(shop)
    form = (await reader.get("/login")).form("/login/passkey")
    text = sent.encode("utf-8", "replace").decode()
    refused = await reader.post("/login/passkey", {**form, "credential": text})
    assert refused.status == 422


async def test_a_genuine_challenge_does_not_make_an_unknown_passkey_known(shop: Shop) -> None:
    reader = Reader(shop)
    form = (await reader.get("/login")).form("/login/passkey")
    sent = answer(await challenge_of(reader))
    assert (await reader.post("/login/passkey", {**form, "credential": sent})).status == 422
