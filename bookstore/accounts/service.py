"""What accounts decides: who may register, sign in and stay signed in."""

import secrets
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from bookstore.accounts import domain, links, passwords, repository, throttle
from bookstore.accounts.browsers import browser_and_system
from bookstore.accounts.checks import Checks, place
from bookstore.accounts.domain import Profile, Session
from bookstore.clock import DAY, MINUTE, Clock
from bookstore.contracts import Contact, Person
from bookstore.data.database import Database
from bookstore.data.queries import Duplicate, Queries
from bookstore.mail.outbox import Outbox
from bookstore.web.security import Event, note
from bookstore.web.sessions import ABSOLUTE, IDLE, new_token, token_hash

PLACES_KEPT = 180 * DAY  # how long an address counts as somebody's own


class EmailTaken(Exception):
    """There is an account with this e-mail address already."""


class Accounts:
    """The people of the shop and their sessions."""

    def __init__(self, database: Database, clock: Clock, outbox: Outbox | None = None) -> None:
        self.database = database
        self.clock = clock
        self.checks = Checks(database, clock)
        self.outbox = outbox or Outbox("accounts", clock, is_open=False)

    def chores(self) -> list[tuple[float, Callable[[], Awaitable[None]]]]:
        """Return what to do in the background and how often, in seconds."""
        return [(600, self._forget_old)]

    async def register(
        self,
        *,
        email: str,
        name: str,
        password: str,
        form_key: str,
        language: str = "en",
        address: str = "",
    ) -> Person:
        """Create an account and ask by mail whether the address is the person's. The same form
        sent twice creates one and finds it again. Raise EmailTaken or TooManyTries."""
        await self.checks.registration(address)
        key = domain.email_key(email)
        password_hash = await passwords.hash_password(password)

        async def work(queries: Queries) -> int:
            person_id = await repository.add_person(
                queries,
                email=email.strip(),
                key=key,
                name=name,
                password_hash=password_hash,
                form_key=form_key,
                now=self.clock(),
            )
            await repository.set_language(queries, person_id, language)
            await self.write_confirmation(queries, person_id, language)
            return person_id

        try:
            person_id = await self.database.in_transaction(work)
        except Duplicate as error:
            known = await repository.credentials(self.database, key)
            same_form = known is not None and form_key and known.registration_key == form_key
            if known and same_form and await passwords.verify(password, known.password_hash):
                return repository.person_of(known)
            await self.checks.taken_address(address)
            raise EmailTaken from error
        return Person(person_id, name, email.strip())

    async def mail(
        self,
        queries: Queries,
        kind: str,
        person_id: int,
        *,
        address: str | None = None,
        language: str | None = None,
        **values: Any,
    ) -> None:
        """Put a mail to a person into the outbox of a transaction."""
        await self.outbox.add(
            queries,
            kind,
            person_id,
            key=f"{kind}-{secrets.token_hex(12)}",
            values=values,
            address=address,
            language=language,
        )

    async def write_confirmation(self, queries: Queries, person_id: int, language: str) -> None:
        """Put the mail that asks to confirm an address into the outbox of a transaction."""
        if self.outbox.is_open:
            token = await links.add(queries, person_id, links.Purpose.CONFIRM, self.clock())
            await self.mail(queries, "confirm", person_id, token=token, language=language)

    async def sign_in(
        self,
        person: Person,
        *,
        user_agent: str,
        address: str,
        replaces: str | None,
        language: str | None = None,
        new_browser: bool = False,
    ) -> str:
        """Start a session and return its new token; the one it replaces ends. Its owner hears of
        a `new_browser` by mail."""
        token = new_token(signed_in=True)
        now = self.clock()

        async def start(queries: Queries) -> None:
            if replaces is not None:
                await repository.end_session(queries, token_hash(replaces))
            await repository.add_session(
                queries,
                token_hash=token_hash(token),
                person_id=person.id,
                user_agent=user_agent[:255],
                address=address[:64],
                now=now,
                expires_at=now + ABSOLUTE,
            )
            if language is not None:
                await repository.set_language(queries, person.id, language)
            await repository.note_place(queries, person.id, place(person.id, address), now)
            if new_browser:
                browser = " · ".join(filter(None, browser_and_system(user_agent)))
                await self.mail(
                    queries,
                    "new_browser",
                    person.id,
                    at=now,
                    browser=browser,
                    network_address=address,
                )

        await self.database.in_transaction(start)
        note(Event.SIGNED_IN, person=person.id)
        if new_browser:
            note(Event.SIGNED_IN_NEW_BROWSER, person=person.id)
        return token

    async def sign_out(self, token: str) -> None:
        """End a session for good: its token opens nothing any more."""
        await repository.end_session(self.database, token_hash(token))
        note(Event.SIGNED_OUT)

    async def person_of(self, token: str) -> Person | None:
        """Return who holds the token, and note now and then that the session is in use."""
        now = self.clock()
        session = await repository.live_session(
            self.database, token_hash(token), now=now, seen_after=now - IDLE
        )
        if session is None:
            return None
        if session.seen_at < now - 5 * MINUTE:
            await repository.touch_session(self.database, token_hash(token), now)
        return repository.person_of(session)

    async def contacts(self, person_ids: Sequence[int]) -> dict[int, Contact]:
        """Return how to reach those of the people who exist."""
        found = await repository.contacts(self.database, person_ids)
        return {contact.id: contact for contact in found}

    async def undeliverable(self, person_id: int, email: str) -> None:
        """Note that an address takes no mail, if it still is the person's."""
        await repository.mark_undeliverable(self.database, person_id, email, self.clock())

    async def mute(self, person_id: int, muted: Sequence[str]) -> None:
        """Set the topics that a person wants no mail about."""
        await repository.set_muted(self.database, person_id, ",".join(sorted(muted)))

    async def find(self, email: str) -> Person | None:
        """Return the person with an e-mail address."""
        known = await repository.credentials(self.database, domain.email_key(email))
        return repository.person_of(known) if known else None

    async def profile(self, person_id: int) -> Profile | None:
        """Return what anybody may know of a person."""
        return await repository.profile(self.database, person_id)

    async def sessions(self, person: Person) -> list[Session]:
        """Return the browsers in which a person is signed in, the latest used first."""
        return await repository.sessions_of(self.database, person.id, self.clock())

    async def rename(self, person: Person, name: str) -> None:
        """Change the name that others see."""
        await repository.rename(self.database, person.id, name)

    async def change_password(self, person: Person, *, current: str, new: str) -> None:
        """Set a new password after checking the current one; raise WrongPassword or
        TooManyTries."""
        await self.checks.current(person, current)
        password_hash = await passwords.hash_password(new)

        async def work(queries: Queries) -> None:
            await repository.set_password(queries, person.id, password_hash)
            await self.mail(queries, "password_changed", person.id, at=self.clock())

        await self.database.in_transaction(work)
        note(Event.PASSWORD_CHANGED, person=person.id)

    async def end_others(self, person: Person, token: str) -> int:
        """End every session of a person but the one at hand; return how many ended."""
        ended = await repository.end_other_sessions(self.database, person.id, token_hash(token))
        note(Event.SESSIONS_ENDED, person=person.id, ended=ended)
        return ended

    async def _forget_old(self) -> None:
        now = self.clock()
        await repository.delete_old(
            self.database, now=now, seen_before=now - IDLE, places_before=now - PLACES_KEPT
        )
        await throttle.forget_old(self.database, now)
        await links.forget_old(self.database, now - DAY)
