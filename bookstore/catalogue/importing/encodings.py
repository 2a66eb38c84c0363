"""Decide the encoding of a file, once and for all of it."""

import codecs
import re
import unicodedata
from collections.abc import Callable
from functools import lru_cache
from typing import BinaryIO, NamedTuple

from bookstore.catalogue.importing import alphabets
from bookstore.catalogue.importing.errors import ImportRefused
from bookstore.web.i18n import gettext as _

_CHUNK = 1 << 16
_SAMPLE = 16_000  # bytes of lines that are not plain ASCII
_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# Single bytes that a UTF-8 file holds by mistake, read as Windows does.
STRAY_BYTES = {
    0xDC00 + byte: bytes([byte]).decode("cp1252", "ignore") or chr(byte)
    for byte in range(0x80, 0x100)
}
STRAY = re.compile("[\udc80-\udcff]")
# Encoding -> how many strange marks fewer than Windows-1252 it must leave to be believed.
_CANDIDATES = {
    "cp1252": 0.0, "cp1250": 0.8, "cp1251": 1.0, "cp1253": 1.0, "cp1254": 0.7, "cp1257": 0.9,
    "cp1255": 1.0, "cp1256": 1.0, "cp874": 3.0, "koi8_r": 1.0, "cp866": 1.5, "cp932": 1.0,
    "gb18030": 1.0, "big5": 1.5, "cp949": 1.0, "euc_jp": 1.2, "mac_roman": 2.0, "cp850": 2.5,
}  # fmt: skip
_WITHOUT_KANA = {"gb18030", "big5", "cp949"}
_HANGUL = re.compile("[\uac00-\ud7a3]")
_HANJA = re.compile("[\u4e00-\u9fff]")
_FREQUENT_HANGUL = frozenset(
    "이다는가에을의한고도로은지사인기자리나어하대서아들스시라해정일전를원수여장그우부세주상조보비제과마미구소게유위신"
    "트만선화동오생김박최강문국책성람공안내모무학너새길바산방"
)
_SURE = 1.0  # marks between the best reading and the next one
_SHORT = 200  # bytes of lines that are not plain ASCII
_KANA = re.compile("[\u3041-\u30fa]")
_WORD = re.compile(r"[^\s\x00-\x26\x28-\x2c\x2e\x2f\x3a-\x40\x5b-\x5e\x60\x7b-\x7f]+")
_JOINERS = "'’‘`´-‐·‑_"
_POINTS = "".join(map(chr, range(0x5B0, 0x5C3)))
_HEBREW = "".join(map(chr, range(0x5D0, 0x5EB)))
_FINALS = "םןץףך"
_RARE = frozenset("ðþýđÐÞÝĐ")


class Encoding(NamedTuple):
    """How the bytes of a file become text. `guessed` is one that nothing in the file names;
    `rival` is another that a short file may be in just as well."""

    name: str
    errors: str
    guessed: bool
    rival: str | None = None

    def doubts(self, text: str) -> bool:
        """Tell whether the rival makes another text of the same bytes."""
        try:
            return self.rival is not None and text.encode(self.name).decode(self.rival) != text
        except UnicodeError:
            return True


def named(name: str) -> Encoding:
    """Return the encoding that somebody asked for; raise ImportRefused for one that is none."""
    try:
        known = codecs.lookup(name).name
        "".encode(known)
    except (LookupError, ValueError) as error:
        raise ImportRefused(
            _(
                "There is no encoding %(value)r. Name one such as utf-8, cp1252, cp1251 or"
                " mac_roman.",
                value=name[:40],
            )
        ) from error
    return Encoding(known, _errors_of(known), guessed=False)


def decide(open_file: Callable[[], BinaryIO]) -> Encoding:
    """Return the encoding of a file after reading all of it."""
    with open_file() as file:
        first = file.read(_CHUNK)
        for mark, name in _BOMS:
            if first.startswith(mark):
                return Encoding(name, _errors_of(name), guessed=False)
        if wide := _wide(first):
            return Encoding(wide, "replace", guessed=True)
        decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
        sample = _Sample()
        good = bad = 0
        chunk = first
        while chunk:
            if not chunk.isascii():
                sample.take(chunk)
            text = decoder.decode(chunk)
            if not text.isascii():
                strays = len(STRAY.findall(text))
                bad += strays
                good += sum(not char.isascii() for char in text) - strays
            chunk = file.read(_CHUNK)
        bad += len(STRAY.findall(decoder.decode(b"", final=True)))
    if not bad or good > 2 * bad:
        return Encoding("utf-8", "surrogateescape", guessed=False)
    name, rival = _most_plausible(sample.bytes())
    return Encoding(name, _errors_of(name), guessed=True, rival=rival)


def _errors_of(name: str) -> str:
    return "replace" if name.startswith(("utf-16", "utf-32")) else "surrogateescape"


def _wide(first: bytes) -> str | None:
    """Recognize UTF-16 without a mark by its zero bytes."""
    even, odd = first[0:4000:2].count(0), first[1:4000:2].count(0)
    half = max(1, min(len(first), 4000) // 2)
    if odd > half * 0.3 and odd > 4 * even:
        return "utf-16-le"
    if even > half * 0.3 and even > 4 * odd:
        return "utf-16-be"
    return None


class _Sample:
    """Lines with more than ASCII, from all over a file."""

    def __init__(self) -> None:
        self._lines: list[bytes] = []
        self._size = 0
        self._stride = 1
        self._met = 0

    def take(self, chunk: bytes) -> None:
        for line in re.split(rb"[\r\n]+", chunk):
            if line.isascii():
                continue
            self._met += 1
            if self._met % self._stride:
                continue
            self._lines.append(line[:2000])
            self._size += len(self._lines[-1])
            if self._size > 2 * _SAMPLE:
                self._lines = self._lines[::2]
                self._size = sum(map(len, self._lines))
                self._stride *= 2

    def bytes(self) -> bytes:
        return b"\n".join(self._lines)[: 2 * _SAMPLE]


def _most_plausible(sample: bytes) -> tuple[str, str | None]:
    """Return the encoding in which the sample looks most like text, and the next one if a short
    sample looks nearly as much like other text in it."""
    candidates = dict(_CANDIDATES)
    from charset_normalizer import from_bytes  # a replica at rest needs none of it

    found = from_bytes(sample).best()
    if found is not None and not found.encoding.startswith(("ascii", "utf")):
        candidates[found.encoding] = max(0.0, candidates.get(found.encoding, 2.8) - 0.3)
    read: list[tuple[float, str, str]] = []
    for name, handicap in candidates.items():
        try:
            text = sample.decode(name)
        except UnicodeDecodeError:
            if name != "cp1252":
                continue
            text, handicap = sample.decode(name, "replace"), 5.0
        marks = (
            strangeness(text) + alphabets.mixed(text, name) + alphabets.unlikely(text) + handicap
        )
        read.append((marks + _of_the_far_east(name, text), name, text))
    read.sort(key=lambda one: one[0])  # of equals the first among the candidates
    fewest, best, text = read[0]
    rivals = (name for marks, name, other in read if marks < fewest + _SURE and other != text)
    return best, next(rivals, None) if len(sample) < _SHORT else None


def _of_the_far_east(name: str, text: str) -> float:
    """Return the marks for kana and Korean syllables where they do not belong."""
    if _KANA.search(text):
        return 2.0 if name in _WITHOUT_KANA else -0.5
    korean = _HANGUL.findall(text)
    if len(korean) < 3:
        return 0.0
    return (_FREQUENT_HANGUL.isdisjoint(korean)) + (_HANJA.search(text) is not None) * 0.5


def strangeness(text: str) -> float:
    """Count what no text in its own encoding has: symbols inside words, capitals behind small
    letters, two scripts in one word."""
    return sum(_strange(word) for word in _WORD.findall(text) if not word.isascii())


@lru_cache(maxsize=20_000)
def _strange(word: str) -> float:
    marks = 0.0
    letters = [char for char in word if char.isalpha()]
    scripts = {_script(char) for char in letters}
    if scripts - {"CJK", "HIRAGANA", "KATAKANA"} and len(scripts) > 1:
        marks += 3
    foreign = sum(not char.isascii() for char in letters)
    if scripts == {"LATIN"} and len(letters) >= 3 and foreign > 0.6 * len(letters):
        marks += 2
    for before, char, after in zip(" " + word[:-1], word, word[1:] + " ", strict=True):
        if char.isascii() and before.isascii():
            continue
        kind = unicodedata.category(char)
        if kind in {"Cc", "Co", "Cn"} or char == "\ufffd":
            marks += 3
        elif "\u2500" <= char <= "\u259f" or char in "\u200e\u200f":
            marks += 2
        elif char.isupper() and (before.islower() or (before.isupper() and after.islower())):
            marks += 2.5
        elif char in "¿¡" and before.isalpha():
            marks += 2
        elif (kind[0] in "SPN" or char in "ªº") and not char.isascii() and char not in _JOINERS:
            beside = [near for near in (before, after) if near.isalpha()]
            marks += 3 if len(beside) == 2 and not any(map(_is_wide, beside)) else 0
            marks += 1 if kind[0] in "SN" and any(not near.isascii() for near in beside) else 0
        elif kind == "Mn" and _script(char) == "ARABIC" and (before + after).strip().isascii():
            marks += 2
        elif (kind == "Mn" and char in _POINTS) or (char in _FINALS and after in _HEBREW):
            marks += 1.5
        elif char in _RARE:
            marks += 1
        elif _script(char) in {"CJK", "HALFWIDTH", "HANGUL"}:
            marks += 0 if _common(char) else 1
    return marks


def _is_wide(char: str) -> bool:
    return unicodedata.east_asian_width(char) in "WF"


@lru_cache(maxsize=5_000)
def _script(char: str) -> str:
    name = unicodedata.name(char, "NONE").split()[0].split("-")[0]
    return "LATIN" if name in {"FEMININE", "MASCULINE", "MICRO"} else name


@lru_cache(maxsize=20_000)
def _common(char: str) -> bool:
    """Tell whether an ideograph or syllable is among those in everyday use."""
    for name, leads in (("shift_jis", range(0x88, 0x98)), ("gb2312", range(0xB0, 0xD8)),
                        ("big5", range(0xA4, 0xC7)), ("euc_kr", range(0xB0, 0xC9))):  # fmt: skip
        try:
            code = char.encode(name)
        except UnicodeEncodeError:
            continue
        if len(code) == 2 and code[0] in leads:
            return True
    return False
