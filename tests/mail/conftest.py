"""A shop with a mail server."""

import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from bookstore.app import create_app
from bookstore.mail.sweep import Sweep
from bookstore.settings import Settings
from bookstore.web.shop import Shop
from tests.conftest import settings_for
from tests.support.smtp import PostOffice, post_office, text_of

ORIGIN = "http://localhost"


class Clock:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.moment = 1_800_000_000_000

    def __call__(self) -> int:
        return self.moment


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def office() -> Iterator[PostOffice]:
    with post_office() as office:
        yield office


@pytest.fixture
def settings(database_url: str, tmp_path: Path, office: PostOffice) -> Settings:
    return settings_for(
        database_url,
        tmp_path / "media",
        smtp_url=office.url,
        public_origin=ORIGIN,
        mail_from="BookStore <books@shop.example>",
    )


@pytest.fixture
async def shop(
    settings: Settings, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Shop]:
    monkeypatch.setattr("bookstore.app.MAIL_SECONDS", 3600.0)  # the tests say when mail is sent
    app = create_app(settings, clock=clock)
    async with app.test_app():
        yield app


@pytest.fixture
def sweep(shop: Shop) -> Sweep:
    found: Sweep = shop.extensions["bookstore.mail"]
    return found


def link_in(mail: object) -> str:
    """Return the path of the link that a mail is about."""
    found = re.search(rf"{ORIGIN}(/account/links/[\w-]+)", text_of(mail))  # type: ignore[arg-type]
    assert found is not None, text_of(mail)  # type: ignore[arg-type]
    return found[1]
