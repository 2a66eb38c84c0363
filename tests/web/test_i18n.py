"""English and Spanish, complete."""

import re
import shutil
from pathlib import Path

import pytest
from babel.messages.catalog import Message

from bookstore.web import i18n
from bookstore.web.templating import Templates
from tests import texts
from tests.support.reader import Reader


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    return sqlite_url


def spanish() -> dict[str, Message]:
    messages: dict[str, Message] = {}
    for path in sorted((i18n.LOCALE_DIR / "es").glob("*.po")):
        for message in texts.read(path):
            key = message.id[0] if isinstance(message.id, tuple | list) else message.id
            if key:
                messages[str(key)] = message
    return messages


def test_every_message_is_translated() -> None:
    known = spanish()
    missing = [
        message
        for message in texts.texts_in_code()
        if (found := known.get(message if isinstance(message, str) else message[0])) is None
        or not texts.is_translated(found)
    ]
    assert sorted(map(str, missing)) == []


def test_translations_keep_their_variables() -> None:
    for key, message in spanish().items():
        originals = message.id if isinstance(message.id, tuple | list) else (message.id,)
        string = message.string
        translated = string if isinstance(string, tuple | list) else (string,)
        names = {name for text in originals for name in _variables(str(text))}
        for text in translated:
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


def _variables(text: str) -> set[str]:
    return set(re.findall(r"%\((\w+)\)", text))


def test_a_translated_text_escapes_its_variables_wherever_it_stands() -> None:
    source = """
        {{- _("Books of %(name)s", name=name) }}|
        {%- set kept = _("Books of %(name)s", name=name) %}{{ kept }}|
        {%- if name %}{{ _("100 %% of %(a)s and %(a)s", a=name) }}{% endif %}"""
    written = Templates("es").from_string(source).render(name="<b>")
    assert written == "|".join(2 * ["Libros de &lt;b&gt;"] + ["100 % of &lt;b&gt; and &lt;b&gt;"])


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of what texts stand in, to add some to."""
    for folder in ("bookstore", "templates"):
        shutil.copytree(texts.ROOT / folder, tmp_path / folder,
                        ignore=shutil.ignore_patterns("__pycache__", "static"))  # fmt: skip
    return tmp_path


def test_a_new_text_is_added_to_its_part_and_asked_for_until_it_is_translated(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = project / "templates/orders/basket.html"
    page.write_text(page.read_text() + '{{ _("Wrap it, %(name)s", name=1) }}{{ _("Basket") }}')
    assert texts.main(["--check"], project) == 1
    assert texts.main([], project) == 1
    assert "new: orders.po: Wrap it, %(name)s" in capsys.readouterr().out
    part = project / "bookstore/locale/es/orders.po"
    assert part.read_text().endswith('msgid "Wrap it, %(name)s"\nmsgstr ""\n')
    part.write_text(part.read_text()[:-3] + '"Envuélvalo, %(name)s"\n')
    assert texts.main(["--check"], project) == 0
    before = part.read_text()
    assert texts.main([], project) == 0
    assert part.read_text() == before


def test_a_text_of_two_contexts_is_common_and_one_that_is_gone_is_taken_out(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for part in ("orders/basket.html", "catalogue/book.html"):
        page = project / "templates" / part
        page.write_text(page.read_text() + '{{ ngettext("One leaf", "%(num)s leaves", 2) }}')
    (project / "templates/orders/three_d_secure.html").write_text("")
    texts.main([], project)
    out = capsys.readouterr().out
    assert "new: web.po: One leaf" in out
    assert "no longer shown: orders.po: Do you approve this payment?" in out
    assert "Do you approve" not in (project / "bookstore/locale/es/orders.po").read_text()
