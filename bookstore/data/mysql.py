"""MySQL's text protocol on aiomysql's connections: what arrives together is read together.

aiomysql connects, authenticates and encrypts. Its cursors read an answer packet by packet, with two
waits for each, and parse the description of the columns anew every time, which costs a query more
than its rows do. Here one wait reads what there is, descriptions seen before are known, and
statements that belong together travel together.
"""

import asyncio
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from pymysql import err
from pymysql.connections import TEXT_TYPES
from pymysql.constants import COMMAND, CR, FIELD_TYPE, SERVER_STATUS
from pymysql.converters import decoders, through
from pymysql.cursors import RE_INSERT_VALUES
from pymysql.protocol import FieldDescriptorPacket

type Convert = Callable[[bytes], Any]

_PLACEHOLDER = re.compile(
    r"'(?:[^']|'')*'|\"[^\"]*\"|`[^`]*`|(?<![:\w]):([a-z_]\w*)", re.IGNORECASE
)
_LONGEST_INSERT = 1_000_000  # characters of one INSERT with many rows
_BINARY = 63  # the character set of what is no text
_WHOLE = 0xFFFFFF  # a packet of this length goes on in the next one
_OK, _NULL, _LOCAL_FILE, _EOF, _ERROR = 0x00, 0xFB, 0xFB, 0xFE, 0xFF
_LENGTHS = {0xFC: 2, 0xFD: 3, 0xFE: 8}  # bytes of a number that does not fit one


class Answer(NamedTuple):
    """What became of one statement."""

    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]]
    affected: int
    insert_id: int


class NewId(int):
    """The id of a row whose INSERT is yet to be sent: statements behind it name a variable, and
    `known` is its number once they were sent."""

    variable: str
    known = 0


def statement(raw: Any, sql: str, values: Mapping[str, Any]) -> str:
    """Return a statement with its parameters `:name` written out for a connection."""
    template, names = _template(sql)
    return template % {name: _literal(raw, values[name]) for name in names}


def inserts(raw: Any, sql: str, rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Return the statements that do `sql` for each of `rows`: an INSERT takes many at once."""
    template, names = _template(sql)
    written = [{name: _literal(raw, row[name]) for name in names} for row in rows]
    insert = RE_INSERT_VALUES.match(template)
    if insert is None:
        yield from (template % row for row in written)
        return
    before, one, after = insert[1] % (), insert[2].rstrip(), insert[3] or ""
    together: list[str] = []
    size = 0
    for row in written:
        together.append(one % row)
        size += len(together[-1])
        if size > _LONGEST_INSERT:
            yield before + ",".join(together) + after
            together, size = [], 0
    if together:
        yield before + ",".join(together) + after


async def run(raw: Any, text: str) -> list[Answer]:
    """Run one statement, or several parted by semicolons, and return their answers. One that
    fails raises the driver's error, and those behind it do not run."""
    await raw._execute_command(COMMAND.COM_QUERY, text.encode("utf-8", "surrogateescape"))
    packets = _Packets(raw)
    answers = []
    try:
        while True:
            answers.append(await _answer(raw, packets))
            if not raw.server_status & SERVER_STATUS.SERVER_MORE_RESULTS_EXISTS:
                return answers
    except asyncio.CancelledError:
        raw._close_on_cancel()
        raise


@lru_cache(maxsize=2048)
def _template(sql: str) -> tuple[str, tuple[str, ...]]:
    """Turn `:name` into `%(name)s` outside quotes, and `%` into `%%` everywhere; return the names
    as well."""
    parts, names, end = [], [], 0
    for match in _PLACEHOLDER.finditer(sql):
        parts.append(sql[end : match.start()].replace("%", "%%"))
        if match[1]:
            names.append(match[1])
            parts.append(f"%({match[1]})s")
        else:
            parts.append(match[0].replace("%", "%%"))
        end = match.end()
    parts.append(sql[end:].replace("%", "%%"))
    return "".join(parts), tuple(dict.fromkeys(names))


def _literal(raw: Any, value: Any) -> str:
    if value is None:
        return "NULL"
    if type(value) is int:
        return str(value)
    return value.variable if type(value) is NewId else str(raw.escape(value))


class _Packets:
    """The packets that come in answer to one command."""

    def __init__(self, raw: Any) -> None:
        self._raw = raw
        self._buffer = b""
        self._at = 0
        self._number = 1

    def here(self) -> bytes | None:
        """Return the next packet if it has arrived as a whole and is nothing out of the ordinary,
        without waiting."""
        start = self._at + 4
        head = int.from_bytes(self._buffer[self._at : start], "little")
        length = head & _WHOLE
        if (
            length in {0, _WHOLE}
            or head >> 24 != self._number
            or len(self._buffer) < start + length
        ):
            return None
        self._number = (self._number + 1) & 0xFF
        self._at = start + length
        return self._buffer[start : self._at]

    async def next(self) -> bytes:
        """Return the next packet; raise the error that it means."""
        while len(self._buffer) - self._at < 4:
            await self._receive()
        head = int.from_bytes(self._buffer[self._at : self._at + 4], "little")
        length, number = head & _WHOLE, head >> 24
        if number != self._number:  # a server that shuts down says so out of turn
            raise self._lost()
        self._number = (number + 1) & 0xFF
        while len(self._buffer) - self._at < 4 + length:
            await self._receive()
        start = self._at + 4
        self._at = start + length
        packet = self._buffer[start : self._at]
        if length == _WHOLE:
            packet += await self.next()
        return packet

    async def _receive(self) -> None:
        try:
            received = await self._raw._reader.read(1 << 18)
        except OSError as error:
            raise self._lost() from error
        if not received:
            raise self._lost()
        self._buffer = self._buffer[self._at :] + received
        self._at = 0

    def _lost(self) -> Exception:
        self._raw.close()
        return err.OperationalError(
            CR.CR_SERVER_LOST, "Lost connection to MySQL server during query"
        )


async def _answer(raw: Any, packets: _Packets) -> Answer:
    first = await packets.next()
    kind = first[0]
    if kind == _ERROR:
        err.raise_mysql_exception(first)
    if kind == _OK:
        affected, at = _number(first, 1)
        insert_id, at = _number(first, at)
        raw.server_status = int.from_bytes(first[at : at + 2], "little")
        return Answer((), [], affected, insert_id)
    if kind == _LOCAL_FILE:
        raw.close()
        raise err.NotSupportedError("the server asks for a file of ours")
    count, _ = _number(first, 0)
    names, converts = _columns(
        tuple([packets.here() or await packets.next() for _ in range(count)])
    )
    await packets.next()  # the end of the description
    rows: list[tuple[Any, ...]] = []
    while True:
        packet = packets.here() or await packets.next()
        if packet[0] == _ERROR:
            err.raise_mysql_exception(packet)
        if packet[0] == _EOF and len(packet) < 9:
            raw.server_status = int.from_bytes(packet[3:5], "little")
            return Answer(names, rows, len(rows), 0)
        rows.append(_row(packet, converts))


def _row(packet: bytes, converts: Sequence[Convert]) -> tuple[Any, ...]:
    values: list[Any] = []
    at = 0
    for convert in converts:
        length = packet[at]
        at += 1
        if length >= _NULL:
            if length == _NULL:
                values.append(None)
                continue
            length, at = _number(packet, at - 1)
        end = at + length
        values.append(convert(packet[at:end]))
        at = end
    return tuple(values)


def _number(packet: bytes, at: int) -> tuple[int, int]:
    """Return the number at a place of a packet, and where it ends."""
    first = packet[at]
    size = _LENGTHS.get(first)
    if size is None:
        return first, at + 1
    return int.from_bytes(packet[at + 1 : at + 1 + size], "little"), at + 1 + size


@lru_cache(maxsize=1024)
def _columns(descriptions: tuple[bytes, ...]) -> tuple[tuple[str, ...], tuple[Convert, ...]]:
    """Return the names of the columns, and what makes Python's values of theirs."""
    fields: list[Any] = [FieldDescriptorPacket(packet, "utf8") for packet in descriptions]
    return tuple(field.name for field in fields), tuple(map(_converter, fields))


_WHOLE_NUMBERS = {
    FIELD_TYPE.TINY, FIELD_TYPE.SHORT, FIELD_TYPE.INT24, FIELD_TYPE.LONG, FIELD_TYPE.LONGLONG,
}  # fmt: skip


def _converter(field: Any) -> Convert:
    if field.type_code in _WHOLE_NUMBERS:
        return int
    text = field.type_code == FIELD_TYPE.JSON or (
        field.type_code in TEXT_TYPES and field.charsetnr != _BINARY
    )
    if not text and field.type_code in TEXT_TYPES:
        return bytes
    decode = decoders.get(field.type_code, through)
    if decode is through:
        return bytes.decode
    return lambda value: decode(value.decode())
