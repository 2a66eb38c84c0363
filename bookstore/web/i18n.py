"""English and Spanish. The catalogues are locale/es/*.po, one for each part of the shop; they
are compiled in memory when the shop starts."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from functools import cache, lru_cache
from gettext import GNUTranslations, NullTranslations
from pathlib import Path
from urllib.parse import quote

from babel import Locale
from babel.dates import format_date, format_datetime, format_time
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import format_decimal
from babel.support import LazyProxy
from quart import has_request_context, request
from werkzeug.datastructures import LanguageAccept
from werkzeug.http import parse_accept_header

from bookstore.money import written

LANGUAGES = {"en": "English", "es": "Español"}
# Amounts and dates of this shop are European: "en_GB" writes day before month.
_LOCALES = {"en": "en_GB", "es": "es_ES"}
COOKIE = "lang"
LOCALE_DIR = Path(__file__).parent.parent / "locale"

_language: ContextVar[str] = ContextVar("language", default="en")


@cache
def translations(language: str) -> NullTranslations:
    """Return the catalogues of a language, all parts in one."""
    first: GNUTranslations | None = None
    for path in sorted((LOCALE_DIR / language).glob("*.po")):
        with path.open("rb") as file:
            catalogue = read_po(file, locale=language)
        compiled = io.BytesIO()
        write_mo(compiled, catalogue)
        compiled.seek(0)
        part = GNUTranslations(compiled)
        if first is None:
            first = part
        else:
            first.add_fallback(part)
    return first or NullTranslations()


@lru_cache(maxsize=1024)
def negotiate(wish: str | None, cookie: str | None, accepted: str) -> str:
    """Return the language of a request: that which its address wishes for, then the cookie's, then
    the best that Accept-Language takes."""
    for choice in (wish, cookie):
        if choice in LANGUAGES:
            return choice
    header = parse_accept_header(accepted, LanguageAccept)
    return header.best_match(list(LANGUAGES), default="en") or "en"


def set_language(language: str) -> None:
    """Use `language` for the rest of this request or task."""
    _language.set(language)


@contextmanager
def speaking(language: str) -> Iterator[None]:
    """Use `language` inside of a `with`."""
    before = _language.set(language)
    try:
        yield
    finally:
        _language.reset(before)


def language() -> str:
    """Return the language in use."""
    return _language.get()


def gettext(message: str, **variables: object) -> str:
    """Translate `message` and fill in its %(name)s variables."""
    text = translations(language()).gettext(message)
    return text % variables if variables else text


def ngettext(singular: str, plural: str, number: int, **variables: object) -> str:
    """Translate the form that fits `number`; %(num)s is the number."""
    text = translations(language()).ngettext(singular, plural, number)
    return text % {"num": number, **variables}


def lazy_gettext(message: str) -> LazyProxy:
    """Translate when shown, not now: for texts in class bodies."""
    return LazyProxy(gettext, message, enable_cache=False)


def money(amount: int, currency: str) -> str:
    """Write an amount in minor units as people of the language do: 1250, EUR -> €12.50."""
    return written(amount, currency, locale())


def number(value: int) -> str:
    """Write a whole number with the language's separators."""
    return _number(value, locale())


@lru_cache(maxsize=1024)
def _number(value: int, locale: str) -> str:
    return str(format_decimal(value, locale=locale))


def year(value: int | None) -> str | None:
    """Write a year; those before Christ are negative."""
    if value is None:
        return None
    return str(value) if value > 0 else gettext("%(year)s BC", year=-value)


def date(moment: int) -> str:
    """Write the day of a moment in milliseconds (UTC)."""
    return _date(moment // 86_400_000, locale())


@lru_cache(maxsize=1024)
def _date(day: int, locale: str) -> str:
    return str(format_date(datetime.fromtimestamp(day * 86_400, UTC), "medium", locale))


def date_time(moment: int) -> str:
    """Write a moment in milliseconds with its time (UTC)."""
    moment_utc = datetime.fromtimestamp(moment / 1000, UTC)
    return str(format_datetime(moment_utc, "medium", locale=locale())) + " UTC"


def time(moment: int) -> str:
    """Write the time of day of a moment in milliseconds (UTC)."""
    moment_utc = datetime.fromtimestamp(moment / 1000, UTC)
    return str(format_time(moment_utc, "short", locale=locale())) + " UTC"


def iso(moment: int) -> str:
    """Write a moment in milliseconds for machines (ISO 8601)."""
    return datetime.fromtimestamp(moment / 1000, UTC).isoformat(timespec="milliseconds")


def language_name(code: str) -> str:
    """Return the name of a language code (ISO 639) in the language in use, or the code itself."""
    return _language_name(code, language())


@lru_cache(maxsize=256)
def _language_name(code: str, language: str) -> str:
    name = str(Locale.parse(language).languages.get(code, code))
    return name[:1].upper() + name[1:]


def locale() -> str:
    """Return the locale of the language in use."""
    return _LOCALES[language()]


_IN_A_PATH = "/:@!$&'()*+,;="  # beside letters and digits


def requested_address() -> str:
    """Return path and query of the request at hand, or / outside of one. Slashes at its start are
    one: two would name another host."""
    if not has_request_context():
        return "/"
    query = request.full_path[len(request.path) :].rstrip("?")
    return "/" + quote(request.path.lstrip("/"), safe=_IN_A_PATH) + query
