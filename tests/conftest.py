"""What every test may use: settings, databases of both engines, the shop, and readers of it."""

import os
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import hypothesis
import pytest

from bookstore.app import create_app
from bookstore.data.database import Database
from bookstore.migrations import migrate
from bookstore.settings import Settings, load_settings
from bookstore.web.shop import Shop
from tests.support.mariadb import ENGINES, MariaDB, NotInstalled, with_driver
from tests.support.reader import Reader

# The tests choose the settings themselves, whatever whoever starts them has in the environment.
for _name in [name for name in os.environ if name.startswith("BOOKSTORE_")]:
    if _name != "BOOKSTORE_REHEARSAL":
        del os.environ[_name]

# How long one example takes is the machine's affair, which may be busy with other things.
hypothesis.settings.register_profile("at leisure", deadline=None)
hypothesis.settings.load_profile("at leisure")

SECRET = "a secret of the tests, longer than thirty-two characters"
DATA = Path(__file__).parents[2] / "shared" / "data" / "goodbooks-10k.csv"


def settings_for(database_url: str, media: Path, **overrides: object) -> Settings:
    """Return the settings of a shop under test."""
    return load_settings(
        **{
            "database_url": database_url,
            "secret_key": SECRET,
            "media_dir": media,
            "drain_seconds": 0.0,
            "replica": "test-replica",
            "page_cache_mb": 0,  # tests put rows into tables behind the shop's back
            **overrides,
        }
    )


@pytest.fixture(autouse=True)
def _environment_stays_as_it_was() -> Iterator[None]:
    """Take back the settings that a command under test has put into the environment."""
    before = dict(os.environ)
    yield
    for name in list(os.environ):
        if name.startswith("BOOKSTORE_") and name not in before:
            del os.environ[name]


@pytest.fixture(scope="session")
def mariadb() -> Iterator[MariaDB]:
    """One MariaDB server for the whole run; where there is none, its tests are skipped."""
    try:
        with MariaDB.start() as server:
            yield server
    except NotInstalled as reason:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(str(reason))


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file that tests copy: quicker than migrating each time."""
    path = tmp_path_factory.mktemp("sqlite") / "template.db"
    migrate(settings_for(f"sqlite:///{path}", path.parent))
    return path


@pytest.fixture(scope="session")
def mariadb_url(mariadb: MariaDB, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A migrated MariaDB database; each test finds it empty."""
    url = mariadb.create_database("shop")
    migrate(settings_for(url, tmp_path_factory.mktemp("media")))
    return url


@pytest.fixture
def sqlite_url(sqlite_template: Path, tmp_path: Path) -> str:
    path = tmp_path / "shop.db"
    shutil.copy(sqlite_template, path)
    return f"sqlite:///{path}"


@pytest.fixture(params=ENGINES)
def database_url(request: pytest.FixtureRequest) -> str:
    """A migrated, empty database: the test runs once on each engine."""
    if request.param == "sqlite":
        return str(request.getfixturevalue("sqlite_url"))
    url = str(request.getfixturevalue("mariadb_url"))
    request.getfixturevalue("mariadb").empty("shop")
    return with_driver(url, request.param)


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """A connected database of each engine."""
    database = Database(database_url)
    await database.connect()
    yield database
    await database.disconnect()


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    return settings_for(database_url, tmp_path / "media")


@pytest.fixture
async def shop(settings: Settings) -> AsyncIterator[Shop]:
    """The shop, started, without a network between."""
    app = create_app(settings)
    async with app.test_app():
        yield app


@pytest.fixture
def reader(shop: Shop) -> Reader:
    """Somebody with a browser who has not signed in."""
    return Reader(shop)
