"""The drivers of MySQL and MariaDB: which one a URL chooses, and what it asks for of TLS."""

import ssl
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from databases.interfaces import DatabaseBackend

_PREPARED = 32  # statements that a connection of asyncmy keeps prepared: up to 100 KB each there


class Driver(NamedTuple):
    """What the shop knows of a driver."""

    backend: Callable[..., DatabaseBackend]
    error: type[Exception]
    found_rows: int  # the flag of a connection
    options: Mapping[str, Any]  # that this driver alone knows


def driver(scheme: str) -> Driver:
    """Return the driver that a URL names; only the chosen one costs time and memory."""
    if scheme == "mysql":
        import pymysql.err
        from databases.backends.mysql import MySQLBackend
        from pymysql.constants import CLIENT

        return Driver(MySQLBackend, pymysql.err.Error, CLIENT.FOUND_ROWS, {})
    if scheme == "mysql+asyncmy":
        import asyncmy.errors
        from asyncmy.constants import CLIENT as ASYNCMY_CLIENT
        from databases.backends.asyncmy import AsyncMyBackend

        return Driver(
            AsyncMyBackend,
            asyncmy.errors.Error,
            ASYNCMY_CLIENT.FOUND_ROWS,
            {"stmt_cache_size": _PREPARED},
        )
    raise ValueError(
        f"{scheme}:// is no database of the shop. Write mysql://, mysql+asyncmy:// or sqlite:///."
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
