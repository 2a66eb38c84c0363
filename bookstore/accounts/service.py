"""What accounts decides: who may register, sign in and stay signed in."""

import hashlib
from collections.abc import Awaitable, Callable

from bookstore.accounts import domain, passwords, repository
from bookstore.accounts.domain import Profile, Session
from bookstore.clock import HOUR, MINUTE, Clock
from bookstore.contracts import Person
from bookstore.data.database import Database
from bookstore.data.queries import Duplicate, Queries
from bookstore.web.sessions import ABSOLUTE, IDLE, new_token, token_hash


class EmailTaken(Exception):
    """There is an account with this e-mail address already."""


class WrongPassword(Exception):
    """E-mail or password do not fit; which of the two is not said."""


class TooManyFailures(Exception):
    """Signing in failed too often lately; it works again after a while."""


class Accounts:
    """The people of the shop and their sessions."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self.database = database
        self.clock = clock

    def chores(self) -> list[tuple[float, Callable[[], Awaitable[None]]]]:
        """Return what to do in the background and how often, in seconds."""
        return [(600, self._forget_old)]

    async def register(self, *, email: str, name: str, password: str, form_key: str) -> Person:
        """Create an account. The same form sent twice creates one and finds it again."""
        key = domain.email_key(email)
        password_hash = await passwords.hash_password(password)
        try:
            person_id = await repository.add_person(
                self.database,
                email=email.strip(),
                key=key,
                name=name,
                password_hash=password_hash,
                form_key=form_key,
                now=self.clock(),
            )
        except Duplicate as error:
            known = await repository.credentials(self.database, key)
            same_form = known is not None and form_key and known.registration_key == form_key
            if known and same_form and await passwords.verify(password, known.password_hash):
                return repository.person_of(known)
            raise EmailTaken from error
        return Person(person_id, name, email.strip())

    async def check_password(self, *, email: str, password: str, address: str) -> Person:
        """Return who the e-mail and the password belong to; raise WrongPassword or
        TooManyFailures. Failures are counted for all replicas together."""
        account = "account:" + hashlib.sha256(domain.email_key(email).encode()).hexdigest()
        source = f"address:{address}"
        since = self.clock() - domain.FAILURE_WINDOW
        if domain.must_wait(
            await repository.failures(self.database, account, since),
            await repository.failures(self.database, source, since),
        ):
            raise TooManyFailures
        known = await repository.credentials(self.database, domain.email_key(email))
        if not await passwords.verify(password, known.password_hash if known else None):
            async with self.database.transaction() as queries:
                await repository.add_failures(queries, [account, source], self.clock())
            raise WrongPassword
        assert known is not None
        await repository.forget_failures(self.database, account)
        return repository.person_of(known)

    async def sign_in(
        self, person: Person, *, user_agent: str, address: str, replaces: str | None
    ) -> str:
        """Start a session and return its new token; the one it replaces ends."""
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

        await self.database.in_transaction(start)
        return token

    async def sign_out(self, token: str) -> None:
        """End a session for good: its token opens nothing any more."""
        await repository.end_session(self.database, token_hash(token))

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
        """Set a new password after checking the current one; raise WrongPassword."""
        known = await repository.credentials_of(self.database, person.id)
        if known is None or not await passwords.verify(current, known.password_hash):
            raise WrongPassword
        await repository.set_password(self.database, person.id, await passwords.hash_password(new))

    async def end_others(self, person: Person, token: str) -> int:
        """End every session of a person but the one at hand; return how many ended."""
        return await repository.end_other_sessions(self.database, person.id, token_hash(token))

    async def _forget_old(self) -> None:
        now = self.clock()
        await repository.delete_old(
            self.database, now=now, seen_before=now - IDLE, failed_before=now - HOUR
        )
