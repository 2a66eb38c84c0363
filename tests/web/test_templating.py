"""Templates: what is ready before the first reader comes."""

import asyncio
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from bookstore.app import create_app
from bookstore.web import templating
from bookstore.web.templating import PREPARED, Templates, prepare
from tests.conftest import settings_for


async def test_who_comes_first_does_not_wait_for_templates(monkeypatch: pytest.MonkeyPatch) -> None:
    templates = Templates("es")
    await prepare({"es": templates})

    def refused(*_: object, **__: object) -> None:
        raise AssertionError("compiled while a reader waits")

    monkeypatch.setattr(Templates, "compile", refused)
    with pytest.raises(AssertionError):
        templates.get_template("catalogue/sell.html")
    for name in PREPARED:
        templates.get_template(name)


async def test_a_template_that_is_not_ready_is_written_down_and_ends_nothing(
    sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(templating, "PREPARED", ("catalogue/none.html",))
    app = create_app(settings_for(sqlite_url, tmp_path))
    with capture_logs() as logs:
        async with app.test_app(), asyncio.timeout(30):
            while not any("catalogue/none.html" in str(entry.get("reason")) for entry in logs):  # noqa: ASYNC110
                await asyncio.sleep(0.01)
            assert (await app.test_client().get("/")).status_code == 200
