"""Measure the shop against the same pages on other stacks, interleaved in one run."""

import argparse
import asyncio
import shutil
import signal
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from benchmarks import growth, processes, promises, report
from benchmarks.client import Browser, drive
from benchmarks.data import Data, load
from benchmarks.figures import DEFAULTS, Round, percentile
from benchmarks.report import Results, Table
from benchmarks.stacks import FLOOR, ONLY, OURS, PEERS, ROOT, Stack, floor, peers, shop
from benchmarks.visits import (
    Kind,
    Refused,
    buy_one,
    elements,
    kinds,
    prepare_tokens,
    text_of,
    visit,
)
from bookstore.catalogue.vocabulary import Learner
from bookstore.data.database import Database
from bookstore.migrations import migrate
from bookstore.settings import load_settings
from tests.support.mariadb import MariaDB, NotInstalled
from tests.support.packages import install

BROWSERS = 4
COMPRESSED = Browser.encodings
PAGES = {"catalogue": "/books", "filtered": "/?min=2&max=25.10", "book": "/books/300"}
LONGEST = 10.0  # seconds that one kind of visit may take on one stack in one round
LIKENESS = 0.05  # by how much of its bytes a peer's page may differ from the shop's


def main() -> int:
    """Run the benchmark; return 0 when it ran, whatever it found."""
    parser = argparse.ArgumentParser(prog="./run bench", description=__doc__)
    parser.add_argument(
        "--books",
        type=int,
        metavar="N",
        help="books in the catalogue, a multiple of 10,000 (default 10,000)",
    )
    parser.add_argument(
        "--sessions",
        type=int,
        metavar="N",
        help="people who are signed in (default 10,000)",
    )
    parser.add_argument(
        "--tables",
        type=int,
        default=3,
        help="how often to make the table: a verdict is firm when all agree (default 3)",
    )
    parser.add_argument("--rounds", type=int, default=3, help="rounds of a table (default 3)")
    parser.add_argument(
        "--quick", action="store_true", help="one table of two rounds with fewer visits, to try"
    )
    parser.add_argument(
        "--growth",
        action="store_true",
        help="measure pages and statements with --books and --sessions (a million each) instead",
    )
    parser.add_argument(
        "--parcels",
        type=int,
        default=100_000,
        metavar="N",
        help="with --growth: parcels of one seller (default 100,000)",
    )
    parser.add_argument("--shop-only", action="store_true", help="leave the peers out")
    parser.add_argument(
        "--only",
        choices=[kind.name for kind in kinds(Data(0, [], [], []))],
        help="measure this kind of visit alone",
    )
    parser.add_argument(
        "--soak",
        type=int,
        default=0,
        metavar="REQUESTS",
        help="afterwards, watch the shop's memory over so many requests",
    )
    parser.add_argument(
        "--picture",
        type=Path,
        default=ROOT / "results" / "bench.png",
        help="where to draw the figures (default results/bench.png)",
    )
    parser.add_argument(
        "--page", type=Path, help="put the table into this Markdown page, as docs/performance.md"
    )
    options = parser.parse_args()
    few = 10_000 if not options.growth else 1_000_000
    options.books, options.sessions = options.books or few, options.sessions or few
    if options.quick:
        options.tables, options.rounds = 1, 2
    if options.books < 10_000 or options.books % 10_000 or min(options.rounds, options.tables) < 1:
        parser.error("--books takes a multiple of 10,000, --rounds and --tables at least 1")
    if options.sessions < BROWSERS:
        parser.error(f"--sessions takes at least {BROWSERS}, one for each browser")
    if options.page and not report.has_place(options.page):
        parser.error(f"{options.page} is no page with a block that starts with ```text")
    if options.picture.is_dir():
        parser.error(f"{options.picture} is a folder: --picture takes the name of a PNG")
    if not (options.shop_only or options.growth) and not PEERS.exists():
        parser.error("the peers are not installed; start this as ./run bench")
    install({"mariadbd": "mariadb-server"})
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the servers end as well
    folder = Path(tempfile.mkdtemp(prefix="bookstore-bench-"))
    try:
        run = growth.measure if options.growth else _bench
        return asyncio.run(run(options, folder))
    except (NotInstalled, Refused) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nStopped. Half a table is none: nothing was published.", file=sys.stderr)
        return 130
    finally:
        shutil.rmtree(folder, ignore_errors=True)


async def _bench(options: argparse.Namespace, folder: Path) -> int:
    with ExitStack() as running:
        server = running.enter_context(MariaDB.start())
        url, peers_url = server.create_database("shop"), server.create_database("peers")
        migrate(load_settings(database_url=url, secret_key="k" * 40))
        print(f"Filling the database with {options.books:,} books …", flush=True)
        data = load(server, options.books, options.sessions, peers=not options.shop_only)
        await _learn_words(url)
        ours = [running.enter_context(shop(url, folder, name)) for name in OURS]
        others: list[Stack] = []
        sizes: dict[str, dict[str, int]] = {}
        unlike: list[str] = []
        if not options.shop_only:
            print("Starting the peers, and checking that they do the same …", flush=True)
            others = running.enter_context(peers(peers_url, folder))
        for stack in [*ours, *others]:
            await stack.ready()
        if not options.shop_only:
            sizes, unlike = await _check([*ours, *others], server, data)
        wanted = [kind for kind in kinds(data) if options.only in {None, kind.name}]
        bench = Bench(wanted, data, int((server.folder / "pid").read_text()), options)
        for plain in (False, True):
            Browser.encodings = "identity" if plain else COMPRESSED
            stacks = [*ours, *others]
            if not options.shop_only:
                answers = await _answers(ours[0], wanted, data)
                stacks.append(running.enter_context(floor(folder / f"floor-{plain}", answers)))
                await stacks[-1].ready()
            for _table in range(1 if plain else options.tables):
                await bench.make_table(stacks, plain=plain)
        memory = {s.name: processes.memory(processes.family(s.pid)) for s in [*ours, *others]}
        text = report.text(options, wanted, bench.tables, memory, sizes, unlike)
        print(text)
        if options.page:
            report.put_into(options.page, text)
        if not options.shop_only:
            options.picture.parent.mkdir(parents=True, exist_ok=True)
            report.draw(options.picture, wanted, bench.tables[0].results)
            print(f"The picture is {options.picture}.")
        if options.soak:
            await _soak(ours[0], data, options.soak)
    return 0


async def _learn_words(url: str) -> None:
    """Have the words of the catalogue learned, as they are in a shop that has been open for an
    hour: otherwise a background chore of the first minutes stands in the figures."""
    database = Database(url)
    await database.connect()
    try:
        await Learner(database).learn_all()
    finally:
        await database.disconnect()


async def _check(
    stacks: list[Stack], server: MariaDB, data: Data
) -> tuple[dict[str, dict[str, int]], list[str]]:
    """See that every stack shows the same pages and keeps the same promises, before anything is
    timed; return the bytes of HTML of each page, and which elements of which page differ."""
    sizes: dict[str, dict[str, int]] = {}
    ours: dict[str, str] = {}
    unlike: list[str] = []
    refused: list[str] = []
    for stack in stacks:
        try:
            pages = await _pages(stack, data)
            await promises.check(stack, server, data)
        except (Refused, OSError) as error:
            await asyncio.sleep(0.5)  # a server may write down an error after its answer
            raise Refused(f"{stack.name}: {error}\n{stack.last_words()}") from None
        ours = ours or pages
        for name, page in pages.items():
            if differing := elements(page) ^ elements(ours[name]):
                words = ", ".join(f"{tag} {number}" for tag, number in sorted(differing))
                unlike.append(f"{name}, {stack.name}: {words}")
            sizes.setdefault(name, {})[stack.name] = size = len(page.encode())
            if abs(size / sizes[name][DEFAULTS] - 1) > LIKENESS:
                refused.append(
                    f"{name} has {size} bytes on {stack.name}, not {sizes[name][DEFAULTS]}"
                )
    if refused:
        told = "\n  ".join([*refused, *unlike])
        raise Refused(
            f"peers show other pages than the shop, see benchmarks/peers/templates:\n  {told}"
        )
    return sizes, unlike


async def _pages(stack: Stack, data: Data) -> dict[str, str]:
    browser = Browser(stack.port)
    pages = {name: text_of(await browser.get(path)) for name, path in PAGES.items()}
    browser.cookies = {"session": data.spare[0]}
    pages |= await buy_one(browser, 300)
    browser.close()
    return pages


async def _answers(
    ours: Stack, wanted: list[Kind], data: Data
) -> dict[str, tuple[dict[str, str], bytes]]:
    """Return the shop's answers for the floor to send."""
    answers = {}
    for kind in wanted:
        if kind.path is not None:
            cookies = {"session": data.tokens[0]} if kind.signed_in else {}
            browser = Browser(ours.port, cookies)
            answer = await browser.get(kind.path(0))
            browser.close()
            answers[kind.name] = (answer.headers, answer.body)
    return answers


class Bench:
    """Makes tables, one after the other."""

    def __init__(
        self, wanted: list[Kind], data: Data, database: int, options: argparse.Namespace
    ) -> None:
        self.tables: list[Table] = []
        self._wanted = wanted
        self._data = data
        self._database = database
        self._options = options
        self._rounds = 0  # so that no two rounds ask for the same ranges of prices

    async def make_table(self, stacks: list[Stack], *, plain: bool) -> None:
        """Let every stack do every kind of visit, round by round, in an order that turns. The
        first round with a server's answers of a kind warms up and does not count."""
        name = f"Table {len(self.tables) + 1}, pages {'as they are' if plain else 'compressed'}"
        fresh = not any(table.plain is plain for table in self.tables)
        results: Results = {}
        for number in range(0 if fresh else 1, self._options.rounds + 1):
            print(f"{name}: {f'round {number}' if number else 'warming up'} …", flush=True)
            for kind in self._wanted:
                few = self._options.quick or not number
                visits = max(kind.visits // (4 if few else 1), 12)
                turn = self._rounds % len(stacks)
                for stack in stacks[turn:] + stacks[:turn]:
                    if (kind.path is None or kind.whole) and stack.name == FLOOR:
                        continue
                    if kind.name not in ONLY.get(stack.name, {kind.name}):
                        continue
                    figures = await self._round(stack, kind, visits)
                    if number:
                        results.setdefault((kind.name, stack.name), []).append(figures)
            self._rounds += 1
        self.tables.append(Table(name, plain, results))

    async def _round(self, stack: Stack, kind: Kind, visits: int) -> Round:
        browsers = [Browser(stack.port) for _ in range(BROWSERS)]
        first = self._rounds * kind.visits
        look = visit(kind, self._data, floor=stack.name == FLOOR)
        if kind.path is None:
            await prepare_tokens(browsers[0], self._data, range(first, first + visits))
        pids = processes.family(stack.pid)
        loop = asyncio.get_running_loop()
        server, base = processes.cpu_seconds(pids), processes.cpu_seconds([self._database])
        started = loop.time()
        try:
            took = await drive(
                browsers, lambda browser, n: look(browser, first + n), visits, within=LONGEST
            )
        except (Refused, OSError) as refused:
            raise Refused(f"{stack.name}: {refused}\n{stack.last_words()}") from refused
        done = len(took)
        seconds = loop.time() - started
        for browser in browsers:
            browser.close()
        return Round(
            server=(processes.cpu_seconds(pids) - server) / done * 1e6,
            database=(processes.cpu_seconds([self._database]) - base) / done * 1e6,
            rate=done / seconds,
            p50=percentile(took, 0.5) * 1e3,
            p99=percentile(took, 0.99) * 1e3,
        )


async def _soak(ours: Stack, data: Data, requests: int) -> None:
    """Print how the shop's memory goes over many requests of every kind."""
    wanted = [kind for kind in kinds(data) if kind.path is not None]
    browsers = [Browser(ours.port) for _ in range(BROWSERS)]
    print(f"Memory of {DEFAULTS} over {requests:,} requests, MB:", flush=True)
    step = max(requests // 10, len(wanted))
    for part in range(10):
        for kind in wanted:
            look = visit(kind, data)
            first = 100_000 + part * step
            share = step // len(wanted)
            await drive(browsers, lambda b, n, look=look, first=first: look(b, first + n), share)  # type: ignore[misc]
        print(f"  {(part + 1) * step:>8,}  {processes.memory([ours.pid], 'VmRSS'):.0f}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
