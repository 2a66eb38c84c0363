"""Covers that sellers' files name by address: fetched by a sweep, with limits on size, time and
place. No address leads into a private network."""

import asyncio
import ipaddress
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urljoin, urlsplit

import structlog

from bookstore.catalogue import changes, covers
from bookstore.catalogue.domain import NotACover
from bookstore.catalogue.storage import StorageUnavailable, on_storage
from bookstore.clock import HOUR, MINUTE, Clock
from bookstore.data.database import Database
from bookstore.data.queries import Queries
from bookstore.settings import Settings

if TYPE_CHECKING:
    import httpx

log = structlog.get_logger()

SWEEP_SECONDS = 5.0
_AT_ONCE = 4
_SECONDS = 10.0
_REDIRECTS = 3
_TRIES = 3
_PORTS = {"http": 80, "https": 443}

type Allowed = Callable[[str, int], bool]  # (address, port)


class NotFetched(Exception):
    """There is no cover at the address, or it must not be asked; `again` when it may be later."""

    def __init__(self, reason: str, *, again: bool = False) -> None:
        super().__init__(reason)
        self.again = again


class _Wanted(NamedTuple):
    book_id: int
    cover_url: str
    fetches: int


def is_public(address: str, port: int) -> bool:
    """Tell whether an address is one that everybody may ask: no private network, no odd port."""
    try:
        return ipaddress.ip_address(address).is_global and port in _PORTS.values()
    except ValueError:
        return False


class CoverFetcher:
    """Fetches the covers that wait."""

    def __init__(
        self, database: Database, settings: Settings, clock: Clock, allowed: Allowed = is_public
    ) -> None:
        self._database = database
        self._settings = settings
        self._clock = clock
        self._allowed = allowed

    async def sweep(self) -> None:
        """Fetch some covers, as a background chore."""
        now = self._clock()
        wanted = await self._database.all(
            _Wanted,
            "SELECT book_id, cover_url, fetches FROM book_details WHERE fetch_at <= :now"
            " ORDER BY fetch_at LIMIT :limit",
            {"now": now, "limit": _AT_ONCE},
        )
        for one in wanted:
            # Whoever claims it has a minute; a replica that dies leaves it to another.
            claimed = await self._database.execute(
                "UPDATE book_details SET fetch_at = :later, fetches = fetches + 1"
                " WHERE book_id = :id AND fetches = :seen AND fetch_at <= :now",
                {"later": now + MINUTE, "id": one.book_id, "seen": one.fetches, "now": now},
            )
            if claimed:
                await self._fetch(one)

    async def _fetch(self, one: _Wanted) -> None:
        try:
            content = await fetched(one.cover_url, self._allowed)
            sizes = await asyncio.to_thread(covers.encoded, content)
            name = await on_storage(covers.store, sizes, self._settings.media_dir)
        except (NotFetched, StorageUnavailable, NotACover) as error:
            again = isinstance(error, StorageUnavailable) or getattr(error, "again", False)
            log.info("a cover was not fetched", book_id=one.book_id, reason=str(error)[:200])
            later = self._clock() + HOUR if again and one.fetches + 1 < _TRIES else None
            await self._database.execute(
                "UPDATE book_details SET fetch_at = :later WHERE book_id = :id",
                {"later": later, "id": one.book_id},
            )
            return
        await self._database.in_transaction(lambda queries: self._keep(queries, one, name))

    async def _keep(self, queries: Queries, one: _Wanted, name: str) -> None:
        await queries.execute(
            "UPDATE book_details SET fetch_at = NULL WHERE book_id = :id", {"id": one.book_id}
        )
        await queries.execute(
            "UPDATE books SET cover = :name WHERE id = :id AND cover IS NULL",
            {"name": name, "id": one.book_id},
        )
        await changes.record(queries, [one.book_id], self._clock(), listed="1")


async def fetched(url: str, allowed: Allowed = is_public) -> bytes:
    """Return what is at an address; raise NotFetched."""
    import httpx  # a replica at rest needs none of it

    try:
        async with asyncio.timeout(_SECONDS), httpx.AsyncClient(trust_env=False) as client:
            for _redirect in range(_REDIRECTS + 1):
                answer = await _asked(client, url, allowed)
                if isinstance(answer, bytes):
                    return answer
                url = answer
    except (TimeoutError, httpx.HTTPError, httpx.InvalidURL) as error:
        raise NotFetched(f"no answer: {error!r}", again=True) from error
    raise NotFetched("it leads on and on")


async def _asked(client: "httpx.AsyncClient", url: str, allowed: Allowed) -> bytes | str:
    """Return what is at an address, or where it leads on to."""
    try:
        parts = urlsplit(url)
        port = parts.port or _PORTS.get(parts.scheme, 0)
        host = parts.hostname or ""
    except ValueError as error:
        raise NotFetched("it is no address") from error
    if parts.scheme not in _PORTS or not host or parts.username or parts.password:
        raise NotFetched("it is no web address")
    address = await _public_address(host, port, allowed)
    # The very address that was looked at is asked, whatever its name resolves to next.
    shown = f"[{address}]" if ":" in address else address
    asked = parts._replace(netloc=f"{shown}:{port}", fragment="").geturl()
    headers = {"Host": parts.netloc, "User-Agent": "BookStore", "Accept": "image/*"}
    async with client.stream(
        "GET", asked, headers=headers, extensions={"sni_hostname": host}
    ) as answer:
        if answer.is_redirect:
            return str(urljoin(url, answer.headers.get("Location", "")))
        if answer.status_code != 200:
            raise NotFetched(f"it answers {answer.status_code}", again=answer.status_code >= 500)
        content = bytearray()
        async for piece in answer.aiter_bytes():
            content += piece
            if len(content) > covers.MAX_BYTES:
                raise NotFetched("it is too large")
        return bytes(content)


async def _public_address(host: str, port: int, allowed: Allowed) -> str:
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port)
    except (OSError, UnicodeError) as error:
        raise NotFetched("its host is not known", again=True) from error
    addresses = [str(one[4][0]) for one in found]
    if not addresses or not all(allowed(address, port) for address in addresses):
        raise NotFetched("it leads into a private network or to an odd port")
    return addresses[0]
