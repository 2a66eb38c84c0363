"""Texts as the search sees them: the same on every engine, without case or accents.

Every word is stored behind a fixed mark. MySQL's full-text index leaves out words of fewer than
three letters and a list of stop words; behind the mark "it" is five letters and no stop word, so
that "It" and "1984" are found on a server with default settings.
"""

import re
import unicodedata
from collections.abc import Iterable

MARK = "zzz"
KEY_LENGTH = 64
MAX_WORD = 40
_WORD = re.compile(r"[^\W_]+")
_APOSTROPHE = re.compile(r"['’`´ʼ]")
_ARTICLES = re.compile(r"^(the|a|an|el|la|los|las|un|una|le|les|der|die|das) (?=.)")
# Letters that Unicode does not take apart into a base letter and an accent.
_FOLDED = str.maketrans({"ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe",
                         "ı": "i"})  # fmt: skip


def fold(text: str) -> str:
    """Return the text in lower case without accents."""
    decomposed = unicodedata.normalize("NFKD", text.casefold().translate(_FOLDED))
    return "".join(letter for letter in decomposed if not unicodedata.combining(letter))


def split(text: str) -> list[str]:
    """Return the folded words of a text. "Ender's" is one word; initials are words."""
    return [word[:MAX_WORD] for word in _WORD.findall(_APOSTROPHE.sub("", fold(text)))]


def title_key(title: str) -> str:
    """Return what titles are sorted by and looked up from their beginning by: the folded words,
    without a leading article, at most 64 characters."""
    return _ARTICLES.sub("", " ".join(split(title)))[:KEY_LENGTH].rstrip()


def indexed(texts: Iterable[str]) -> str:
    """Return the marked words of the texts for the full-text index, each once."""
    found: dict[str, None] = {}
    for text in texts:
        words = split(text)
        found |= dict.fromkeys(words)
        found |= dict.fromkeys(_joined_initials(words))
    return " ".join(MARK + word for word in found)


def _joined_initials(words: list[str]) -> list[str]:
    """Return "jk" for the words j, k: people write initials both ways."""
    joined, run = [], ""
    for word in [*words, ""]:
        if len(word) == 1 and word.isalpha():
            run += word
            continue
        if len(run) > 1:
            joined.append(run)
        run = ""
    return joined
