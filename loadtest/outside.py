"""`python -m loadtest.outside`: ask a shop at a fixed rate, each time on a new connection.

It stands beside Locust as somebody who knows nothing of it: what people see must agree with what is
seen here. A first-time visitor has no connection that was opened in better times.
"""

from __future__ import annotations

from gevent import monkey

monkey.patch_all()

import argparse  # noqa: E402 - what follows uses what was patched
import re  # noqa: E402
import signal  # noqa: E402
import ssl  # noqa: E402
import sys  # noqa: E402
import time  # noqa: E402
from collections.abc import Sequence  # noqa: E402

import gevent  # noqa: E402
import gevent.event  # noqa: E402

from loadtest.evidence import recorder  # noqa: E402
from loadtest.people.browser import Browser  # noqa: E402
from loadtest.people.client import Client  # noqa: E402

BOOK = re.compile(r'<a href="(/books/\d+)">')


def main(argv: Sequence[str] | None = None) -> int:
    """Ask until told to stop."""
    parser = argparse.ArgumentParser(prog="python -m loadtest.outside", description=__doc__)
    parser.add_argument("--host", required=True, help="the shop's address")
    parser.add_argument("--rate", type=float, default=4.0, help="requests per second")
    parser.add_argument("--resolve", default="", help="NAME=ADDRESS,NAME=ADDRESS")
    args = parser.parse_args(argv)
    addresses = dict(pair.split("=", 1) for pair in args.resolve.split(",") if "=" in pair)
    trusted = ssl.create_default_context() if args.host.startswith("https:") else None
    stop = gevent.event.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    paths = ["/"]
    number, begin = 0, time.time()
    while True:
        due = begin + number / args.rate
        if stop.wait(max(0.0, due - time.time())):
            return 0
        client = Client(args.host, trusted, addresses, keep=False)
        gevent.spawn(_ask, client, paths, number, due)
        number += 1


def _ask(client: Client, paths: list[str], number: int, due: float) -> None:
    """Ask for the first page or a book, in turn, and write down what came of it."""
    path = paths[number % len(paths)]
    at = time.time()
    answer = client.ask("GET", path, Browser("").headers("page"))
    ended = time.time()
    text = answer.body.decode("utf-8", "replace")
    wrong = answer.problem or ("" if answer.status == 200 else f"status {answer.status}")
    if not wrong and "</html>" not in text:
        wrong = "a page cut short"
    if len(paths) == 1 and (books := BOOK.findall(text)):
        paths += books[:3]
    recorder.write(
        "outside", at=round(at, 4), ms=round((ended - at) * 1000, 1),
        late=round((at - due) * 1000, 1), name=f"GET {path}", status=answer.status,
        error=wrong or None, sent=1,
    )  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
