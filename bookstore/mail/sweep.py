"""Send what waits in the outboxes. Every replica does so every few seconds; each mail goes once.

A mail server that is away stops the round, not the shop: its mails wait, longer each time. A mail
whose template fails is put off like any other and stops nobody else's.
"""

import hashlib
import hmac
from collections.abc import Awaitable, Callable, Sequence
from email.message import EmailMessage
from typing import Any, NamedTuple

import structlog

from bookstore.clock import Clock
from bookstore.contracts import Contact, ContactLink
from bookstore.data.database import Database
from bookstore.mail import rendering
from bookstore.mail.kinds import optional_topic
from bookstore.mail.outbox import Letter, Outbox
from bookstore.mail.transport import NotNow, Transport, Undeliverable, transport_for
from bookstore.settings import Settings
from bookstore.web import urls

SWEEP_SECONDS = 2.0
_AT_ONCE = 50

log = structlog.get_logger()


type Shown = Callable[[Database, Letter], Awaitable[dict[str, Any]]]


async def as_written(_database: Database, letter: Letter) -> dict[str, Any]:
    """Return what a mail shows where everything was written down with it."""
    return letter.values


class Box(NamedTuple):
    """An outbox, the database that it is in, and what tells what its mails show."""

    outbox: Outbox
    database: Database
    shown: Shown = as_written


class Sweep:
    """Sends the mails of some contexts."""

    def __init__(
        self,
        boxes: Sequence[Box],
        contacts: ContactLink,
        settings: Settings,
        clock: Clock,
        *,
        key: bytes,
    ) -> None:
        assert settings.smtp_url is not None
        self._boxes = boxes
        self._contacts = contacts
        self._url = settings.smtp_url.get_secret_value()
        self._sender = settings.mail_from
        self._origin = settings.mail_origin
        self._clock = clock
        self._key = key

    async def run(self) -> None:
        """Send what is due."""
        for box in self._boxes:
            await self._empty(box)

    async def forget_old(self) -> None:
        """Delete what was sent long ago."""
        for box in self._boxes:
            await box.outbox.forget_old(box.database)

    async def _empty(self, box: Box) -> None:
        letters = await box.outbox.due(box.database, _AT_ONCE)
        if not letters:
            return
        ids = sorted({letter.person_id for letter in letters})
        contacts = await self._contacts.contacts(ids)
        try:
            async with transport_for(self._url) as transport:
                for letter in letters:
                    if await box.outbox.claim(box.database, letter):
                        claimed = letter._replace(attempts=letter.attempts + 1)
                        await self._send(box, claimed, contacts.get(letter.person_id), transport)
        except NotNow as error:
            log.warning("the mail server does not take mail", reason=str(error))
            for letter in letters:  # those that nobody has taken: no haste to find out again
                if await box.outbox.claim(box.database, letter):
                    await box.outbox.try_later(box.database, letter)

    async def _send(
        self, box: Box, letter: Letter, contact: Contact | None, transport: Transport
    ) -> None:
        outbox, database, shown = box
        known = {"mail": letter.kind, "mail_id": letter.id, "context": outbox.context}
        topic = optional_topic(letter.kind)
        if contact is None or (topic is not None and topic in contact.muted):
            await outbox.give_up(database, letter, "nobody wants it")
            return
        address = letter.address or contact.email
        if letter.address is None and not contact.deliverable:
            await outbox.give_up(database, letter, "the address takes no mail")
            return
        try:
            values = await shown(database, letter)
            message = self._message(outbox.context, letter, values, contact, address, topic)
        except Exception as error:
            log.error("a mail cannot be written", **known, reason=repr(error))
            await outbox.try_later(database, letter)
            return
        try:
            await transport.deliver(message)
        except Undeliverable as error:
            log.warning("an address takes no mail", **known, reason=str(error))
            await outbox.give_up(database, letter, f"undeliverable: {error}")
            await self._contacts.undeliverable(contact.id, address)
            return
        except NotNow as error:
            put_off = await outbox.try_later(database, letter)
            event = "a mail was put off" if put_off else "a mail was given up"
            log.warning(event, **known, attempts=letter.attempts, reason=str(error))
            return
        await outbox.sent(database, letter)

    def _message(
        self,
        context: str,
        letter: Letter,
        values: dict[str, Any],
        contact: Contact,
        address: str,
        topic: str | None,
    ) -> EmailMessage:
        language = letter.language or contact.language
        stop = None
        if topic is not None:
            token = unsubscribe_token(self._key, contact.id, topic)
            stop = self._origin + urls.unsubscribe(token)
        written = rendering.write(
            letter.kind,
            language,
            self._origin,
            {"name": contact.name, "stop": stop, **values},
        )
        return rendering.compose(
            written,
            sender=self._sender,
            to=address,
            name=contact.name,
            message_id=f"{context}.{letter.key}",
            thread=f"{context}.{letter.thread}" if letter.thread else None,
            unsubscribe=stop,
            sent_at=self._clock(),
        )


def unsubscribe_token(key: bytes, person_id: int, topic: str) -> str:
    """Return what a mail's link to stop a topic carries: it opens nothing else."""
    text = f"{person_id}.{topic}"
    return f"{text}.{hmac.new(key, text.encode(), hashlib.sha256).hexdigest()[:32]}"


def read_unsubscribe_token(key: bytes, token: str) -> tuple[int, str] | None:
    """Return the person and the topic of a token, or None when it is not one of ours."""
    number, _, rest = token.partition(".")
    topic = rest.partition(".")[0]
    if not number.isdecimal() or len(number) > 18:
        return None
    expected = unsubscribe_token(key, int(number), topic)
    if not hmac.compare_digest(expected.encode(), token.encode()):
        return None
    return int(number), topic
