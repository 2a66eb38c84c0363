"""A network of its own with a resolver that can fall silent, and two doors to one database server:
run by test_names.py in namespaces, with a story to live through. It prints what happened."""

import asyncio
import json
import socket
import subprocess
import sys
import threading
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any

from bookstore.data.database import Database
from bookstore.data.queries import DatabaseUnavailable
from bookstore.web.serving.connections import Connections, Limits

NAME, OTHER = "database.test", "other.test"
FIRST, SECOND = "127.0.0.2", "127.0.0.3"
# A silent resolver is asked five times, two seconds apart.
RESOLV_CONF = "nameserver 127.0.0.1\noptions timeout:2 attempts:5\n"


class Resolver(asyncio.DatagramProtocol):
    """Answers every question with one address, or none."""

    def __init__(self) -> None:
        self.address: str | None = FIRST

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        if self.address is None:
            return
        wanted = data[-4:-2] == b"\0\1"  # A, not AAAA
        answer = data[:2] + b"\x81\x80\0\1" + bytes((0, wanted)) + b"\0\0\0\0" + data[12:]
        if wanted:
            answer += b"\xc0\x0c\0\1\0\1\0\0\0\0\0\4" + socket.inet_aton(self.address)
        self._transport.sendto(answer, addr)


class Door:
    """An address of the database server; who comes in is passed on to its Unix socket."""

    def __init__(self, server: str) -> None:
        self._server = server
        self._inside: set[asyncio.StreamWriter] = set()
        self.visits = 0

    async def open(self, address: str) -> None:
        self._loop = asyncio.get_running_loop()
        self._listener = await asyncio.start_server(self._visit, address, 3306)

    async def _visit(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.visits += 1
        server_reader, server_writer = await asyncio.open_unix_connection(self._server)
        self._inside |= {writer, server_writer}
        with suppress(OSError):
            await asyncio.gather(_pass_on(reader, server_writer), _pass_on(server_reader, writer))

    def cut(self) -> None:
        """Cut off everybody who is inside."""
        self._loop.call_soon_threadsafe(self._cut)

    def shut(self) -> None:
        """Let nobody in any more."""
        self._loop.call_soon_threadsafe(self._listener.close)
        self.cut()

    def _cut(self) -> None:
        while self._inside:
            self._inside.pop().transport.abort()


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65_536):
        writer.write(data)
    writer.close()


async def use_all(database: Database) -> None:
    """Use all four connections of a pool at one time."""
    await asyncio.gather(*(database.value("SELECT SLEEP(0.2)") for _each in range(4)))


async def outage(url: str, resolver: Resolver, first: Door, second: Door) -> dict[str, Any]:
    """The resolver falls silent; when it speaks again the database is elsewhere."""
    database = Database(url, pool_size=4, pool_timeout=20)
    await database.connect()
    await database.value("SELECT 1")
    resolver.address = None
    before = first.visits
    for _round in range(4):
        await use_all(database)
        first.cut()
    async with asyncio.timeout(8):
        await asyncio.to_thread(len, "")
    seen: dict[str, Any] = {"opened": first.visits - before, "threads": threading.active_count()}
    resolver.address = SECOND
    first.shut()
    async with asyncio.timeout(60):
        while not second.visits:
            with suppress(DatabaseUnavailable):
                await database.value("SELECT 1")
            await asyncio.sleep(0.05)
    await use_all(database)
    stranger = Database(url.replace(NAME, OTHER), pool_size=1)
    await stranger.connect()
    try:
        seen["stranger"] = await stranger.value("SELECT 1")
    except DatabaseUnavailable:
        seen["stranger"] = "refused"
    return seen


async def unknown(url: str, resolver: Resolver, *_doors: Door) -> dict[str, Any]:
    """The resolver says nothing from the beginning."""
    resolver.address = None
    database = Database(url, pool_size=4, pool_timeout=8)
    await database.connect()
    asked = [database.value("SELECT 1") for _each in range(12)]
    errors = await asyncio.gather(*asked, return_exceptions=True)
    resolver.address = FIRST
    async with asyncio.timeout(60):
        while True:
            with suppress(DatabaseUnavailable):
                if await database.value("SELECT 1"):
                    break
            await asyncio.sleep(0.05)
    return {"errors": [f"{type(error).__name__}: {error}" for error in errors]}


async def cloud(resolver: Resolver, doors: dict[str, Door], ready: threading.Event) -> None:
    """Run the resolver and open the doors."""
    loop = asyncio.get_running_loop()
    await loop.create_datagram_endpoint(lambda: resolver, local_addr=("127.0.0.1", 53))
    for address, door in doors.items():
        await door.open(address)
    ready.set()
    await asyncio.Event().wait()


def main(story: str, module: str, url: str, server: str, conf: str) -> None:
    """Make the network, and live through a story in the event loop of one of the servers."""
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    Path(conf).write_text(RESOLV_CONF)
    subprocess.run(["mount", "--bind", conf, "/etc/resolv.conf"], check=True)
    resolver, doors, ready = (
        Resolver(),
        {FIRST: Door(server), SECOND: Door(server)},
        threading.Event(),
    )
    threading.Thread(target=asyncio.run, args=[cloud(resolver, doors, ready)], daemon=True).start()
    assert ready.wait(20)
    live = outage if story == "outage" else unknown
    loops = import_module(f"bookstore.web.serving.{module}")
    with asyncio.Runner(loop_factory=lambda: loops.Loop(Connections(Limits(16, 10)))) as runner:
        print(json.dumps(runner.run(live(url, resolver, *doors.values()))), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
