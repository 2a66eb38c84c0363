"""Mails as people read them: subject, text and HTML from one template in the reader's language."""

import re
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import formatdate, parseaddr
from functools import cache
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from bookstore.clock import SECOND
from bookstore.web import i18n, urls
from bookstore.web.templating import templates_dir

_CONTROLS = re.compile(r"[\x00-\x1f\x7f\u200b-\u200f\u2028-\u202e\u2066-\u2069]+")


class Written(NamedTuple):
    """A mail in words."""

    subject: str
    text: str
    html: str


def write(kind: str, language: str, origin: str, values: dict[str, Any]) -> Written:
    """Render the template `mail/KIND.html` in a language. `origin` stands before each address."""
    with i18n.speaking(language):
        text = _render(kind, language, "text", origin, values)
        html = _render(kind, language, "html", origin, values)
    subject, _, text = text.partition("\n")
    return Written(one_line(subject), _tidy(text), html.partition("\n")[2].strip() + "\n")


def compose(
    written: Written,
    *,
    sender: str,
    to: str,
    name: str,
    message_id: str,
    thread: str | None,
    unsubscribe: str | None,
    sent_at: int,
) -> EmailMessage:
    """Return the mail as it is sent. Names of people cannot add headers."""
    message = EmailMessage()
    sender_name, sender_address = parseaddr(sender)
    domain = sender_address.rpartition("@")[2]
    message["From"] = Address(one_line(sender_name), addr_spec=sender_address)
    message["To"] = Address(one_line(name), addr_spec=to)
    message["Subject"] = written.subject
    message["Date"] = formatdate(sent_at / SECOND)
    message["Message-ID"] = f"<{message_id}@{domain}>"
    message["Auto-Submitted"] = "auto-generated"
    if thread is not None and thread != message_id:
        message["In-Reply-To"] = message["References"] = f"<{thread}@{domain}>"
    if unsubscribe is not None:
        message["List-Unsubscribe"] = f"<{unsubscribe}>"
        message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    message.set_content(written.text)
    message.add_alternative(written.html, subtype="html")
    return message


def one_line(text: str) -> str:
    """Return a text without line breaks and other characters that a header must not hold."""
    return _CONTROLS.sub(" ", text).strip()


def _render(kind: str, language: str, form: str, origin: str, values: dict[str, Any]) -> str:
    template = _environment(language, form).get_template(f"{kind}.html")
    return template.render(origin=origin, site=urlsplit(origin).netloc, **values)


@cache
def _environment(language: str, form: str) -> Environment:
    """Return the templates in a language, for HTML or for text: the macros in _text.html or
    _html.html write the same paragraphs, facts and buttons in either form."""
    environment = Environment(
        loader=FileSystemLoader(templates_dir() / "mail"),
        autoescape=form == "html",  # noqa: S701 - plain text has nothing to escape
        auto_reload=False,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    translations = i18n.translations(language)
    environment.install_gettext_callables(  # type: ignore[attr-defined]
        translations.gettext, translations.ngettext, newstyle=True
    )
    environment.filters.update(date=i18n.date, date_time=i18n.date_time, number=i18n.number)
    environment.globals.update(urls=urls, money=i18n.money, language=language, Markup=Markup)
    environment.globals["write"] = environment.get_template(f"_{form}.html").make_module()
    return environment


def _tidy(text: str) -> str:
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"
