"""What a server sees of a request's head."""

import re
from pathlib import Path

import pytest

import bookstore
from bookstore.web.serving import heads

BROWSERS = (
    b"GET /books HTTP/1.1\r\nHost: a:1\r\nUser-Agent: x\r\nAccept: text/html\r\n"
    b"Accept-Language: es\r\nSEC-CH-UA: y\r\nsec-fetch-site: none\r\nsec-fetch-mode: navigate\r\n"
    b"Cookie: session=1:2\r\nX-Real-Ip: 203.0.113.7\r\nX-Forwarded-For: 203.0.113.7\r\n\r\n"
)


def test_what_nobody_reads_goes_no_further() -> None:
    assert heads.shortened(BROWSERS) == (
        b"GET /books HTTP/1.1\r\nHost: a:1\r\nUser-Agent: x\r\nAccept-Language: es\r\n"
        b"sec-fetch-site: none\r\nCookie: session=1:2\r\nX-Forwarded-For: 203.0.113.7\r\n\r\n"
    )


@pytest.mark.parametrize(
    "line",
    [
        b"Accept: a\r\n b: c",  # it would become part of the header before
        b"Host: a\r\n\tpragma: x",
        b"Accept : a",  # no name: the server is to say so
        b" Accept: a",
        b"Accept",
        b"X-Accept: a",
        b": a",
    ],
)
def test_what_is_not_plainly_such_a_header_stays(line: bytes) -> None:
    head = b"GET accept:/ HTTP/1.1\r\n" + line + b"\r\nHost: a\r\n\r\n"
    assert heads.shortened(head) == head


def test_the_first_line_stays_whatever_it_is() -> None:
    head = b"Accept: a\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"
    assert heads.shortened(head) == head


def test_nobody_reads_what_goes_no_further() -> None:
    sources = Path(bookstore.__file__).parent.rglob("*.py")
    text = "\n".join(path.read_text() for path in sources if path.name != "heads.py").lower()
    asked = {name.decode() for name in heads.UNREAD} & set(re.findall(r'"([a-z-]+)"', text))
    # As names of headers that the shop sends.
    assert asked <= {"accept", "cache-control"}
