"""Bring the Spanish texts up to date with the code: `./run texts`.

New texts are added to bookstore/locale/es/*.po without a translation, which a test then asks for;
texts that nothing shows any more are taken out. `--check` changes nothing and tells.
"""

import argparse
import io
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po

ROOT = Path(__file__).parents[1]
KEYWORDS: dict[str, Any] = {
    "_": None, "N_": None, "gettext": None, "lazy_gettext": None, "ngettext": (1, 2),
}  # fmt: skip
METHODS = [("**.py", "python"), ("**.html", "jinja2")]
OPTIONS = {"**.html": {"extensions": "jinja2.ext.i18n"}}
COMMON = "web"  # the part for what belongs to no context alone

type Text = str | tuple[str, ...] | list[str]


def main(given: Sequence[str] | None = None, root: Path = ROOT) -> int:
    """Return 0 when every text has its translation."""
    parser = argparse.ArgumentParser(prog="./run texts", description=__doc__)
    parser.add_argument("--check", action="store_true", help="change no file")
    options = parser.parse_args(given)
    folder = root / "bookstore" / "locale" / "es"
    parts = {path.stem: read(path) for path in sorted(folder.glob("*.po"))}
    in_code = texts_in_code(root)
    added, removed = update(parts, in_code)
    if not options.check:
        for name, catalogue in parts.items():
            (folder / f"{name}.po").write_text(written(catalogue))
    for what, texts in (("new", added), ("no longer shown", removed)):
        for name, text in texts:
            print(f"{what}: {name}.po: {_key(text)}")
    missing = [
        f"{name}.po: {_key(message.id)}"
        for name, catalogue in parts.items()
        for message in catalogue
        if message.id and not is_translated(message)
    ]
    print(f"{len(in_code)} texts, {len(missing)} without a translation:" if missing else
          f"{len(in_code)} texts, all translated.")  # fmt: skip
    for line in missing:
        print(f"  {line}")
    return 1 if missing else 0


def texts_in_code(root: Path = ROOT) -> dict[str | tuple[str, ...], str]:
    """Return every text that the code and the templates show, and the part it belongs to: that of
    the one context whose files show it, or the common one."""
    shown: dict[str | tuple[str, ...], set[str]] = {}
    for folder in ("bookstore", "templates"):
        for file, _line, text, _comments, _context in extract_from_dir(
            root / folder, method_map=METHODS, options_map=OPTIONS, keywords=KEYWORDS
        ):
            shown.setdefault(text, set()).add(Path(file).parts[0])
    contexts = {"accounts", "catalogue", "orders"}
    return {
        text: next(iter(places)) if len(places) == 1 and places <= contexts else COMMON
        for text, places in shown.items()
    }


def update(
    parts: Mapping[str, Catalog], in_code: Mapping[str | tuple[str, ...], str]
) -> tuple[list[tuple[str, Text]], list[tuple[str, Text]]]:
    """Add the texts of the code that no part has, and remove those that the code does not have;
    return both, each with its part."""
    wanted = Counter(_key(text) for text in in_code)
    removed: list[tuple[str, Text]] = [
        (name, message.id)
        for name, catalogue in parts.items()
        for message in catalogue
        if message.id and _key(message.id) not in wanted
    ]
    for name, text in removed:
        parts[name].delete(text)
    known = {_key(message.id) for catalogue in parts.values() for message in catalogue}
    added: list[tuple[str, Text]] = []
    for text, name in in_code.items():
        if _key(text) not in known:
            parts[name].add(text)
            added.append((name, text))
    return added, removed


def is_translated(message: Any) -> bool:
    """Tell whether every form of a text has its translation."""
    texts = message.string if isinstance(message.string, tuple | list) else (message.string,)
    return all(texts) and not message.fuzzy


def read(path: Path) -> Catalog:
    """Return the texts of a part."""
    with path.open("rb") as file:
        return read_po(file, locale="es")


def written(catalogue: Catalog) -> str:
    """Return a part as its file: a short header, one line a text, in the order they came."""
    for message in catalogue:
        message.flags.clear()
    body = io.BytesIO()
    write_po(body, catalogue, width=0, omit_header=True)
    header = (
        'msgid ""\nmsgstr ""\n"Language: es\\n"\n"Content-Type: text/plain; charset=utf-8\\n"\n'
        '"Plural-Forms: nplurals=2; plural=(n != 1);\\n"\n\n'
    )
    return header + body.getvalue().decode().strip() + "\n"


def _key(text: Text) -> str:
    return text if isinstance(text, str) else text[0]


if __name__ == "__main__":
    sys.exit(main())
