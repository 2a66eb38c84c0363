"""Decide the encoding of a file, once and for all of it."""

import codecs
import re
import unicodedata
from collections.abc import Callable
from functools import lru_cache
from typing import BinaryIO, NamedTuple

from bookstore.catalogue.importing import alphabets
from bookstore.catalogue.importing.errors import ImportRefused

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
    "cp1252": 0.0, "cp1250": 1.0, "cp1251": 1.0, "cp1253": 1.0, "cp1254": 1.5, "cp1257": 2.0,
    "cp1255": 1.0, "cp1256": 1.0, "cp874": 3.0, "koi8_r": 1.0, "cp866": 1.5, "cp932": 1.0,
    "gb18030": 1.0, "big5": 1.5, "cp949": 1.0, "euc_jp": 1.5, "mac_roman": 2.0, "cp850": 2.5,
}  # fmt: skip
_WORD = re.compile(r"[^\s\x00-\x26\x28-\x2c\x2e\x2f\x3a-\x40\x5b-\x5e\x60\x7b-\x7f]+")
_JOINERS = "'’‘`´-‐·‑_"
_POINTS = "".join(map(chr, range(0x5B0, 0x5C3)))
_HEBREW = "".join(map(chr, range(0x5D0, 0x5EB)))
_FINALS = "םןץףך"
_ICELANDIC = frozenset("ðþýÐÞÝ")


class Encoding(NamedTuple):
    """How the bytes of a file become text. `guessed` is one that nothing in the file names."""

    name: str
    errors: str
    guessed: bool


def named(name: str) -> Encoding:
    """Return the encoding that somebody asked for; raise ImportRefused for one that is none."""
    try:
        known = codecs.lookup(name).name
        "".encode(known)
    except (LookupError, ValueError) as error:
        raise ImportRefused(
            f"There is no encoding {name[:40]!r}. Name one such as utf-8, cp1252, cp1251 or"
            " mac_roman."
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
    if not bad or good > bad:
        return Encoding("utf-8", "surrogateescape", guessed=False)
    name = _most_plausible(sample.bytes())
    return Encoding(name, _errors_of(name), guessed=True)


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


def _most_plausible(sample: bytes) -> str:
    """Return the encoding in which the sample looks most like text."""
    candidates = dict(_CANDIDATES)
    from charset_normalizer import from_bytes  # a replica at rest needs none of it

    found = from_bytes(sample).best()
    if found is not None and not found.encoding.startswith(("ascii", "utf")):
        candidates[found.encoding] = candidates.get(found.encoding, 3.5) - 1.0
    best, fewest = "cp1252", float("inf")
    for name, handicap in candidates.items():
        try:
            text = sample.decode(name)
        except UnicodeDecodeError:
            if name != "cp1252":
                continue
            text, handicap = sample.decode(name, "replace"), 5.0
        marks = strangeness(text) + alphabets.mixed(text) + handicap
        if marks < fewest:
            best, fewest = name, marks
    return best


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
        elif (before.islower() and char.isupper()) or (char in "¿¡" and before.isalpha()):
            marks += 2
        elif (kind[0] in "SPN" or char in "ªº") and not char.isascii() and char not in _JOINERS:
            beside = [near for near in (before, after) if near.isalpha()]
            marks += 2 if len(beside) == 2 else 0
            marks += 1 if kind[0] in "SN" and any(not near.isascii() for near in beside) else 0
        elif kind == "Mn" and _script(char) == "ARABIC" and (before + after).strip().isascii():
            marks += 2
        elif (kind == "Mn" and char in _POINTS) or (char in _FINALS and after in _HEBREW):
            marks += 1.5
        elif char in _ICELANDIC:
            marks += 1
        elif _script(char) in {"CJK", "HALFWIDTH", "HANGUL"}:
            marks += 0 if _common(char) else 1
    return marks


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
