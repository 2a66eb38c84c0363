"""What links by mail do: confirm an address, set a forgotten password, change the address.

Asking for a link does the same work for every address, known or not, so that neither the answer
nor its time tells whether there is an account.
"""

import hashlib
import secrets

from bookstore.accounts import domain, links, passwords, repository, throttle
from bookstore.accounts.checks import network
from bookstore.accounts.links import Link, Purpose
from bookstore.accounts.service import Accounts, EmailTaken
from bookstore.accounts.throttle import TooManyTries
from bookstore.contracts import Person
from bookstore.data.queries import Duplicate, Queries
from bookstore.web.security import Event, note, pseudonym


class LinkEnded(Exception):
    """The link was used, has expired, or never existed."""


async def ask_to_confirm(accounts: Accounts, person: Person, language: str) -> None:
    """Send a person the link that confirms their address; more often than now and then, nothing."""
    try:
        await throttle.take(
            accounts.database, f"confirm:{person.id}", throttle.MAILS, accounts.clock()
        )
    except TooManyTries:
        return

    async def work(queries: Queries) -> None:
        await accounts.write_confirmation(queries, person.id, language)

    await accounts.database.in_transaction(work)


async def ask_to_reset(accounts: Accounts, email: str, language: str, asker: str) -> None:
    """Send whoever has this address a link to set a new password; tell nobody whether there is
    one. Too often for one account, or from one network address (`asker`), nothing is sent."""
    known = await repository.credentials(accounts.database, domain.email_key(email))
    bucket = "reset:" + hashlib.sha256(domain.email_key(email).encode()).hexdigest()
    now = accounts.clock()

    try:
        asks = f"asks:{network(asker)}"
        await throttle.take(accounts.database, asks, throttle.RESETS_PER_ADDRESS, now)
        await throttle.take(accounts.database, bucket, throttle.MAILS, now)
        seldom = True
    except TooManyTries:
        seldom = False

    async def work(queries: Queries) -> None:
        sent = known is not None and seldom
        person_id = known.id if known is not None and sent else _nobody()
        token = await links.add(queries, person_id, Purpose.RESET, now)
        await accounts.mail(queries, "reset", person_id, token=token, language=language)

    await accounts.database.in_transaction(work)
    account = pseudonym(domain.email_key(email))
    note(Event.RESET_ASKED, account=account, throttled=not seldom)


async def working_link(accounts: Accounts, token: str) -> Link:
    """Return a link that can still be used; raise LinkEnded."""
    link = await links.find(accounts.database, token)
    if (
        link is None
        or link.person_id < 0
        or link.purpose == Purpose.SECOND_STEP
        or not link.works(accounts.clock())
    ):
        note(Event.LINK_REFUSED, person=link.person_id if link else None)
        raise LinkEnded
    return link


async def reset(accounts: Accounts, token: str, password: str) -> Person:
    """Set a new password by a link: every session ends, and the owner is told; raise LinkEnded."""
    link = await working_link(accounts, token)
    if link.purpose != Purpose.RESET:
        raise LinkEnded
    password_hash = await passwords.hash_password(password)

    async def work(queries: Queries) -> None:
        now = accounts.clock()
        if not await links.take(queries, link, now):
            raise LinkEnded
        await repository.set_password(queries, link.person_id, password_hash)
        await repository.confirm(queries, link.person_id, now)
        await repository.end_other_sessions(queries, link.person_id, "")
        await accounts.mail(queries, "password_changed", link.person_id, at=now)

    await accounts.database.in_transaction(work)
    note(Event.PASSWORD_RESET, person=link.person_id)
    return await _person(accounts, link.person_id)


async def reset_link(accounts: Accounts, person_id: int) -> str:
    """Return the token of a new link to set a password, for an operator to pass on."""

    async def work(queries: Queries) -> str:
        return await links.add(queries, person_id, Purpose.RESET, accounts.clock())

    return await accounts.database.in_transaction(work)


async def confirm(accounts: Accounts, token: str) -> Person:
    """Confirm the address that a link was sent to; raise LinkEnded."""
    link = await working_link(accounts, token)
    if link.purpose != Purpose.CONFIRM:
        raise LinkEnded

    async def work(queries: Queries) -> None:
        now = accounts.clock()
        if not await links.take(queries, link, now):
            raise LinkEnded
        await repository.confirm(queries, link.person_id, now)

    await accounts.database.in_transaction(work)
    return await _person(accounts, link.person_id)


async def ask_to_change(
    accounts: Accounts, person: Person, wanted: str, password: str, language: str
) -> None:
    """Ask both ends whether an account's mail shall go to another address; raise WrongPassword or
    TooManyTries."""
    await accounts.checks.current(person, password)
    pair = secrets.token_hex(16)

    async def work(queries: Queries) -> None:
        now = accounts.clock()
        for purpose, address in ((Purpose.CHANGE_OLD, None), (Purpose.CHANGE_NEW, wanted)):
            token = await links.add(queries, person.id, purpose, now, address=wanted, pair=pair)
            await accounts.mail(
                queries,
                purpose.value,
                person.id,
                token=token,
                language=language,
                address=address,
                wanted=wanted,
            )

    await accounts.database.in_transaction(work)
    note(Event.ADDRESS_CHANGE_ASKED, person=person.id)


async def agree_to_change(accounts: Accounts, token: str) -> tuple[Person, bool]:
    """Agree to a change of address at one end; return the person, and whether both ends have
    agreed, so that it is changed. Raise LinkEnded, or EmailTaken when somebody else has it."""
    link = await working_link(accounts, token)
    if link.purpose not in {Purpose.CHANGE_OLD, Purpose.CHANGE_NEW} or link.address is None:
        raise LinkEnded
    wanted = link.address

    async def work(queries: Queries) -> bool:
        now = accounts.clock()
        await links.lock_pair(queries, link)  # of two ends that agree at once, one comes second
        if not await links.take(queries, link, now):
            raise LinkEnded
        if not await links.other_end_agreed(queries, link):
            return False
        before = await repository.credentials_of(queries, link.person_id)
        assert before is not None
        await repository.change_email(
            queries, link.person_id, wanted, domain.email_key(wanted), now
        )
        for address in (before.email, wanted):
            await accounts.mail(
                queries, "email_changed", link.person_id, address=address, wanted=wanted
            )
        return True

    try:
        changed = await accounts.database.in_transaction(work)
    except Duplicate as error:
        raise EmailTaken from error
    if changed:
        note(Event.ADDRESS_CHANGED, person=link.person_id)
    return await _person(accounts, link.person_id), changed


def _nobody() -> int:
    """Return an id that no person has, for a link that is asked for in vain."""
    return -1 - secrets.randbelow(2**48)


async def _person(accounts: Accounts, person_id: int) -> Person:
    known = await repository.credentials_of(accounts.database, person_id)
    if known is None:
        raise LinkEnded
    return repository.person_of(known)
