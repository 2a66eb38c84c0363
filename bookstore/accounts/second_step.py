"""A second step of signing in, for those who want one: codes of an app (TOTP, RFC 6238), and
recovery codes for the day the phone is lost.

The app's secret is kept encrypted with a key of the shop's; recovery codes are kept as hashes. A
code counts once, and guesses are counted before they are looked at.
"""

import base64
import hashlib
import secrets
from contextlib import suppress
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import pyotp

from bookstore.accounts import links, repository, throttle
from bookstore.accounts.links import Link, Purpose
from bookstore.accounts.service import Accounts
from bookstore.clock import SECOND
from bookstore.contracts import Person
from bookstore.data.database import Database
from bookstore.data.queries import Duplicate, Queries
from bookstore.web.security import Event, note

if TYPE_CHECKING:
    from cryptography.fernet import Fernet

ISSUER = "BookStore"
RECOVERY_CODES = 10
_INTERVAL = 30 * SECOND
_DRIFT = 1  # intervals that a phone's clock may be off


class WrongCode(Exception):
    """The code is not the one that the app shows now, or was used already."""


class Setup(NamedTuple):
    """What the app needs to know."""

    secret: str
    address: str  # otpauth://…, for the QR code


class _Row(NamedTuple):
    secret: str
    enabled_at: int | None
    last_interval: int


class _Id(NamedTuple):
    id: int


class SecondStep:
    """The second step of everybody's sign-in."""

    def __init__(self, accounts: Accounts, key: bytes) -> None:
        self._accounts = accounts
        self._database = accounts.database
        self._clock = accounts.clock
        self._key = key

    @cached_property
    def _cipher(self) -> "Fernet":
        from cryptography.fernet import Fernet  # a replica at rest needs none of it

        return Fernet(base64.urlsafe_b64encode(self._key))

    async def is_on(self, person_id: int) -> bool:
        """Tell whether a person signs in with a second step."""
        row = await self._row(self._database, person_id)
        return row is not None and row.enabled_at is not None

    async def set_up(self, person: Person) -> Setup:
        """Return what a person's app needs; the same until the step is switched on."""
        row = await self._row(self._database, person.id)
        if row is None:
            secret = self._cipher.encrypt(pyotp.random_base32().encode()).decode()
            with suppress(Duplicate):  # another window was quicker: its secret counts
                await self._database.execute(
                    "INSERT INTO second_steps (person_id, secret, last_interval)"
                    " VALUES (:id, :secret, 0)",
                    {"id": person.id, "secret": secret},
                )
            row = await self._row(self._database, person.id)
            assert row is not None
        secret = self._secret(row)
        address = pyotp.TOTP(secret).provisioning_uri(name=person.email, issuer_name=ISSUER)
        return Setup(secret, address)

    async def switch_on(self, person: Person, code: str) -> list[str]:
        """Switch the step on with a first code and return the recovery codes, which are never
        shown again; raise WrongCode."""
        codes = [f"{secrets.token_hex(3)}-{secrets.token_hex(3)}" for _ in range(RECOVERY_CODES)]

        async def work(queries: Queries) -> None:
            now = self._clock()
            if not await self._take_code(queries, person.id, code):
                raise WrongCode
            await queries.execute(
                "UPDATE second_steps SET enabled_at = :now WHERE person_id = :id",
                {"now": now, "id": person.id},
            )
            await queries.execute(
                "DELETE FROM recovery_codes WHERE person_id = :id", {"id": person.id}
            )
            await queries.execute_many(
                "INSERT INTO recovery_codes (person_id, code_hash) VALUES (:id, :hash)",
                [{"id": person.id, "hash": _hash(person.id, code)} for code in codes],
            )
            await self._tell(queries, person.id, "second_factor_on")

        await self._count_guess(person.id)
        await self._database.in_transaction(work)
        await throttle.clear(self._database, _bucket(person.id))
        note(Event.SECOND_STEP_CHANGED, person=person.id, on=True)
        return codes

    async def switch_off(self, person: Person, password: str) -> None:
        """Switch the step off after checking the password; raise WrongPassword or TooManyTries."""
        await self._accounts.checks.current(person, password)

        async def work(queries: Queries) -> None:
            for table in ("second_steps", "recovery_codes"):
                await queries.execute(
                    f"DELETE FROM {table} WHERE person_id = :id", {"id": person.id}
                )
            await self._tell(queries, person.id, "second_factor_off")

        await self._database.in_transaction(work)
        note(Event.SECOND_STEP_CHANGED, person=person.id, on=False)

    async def begin(self, person: Person) -> str:
        """Return the token of a sign-in whose second step is still to come."""
        return await self._database.in_transaction(
            lambda queries: links.add(queries, person.id, Purpose.SECOND_STEP, self._clock())
        )

    async def waiting(self, token: str) -> Link | None:
        """Return the sign-in that a token stands for, while it may go on."""
        link = await links.find(self._database, token)
        if link is None or link.purpose != Purpose.SECOND_STEP or not link.works(self._clock()):
            return None
        return link

    async def finish(self, link: Link, code: str) -> Person:
        """Return who has signed in; raise WrongCode or TooManyTries."""
        await self._count_guess(link.person_id)

        async def work(queries: Queries) -> bool:
            right = await self._take_code(queries, link.person_id, code)
            if not right and not await self._take_recovery_code(queries, link.person_id, code):
                raise WrongCode
            if not await links.take(queries, link, self._clock()):
                raise WrongCode
            return right

        try:
            by_app = await self._database.in_transaction(work)
        except WrongCode:
            note(Event.SECOND_STEP_FAILED, person=link.person_id)
            raise
        if not by_app:
            note(Event.RECOVERY_CODE_USED, person=link.person_id)
        await throttle.clear(self._database, _bucket(link.person_id))
        known = await repository.credentials_of(self._database, link.person_id)
        assert known is not None
        return repository.person_of(known)

    async def _row(self, source: Database | Queries, person_id: int) -> _Row | None:
        return await source.one(
            _Row,
            "SELECT secret, enabled_at, last_interval FROM second_steps WHERE person_id = :id",
            {"id": person_id},
        )

    def _secret(self, row: _Row) -> str:
        return self._cipher.decrypt(row.secret.encode()).decode()

    async def _count_guess(self, person_id: int) -> None:
        """Count a guess before it is looked at; raise TooManyTries when there were enough."""
        try:
            await throttle.take(self._database, _bucket(person_id), throttle.CODES, self._clock())
        except throttle.TooManyTries:
            note(Event.SIGN_IN_THROTTLED, person=person_id)
            raise

    async def _take_code(self, queries: Queries, person_id: int, code: str) -> bool:
        """Tell whether the code is right, and have it count once: the interval only goes up."""
        row = await self._row(queries, person_id)
        digits = "".join(code.split())
        if row is None or not (digits.isascii() and digits.isdecimal() and len(digits) == 6):
            return False
        totp = pyotp.TOTP(self._secret(row))
        present = self._clock() // _INTERVAL
        for interval in range(present - _DRIFT, present + _DRIFT + 1):
            if secrets.compare_digest(totp.generate_otp(interval), digits):
                return bool(
                    await queries.execute(
                        "UPDATE second_steps SET last_interval = :interval"
                        " WHERE person_id = :id AND last_interval < :interval",
                        {"interval": interval, "id": person_id},
                    )
                )
        return False

    async def _take_recovery_code(self, queries: Queries, person_id: int, code: str) -> bool:
        used = await queries.execute(
            "UPDATE recovery_codes SET used_at = :now"
            " WHERE person_id = :id AND code_hash = :hash AND used_at IS NULL",
            {"now": self._clock(), "id": person_id, "hash": _hash(person_id, code)},
        )
        if used:
            await self._tell(queries, person_id, "recovery_used")
        return bool(used)

    async def _tell(self, queries: Queries, person_id: int, what: str) -> None:
        await self._accounts.mail(
            queries, "security_changed", person_id, what=what, at=self._clock()
        )


def _bucket(person_id: int) -> str:
    return f"code:{person_id}"


def _hash(person_id: int, code: str) -> str:
    """Return what is kept of a recovery code; case, blanks and hyphens do not matter."""
    bare = "".join(c for c in code.casefold() if c.isalnum())
    return hashlib.sha256(f"{person_id}:{bare}".encode()).hexdigest()
