"""MySQL and MariaDB: which driver a URL chooses, how connections are set up, what errors mean."""

import re
import ssl
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import asyncmy.errors
import pymysql.err
from databases.backends.asyncmy import AsyncMyBackend
from databases.backends.mysql import MySQLBackend
from databases.interfaces import DatabaseBackend
from pymysql.constants import CLIENT

from bookstore.data.errors import Conflict, ConnectionLost, Duplicate

_LOST = {2002, 2003, 2006, 2013, 2014, 2055, 1040, 1053, 1077, 1079, 1129, 1290, 1836, 1927, 3159}
_RETRY = {1205, 1213}  # lock wait timeout, deadlock
_DUPLICATE = {1062, 1586}
_DRIVERS = {"mysql": MySQLBackend, "mysql+asyncmy": AsyncMyBackend}
_PLACEHOLDER = re.compile(
    r"'(?:[^']|'')*'|\"[^\"]*\"|`[^`]*`|(?<![:\w]):([a-z_]\w*)", re.IGNORECASE
)


def backend(url: str, pool_size: int) -> DatabaseBackend:
    """Return the pool of the driver that a URL names: mysql:// is aiomysql, mysql+asyncmy:// is
    asyncmy, which is written in C."""
    parts = urlsplit(url)
    if parts.scheme not in _DRIVERS:
        raise ValueError(
            f"{parts.scheme}:// is no database of the shop."
            " Write mysql://, mysql+asyncmy:// or sqlite:///."
        )
    plain, tls = without_tls(url)
    options = {} if tls is None else {"ssl": tls}
    return _DRIVERS[parts.scheme](
        plain,
        min_size=0,
        max_size=pool_size,
        charset="utf8mb4",
        connect_timeout=3,
        client_flag=CLIENT.FOUND_ROWS,  # an UPDATE to the same value counts as matched
        init_command="SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED",
        **options,
    )


def without_tls(url: str) -> tuple[str, ssl.SSLContext | None]:
    """Return a URL without what it says of TLS (?ssl=true, ?ssl_ca=FILE), and what it asks for: the
    server must encrypt, and its certificate must be its own."""
    parts = urlsplit(url)
    query = dict(parse_qsl(parts.query))
    ca = query.pop("ssl_ca", None)
    wanted = query.pop("ssl", "false").lower() == "true" or ca is not None
    plain = urlunsplit(parts._replace(query=urlencode(query)))
    return plain, ssl.create_default_context(cafile=ca) if wanted else None


async def cipher(raw: Any) -> str:
    """Return what encrypts a connection, or "" when nothing does."""
    cursor = await raw.cursor()
    await cursor.execute("SHOW SESSION STATUS LIKE 'Ssl_cipher'")
    return str((await cursor.fetchone())[1])


@lru_cache(maxsize=2048)
def template(sql: str) -> tuple[str, tuple[str, ...]]:
    """Return a statement with `:name` as `%(name)s` and `%` as `%%`, and the names; what stands in
    quotes is left alone."""
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


def translate(error: Exception) -> Exception:
    """Return the error of ours that an error of either driver means, or the error itself."""
    if isinstance(error, pymysql.err.Error | asyncmy.errors.Error):
        code = error.args[0] if error.args and isinstance(error.args[0], int) else None
        if code in _RETRY:
            return Conflict(str(error))
        if code in _DUPLICATE:
            return Duplicate(str(error))
        if code is None or code in _LOST:  # without a code the driver lost track of the protocol
            return ConnectionLost("the connection to the database broke")
    if isinstance(error, OSError | EOFError):
        return ConnectionLost("the connection to the database broke")
    return error
