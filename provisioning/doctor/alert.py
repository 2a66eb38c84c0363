"""Tell somebody who is not looking: a chat by its webhook, a person by mail."""

from __future__ import annotations

import smtplib
import ssl
from email.message import EmailMessage
from email.utils import make_msgid
from urllib.parse import unquote, urlsplit

import httpx

from provisioning.cluster import Cluster
from provisioning.errors import OperatorError

TIMEOUT = 20.0  # seconds
LOCAL = {"localhost", "127.0.0.1", "::1"}  # where a password may go without TLS


class Alert:
    """The ways that the inventory's [alert] names."""

    def __init__(self, cluster: Cluster) -> None:
        if cluster.inventory.alert is None:
            raise OperatorError(
                f"The inventory {cluster.inventory.path} has no [alert], so there is nobody to "
                "tell: webhook_file, mail_to, or both. docs/operators-guide.md shows one."
            )
        self._cluster = cluster
        self._hook = self._read(cluster.inventory.alert.webhook_file)
        self._mail_to = cluster.inventory.alert.mail_to
        smtp = cluster.inventory.secrets.get("smtp_url")
        self._smtp = self._read(smtp) if self._mail_to else ""

    def send(self, subject: str, text: str) -> None:
        """Tell everybody; raise OperatorError with what did not work, after all were tried."""
        subject = f"{self._cluster.name}: {subject}"
        problems = []
        if self._hook:
            problems.append(_post(self._hook, f"{subject}\n{text}"))
        if self._mail_to:
            problems.append(self._mail(subject, text))
        if any(problems):
            raise OperatorError("\n".join(filter(None, problems)))

    def _read(self, path: object) -> str:
        if path is None:
            return ""
        try:
            with open(str(path), encoding="utf-8") as file:
                text = file.read().strip()
        except OSError as error:
            raise OperatorError(f"{path} cannot be read: {error.strerror}.") from None
        self._cluster.redact.hide(text)
        return text

    def _mail(self, subject: str, text: str) -> str:
        """Send a mail; return what is wrong, "" when the server took it."""
        message = EmailMessage()
        message["Subject"], message["To"] = subject, self._mail_to
        message["From"] = str(self._cluster.inventory.settings.get("mail_from", self._mail_to))
        message["Message-ID"] = make_msgid()
        message.set_content(text)
        try:
            with _connected(self._smtp) as server:
                server.send_message(message)
        except smtplib.SMTPRecipientsRefused as error:
            code, said = error.recipients[str(self._mail_to)]
            return f"The mail to {self._mail_to} was refused: {code} {said.decode()}."
        except (smtplib.SMTPException, OSError) as error:
            return f"The mail to {self._mail_to} was not taken ({error})."
        return ""


def _connected(url: str) -> smtplib.SMTP:
    """Connect as the shop does: smtps:// is TLS from the start, smtp:// takes it where offered."""
    parts = urlsplit(url)
    host, tls = parts.hostname or "localhost", ssl.create_default_context()
    if parts.scheme == "smtps":
        server: smtplib.SMTP = smtplib.SMTP_SSL(
            host, parts.port or 465, timeout=TIMEOUT, context=tls
        )
    else:
        server = smtplib.SMTP(host, parts.port or (587 if parts.username else 25), timeout=TIMEOUT)
        server.ehlo()
        if server.has_extn("starttls") or (parts.username and host not in LOCAL):
            server.starttls(context=tls)
    if parts.username:
        server.login(unquote(parts.username), unquote(parts.password or ""))
    return server


def _post(url: str, text: str) -> str:
    """Post to a webhook as chats take it; return what is wrong, "" when it took it."""
    try:
        status = httpx.post(url, json={"text": text}, timeout=TIMEOUT).status_code
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        return f"The webhook cannot be reached ({error})."
    return "" if status < 300 else f"The webhook does not take it: it answers {status}."
