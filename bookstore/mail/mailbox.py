"""A mailbox to look into, for a demo whose mails go into a folder: everybody's mail, for everybody.

It exists only where BOOKSTORE_MAILBOX asks for it.
"""

import asyncio
import re
from email import message_from_bytes, policy
from email.message import EmailMessage
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import NamedTuple

from markupsafe import Markup, escape
from quart import Blueprint, Quart, Response, current_app

from bookstore.settings import Settings
from bookstore.web.page_error import not_found
from bookstore.web.templating import page

_SHOWN = 200
_LINK = re.compile(r"https?://[^\s<>\"]+")
_HTML_POLICY = "default-src 'none'; style-src 'unsafe-inline'; sandbox allow-top-navigation"

blueprint = Blueprint("mailbox", __name__)


class Mail(NamedTuple):
    """A mail in the list."""

    name: str
    subject: str
    to: str
    moment: int


def install(app: Quart, settings: Settings) -> None:
    """Show the folder of mails where the settings ask for it."""
    if settings.mailbox:
        app.register_blueprint(blueprint)


@blueprint.get("/mailbox")
async def mails() -> Response:
    """List the mails that the demo has sent, newest first."""
    return page("mailbox.html", mails=await asyncio.to_thread(_list), mail=None)


@blueprint.get("/mailbox/<name>")
async def mail(name: str) -> Response:
    """Show one mail's text, its links ready to follow."""
    message = await asyncio.to_thread(_read, name)
    text = message.get_body(("plain",))
    return page(
        "mailbox.html",
        mail=message,
        name=name,
        text=_linked(text.get_content() if text else ""),
        mails=[],
    )


@blueprint.get("/mailbox/<name>/html")
async def html(name: str) -> Response:
    """Send a mail's HTML part for its frame, allowed to load and run nothing."""
    body = (await asyncio.to_thread(_read, name)).get_body(("html",))
    response = Response(body.get_content() if body else "", content_type="text/html; charset=utf-8")
    response.headers["Content-Security-Policy"] = _HTML_POLICY
    return response


def _folder() -> Path:
    settings: Settings = current_app.extensions["bookstore.settings"]
    assert settings.smtp_url is not None
    return Path(settings.smtp_url.get_secret_value().removeprefix("file:").removeprefix("//"))


def _list() -> list[Mail]:
    paths = sorted(_folder().glob("*.eml"), key=lambda path: path.stat().st_mtime, reverse=True)
    found = []
    for path in paths[:_SHOWN]:
        message = message_from_bytes(path.read_bytes(), policy=policy.default)
        moment = parsedate_to_datetime(str(message["Date"]))
        found.append(
            Mail(
                path.stem,
                str(message["Subject"]),
                str(message["To"]),
                int(moment.timestamp() * 1000),
            )
        )
    return found


def _read(name: str) -> EmailMessage:
    path = _folder() / f"{name}.eml"
    if not re.fullmatch(r"[\w.-]+", name) or not path.is_file():
        raise not_found()
    return message_from_bytes(path.read_bytes(), policy=policy.default)


def _linked(text: str) -> Markup:
    """Return a text with its addresses as links."""
    pieces = []
    end = 0
    for match in _LINK.finditer(text):
        pieces.append(escape(text[end : match.start()]))
        pieces.append(Markup('<a href="{0}">{0}</a>').format(match[0]))
        end = match.end()
    return Markup("").join([*pieces, escape(text[end:])])
