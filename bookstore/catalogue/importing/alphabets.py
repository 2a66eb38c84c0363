"""The letters beside a to z that languages with Latin letters have: what is written in one of them
has no others."""

import re

# Several languages of one Windows encoding share a line where their letters do not clash.
_ALPHABETS = tuple(
    frozenset(letters)
    for letters in (
        "áéíóúüñçàèïòªº",  # Spanish and Catalan
        "àâæçéèêëîïôœùûüÿ",  # French
        "äöüßéàèô",  # German
        "àèéìíîòóùú",  # Italian
        "áâãàçéêíóôõúüªº",  # Portuguese
        "éëïóöüáèê",  # Dutch
        "åäöéüáà",  # Swedish and Finnish
        "åæøéóòâêèü",  # Danish and Norwegian
        "áðéíóúýþæö",  # Icelandic
        "áčďéěíňóřšťúůýžäĺľôŕ",  # Czech and Slovak
        "ąćęłńóśźż",  # Polish
        "áéíóöőúüű",  # Hungarian
        "čćđšž",  # Croatian and Slovene
        "ăâîșțşţ",  # Romanian
        "çğıöşüâîûİ",  # Turkish
        "ąčęėįšųūž",  # Lithuanian
        "āčēģīķļņōŗšūž",  # Latvian
        "äöõüšž",  # Estonian
    )
)
_LATIN = re.compile("[\u00aa\u00ba\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u024f]")
_MOST = 3  # of a line: a few names from elsewhere say little


def mixed(text: str) -> int:
    """Count, line by line, the letters that the likeliest language of the line does not have."""
    return sum(map(_mixed_line, text.splitlines()))


def _mixed_line(line: str) -> int:
    letters = [char.lower()[0] for char in _LATIN.findall(line)]
    if not letters:
        return 0
    return min(_MOST, *(sum(one not in own for one in letters) for own in _ALPHABETS))
