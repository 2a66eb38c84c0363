"""The shop's pages as a browser without JavaScript sees them: links and forms."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser

_HREF = re.compile(r'<a\s[^>]*?href="([^"]+)"')
_PICTURE = re.compile(r'<img\s[^>]*?src="(/covers/[^"]+)"')
_SERVED = re.compile(r"<[^>]+>")


@dataclass
class Form:
    """A form with its fields as they stand; `files` are the names of its file inputs."""

    action: str
    method: str = "get"
    fields: dict[str, str] = field(default_factory=dict)
    choices: dict[str, list[str]] = field(default_factory=dict)  # of selects
    files: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Page:
    """An answer of the shop. `status` 0: none came, and `problem` says why."""

    path: str
    status: int
    text: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    problem: str = ""

    @property
    def heard(self) -> bool:
        """Tell whether the shop itself answered: not a dead connection, not an error page."""
        return 0 < self.status < 500

    @property
    def location(self) -> str:
        """Return where the answer sends the browser; "" when it does not."""
        return self.headers.get("location", "")

    def links(self, pattern: str) -> list[str]:
        """List the links whose address matches, each once, in order."""
        found = dict.fromkeys(html.unescape(m) for m in _HREF.findall(self.text))
        return [link for link in found if re.fullmatch(pattern, link)]

    def pictures(self) -> list[str]:
        """List the covers that the page shows, each once, in order."""
        return list(dict.fromkeys(html.unescape(m) for m in _PICTURE.findall(self.text)))

    def forms(self) -> list[Form]:
        """Read the page's forms."""
        reader = _Forms()
        reader.feed(self.text)
        return reader.forms

    def form(self, pattern: str) -> Form | None:
        """Find the form that posts to a matching address."""
        return next(
            (f for f in self.forms() if f.method == "post" and re.fullmatch(pattern, f.action)),
            None,
        )

    def texts(self, css_class: str) -> list[str]:
        """List the texts of elements of a class (of those without elements of the same name)."""
        pattern = rf'<(\w+)[^>]*class="(?:[^"]* )?{css_class}(?: [^"]*)?"[^>]*>(.*?)</\1>'
        found = re.findall(pattern, self.text, re.S)
        return [_plain(text) for _, text in found]


def amount(text: str) -> int:
    """Read money as it is shown, such as €1,234.50, in minor units."""
    return int(re.sub(r"\D", "", text) or 0)


def _plain(text: str) -> str:
    return " ".join(html.unescape(_SERVED.sub(" ", text)).split())


class _Forms(HTMLParser):
    """Collects forms with the values that a browser would send."""

    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self._form: Form | None = None
        self._select = ""
        self._area = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        have = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._form = Form(have.get("action", ""), have.get("method", "get").lower())
            self.forms.append(self._form)
        elif self._form is None:
            return
        elif tag == "input" and "name" in have:
            self._input(self._form, have)
        elif tag == "select":
            self._select = have.get("name", "")
            self._form.choices[self._select] = []
        elif tag == "option" and self._select:
            value = have.get("value", "")
            self._form.choices[self._select].append(value)
            if "selected" in have or self._select not in self._form.fields:
                self._form.fields[self._select] = value
        elif tag == "textarea":
            self._area = have.get("name", "")
            self._form.fields[self._area] = ""

    @staticmethod
    def _input(form: Form, have: Mapping[str, str]) -> None:
        kind = have.get("type", "text")
        if kind == "file":
            form.files.append(have["name"])
        elif kind not in ("checkbox", "radio"):
            form.fields[have["name"]] = have.get("value", "")
        elif "checked" in have:
            form.fields[have["name"]] = have.get("value", "on")

    def handle_data(self, data: str) -> None:
        if self._area and self._form is not None:
            self._form.fields[self._area] += data.removeprefix("\n")

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._form = None
        elif tag == "select":
            self._select = ""
        elif tag == "textarea":
            self._area = ""
