"""What both servers make of headers that repeat, that ask for parts, or that are no addresses."""

import http.client
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.server import Server, serving

type Given = list[tuple[str, str]]


@pytest.fixture
def server(engine: str, sqlite_url: str, tmp_path: Path) -> Iterator[Server]:
    with serving(sqlite_url, tmp_path, server=engine) as server:
        yield server


def ask(server: Server, path: str, headers: Given, method: str = "GET") -> tuple[int, bytes]:
    """Send headers as they are given, in their order and as often."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    connection.putrequest(method, path)
    for name, value in headers:
        connection.putheader(name, value)
    connection.endheaders()
    answer = connection.getresponse()
    found = answer.status, answer.read()
    connection.close()
    return found


def test_statuses(server: Server) -> None:
    whole = ask(server, "/static/app.css", [])[1]
    assert ask(server, "/static/app.css", [("Range", "bytes=-5")]) == (206, whole[-5:])
    assert ask(server, "/static/app.css", [("Range", "items=1-2")]) == (200, whole)
    assert ask(server, "/static/app.css", [("If-None-Match", '"x", *')])[0] in {200, 304}
    assert ask(server, "/account", [("Referer", "http://[x")])[0] == 303
    htmx = [("HX-Request", "true"), ("HX-Current-URL", "http://[x")]
    assert ask(server, "/account", htmx)[0] == 204
    assert [ask(server, "/", [], method)[0] for method in ("DELETE", "PUT", "TRACE")] == [405] * 3
    assert ask(server, f"/people/{2**63}", [])[0] == 404
    assert ask(server, "/static/" + "a" * 300, [])[0] == 404


def test_a_repeated_header_poisons_no_page(server: Server) -> None:
    plain = ask(server, "/", [])[1]
    assert plain.startswith(b"<!doctype html>")
    for first, second in (("true", "x"), ("x", "true"), ("true", "true")):
        query = f"/?q={first}{second}"
        ask(server, query, [("HX-Request", first), ("hx-request", second)])
        assert ask(server, query, [])[1].startswith(b"<!doctype html>")
    signed_in = [("Cookie", "session=s" + "c" * 43), ("Cookie", "session=v" + "a" * 43)]
    ask(server, "/?q=cookie", signed_in)
    assert b"Sign out" not in ask(server, "/?q=cookie", [])[1]
