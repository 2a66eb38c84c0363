"""Empty databases: of each engine, and of MariaDB by each driver."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bookstore.data.database import Database
from tests.support.mariadb import DRIVERS, ENGINES_AND_DRIVERS, MariaDB, with_driver


@pytest.fixture(params=ENGINES_AND_DRIVERS)
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database, without the shop's tables."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/empty.db"
    url = request.getfixturevalue("mariadb").create_database("traps")
    return with_driver(url, request.param)


@pytest.fixture(params=DRIVERS)
def mysql_url(request: pytest.FixtureRequest, mariadb: MariaDB) -> str:
    """An empty database of MariaDB, by each driver."""
    return with_driver(mariadb.create_database("traps"), request.param)


async def fill(database: Database) -> None:
    """Make a table of two books with ten copies each."""
    await database.execute("CREATE TABLE books (id INTEGER PRIMARY KEY, stock INTEGER NOT NULL)")
    await database.execute("INSERT INTO books (id, stock) VALUES (1, 10), (2, 10)")


@pytest.fixture
async def mysql(mysql_url: str) -> AsyncIterator[Database]:
    """A pool of two connections to MariaDB, on a table of two books with ten copies each."""
    database = Database(mysql_url, pool_size=2, pool_timeout=2.0)
    await database.connect()
    await fill(database)
    yield database
    await database.disconnect()
