"""Languages in words and codes, old and new, as the codes that the shop offers."""

import re
from functools import cache, lru_cache

from babel import Locale
from babel.core import get_global

from bookstore.catalogue.domain import LANGUAGES
from bookstore.catalogue.importing.columns import key

NONE = ""  # what is said is that there is none, or that it is not known
_BIBLIOGRAPHIC = {
    "alb": "sq", "arm": "hy", "baq": "eu", "bur": "my", "chi": "zh", "cze": "cs", "dut": "nl",
    "fre": "fr", "geo": "ka", "ger": "de", "gre": "el", "ice": "is", "mac": "mk", "may": "ms",
    "mao": "mi", "per": "fa", "rum": "ro", "slo": "sk", "tib": "bo", "wel": "cy", "scr": "hr",
    "scc": "sr", "iw": "he", "in": "id", "ji": "yi", "mo": "ro", "mol": "ro", "nb": "no",
    "nn": "no", "nob": "no", "nno": "no", "nor": "no", "tl": "fil", "tgl": "fil", "cmn": "zh",
    "yue": "zh", "msa": "ms", "zsm": "ms",
}  # fmt: skip
_WORDS = {
    "castellano": "es", "castilian": "es", "catalan": "ca", "valenciano": "ca", "euskera": "eu",
    "vasco": "eu", "farsi": "fa", "mandarin": "zh", "tagalog": "fil", "pilipino": "fil",
    "multilingual": "mul", "multiple": "mul", "various": "mul", "varios": "mul",
    "multilingue": "mul", "bilingual": "mul", "bilingue": "mul", "norwegianbokmal": "no",
    "norwegiannynorsk": "no", "brazilianportuguese": "pt", "americanenglish": "en",
    "britishenglish": "en", "moderngreek": "el", "greekmodern1453": "el", "unknown": NONE,
    "undetermined": NONE, "desconocido": NONE, "und": NONE, "zxx": NONE, "mis": NONE,
    "nolinguisticcontent": NONE, "none": NONE, "ancientgreek": "grc",
}  # fmt: skip
_CODE = re.compile(r"[\[(]?[a-z]{2,3}(?:[-_][a-z0-9]{2,4})*[\]).]?")
_SEVERAL = re.compile(r"\s*(?:[,;/|+&]|\band\b|\by\b|\bund\b(?=\s)|\bet\b)\s*")


def _named(*locales: str) -> dict[str, str]:
    """Return the names of languages in some, the last one first."""
    codes = dict.fromkeys((*LANGUAGES, *Locale("en").languages))
    return {
        key(name): code
        for locale in locales
        for code, name in Locale(locale).languages.items()
        if "_" not in code and code in codes
    }


@cache
def _names() -> dict[str, str]:
    """Return the names of languages in English and Spanish."""
    return {**_named("es", "en"), **_WORDS}


@cache
def _other_names() -> dict[str, str]:
    """Return the names of languages in German, French and their own, which take long to load."""
    names = _named("fr", "de")
    for code in LANGUAGES:
        try:
            own = Locale.parse(code).get_language_name(code)
        except Exception:  # noqa: S112 - the library knows no such language by itself
            continue
        if own:
            names.setdefault(key(own), code)
    return names


@lru_cache(maxsize=5_000)
def codes(text: str) -> str | None:
    """Return the code of a language, `mul` for several, NONE for none, or None for words that
    name no language that is known."""
    plain = text.strip().lower()
    if not plain:
        return NONE
    whole = _code(plain)
    if whole is None and "(" in plain:
        whole = _code(re.sub(r"\s*\([^()]*\)", "", plain))
    if whole is not None:
        return whole
    found = [_code(part) for part in _SEVERAL.split(plain) if part]
    known = list(dict.fromkeys(code for code in found if code))
    if None in found or not known:
        return None
    return known[0] if len(known) == 1 else "mul"


def _code(plain: str) -> str | None:
    named = _names().get(key(plain))
    if named is None and not _CODE.fullmatch(plain):
        named = _other_names().get(key(plain))
    if named is not None:
        return named
    first = re.split(r"[-_]", plain)[0].strip("[]() .")
    if first in _BIBLIOGRAPHIC:
        return _BIBLIOGRAPHIC[first]
    if re.fullmatch(r"[a-z]{3}", first):
        first = str(get_global("language_aliases").get(first, first))
    if re.fullmatch(r"[a-z]{2,3}", first) and (
        first in LANGUAGES or first in Locale("en").languages
    ):
        return _BIBLIOGRAPHIC.get(first, first)
    return _other_names().get(key(plain))  # some are as short as a code
