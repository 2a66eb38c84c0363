"""English and Spanish, complete."""

import re
from pathlib import Path
from typing import Any

import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

from bookstore.web.templating import Templates
from tests.support.reader import Reader

ROOT = Path(__file__).parents[2]
KEYWORDS: dict[str, Any] = {"_": None, "gettext": None, "lazy_gettext": None, "ngettext": (1, 2)}
METHODS = [("**.py", "python"), ("**.html", "jinja2")]
OPTIONS = {"**.html": {"extensions": "jinja2.ext.i18n"}}


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    return sqlite_url


def messages_in_the_code() -> set[str | tuple[str, ...]]:
    found = set()
    for folder in ("bookstore", "templates"):
        for _file, _line, message, _comments, _context in extract_from_dir(
            ROOT / folder,
            method_map=METHODS,
            options_map=OPTIONS,
            keywords=KEYWORDS,
        ):
            found.add(message)
    return found


def spanish() -> dict[str, Message]:
    messages: dict[str, Message] = {}
    for path in sorted((ROOT / "bookstore/locale/es").glob("*.po")):
        with path.open("rb") as file:
            catalogue: Catalog = read_po(file, locale="es")
        for message in catalogue:
            key = message.id[0] if isinstance(message.id, tuple | list) else message.id
            if key:
                messages[str(key)] = message
    return messages


def test_every_message_is_translated() -> None:
    known = spanish()
    missing = [
        message
        for message in messages_in_the_code()
        if not _translated(known.get(message if isinstance(message, str) else message[0]))
    ]
    assert sorted(map(str, missing)) == []


def test_translations_keep_their_variables() -> None:
    for key, message in spanish().items():
        originals = message.id if isinstance(message.id, tuple | list) else (message.id,)
        texts = message.string if isinstance(message.string, tuple | list) else (message.string,)
        names = {name for text in originals for name in _variables(str(text))}
        for text in texts:
            assert _variables(str(text)) <= names, key


@pytest.mark.parametrize(
    ("query", "accept", "expected"),
    [
        ("", "es-ES,es;q=0.9", "es"),
        ("", "fr,en;q=0.5", "en"),
        ("", "fr", "en"),
        ("?lang=es", "en", "es"),
        ("?lang=xx", "es", "es"),
    ],
)
async def test_the_language_of_a_page(
    reader: Reader, query: str, accept: str, expected: str
) -> None:
    page = await reader.get(f"/login{query}", Accept_Language=accept)
    assert page.headers["Content-Language"] == expected
    assert page.soup.html is not None
    assert page.soup.html["lang"] == expected
    assert page.see("h1") == {"en": "Sign in", "es": "Iniciar sesión"}[expected]


async def test_the_chosen_language_stays(reader: Reader) -> None:
    await reader.get("/login?lang=es")
    assert (await reader.get("/register")).see("h1") == "Crear cuenta"


def _translated(message: Message | None) -> bool:
    if message is None or message.fuzzy:
        return False
    texts = message.string if isinstance(message.string, tuple | list) else (message.string,)
    return all(texts)


def _variables(text: str) -> set[str]:
    return set(re.findall(r"%\((\w+)\)", text))


def test_a_translated_text_escapes_its_variables_wherever_it_stands() -> None:
    source = """
        {{- _("Served by %(replica)s", replica=name) }}|
        {%- set kept = _("Served by %(replica)s", replica=name) %}{{ kept }}|
        {%- if name %}{{ _("100 %% of %(a)s and %(a)s", a=name) }}{% endif %}"""
    written = Templates("es").from_string(source).render(name="<b>")
    assert written == "|".join(2 * ["Servido por &lt;b&gt;"] + ["100 % of &lt;b&gt; and &lt;b&gt;"])
