"""The letters that languages write: what is written in one of them has no others, and few of those
that are rare in it."""

import re
import unicodedata
from collections.abc import Iterable
from typing import NamedTuple


class _Language(NamedTuple):
    letters: str  # with Latin letters, those beside a to z
    unused: str = ""  # of a to z, but for names from elsewhere
    never: str = "(?!)"  # what its letters do not stand beside


_CONSONANT = "[b-df-hj-np-tv-xz]"
_SOFT = f"ç{_CONSONANT}|õ[^e]"
# What words of the west look like in the alphabets of the east: père, très, là, où, naïve, Lång.
_HARD = r"[dfglmnpt]čr|ičre\b|\wčs\b|\bč(me)?\b|[cf]č\b"
_CZECH = (
    rf"(?<![dtnbpvmf])ě|[ĺŕ](?!{_CONSONANT}|[čďľňřšťž])|\bĺ|lĺ|ĺr|ĺn[dg]|rř|řr|oů|[ae]ď[lsv]"
    rf"|{_HARD}"
)
_LITHUANIAN = rf"\bą\b|ų[bcdfgjklmnprtv]|{_HARD}"

_GERMAN = _Language("äöüßéàô")
_ESTONIAN = _Language("äöõüšž", "cqwxy")
_WESTERN = (
    _Language("áéíóúüñªº", "kw"),  # Spanish
    _Language("àçèéíïòóúüªº", "kwy", _SOFT),  # Catalan
    _Language("àâçéèêëîïôœùûüÿ", "kw", _SOFT),  # French
    _GERMAN,
    _ESTONIAN,
    _Language("çğıöşüâûİ", "qwx", rf"(?:\b|{_CONSONANT})ç{_CONSONANT}"),  # Turkish
    _Language("àèéìíîòóùúªº", "jkwxy"),  # Italian
    _Language("áâãàçéêíóôõúüªº", "kwy", _SOFT),  # Portuguese
    _Language("éëïóöüè", "", r"\bè"),  # Dutch
    _Language("åäöéüáà"),  # Swedish and Finnish
    _Language("åæøéóòü", "", r"iæ\b"),  # Danish and Norwegian
    _Language("áðéíóúýþæö", "cqwz", r"iæ\b"),  # Icelandic
)
_CENTRAL = (
    _GERMAN,
    _Language("áčďéěíňóřšťúůýžäĺľôŕ", "qwx", _CZECH),  # Czech and Slovak
    _Language("ąćęłńóśźż", "qvx", "ń[aąeęioóuy]"),  # Polish
    _Language("áéíóöőúüű", "qwx", "oű"),  # Hungarian
    _Language("čćđšž", "qwxy", _HARD),  # Croatian and Slovene
    _Language("ăâîșțşţ", "kqwy", r"ăo\b"),  # Romanian
)
_BALTIC = (
    _GERMAN,
    _ESTONIAN,
    _Language("ąčęėįšųūž", "qwx", _LITHUANIAN),  # Lithuanian
    _Language("āčēģīķļņōŗšūž", "qwxy", rf"ģ\b|ķ{_CONSONANT}|{_HARD}"),  # Latvian
)
_OF_ENCODINGS = {"cp1250": _CENTRAL, "cp1257": _BALTIC}  # all others are western
_LATIN = re.compile("[\u00aa\u00ba\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u024f]")
_WORD = re.compile(r"[^\W\d_]+")
_MOST = 3  # of a line: a few names from elsewhere say little
# The letters that make up seven eighths of a text in other scripts.
_FREQUENT = {
    re.compile("[\u0400-\u04ff]"): frozenset("оеаинтсрвлкмупяіьы"),
    re.compile("[\u0370-\u03ff]"): frozenset("αειοστνηρκπλυςμ"),
}


def mixed(text: str, encoding: str) -> int:
    """Count, line by line, the letters that the likeliest language of an encoding does not have in
    the line."""
    languages = _OF_ENCODINGS.get(encoding, _WESTERN)
    return sum(_mixed_line(line, languages) for line in text.splitlines())


def _mixed_line(line: str, languages: Iterable[_Language]) -> int:
    words = [word for word in _WORD.findall(line) if _LATIN.search(word)]
    if not words:
        return 0
    plain = " ".join(words).lower()
    letters = [char.lower()[0] for char in _LATIN.findall(" ".join(words))]
    return min(
        _MOST,
        *(
            sum(letter not in one.letters for letter in letters)
            + any(letter in plain for letter in one.unused)
            + (re.search(one.never, plain) is not None)
            for one in languages
        ),
    )


def unlikely(text: str) -> float:
    """Count letters of other scripts that are rare in them, beyond what is usual; text without
    any capital counts as well."""
    marks = 0.0
    for script, frequent in _FREQUENT.items():
        letters = script.findall(text)
        rare = sum(unicodedata.normalize("NFD", one.lower())[0] not in frequent for one in letters)
        marks += max(0.0, rare - 0.25 * len(letters))
        marks += 2 if len(letters) > 2 and not any(map(str.isupper, letters)) else 0
    return marks
