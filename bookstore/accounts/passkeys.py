"""Passkeys (WebAuthn): signing in with what unlocks one's phone or computer, beside the password.

A challenge is signed and short-lived instead of kept; using it writes it down, so that it counts
once. The device has to check its owner, so a passkey is both steps at once.
"""

import hashlib
import hmac
import json
import secrets
from collections.abc import Awaitable, Callable
from ipaddress import ip_address
from typing import NamedTuple
from urllib.parse import urlsplit

from bookstore.accounts import repository
from bookstore.accounts.service import Accounts
from bookstore.clock import MINUTE
from bookstore.contracts import Person
from bookstore.data.queries import Duplicate, Queries

MOST = 10  # passkeys of one person
_LIFETIME = 5 * MINUTE
_MAC = 16  # bytes


class Refused(Exception):
    """The passkey is not one that signs in here, or its answer is too old or not genuine."""


class Passkey(NamedTuple):
    """A passkey as its owner sees it."""

    id: int
    name: str
    created_at: int
    used_at: int | None


class _Stored(NamedTuple):
    id: int
    person_id: int
    public_key: str
    sign_count: int


class _Credential(NamedTuple):
    credential_id: str


def offered(origin: str) -> bool:
    """Tell whether browsers make passkeys for an origin: it has a name, and HTTPS or loopback."""
    parts = urlsplit(origin)
    host = parts.hostname or ""
    try:
        ip_address(host)
    except ValueError:
        return parts.scheme == "https" or host == "localhost"
    return False


class Passkeys:
    """The passkeys of everybody."""

    def __init__(self, accounts: Accounts, key: bytes) -> None:
        self._accounts = accounts
        self._database = accounts.database
        self._clock = accounts.clock
        self._key = key

    async def of(self, person: Person) -> list[Passkey]:
        """Return a person's passkeys, the newest first."""
        return await self._database.all(
            Passkey,
            "SELECT id, name, created_at, used_at FROM passkeys WHERE person_id = :id"
            f" ORDER BY id DESC LIMIT {MOST}",
            {"id": person.id},
        )

    async def options_to_add(self, person: Person, origin: str) -> str:
        """Return what the browser needs to make a passkey, as JSON."""
        known = await self._database.all(
            _Credential,
            "SELECT credential_id FROM passkeys WHERE person_id = :id",
            {"id": person.id},
        )
        from bookstore.accounts import ceremonies

        challenge = self._challenge(f"add {person.id}")
        return ceremonies.options_to_add(
            person, origin, challenge, [row.credential_id for row in known]
        )

    async def add(self, person: Person, answer: str, origin: str, name: str) -> None:
        """Add the passkey that a browser has made; raise Refused."""
        from bookstore.accounts import ceremonies

        try:
            challenge = self._challenge_of(answer, f"add {person.id}")
            credential_id, public_key, sign_count = ceremonies.made(answer, challenge, origin)
        except ceremonies.MALFORMED as error:
            raise Refused(str(error)) from error

        async def work(queries: Queries) -> None:
            count = await queries.value(
                "SELECT COUNT(*) FROM passkeys WHERE person_id = :id", {"id": person.id}
            )
            if count >= MOST:
                raise Refused(f"there are {MOST} already")
            await self._use(queries, challenge)
            await queries.execute(
                "INSERT INTO passkeys (person_id, credential_hash, credential_id, public_key,"
                " sign_count, name, created_at)"
                " VALUES (:person_id, :hash, :credential_id, :public_key, :count, :name, :now)",
                {
                    "person_id": person.id,
                    "hash": _hash(credential_id),
                    "credential_id": credential_id,
                    "public_key": public_key,
                    "count": sign_count,
                    "name": name[:80],
                    "now": self._clock(),
                },
            )
            await self._tell(queries, person.id, "passkey_added")

        await self._once(work)

    async def remove(self, person: Person, passkey_id: int) -> bool:
        """Take a passkey of a person away; tell whether there was one."""

        async def work(queries: Queries) -> bool:
            removed = await queries.execute(
                "DELETE FROM passkeys WHERE id = :id AND person_id = :person_id",
                {"id": passkey_id, "person_id": person.id},
            )
            if removed:
                await self._tell(queries, person.id, "passkey_removed")
            return bool(removed)

        return await self._database.in_transaction(work)

    def options_to_sign_in(self, origin: str) -> str:
        """Return what the browser needs to sign in with a passkey, as JSON."""
        from bookstore.accounts import ceremonies

        return ceremonies.options_to_sign_in(origin, self._challenge("sign in"))

    async def sign_in(self, answer: str, origin: str) -> Person:
        """Return whose passkey has answered; raise Refused."""
        from bookstore.accounts import ceremonies

        try:
            challenge = self._challenge_of(answer, "sign in")
            stored = await self._stored(str(json.loads(answer)["id"]))
            count = ceremonies.signed_in(
                answer, challenge, origin, stored.public_key, stored.sign_count
            )
        except ceremonies.MALFORMED as error:
            raise Refused(str(error)) from error

        async def work(queries: Queries) -> None:
            await self._use(queries, challenge)
            await queries.execute(
                "UPDATE passkeys SET sign_count = :count, used_at = :now WHERE id = :id",
                {"count": count, "now": self._clock(), "id": stored.id},
            )

        await self._once(work)
        known = await repository.credentials_of(self._database, stored.person_id)
        if known is None:
            raise Refused("the account is gone")
        return repository.person_of(known)

    async def _stored(self, credential_id: str) -> _Stored:
        stored = await self._database.one(
            _Stored,
            "SELECT id, person_id, public_key, sign_count FROM passkeys"
            " WHERE credential_hash = :hash",
            {"hash": _hash(credential_id)},
        )
        if stored is None:
            raise Refused("nobody has this passkey")
        return stored

    def _challenge(self, purpose: str) -> bytes:
        head = self._clock().to_bytes(8, "big") + secrets.token_bytes(16)
        return head + self._mac(head, purpose)

    def _challenge_of(self, answer: str, purpose: str) -> bytes:
        """Return the challenge that an answer is for, if it is one of ours and fresh."""
        from bookstore.accounts import ceremonies

        challenge = ceremonies.challenge_of(answer)
        head, mac = challenge[:-_MAC], challenge[-_MAC:]
        if not hmac.compare_digest(mac, self._mac(head, purpose)):
            raise Refused("the challenge is not ours")
        if self._clock() - int.from_bytes(head[:8], "big") > _LIFETIME:
            raise Refused("the answer comes too late")
        return challenge

    def _mac(self, head: bytes, purpose: str) -> bytes:
        return hmac.new(self._key, purpose.encode() + b"\0" + head, hashlib.sha256).digest()[:_MAC]

    async def _use(self, queries: Queries, challenge: bytes) -> None:
        """Write a challenge down among the links that were used; Duplicate when it was before."""
        now = self._clock()
        await queries.execute(
            "INSERT INTO one_time_links"
            " (token_hash, person_id, purpose, created_at, expires_at, used_at)"
            " VALUES (:hash, 0, 'challenge', :now, :expires_at, :now)",
            {
                "hash": hashlib.sha256(challenge).hexdigest(),
                "now": now,
                "expires_at": now + _LIFETIME,
            },
        )

    async def _once(self, work: Callable[[Queries], Awaitable[None]]) -> None:
        try:
            await self._database.in_transaction(work)
        except Duplicate as error:
            raise Refused("this very answer was taken before") from error

    async def _tell(self, queries: Queries, person_id: int, what: str) -> None:
        await self._accounts.mail(
            queries, "security_changed", person_id, what=what, at=self._clock()
        )


def _hash(credential_id: str) -> str:
    return hashlib.sha256(credential_id.encode()).hexdigest()
