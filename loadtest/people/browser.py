"""What a browser adds to a page: its headers, cookies, what it keeps and what it loads besides."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.cookies import CookieError, SimpleCookie

from loadtest.people.client import CODINGS, Answer

_ASSET = re.compile(
    r'<(?:link\s[^>]*?rel="(?:stylesheet|icon)"[^>]*?href|script\s[^>]*?src|img\s[^>]*?src)'
    r'="(/(?:static|covers)/[^"]+)"'
)
_ON_LOAD = re.compile(r'hx-get="([^"]+)"\s+hx-trigger="load\b')
_AGE = re.compile(r"max-age=(\d+)")
KINDS = {"static": "/static/[name]", "covers": "/covers/[name]"}


@dataclass(frozen=True)
class Kept:
    """An answer in the browser's cache."""

    answer: Answer
    etag: str
    fresh_until: float


@dataclass
class Browser:
    """The state of one browser. With `scripts`, it runs htmx; else it is one without JavaScript."""

    origin: str
    language: str = "en"
    scripts: bool = True
    cookies: dict[str, str] = field(default_factory=dict)
    kept: dict[str, Kept] = field(default_factory=dict)
    page: str = ""  # the address of the page that is open, for Referer

    def headers(self, kind: str, more: Mapping[str, str] | None = None) -> dict[str, str]:
        """Return what is sent with a request for a page, a form, an asset or a fragment."""
        navigates = kind in ("page", "form")
        made = {
            "User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) BookStore-loadtest",
            "Accept": "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8" if navigates else "*/*",
            "Accept-Language": f"{self.language},en;q=0.5",
            "Accept-Encoding": CODINGS,
            "Connection": "keep-alive",
            "Sec-Fetch-Dest": "document" if navigates else "empty",
            "Sec-Fetch-Mode": "navigate" if navigates else "cors",
            "Sec-Fetch-Site": "same-origin" if self.page else "none",
            "Priority": "u=0, i" if navigates else "u=4",
        }
        if navigates:
            made |= {"Upgrade-Insecure-Requests": "1", "Sec-Fetch-User": "?1"}
        if self.page:
            made["Referer"] = self.origin + self.page
        if kind in ("form", "htmx form"):
            made["Origin"] = self.origin
        if kind.startswith("htmx"):
            made |= {"HX-Request": "true", "HX-Request-Type": "partial"}
            made["HX-Current-URL"] = self.origin + self.page
        if self.cookies:
            made["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        return made | dict(more or {})

    def condition(self, path: str) -> dict[str, str]:
        """Return the header that asks only for what has changed since it was kept."""
        kept = self.kept.get(path)
        return {"If-None-Match": kept.etag} if kept and kept.etag else {}

    def fresh(self, path: str) -> bool:
        """Tell whether something need not be asked for again."""
        kept = self.kept.get(path)
        return kept is not None and time.time() < kept.fresh_until

    def take(self, path: str, answer: Answer) -> Answer:
        """Take cookies and what may be kept; return the kept answer where nothing has changed."""
        for line in answer.cookies:
            self.set_cookie(line)
        kept = self.kept.get(path)
        control = answer.headers.get("cache-control", "")
        age = _AGE.search(control)
        until = time.time() + (int(age[1]) if age and "no-cache" not in control else 0)
        if answer.status == 304 and kept:
            self.kept[path] = Kept(kept.answer, kept.etag, until)
            return kept.answer
        etag = answer.headers.get("etag", "")
        if answer.status == 200 and "no-store" not in control and (etag or age):
            self.kept[path] = Kept(answer, etag, until)
        return answer

    def set_cookie(self, line: str) -> None:
        """Take a Set-Cookie header."""
        try:
            cookies = SimpleCookie(line)
        except CookieError:
            return
        for name, morsel in cookies.items():
            if morsel["max-age"] == "0" or not morsel.value:
                self.cookies.pop(name, None)
            else:
                self.cookies[name] = morsel.value

    def besides(self, text: str) -> list[tuple[str, str]]:
        """List what a page makes the browser load: address and name, each once, in order."""
        found = dict.fromkeys(_ASSET.findall(text))
        made = [(path, KINDS[path.split("/")[1]]) for path in found]
        if self.scripts:
            made += [(path, path.split("?")[0]) for path in dict.fromkeys(_ON_LOAD.findall(text))]
        return made
