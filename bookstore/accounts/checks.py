"""Checking passwords: every try is counted before its hash is made.

Strangers share one bucket an account. A browser that has signed in to it before, and an address
from which somebody has, each have a bucket of their own: whoever guesses at an account from
elsewhere does not lock its owner out.
"""

import hashlib
import ipaddress
from collections.abc import Sequence
from typing import NamedTuple

from bookstore.accounts import domain, passwords, repository, throttle
from bookstore.accounts.repository import Credentials
from bookstore.accounts.throttle import Limit, TooManyTries
from bookstore.clock import Clock
from bookstore.contracts import Person
from bookstore.data.database import Database
from bookstore.web.security import Event, note, pseudonym


class WrongPassword(Exception):
    """E-mail or password do not fit; which of the two is not said."""


class Device(NamedTuple):
    """A browser, and the people who have signed in with it."""

    id: str
    person_ids: tuple[int, ...]


class Checks:
    """Tells whether a password is right, and who may ask how often."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self.database = database
        self.clock = clock

    async def sign_in(
        self, *, email: str, password: str, address: str, device: Device | None = None
    ) -> Person:
        """Return who the e-mail and the password belong to; raise WrongPassword or
        TooManyTries."""
        key = domain.email_key(email)
        known = await repository.credentials(self.database, key)
        buckets = await self._buckets(known, key, address, device)
        try:
            await self._take(buckets)
        except TooManyTries:
            note(Event.SIGN_IN_THROTTLED, account=pseudonym(key))
            raise
        if not await passwords.verify(password, known.password_hash if known else None):
            note(Event.SIGN_IN_FAILED, account=pseudonym(key))
            raise WrongPassword
        assert known is not None
        await throttle.clear(self.database, buckets[0][0])
        for bucket, limit in buckets[1:]:
            await throttle.give_back(self.database, bucket, limit)
        return repository.person_of(known)

    async def current(self, person: Person, password: str) -> None:
        """Check the password of somebody who has signed in; raise WrongPassword or TooManyTries."""
        bucket = f"current:{person.id}"
        try:
            await throttle.take(self.database, bucket, throttle.CURRENT_PASSWORD, self.clock())
        except TooManyTries:
            note(Event.SIGN_IN_THROTTLED, person=person.id)
            raise
        known = await repository.credentials_of(self.database, person.id)
        if known is None or not await passwords.verify(password, known.password_hash):
            note(Event.PASSWORD_CHECK_FAILED, person=person.id)
            raise WrongPassword
        await throttle.clear(self.database, bucket)

    async def registration(self, address: str) -> None:
        """Count a registration from an address; raise TooManyTries."""
        bucket = f"register:{network(address)}"
        await throttle.take(self.database, bucket, throttle.REGISTRATIONS, self.clock())

    async def taken_address(self, address: str) -> None:
        """Count that somebody is about to hear that an e-mail address is taken; raise
        TooManyTries."""
        bucket = f"taken:{network(address)}"
        await throttle.take(self.database, bucket, throttle.TAKEN_ADDRESSES, self.clock())

    async def _buckets(
        self, known: Credentials | None, key: str, address: str, device: Device | None
    ) -> list[tuple[str, Limit]]:
        here = place(known.id if known else 0, address)
        place_is_known = await repository.knows_place(self.database, known.id if known else 0, here)
        if known is not None and device is not None and known.id in device.person_ids:
            return [(f"device:{known.id}:{device.id}", throttle.PER_ACCOUNT)]
        if known is not None and place_is_known:
            return [(f"place:{known.id}:{here[:32]}", throttle.PER_ACCOUNT)]
        return [
            ("account:" + hashlib.sha256(key.encode()).hexdigest(), throttle.PER_ACCOUNT),
            (f"address:{network(address)}", throttle.PER_ADDRESS),
        ]

    async def _take(self, buckets: Sequence[tuple[str, Limit]]) -> None:
        taken: list[tuple[str, Limit]] = []
        for bucket, limit in buckets:
            try:
                await throttle.take(self.database, bucket, limit, self.clock())
            except TooManyTries:
                for earlier, its_limit in taken:
                    await throttle.give_back(self.database, earlier, its_limit)
                raise
            taken.append((bucket, limit))


def network(address: str) -> str:
    """Return what one household has of an address: all of an IPv4 one, half of an IPv6 one."""
    try:
        known = ipaddress.ip_address(address)
    except ValueError:
        return address[:40]
    if known.version == 6 and known.ipv4_mapped is not None:
        return str(known.ipv4_mapped)
    return str(ipaddress.ip_network((known, 64), strict=False)) if known.version == 6 else address


def place(person_id: int, address: str) -> str:
    """Return what is kept of an address from which a person has signed in."""
    return hashlib.sha256(f"{person_id} {network(address)}".encode()).hexdigest()
