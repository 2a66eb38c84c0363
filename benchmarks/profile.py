"""Show where the processor time of a visit goes: the shop within this process, in front of no
server, one request after the other.

python -m benchmarks.profile search
python -m benchmarks.profile checkout --defaults
"""

import argparse
import asyncio
import cProfile
import os
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from contextlib import ExitStack
from pathlib import Path
from pstats import Stats
from typing import Any
from urllib.parse import unquote

import uvloop

from benchmarks.client import Answer, Browser
from benchmarks.data import Data, load
from benchmarks.stacks import ROOT
from benchmarks.visits import Kind, kinds, prepare_tokens, visit
from bookstore.app import create_app
from bookstore.catalogue.vocabulary import Learner
from bookstore.data.database import Database
from bookstore.migrations import migrate
from bookstore.settings import load_settings
from bookstore.web.serving.forwarded import TrustedHops
from tests.support.mariadb import MariaDB, NotInstalled

_PORT = 8000  # in the names that requests carry; nothing listens there
_BATCHES = 5
# Beginnings of a file's path, below the checkout or the installed packages; the first that fits
# says what the file does.
_PARTS = {
    "templates/": "templates, addresses, texts",
    "jinja2/": "templates, addresses, texts",
    "markupsafe/": "templates, addresses, texts",
    "bookstore/web/urls.py": "templates, addresses, texts",
    "bookstore/web/templating.py": "templates, addresses, texts",
    "bookstore/web/i18n.py": "templates, addresses, texts",
    "bookstore/money.py": "templates, addresses, texts",
    "bookstore/data/": "statements, connections, transactions; asyncmy as well, which is in C",
    "databases/": "the driver",
    "aiomysql/": "the driver",
    "pymysql/": "the driver",
    "bookstore/catalogue/": "catalogue",
    "bookstore/orders/": "orders",
    "bookstore/accounts/": "accounts",
    "bookstore/web/cache/": "page cache, compression, proxies",
    "bookstore/web/serving/": "page cache, compression, proxies",
    "bookstore/": "what each request and answer goes through",
    "quart/": "Quart, Werkzeug",
    "flask/": "Quart, Werkzeug",
    "werkzeug/": "Quart, Werkzeug",
    "wtforms/": "forms",
}
_OTHER = "the standard library, others"

type App = Callable[[Any, Any, Any], Awaitable[None]]
type Place = tuple[str, int, str]


class InProcess(Browser):
    """A browser whose requests go to the application itself; it takes the time of each."""

    def __init__(self, app: App) -> None:
        super().__init__(_PORT)
        self.app = app
        self.worked = 0.0  # seconds of this thread, in the application
        self.profiler: cProfile.Profile | None = None

    async def _send(self, method: str, path: str, body: bytes, more: Mapping[str, str]) -> Answer:
        scope = _scope(method, path, self.head(method, path, body, more))
        start: MutableMapping[str, Any] = {}
        parts = []
        arrived, answered = False, asyncio.Event()

        async def receive() -> Any:
            nonlocal arrived
            if arrived:
                await answered.wait()
                return {"type": "http.disconnect"}
            arrived = True
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Any) -> None:
            if message["type"] == "http.response.start":
                start.update(message)
            else:
                parts.append(message.get("body", b""))
                if not message.get("more_body", False):
                    answered.set()

        if self.profiler is not None:
            self.profiler.enable()
        before = time.thread_time()
        await self.app(scope, receive, send)
        self.worked += time.thread_time() - before
        if self.profiler is not None:
            self.profiler.disable()
        headers: dict[str, str] = {}
        for name, value in start["headers"]:
            key = name.decode().lower()
            if key == "set-cookie":
                given, _, kept = value.decode().partition(";")[0].partition("=")
                self.cookies[given] = kept
            headers[key] = value.decode()
        return Answer(start["status"], headers, b"".join(parts))


def _scope(method: str, path: str, head: bytes) -> dict[str, Any]:
    lines = head.decode().split("\r\n")[1:-2]
    pairs = [line.partition(": ") for line in lines]
    plain, _, query = path.partition("?")
    return {
        "type": "http", "asgi": {"version": "3.0", "spec_version": "2.3"}, "http_version": "1.1",
        "method": method, "scheme": "http", "path": unquote(plain), "raw_path": plain.encode(),
        "query_string": query.encode(), "root_path": "", "client": ("127.0.0.1", 40000),
        "server": ("127.0.0.1", _PORT), "extensions": {},
        "headers": [(name.lower().encode(), value.encode()) for name, _, value in pairs],
    }  # fmt: skip


def main() -> int:
    """Fill a database, make visits of one kind, and print where their time went."""
    names = [kind.name for kind in kinds(Data(0, [], [], []))]
    parser = argparse.ArgumentParser(prog="profile", description=__doc__)
    parser.add_argument("kind", choices=names)
    parser.add_argument("--visits", type=int, default=200, metavar="N", help="in each of 5 batches")
    parser.add_argument(
        "--defaults", action="store_true", help="aiomysql, asyncio: not the fastest settings"
    )
    parser.add_argument("--dump", type=Path, metavar="FILE", help="keep the profile for pstats")
    options = parser.parse_args()
    try:
        with ExitStack() as running:
            folder = Path(running.enter_context(tempfile.TemporaryDirectory()))
            server = running.enter_context(MariaDB.start())
            url = server.create_database("shop")
            migrate(load_settings(database_url=url, secret_key="k" * 40))
            data = load(server, 10_000, 10_000, peers=False)
            asyncio.run(_learn(url))
            loop = None if options.defaults else uvloop.new_event_loop
            with asyncio.Runner(loop_factory=loop) as runner:
                runner.run(_profile(url, folder, data, options))
    except NotInstalled as reason:
        print(f"profile: {reason}", file=sys.stderr)
        return 2
    return 0


async def _learn(url: str) -> None:
    database = Database(url)
    await database.connect()
    await Learner(database).learn_up_to(20_000, batches=1_000)
    await database.disconnect()


async def _profile(url: str, folder: Path, data: Data, options: argparse.Namespace) -> None:
    settings = load_settings(
        database_url=url if options.defaults else url.replace("mysql:", "mysql+asyncmy:"),
        media_dir=folder, secret_key="k" * 40, bind=f"127.0.0.1:{_PORT}", trusted_hops=1,
        log_level="WARNING",
    )  # fmt: skip
    shop = create_app(settings)
    await shop.startup()
    try:
        browser = InProcess(TrustedHops(shop, 1))
        visits: int = options.visits
        [kind] = [one for one in kinds(data) if one.name == options.kind]
        found = [await _batch(browser, kind, data, n * visits, visits) for n in range(_BATCHES + 1)]
        took = found[1:]  # the first warms up
        browser.profiler = cProfile.Profile(time.thread_time)
        await _batch(browser, kind, data, (_BATCHES + 1) * visits, visits)
    finally:
        await shop.shutdown()
    print(f"{kind.title}: {min(took):.0f} to {max(took):.0f} µs of the processor a visit, median"
          f" {statistics.median(took):.0f}, {visits} visits {_BATCHES} times;"
          f" load {os.getloadavg()[0]:.1f}")  # fmt: skip
    stats = Stats(browser.profiler)
    if options.dump:
        stats.dump_stats(options.dump)
    _print(parts(stats.stats), statistics.median(took))  # type: ignore[attr-defined]


async def _batch(browser: InProcess, kind: Kind, data: Data, first: int, visits: int) -> float:
    """Make a batch of visits; return the processor µs of one, chores of the shop included."""
    look = visit(kind, data)
    if kind.path is None:
        await prepare_tokens(browser, data, range(first, first + visits))
    browser.worked = 0.0
    for number in range(first, first + visits):
        await look(browser, number)
    return browser.worked / visits * 1e6


def parts(stats: Mapping[Place, tuple[Any, ...]]) -> Counter[str]:
    """Return how long each part of a profile took by itself; what belongs to no part counts for
    those who called it, which is followed one level up and no further."""
    took: Counter[str] = Counter()
    for place, (_primitive, _calls, alone, _with_callees, callers) in stats.items():
        if (part := part_of(place)) is not None:
            took[part] += alone
            continue
        for caller, (_caller_calls, _caller_primitive, share, _cumulative) in callers.items():
            took[part_of(caller) or _OTHER] += share
        if not callers:
            took[_OTHER] += alone
    return took


def part_of(place: Place) -> str | None:
    """Return the part that a function belongs to; None for the language and its library."""
    path = place[0].rpartition("/site-packages/")[2].removeprefix(f"{ROOT}/")
    return next((part for begin, part in _PARTS.items() if path.startswith(begin)), None)


def _print(took: Counter[str], microseconds: float) -> None:
    everything = took.total()
    for part, seconds in took.most_common():
        share = seconds / everything
        print(f"{share * microseconds:8.0f} µs {share:4.0%}  {part}")


if __name__ == "__main__":
    sys.exit(main())
