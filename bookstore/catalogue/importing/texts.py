"""The text of a field as people mean it: no markup, nothing that a terminal or a page obeys."""

import html
import re
import unicodedata
from functools import lru_cache

_PLACEHOLDERS = {
    "#n/a", "#ref!", "#div/0!", "#value!", "#name?", "#num!", "#null!", "#spill!", "#calc!", "null",
    "nan", "n/a", "\\n",
}  # fmt: skip
_PLAIN = re.compile(r"[ -%'-;>-\[\]-~]*")  # ASCII without & < = and backslash
_QUOTED_FORMULA = re.compile(r'=\s*"((?:[^"]|"")*)"')
_ESCAPES = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[ -/]*[0-~]?")
_TAG = re.compile(
    r"<(/?)(a|abbr|article|b|big|blockquote|body|br|center|cite|code|dd|div|dl|dt|em|font|footer"
    r"|h[1-6]|head|header|hr|html|i|img|ins|li|link|main|meta|object|ol|p|pre|q|s|script|section"
    r"|small|span|strike|strong|style|sub|sup|svg|table|tbody|td|tfoot|th|thead|title|tr|tt|u|ul"
    r"|iframe|video|audio|input|form|button)\b(?:[^<>\"']|\"[^\"]*\"|'[^']*')*>",
    re.IGNORECASE,
)
_HIDDEN = re.compile(r"<(script|style)\b[^>]*>.*?</\1\s*>|<!--.*?-->", re.IGNORECASE | re.DOTALL)
_BLOCKS = {
    "article", "blockquote", "br", "dd", "div", "dl", "dt", "footer", "h1", "h2", "h3", "h4", "h5",
    "h6", "header", "hr", "li", "main", "ol", "p", "pre", "section", "table", "tr", "ul",
}  # fmt: skip
_MARKS: dict[int, str | None] = dict.fromkeys(
    [0xAD, 0x61C, 0x180E, 0x200B, 0x200E, 0x200F, *range(0x2028, 0x202F), *range(0x2060, 0x2070),
     0xFEFF, *range(0xFFF9, 0xFFFC)]
)  # fmt: skip
_MARKS[0x2028] = _MARKS[0x2029] = "\n"
_JOINERS = re.compile("[\u200c\u200d]")
_ENDING = re.compile(r"[\s,;/]+$")


def cleaned(text: str) -> str:
    """Return the text of a field, perhaps of several lines. What spreadsheets and databases write
    for nothing is blank."""
    if _PLAIN.fullmatch(text) and not text.startswith("'"):
        stripped = text.strip()
        if stripped[:1] in {"#", "n", "N"} and stripped.lower() in _PLACEHOLDERS:
            return ""
        return " ".join(stripped.split()) if "  " in stripped else stripped
    return _cleaned(text)


def _cleaned(text: str) -> str:
    text = text.strip()
    if text.lower() in _PLACEHOLDERS:
        return ""
    if text.startswith("="):
        quoted = _QUOTED_FORMULA.fullmatch(text)
        if not quoted:
            return ""
        text = quoted[1].replace('""', '"')
    elif text.startswith("'") and text[1:2] in tuple("=+-@"):
        text = text[1:]  # how spreadsheets, and our own export, keep a text from being a formula
    if "\x1b" in text:
        text = _ESCAPES.sub("", text)
    if "<" in text:
        text = _TAG.sub(_without_tag, _HIDDEN.sub(" ", text))
    if "&" in text:
        text = html.unescape(text)
    if not text.isprintable():
        text = _visible(text)
    if not text.isascii():
        text = _JOINERS.sub(_kept_joiner, unicodedata.normalize("NFC", text))
    lines = (" ".join(line.split()) for line in text.splitlines())
    return "\n".join(line for line in lines if line)


def _without_tag(found: re.Match[str]) -> str:
    return "\n" if found[2].lower() in _BLOCKS else ""


def _visible(text: str) -> str:
    text = _ESCAPES.sub("", text).translate(_MARKS)
    return "".join(
        char if char in "\n\r\t" or unicodedata.category(char) not in {"Cc", "Cs", "Co", "Cn"}
        else " "
        for char in text
    ).replace("\t", " ")  # fmt: skip


def _kept_joiner(found: re.Match[str]) -> str:
    """Keep a joiner where a script or an emoji needs it, between two of its characters."""
    before = found.string[found.start() - 1 : found.start()]
    after = found.string[found.end() : found.end() + 1]
    return found[0] if before > "\u0600" and after > "\u0600" else ""


def one_line(text: str) -> str:
    """Return a cleaned text on one line."""
    return " ".join(text.split("\n"))


def name_of(text: str) -> str:
    """Return a name or title: one line, without the separators that catalogues end it with."""
    return _ENDING.sub("", one_line(text)).strip()


@lru_cache(maxsize=20_000)
def ascii_digits(text: str) -> str:
    """Return the text with the digits and number signs of every script in ASCII."""
    if text.isascii():
        return text
    out = []
    for char in text:
        digit = unicodedata.decimal(char, None)
        out.append(str(digit) if digit is not None else _NUMBER_SIGNS.get(char, char))
    return "".join(out)


_NUMBER_SIGNS = {
    "٫": ".", "٬": ",", "．": ".", "，": ",", "−": "-", "–": "-", "—": "-", "‐": "-", "‑": "-",
    "‒": "-", "－": "-", "\u00a0": " ", "\u202f": " ", "\u2009": " ", "’": "'", "＋": "+",
}  # fmt: skip


def harmless(text: str) -> str:
    """Return a cell that no spreadsheet takes for a formula; an import takes the mark off."""
    return f"'{text}" if text[:1] in {"=", "+", "-", "@", "\t", "\r"} else text
