"""One process as its operator meets it: stopping, disconnects, proxies, an absent database."""

import asyncio
import json
import re
import signal
import sqlite3
import time
from pathlib import Path

import httpx
import pytest

from tests.support.mariadb import MariaDB
from tests.support.reader import PASSWORD
from tests.support.server import serving


def form_of(page: str) -> dict[str, str]:
    return dict(re.findall(r'name="(csrf_token|idempotency_key)" value="([^"]+)"', page))


def register(client: httpx.Client, email: str) -> httpx.Response:
    fields = form_of(client.get("/register").text)
    return client.post(
        "/register", data={**fields, "name": "Ana", "email": email, "password": PASSWORD}
    )


def test_sigterm_fails_readiness_at_once_and_serves_on(sqlite_url: str, tmp_path: Path) -> None:
    with (
        serving(sqlite_url, tmp_path, drain_seconds=1.5) as server,
        httpx.Client(base_url=server.origin) as client,
    ):
        assert client.get("/readyz").status_code == 200
        server.signal(signal.SIGTERM)
        time.sleep(0.2)
        assert client.get("/readyz").status_code == 503
        assert client.get("/login").status_code == 200
        assert server.wait() == 0


def test_requests_in_flight_finish(sqlite_url: str, tmp_path: Path) -> None:
    async def scenario(origin: str, stop: object) -> list[int]:
        async with httpx.AsyncClient(base_url=origin) as client:
            requests = [asyncio.ensure_future(client.get("/login")) for _each in range(30)]
            await asyncio.sleep(0.03)
            stop()  # type: ignore[operator]
            return [response.status_code for response in await asyncio.gather(*requests)]

    with serving(sqlite_url, tmp_path, drain_seconds=0.5) as server:
        statuses = asyncio.run(scenario(server.origin, lambda: server.signal(signal.SIGTERM)))
        assert statuses == [200] * 30
        assert server.wait() == 0


def test_ctrl_c_ends_it_cleanly(sqlite_url: str, tmp_path: Path) -> None:
    with serving(sqlite_url, tmp_path) as server:
        server.signal(signal.SIGINT)
        assert server.wait(10) == 0
        assert "Traceback" not in server.log.read_text()


def test_a_reader_who_goes_away_does_not_undo_the_request(sqlite_url: str, tmp_path: Path) -> None:
    """Hashing the password takes long enough for the connection to be closed in between."""
    with serving(sqlite_url, tmp_path) as server:
        with httpx.Client(base_url=server.origin) as client:
            fields = form_of(client.get("/register").text)
            fields |= {"name": "Ana", "email": "ana@example.org", "password": PASSWORD}
            with pytest.raises(httpx.TimeoutException):
                client.post("/register", data=fields, timeout=0.02)
        for _attempt in range(50):
            time.sleep(0.1)
            with sqlite3.connect(sqlite_url.removeprefix("sqlite:///")) as connection:
                people = connection.execute("SELECT COUNT(*) FROM people").fetchone()[0]
            connection.close()
            if people:
                break
        assert people == 1


def test_a_forged_address_does_not_evade_the_throttle(sqlite_url: str, tmp_path: Path) -> None:
    """The proxy appends the address it saw; whatever stands before it is the client's invention."""

    def attempt(client: httpx.Client, number: int) -> int:
        forged = {"X-Forwarded-For": f"198.51.100.{number}, 203.0.113.9"}
        fields = form_of(client.get("/login", headers=forged).text)
        fields |= {"email": f"reader{number}@example.org", "password": "wrong password"}
        return client.post("/login", data=fields, headers=forged).status_code

    with (
        serving(sqlite_url, tmp_path, trusted_hops=1) as server,
        httpx.Client(base_url=server.origin) as client,
    ):
        statuses = [attempt(client, number) for number in range(61)]
    assert statuses == [422] * 60 + [429]


def test_a_direct_start_ignores_forwarded_addresses(sqlite_url: str, tmp_path: Path) -> None:
    with (
        serving(sqlite_url, tmp_path) as server,
        httpx.Client(base_url=server.origin, headers={"X-Forwarded-For": "203.0.113.9"}) as client,
    ):
        register(client, "ana@example.org")
        account = client.get("/account").text
        assert "127.0.0.1" in account
        assert "203.0.113.9" not in account


def test_logs_are_json_lines_without_secrets(sqlite_url: str, tmp_path: Path) -> None:
    with (
        serving(sqlite_url, tmp_path, log_level="DEBUG") as server,
        httpx.Client(base_url=server.origin) as client,
    ):
        register(client, "ana@example.org")
        client.get("/books/1%0aforged line")
    lines = server.log.read_text().splitlines()
    own = [json.loads(line) for line in lines if line.startswith("{")]
    assert own
    assert PASSWORD not in "\n".join(lines)
    assert not any(line.startswith("forged") for line in lines)


@pytest.mark.mariadb
@pytest.mark.usefixtures("mariadb")
def test_an_absent_database_is_a_503_and_its_return_needs_no_restart(tmp_path: Path) -> None:
    from bookstore.migrations import migrate
    from tests.conftest import settings_for

    with MariaDB.start() as database:
        url = database.create_database("shop")
        migrate(settings_for(url, tmp_path))
        with (
            serving(url, tmp_path) as server,
            httpx.Client(base_url=server.origin, timeout=20) as client,
        ):
            assert register(client, "ana@example.org").status_code == 303
            database.stop()
            away = client.get("/account")
            assert away.status_code == 503
            assert "database does not answer" in away.text
            assert client.get("/readyz").status_code == 503
            assert client.get("/readyz?of=replica").status_code == 200
            assert client.get("/healthz").status_code == 200
            database.boot()
            assert client.get("/account").status_code == 200
