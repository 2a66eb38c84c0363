"""MySQL and MariaDB: how connections are set up and looked after, what errors mean."""

import re
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import lru_cache, partial
from time import monotonic
from typing import Any, Literal
from urllib.parse import urlsplit
from weakref import WeakKeyDictionary, WeakSet

import structlog
from databases.interfaces import ConnectionBackend

from bookstore.data.answer import Answer
from bookstore.data.drivers import driver, without_tls
from bookstore.data.errors import (
    Conflict,
    ConnectionLost,
    DatabaseUnavailable,
    Duplicate,
    LockWait,
    ReadOnly,
)

log = structlog.get_logger()

# Numbers of errors, by what they mean.
_LOST = {
    1040, 1053, 1077, 1079, 1129, 1158, 1159, 1160, 1161, 1203, 1927, 3100, 3159, 4031,
    *range(1000), *range(2000, 3000),  # the driver's own: it lost track of the protocol
}  # fmt: skip
_READ_ONLY = {1290, 1792, 1836, 1874}
_TOOK_TOO_LONG = {1317, 1969, 3024}  # the server, or whoever runs it, ended the statement
_LOCK_WAIT = {1205, 3572}
_DEADLOCK = {1020, 1213, 3101}
_DUPLICATE = {1062, 1586}

# A connection that says nothing for so many seconds is closed by the server, and what it has begun
# is undone: one whose process or host is gone or stopped keeps no row locked. One at rest is
# closed by us before.
_SILENCE = 10
_LONGEST_REST = 5
_AT_HAND = 0.5  # seconds for which one that was given back is taken again as it is
LOOK_EVERY = 1.0  # seconds after which a connection is asked whether its server takes writes
_SESSION = (
    "SET SESSION /*M!100000 tx_isolation = 'READ-COMMITTED', SESSION */"
    " /*!80000 transaction_isolation = 'READ-COMMITTED', SESSION */"
    f" wait_timeout = {_SILENCE}, SESSION net_read_timeout = {_SILENCE},"
    f" SESSION net_write_timeout = {_SILENCE}, SESSION innodb_lock_wait_timeout = 1"
)
_PLACEHOLDER = re.compile(
    r"'(?:[^']|'')*'|\"[^\"]*\"|`[^`]*`|(?<![:\w]):([a-z_]\w*)", re.IGNORECASE
)


class Connections:
    """The driver's pool of connections, by its public ways."""

    dialect: Literal["mysql"] = "mysql"

    def __init__(self, url: str, size: int) -> None:
        """Choose the driver that a URL names: mysql:// is aiomysql, mysql+asyncmy:// is asyncmy,
        which is written in C."""
        scheme = urlsplit(url).scheme
        chosen = driver(scheme)
        plain, tls = without_tls(url)
        self.packs = scheme == "mysql"  # see Wide
        self._prepares = scheme == "mysql+asyncmy"
        self.error = chosen.error  # what the database itself has to say
        self._new_pool = partial(
            chosen.backend,
            plain,
            min_size=0,
            max_size=size,
            pool_recycle=_LONGEST_REST,
            charset="utf8mb4",
            connect_timeout=3,
            client_flag=chosen.found_rows,  # an UPDATE to the same value counts as matched
            init_command=_SESSION,
            **chosen.options,
            **({} if tls is None else {"ssl": tls}),
        )
        self._backend = self._new_pool()
        # aiomysql goes on in the clear when the server, or somebody on the way, offers no TLS.
        self._in_doubt = tls is not None and scheme == "mysql"
        self._encrypted: WeakSet[Any] = WeakSet()
        # When each connection was opened, or last asked whether its server takes writes.
        self._looked: WeakKeyDictionary[Any, float] = WeakKeyDictionary()
        self._left: WeakSet[Any] = WeakSet()  # connections to a server that is no longer the writer
        # With when they were given back. The driver's pool looks through all that it has and starts
        # a task each time that one changes hands; from here one goes on from request to request.
        self._given_back: deque[tuple[float, ConnectionBackend]] = deque()
        self._doubted_at = 0.0  # what was given back before goes to the driver's pool first
        self._left_at = 0.0
        self._untold = False  # whether it takes writes

    async def connect(self) -> None:
        """Make the driver's pool; connections are opened as they are needed."""
        await self._backend.connect()

    async def disconnect(self) -> None:
        """Close every connection. The driver waits for those in use; none of them gets into the
        next pool."""
        await self._rest()
        pool, self._backend = self._backend, self._new_pool()
        await pool.disconnect()

    def at_hand(self) -> ConnectionBackend | None:
        """Return a connection that was given back a moment ago, if there is one."""
        if not self._given_back:
            return None
        now = monotonic()
        given_back, connection = self._given_back[-1]
        if (
            given_back <= max(now - _AT_HAND, self._doubted_at)
            or self._looked[connection.raw_connection] <= now - LOOK_EVERY
        ):
            return None
        self._given_back.pop()
        return connection

    async def acquire(self) -> ConnectionBackend:
        """Return a connection that lives and is not to be left, as far as we can tell."""
        if at_hand := self.at_hand():
            return at_hand
        await self._rest()
        while True:
            connection = self._backend.connection()
            await connection.acquire()
            try:
                if await self._is_of_use(connection.raw_connection):
                    break
            except BaseException:
                await self.release(connection, broken=True)
                raise
            await self.release(connection, broken=True)
        if self._in_doubt and connection.raw_connection not in self._encrypted:
            try:
                await _require_encryption(connection.raw_connection)
            except BaseException:
                await self.release(connection, broken=True)
                raise
            self._encrypted.add(connection.raw_connection)
        return connection

    async def _is_of_use(self, raw: Any) -> bool:
        """Tell whether a connection is to be used: a new one is; one whose server takes no writes
        any more, as a writer that was replaced, is not, for what it has to read is old."""
        if raw in self._left:
            return False
        now = monotonic()
        looked = self._looked.setdefault(raw, now)
        if now - looked < LOOK_EVERY:
            return True
        self._looked[raw] = now
        try:
            if await _takes_no_writes(raw):
                self._leave(now)
        except RuntimeError:  # uvloop's word for a transport that is closed
            return False
        except (self.error, OSError, EOFError) as error:
            if isinstance(self.translate(error), ConnectionLost):
                return False
            if not self._untold:  # by a proxy, say: that is no reason to open another one
                self._untold = True
                log.warning("the database does not tell whether it takes writes", error=str(error))
        return raw not in self._left

    async def release(self, connection: ConnectionBackend, *, broken: bool) -> None:
        """Give a connection back. One that is broken, or in a transaction, is closed."""
        raw = connection.raw_connection
        if broken or raw in self._left or raw.get_transaction_status():
            self._doubted_at = monotonic()  # what broke one may have broken all
            await _close(connection)
            return
        now = monotonic()
        self._given_back.append((now, connection))
        if self._given_back[0][0] < now - _LONGEST_REST:
            await _close(self._given_back.popleft()[1])

    async def _rest(self) -> None:
        """Give all to the driver's pool, which looks whether they live before they are used."""
        while self._given_back:
            with suppress(Exception):
                await self._given_back.popleft()[1].release()

    def _leave(self, now: float) -> None:
        """Leave the server that all connections lead to; at most once a second, since those that
        are opened then may lead to the same one still."""
        if now > self._left_at + 1:
            self._left_at = self._doubted_at = now
            self._left.update(self._looked)

    async def run(
        self, raw: Any, statements: Sequence[tuple[str, Mapping[str, Any]]]
    ) -> list[Answer]:
        """Run statements with their values; return what became of each. They go in one round trip,
        except where there are SELECTs alone and the driver has the server prepare them: once each
        is known, all of them together take half as long."""
        cursor = await raw.cursor()
        filled = []
        for sql, values in statements:
            text, names = template(sql)
            filled.append((text, tuple([values[name] for name in names])))
        if self._prepares and all(text.startswith("SELECT") for text, _values in filled):
            answers = []
            for text, given in filled:
                await cursor.execute(text, given)
                answers.append(await _answer(cursor))
            return answers
        await cursor.execute("; ".join([cursor.mogrify(*one) for one in filled]))
        answers = [await _answer(cursor)]
        for _further in filled[1:]:
            await cursor.nextset()
            answers.append(await _answer(cursor))
        return answers

    async def run_many(self, raw: Any, sql: str, rows: Sequence[Mapping[str, Any]]) -> int:
        """Run one statement with each of many rows; return how many it affected."""
        cursor = await raw.cursor()
        await cursor.executemany(template(sql, "%({})s")[0], rows)
        return int(cursor.rowcount)

    def translate(self, error: Exception) -> Exception:
        """Return the error of ours that an error of the driver means, or the error itself. A server
        that turns out to take no writes is left: by all connections there are, readers' too."""
        if isinstance(error, self.error):
            code = error.args[0] if error.args and isinstance(error.args[0], int) else None
            if code in _READ_ONLY:
                self._leave(monotonic())
                return ReadOnly("the database takes no writes at the moment")
            if code in _LOCK_WAIT:
                return LockWait(str(error))
            if code in _DEADLOCK:
                return Conflict(str(error))
            if code in _DUPLICATE:
                return Duplicate(str(error))
            if code in _TOOK_TOO_LONG:
                return DatabaseUnavailable(str(error))
            if code is None or code in _LOST:  # without one the driver lost track of the protocol
                return ConnectionLost("the connection to the database broke")
        if isinstance(error, OSError | EOFError):
            return ConnectionLost("the connection to the database broke")
        return error


async def _answer(cursor: Any) -> Answer:
    if cursor.description is None:
        return Answer((), (), cursor.rowcount, cursor.lastrowid or 0)
    rows = await cursor.fetchall()
    return Answer(tuple([column[0] for column in cursor.description]), rows, len(rows), 0)


async def _close(connection: ConnectionBackend) -> None:
    connection.raw_connection.close()
    with suppress(Exception):  # a broken connection has nothing left to give back
        await connection.release()


async def _takes_no_writes(raw: Any) -> bool:
    cursor = await raw.cursor()
    await cursor.execute("SELECT @@GLOBAL.read_only, @@GLOBAL.innodb_read_only")
    return any(str(value).upper() not in {"0", "OFF"} for value in await cursor.fetchone())


async def _require_encryption(raw: Any) -> None:
    cursor = await raw.cursor()
    await cursor.execute("SHOW SESSION STATUS LIKE 'Ssl_cipher'")
    if not (await cursor.fetchone())[1]:
        raise DatabaseUnavailable(
            "the database does not encrypt, although its URL asks for it"
            " (?ssl=true or ?ssl_ca=FILE)"
        )


@lru_cache(maxsize=2048)
def template(sql: str, place: str = "%s") -> tuple[str, tuple[str, ...]]:
    """Return a statement with a place for a value instead of each `:name` and `%%` for `%`, and the
    names in their order; what stands in quotes is left alone."""
    parts, names, end = [], [], 0
    for match in _PLACEHOLDER.finditer(sql):
        parts.append(sql[end : match.start()].replace("%", "%%"))
        if match[1]:
            names.append(match[1])
            parts.append(place.format(match[1]))
        else:
            parts.append(match[0].replace("%", "%%"))
        end = match.end()
    parts.append(sql[end:].replace("%", "%%"))
    return "".join(parts), tuple(names)
