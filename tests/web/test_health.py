"""What machines ask, and what they are told while the tables are not those of this code."""

from pathlib import Path

import pytest

from bookstore.app import create_app
from bookstore.data.database import Database
from bookstore.migrations import migrate
from bookstore.settings import Settings
from bookstore.web.shop import Shop
from tests.conftest import settings_for


async def ready(shop: Shop) -> tuple[int, str]:
    answer = await shop.test_client().get("/readyz")
    return answer.status_code, (await answer.get_data(as_text=True)).strip()


@pytest.fixture(params=["sqlite", pytest.param("mariadb", marks=pytest.mark.mariadb)])
def unmigrated(request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    """Settings with a database that has no tables yet."""
    if request.param == "sqlite":
        return settings_for(f"sqlite:///{tmp_path}/bare.db", tmp_path / "media")
    url = str(request.getfixturevalue("mariadb").create_database("unmigrated"))
    return settings_for(url, tmp_path / "media")


async def test_a_replica_is_not_ready_before_its_tables_are(unmigrated: Settings) -> None:
    app = create_app(unmigrated)
    async with app.test_app():
        status, said = await ready(app)
        assert status == 503
        assert said.startswith("not migrated: ")
        assert said.endswith("Run: bookstore migrate")
        migrate(unmigrated)
        assert await ready(app) == (200, "ready")


@pytest.mark.parametrize(
    ("version", "status"),
    [("0001", 503), ("0002", 200), ("0003", 200), ("9999", 200)],
    ids=["older", "same", "newer", "much newer"],
)
async def test_tables_may_be_newer_than_the_code_and_not_older(
    settings: Settings,
    database: Database,
    version: str,
    status: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("bookstore.web.health.newest", lambda context: "0002")
    found = {
        context: await database.value(f"SELECT version_num FROM {context}_version")
        for context in settings.contexts
    }
    for context in found:
        await database.execute(f"UPDATE {context}_version SET version_num = :v", {"v": version})
    app = create_app(settings)
    async with app.test_app():
        assert (await ready(app))[0] == status
    for context, before in found.items():
        await database.execute(f"UPDATE {context}_version SET version_num = :v", {"v": before})


async def test_invented_methods_are_counted_as_one(shop: Shop) -> None:
    client = shop.test_client()
    for number in range(20):
        # Quart's protocol of a test client asks for a body that its client does not need.
        await client.open("/healthz", method=f"BREW{number}")  # type: ignore[call-arg]
    text = await (await client.get("/metrics")).get_data(as_text=True)
    assert "BREW" not in text
    assert 'method="(other)"' in text
