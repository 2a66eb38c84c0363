"""Ways for a mail to leave: an SMTP server, or a folder of .eml files to look into."""

import asyncio
import os
import ssl
import tempfile
from contextlib import suppress
from email.message import EmailMessage
from pathlib import Path
from typing import Protocol, Self
from urllib.parse import unquote, urlsplit

import aiosmtplib

TIMEOUT = 20.0  # seconds for each step of a delivery


class Undeliverable(Exception):
    """The address takes no mail: trying again will not help."""


class NotNow(Exception):
    """The mail server did not take the mail this time."""


class Transport(Protocol):
    """Delivers mails one after the other, inside `async with`."""

    async def __aenter__(self) -> Self: ...

    async def __aexit__(self, *failure: object) -> None: ...

    async def deliver(self, message: EmailMessage) -> None:
        """Hand a mail over; raise Undeliverable or NotNow."""
        ...


class SmtpTransport:
    """One connection to an SMTP server: `smtp://` with STARTTLS where it is offered (and demanded
    when a password goes over it), `smtps://` with TLS from the start."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._secure = parts.scheme == "smtps"
        self._user = unquote(parts.username or "")
        self._password = unquote(parts.password or "")
        self._host = parts.hostname or "localhost"
        self._port = parts.port or (465 if self._secure else 587 if self._user else 25)

    async def __aenter__(self) -> Self:
        self._client = aiosmtplib.SMTP(
            hostname=self._host,
            port=self._port,
            timeout=TIMEOUT,
            use_tls=self._secure,
            start_tls=True if self._user and not self._secure and not _local(self._host) else None,
            tls_context=ssl.create_default_context(),
        )
        try:
            await self._client.connect()
            if self._user:
                await self._client.login(self._user, self._password)
        except (aiosmtplib.SMTPException, OSError) as error:
            await self.__aexit__()
            raise NotNow(f"{self._host} port {self._port}: {error}") from error
        return self

    async def __aexit__(self, *failure: object) -> None:
        with suppress(aiosmtplib.SMTPException, OSError):
            await self._client.quit()
        self._client.close()

    async def deliver(self, message: EmailMessage) -> None:
        """Hand a mail to the server; raise Undeliverable for good, NotNow for a while."""
        try:
            await self._client.send_message(message)
        except aiosmtplib.SMTPRecipientsRefused as error:
            refusal = error.recipients[0]
            if 500 <= refusal.code < 600:
                raise Undeliverable(f"{refusal.code} {refusal.message}") from error
            raise NotNow(f"{refusal.code} {refusal.message}") from error
        except aiosmtplib.SMTPResponseException as error:
            raise NotNow(f"{error.code} {error.message}") from error
        except (aiosmtplib.SMTPException, OSError, ValueError) as error:
            raise NotNow(str(error)) from error


class FolderTransport:
    """A folder that mails are written into, one .eml file each."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *failure: object) -> None:
        return None

    async def deliver(self, message: EmailMessage) -> None:
        """Write a mail as a file; raise NotNow where the folder cannot be written."""
        try:
            await asyncio.to_thread(self._write, message)
        except OSError as error:
            raise NotNow(f"{self._folder}: {error.strerror}") from error

    def _write(self, message: EmailMessage) -> None:
        """Write a mail as a whole or not at all; the same one twice is one file."""
        self._folder.mkdir(parents=True, exist_ok=True)
        name = "".join(c if c.isalnum() or c in "-." else "-" for c in message["Message-ID"])
        handle, path = tempfile.mkstemp(dir=self._folder)
        with os.fdopen(handle, "wb") as file:
            file.write(bytes(message))
        Path(path).replace(self._folder / f"{name.strip('-')}.eml")


def transport_for(url: str) -> Transport:
    """Return the transport that a BOOKSTORE_SMTP_URL names."""
    if url.startswith("file:"):
        return FolderTransport(Path(url.removeprefix("file:").removeprefix("//")))
    return SmtpTransport(url)


def _local(host: str) -> bool:
    return host in {"localhost", "127.0.0.1", "::1"}
