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
from tests.support.memory import resident_megabytes
from tests.support.reader import PASSWORD
from tests.support.server import serving


def form_of(page: str) -> dict[str, str]:
    return dict(re.findall(r'name="(csrf_token|idempotency_key)" value="([^"]+)"', page))


def register(client: httpx.Client, email: str) -> httpx.Response:
    fields = form_of(client.get("/register").text)
    return client.post(
        "/register", data={**fields, "name": "Ana", "email": email, "password": PASSWORD}
    )


def test_sigterm_fails_readiness_at_once_and_serves_on(
    engine: str, sqlite_url: str, tmp_path: Path
) -> None:
    with (
        serving(sqlite_url, tmp_path, server=engine, drain_seconds=1.5) as server,
        httpx.Client(base_url=server.origin) as client,
    ):
        assert client.get("/readyz").status_code == 200
        server.signal(signal.SIGTERM)
        time.sleep(0.2)
        assert client.get("/readyz").status_code == 503
        assert client.get("/login").status_code == 200
        assert server.wait() == 0


def test_requests_in_flight_finish(engine: str, sqlite_url: str, tmp_path: Path) -> None:
    async def scenario(origin: str, stop: object) -> list[int]:
        async with httpx.AsyncClient(base_url=origin) as client:
            requests = [asyncio.ensure_future(client.get("/login")) for _each in range(30)]
            await asyncio.sleep(0.03)
            stop()  # type: ignore[operator]
            return [response.status_code for response in await asyncio.gather(*requests)]

    with serving(sqlite_url, tmp_path, server=engine, drain_seconds=0.5) as server:
        statuses = asyncio.run(scenario(server.origin, lambda: server.signal(signal.SIGTERM)))
        assert statuses == [200] * 30
        assert server.wait() == 0


def test_ctrl_c_ends_it_cleanly(engine: str, sqlite_url: str, tmp_path: Path) -> None:
    with serving(sqlite_url, tmp_path, server=engine) as server:
        server.signal(signal.SIGINT)
        assert server.wait(10) == 0
        assert "Traceback" not in server.log.read_text()


def test_a_second_signal_stops_at_once(engine: str, sqlite_url: str, tmp_path: Path) -> None:
    with serving(sqlite_url, tmp_path, server=engine, drain_seconds=60) as server:
        server.signal(signal.SIGTERM)
        time.sleep(0.3)
        assert server.process.poll() is None
        server.signal(signal.SIGTERM)
        assert server.wait(10) == 0


def test_idle_connections_do_not_hold_up_a_stop(
    engine: str, sqlite_url: str, tmp_path: Path
) -> None:
    """One that has asked for something before, one that has not, one in the middle of a head."""
    with (
        serving(sqlite_url, tmp_path, server=engine) as server,
        server.connect() as used,
        server.connect() as fresh,
        server.connect() as slow,
    ):
        used.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        slow.sendall(b"GET /healthz HT")
        assert used.recv(1 << 16).startswith(b"HTTP/1.1 200")
        asked = time.monotonic()
        server.signal(signal.SIGINT)
        used.settimeout(5)
        while used.recv(1 << 16):
            pass
        assert fresh.recv(1 << 16) == b""
        assert slow.recv(1 << 16) == b""
        assert server.wait(10) == 0
        assert time.monotonic() - asked < 5


def test_an_address_that_is_taken_is_a_sentence(
    engine: str, sqlite_url: str, tmp_path: Path
) -> None:
    with (
        serving(sqlite_url, tmp_path, server=engine) as server,
        pytest.raises(AssertionError, match="bookstore: BOOKSTORE_BIND: the shop cannot listen on"),
        serving(sqlite_url, tmp_path, server=engine, bind=f"127.0.0.1:{server.port}"),
    ):
        pass


def test_a_reader_who_goes_away_does_not_undo_the_request(
    engine: str, sqlite_url: str, tmp_path: Path
) -> None:
    """Hashing the password takes long enough for the connection to be closed in between."""
    with serving(sqlite_url, tmp_path, server=engine) as server:
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


def test_a_forged_address_does_not_evade_the_throttle(
    engine: str, sqlite_url: str, tmp_path: Path
) -> None:
    """The proxy appends the address it saw; whatever stands before it is the client's invention."""

    def attempt(client: httpx.Client, number: int) -> int:
        forged = {"X-Forwarded-For": f"198.51.100.{number}, 203.0.113.9"}
        fields = form_of(client.get("/login", headers=forged).text)
        fields |= {"email": f"reader{number}@example.org", "password": "wrong password"}
        return client.post("/login", data=fields, headers=forged).status_code

    with (
        serving(sqlite_url, tmp_path, server=engine, trusted_hops=1) as server,
        httpx.Client(base_url=server.origin) as client,
    ):
        statuses = [attempt(client, number) for number in range(70)]
    # The bucket leaks: while this takes its time, one more try each 15 s is let through.
    assert statuses[:60] == [422] * 60
    assert 429 in statuses[60:]


@pytest.mark.parametrize("hops", [0, 1])
def test_forms_come_through_behind_a_proxy(
    engine: str, hops: int, sqlite_url: str, tmp_path: Path
) -> None:
    """What the proxy says about scheme and host is believed exactly if the settings say so."""
    with serving(sqlite_url, tmp_path, server=engine, trusted_hops=hops) as server:
        origin = server.origin if hops == 0 else server.origin.replace("http://", "https://")
        told = {
            "X-Forwarded-For": "198.51.100.7",
            "X-Forwarded-Proto": "https",
            "X-Forwarded-Host": server.origin.removeprefix("http://"),
            "Origin": origin,
        }
        with httpx.Client(base_url=server.origin, headers=told) as client:
            assert register(client, "ana@example.org").status_code == 303
            shown = "198.51.100.7" if hops else "127.0.0.1"
            assert shown in client.get("/account").text


def test_a_direct_start_ignores_forwarded_addresses(
    engine: str, sqlite_url: str, tmp_path: Path
) -> None:
    with (
        serving(sqlite_url, tmp_path, server=engine) as server,
        httpx.Client(base_url=server.origin, headers={"X-Forwarded-For": "203.0.113.9"}) as client,
    ):
        register(client, "ana@example.org")
        account = client.get("/account").text
        assert "127.0.0.1" in account
        assert "203.0.113.9" not in account


def test_logs_are_json_lines_without_secrets(engine: str, sqlite_url: str, tmp_path: Path) -> None:
    with (
        serving(sqlite_url, tmp_path, server=engine, log_level="DEBUG") as server,
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
def test_an_absent_database_is_a_503_and_its_return_needs_no_restart(
    engine: str, tmp_path: Path
) -> None:
    from bookstore.migrations import migrate
    from tests.conftest import settings_for

    with MariaDB.start() as database:
        url = database.create_database("shop")
        migrate(settings_for(url, tmp_path))
        with (
            serving(url, tmp_path, server=engine) as server,
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


@pytest.mark.mariadb
def test_readers_who_go_away_leave_no_connection_behind(
    engine: str, mariadb_url: str, mariadb: MariaDB, tmp_path: Path
) -> None:
    """More readers than the pool has connections give up in the middle of a statement."""
    mariadb.empty("shop")
    with (
        serving(mariadb_url, tmp_path, server=engine, database_pool_size=3) as server,
        httpx.Client(base_url=server.origin, timeout=20) as client,
    ):
        assert register(client, "ana@example.org").status_code == 303
        cookie = "; ".join(f"{name}={value}" for name, value in client.cookies.items())
        asked = f"GET /account HTTP/1.1\r\nHost: 127.0.0.1\r\nCookie: {cookie}\r\n\r\n".encode()
        with mariadb.locked("shop", "sessions"):
            for _each in range(4):
                readers = [server.connect() for _reader in range(5)]
                for reader in readers:
                    reader.sendall(asked)
                time.sleep(0.3)
                for reader in readers:
                    reader.close()
        assert client.get("/account").status_code == 200
        assert 'bookstore_pool_in_use{context="accounts"} 0.0' in client.get("/metrics").text
        assert "Traceback" not in server.log.read_text()


def test_a_replica_at_rest_is_small(engine: str, sqlite_url: str, tmp_path: Path) -> None:
    """What is needed once in a while is loaded then: passkeys, the list of common passwords,
    pictures, other drivers."""
    with serving(sqlite_url, tmp_path, server=engine) as server:
        httpx.get(f"{server.origin}/readyz")
        assert resident_megabytes(server.process.pid) < 98
        mapped = Path(f"/proc/{server.process.pid}/maps").read_text()
        libraries = ("pydantic_core", "PIL", "asyncmy", "cryptography")
        assert [name for name in libraries if f"/{name}/" in mapped] == ["pydantic_core"]
