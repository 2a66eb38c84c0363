"""Texts as the search sees them: the same on every engine, without case or accents.

Every word is stored behind a fixed mark and in ASCII. MySQL's full-text index leaves out words of
fewer than three letters and a list of stop words, and engines do not agree on which signs of other
scripts are letters; behind the mark "it" is five letters and no stop word, and हिन्दी is one word
everywhere.

Scripts that put no blanks between words (Chinese, Japanese, Thai, …), and Korean, whose words take
endings, are looked up by pairs of letters.
"""

import re
import string
import unicodedata
from collections.abc import Iterable
from functools import lru_cache

MARK = "zzz"
KEY_LENGTH = 64
MAX_WORD = 40
_MAX_FOREIGN = 20  # letters; each takes four in the index, where a word has at most 84
_MAX_COMPOUND = 30
_APOSTROPHE = re.compile(r"['’`´ʼ]")
_ARTICLES = re.compile(r"^(the|a|an|el|la|los|las|un|una|le|les|der|die|das) (?=.)")
_SERIES = re.compile(r"\s*\([^()]*#[^()]*\)\s*$")  # (The Hunger Games, #1)
# Letters that Unicode does not take apart, and Arabic ones that people write in several ways.
_FOLDED = str.maketrans({
    "ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "ı": "i", "ى": "ي",
    "ة": "ه", "ٱ": "ا", "ک": "ك", "ی": "ي", "ـ": None,
})  # fmt: skip


def _is_accent(letter: str) -> bool:
    """Tell whether a mark can be left out: accents and vowel points, no vowels of Indic scripts."""
    if "\u0300" <= letter <= "\u036f":
        return True
    order = unicodedata.combining(letter)
    return order >= 200 or 10 <= order <= 36 or order == 7


def _ranges(letters: Iterable[str]) -> str:
    return "".join(re.escape(letter) for letter in letters)


_MARKS = _ranges(
    chr(code)
    for code in (*range(0x900, 0x1D00), *range(0x3099, 0x309B), *range(0xA800, 0xAC00))
    if unicodedata.category(chr(code)) in {"Mn", "Mc"} and not _is_accent(chr(code))
)
_WORD = re.compile(rf"[^\W_](?:[^\W_]|[{_MARKS}])*")
# Thai, Lao, Myanmar, Khmer; kana; ideographs; Hangul; half-width kana are folded before.
_UNSPACED_RANGES = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3040-\u30ff\u31f0-\u31ff"
    "\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3\uf900-\ufaff\U00020000-\U0003ffff"
)
_UNSPACED = re.compile(f"([{_UNSPACED_RANGES}]+)")
# Symbols that make words: C++, C#, .NET.
_PLUSES = re.compile(r"(?<![^\W_])([a-z])\+\+")
_SHARP = re.compile(r"(?<![^\W_])([a-z])#(?![^\W_])")
_DOT_NET = re.compile(r"\.net\b")
_COMPOUND = re.compile(r"[^\W_]+(?:-[^\W_]+)+")
_POSSESSIVE = re.compile(r"([^\W\d_]{3,})['’]s\b")
_GROUPED = re.compile(r"\b\d{1,3}(?:[.,]\d{3})+\b")
_DIGITS = string.digits + string.ascii_lowercase


def fold(text: str) -> str:
    """Return the text in lower case without accents."""
    lower = text.casefold()
    if lower.isascii():
        return lower
    decomposed = unicodedata.normalize("NFKD", lower.translate(_FOLDED))
    kept = "".join(letter for letter in decomposed if not _is_accent(letter))
    return unicodedata.normalize("NFC", kept)


def _spelled(folded: str) -> str:
    """Write symbols that make words as letters."""
    if "+" in folded:
        folded = _PLUSES.sub(r" \1plusplus ", folded)
    if "#" in folded:
        folded = _SHARP.sub(r" \1sharp ", folded)
    if ".net" in folded:
        folded = _DOT_NET.sub(" dotnet", folded)
    return folded


def _whole_words(folded: str) -> list[str]:
    return _WORD.findall(_APOSTROPHE.sub("", _spelled(folded)))


def split(text: str) -> list[str]:
    """Return the folded words of a text. "Ender's" is one word; initials are words; of scripts
    without blanks the pairs of letters."""
    found: list[str] = []
    for word in _whole_words(fold(text)):
        if word.isascii():
            found.append(word[:MAX_WORD])
            continue
        for number, part in enumerate(_UNSPACED.split(word)):
            if number % 2:
                found += [part[place : place + 2] for place in range(len(part) - 1)] or [part]
            elif part:
                found.append(part[:_MAX_FOREIGN])
    return found


def is_pair(word: str) -> bool:
    """Tell whether a word is a pair of letters of a script without blanks, or one such letter."""
    return not word.isascii() and bool(_UNSPACED.fullmatch(word))


def title_key(title: str) -> str:
    """Return what titles are sorted by and looked up from their beginning by: the folded words,
    without a leading article and the series behind, at most 64 characters."""
    words = _whole_words(fold(_SERIES.sub("", title))) or _whole_words(fold(title))
    joined = " ".join(word[:MAX_WORD] for word in words)
    return _ARTICLES.sub("", joined)[:KEY_LENGTH].rstrip()


def marked(word: str) -> str:
    """Return a word as the full-text index holds it."""
    return MARK + (word if word.isascii() else _in_ascii(word))


@lru_cache(maxsize=50_000)
def _in_ascii(word: str) -> str:
    return "".join(letter if letter.isascii() else _four(ord(letter)) for letter in word)


def _four(code: int) -> str:
    out = ""
    for _place in range(4):
        code, digit = divmod(code, 36)
        out = _DIGITS[digit] + out
    return out


def indexed(texts: Iterable[str]) -> str:
    """Return the marked words of the texts for the full-text index, each once."""
    found = dict.fromkeys(form for text in texts for form in forms(text))
    return " ".join(marked(word) for word in found)


def forms(text: str) -> list[str]:
    """Return the words of a text, and what people type besides them."""
    words = split(text)
    return [*words, *_joined_initials(words), *_other_forms(fold(text))]


def _other_forms(folded: str) -> list[str]:
    """Return what people type besides the words as they stand: catch22 and ender, 3096, the letters
    of a script without blanks one by one, C for C++."""
    forms: list[str] = []
    if "-" in folded:
        forms += [
            "".join(split(compound)) for compound in _COMPOUND.findall(folded)
            if len(compound) <= _MAX_COMPOUND
        ]  # fmt: skip
    if "'s" in folded or "’s" in folded:
        forms += _POSSESSIVE.findall(folded)
    if "+" in folded or "#" in folded:
        forms += _PLUSES.findall(folded) + _SHARP.findall(folded)
    forms += [re.sub("[.,]", "", number) for number in _GROUPED.findall(folded)]
    if not folded.isascii():
        forms += [letter for run in _UNSPACED.findall(folded) for letter in run if letter.isalnum()]
    return [form for form in forms if form]


def _joined_initials(words: list[str]) -> list[str]:
    """Return "jk" for the words j, k: people write initials both ways."""
    if all(len(word) > 1 for word in words):
        return []
    joined, run = [], ""
    for word in [*words, ""]:
        if len(word) == 1 and word.isalpha():
            run += word
            continue
        if len(run) > 1:
            joined.append(run)
        run = ""
    return joined
