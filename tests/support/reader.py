"""A reader without JavaScript: follows links and sends the forms that the pages hold, with their
hidden fields, as a browser does."""

import itertools
from functools import cached_property
from typing import Any, Protocol, Self

from bs4 import BeautifulSoup, Tag

_numbers = itertools.count(1)
PASSWORD = "seven quiet lanterns"


class Answer(Protocol):
    """What both Quart's test client and an HTTP client give back."""

    status_code: int


class Page:
    """An answer of the shop as a reader sees it."""

    def __init__(self, status: int, text: str, headers: Any, path: str) -> None:
        self.status = status
        self.text = text
        self.headers = headers
        self.path = path

    @cached_property
    def soup(self) -> BeautifulSoup:
        """The page's elements."""
        return BeautifulSoup(self.text, "html.parser")

    @property
    def location(self) -> str | None:
        """Where the answer sends the browser, by a redirect or by htmx's header."""
        target = self.headers.get("Location") or self.headers.get("HX-Redirect")
        return None if target is None else str(target)

    def form(self, action: str) -> dict[str, str]:
        """Return the fields of the form that posts to `action`, as they stand."""
        for form in self.soup.select("form"):
            if form.get("action") == action and str(form.get("method")).lower() == "post":
                return _fields(form)
        raise AssertionError(f"no form posts to {action} on {self.path}: {self.text[:3000]}")

    def errors(self) -> list[str]:
        """Return the error sentences of the page."""
        return [tag.get_text(" ", strip=True) for tag in self.soup.select(".error")]

    def see(self, css: str) -> str:
        """Return the text of the first element that matches."""
        found = self.soup.select_one(css)
        assert found is not None, f"nothing matches {css} on {self.path}"
        return found.get_text(" ", strip=True)


def _fields(form: Tag) -> dict[str, str]:
    fields: dict[str, str] = {}
    for tag in form.select("input[name], select[name], textarea[name]"):
        name = str(tag["name"])
        if tag.name == "select":
            chosen = tag.select_one("option[selected]") or tag.select_one("option")
            fields[name] = str(chosen.get("value", chosen.get_text())) if chosen else ""
        elif tag.name == "textarea":
            fields[name] = tag.get_text().replace("\r\n", "\n").removeprefix("\n")
        elif tag.get("type") in {"checkbox", "radio"}:
            if tag.has_attr("checked"):
                fields[name] = str(tag.get("value", "on"))
        elif tag.get("type") != "file":
            fields[name] = str(tag.get("value", ""))
    return fields


class Reader:
    """A browser without JavaScript on the shop's test client."""

    def __init__(self, shop: Any) -> None:
        self._client = shop.test_client()
        self.email = ""

    async def get(self, path: str, **headers: str) -> Page:
        """Open an address; redirects are not followed."""
        response = await self._client.get(path, headers=_dashed(headers))
        text = await response.get_data(as_text=False)
        return Page(response.status_code, text.decode(errors="replace"), response.headers, path)

    async def post(
        self,
        path: str,
        fields: dict[str, Any] | None = None,
        *,
        files: dict[str, Any] | None = None,
        **headers: str,
    ) -> Page:
        """Send a form exactly as given."""
        response = await self._client.post(
            path, form=fields or {}, files=files, headers=_dashed(headers)
        )
        text = await response.get_data(as_text=False)
        return Page(response.status_code, text.decode(errors="replace"), response.headers, path)

    async def submit(
        self, page: str, action: str | None = None, *, files: dict[str, Any] | None = None,
        **fields: Any,
    ) -> Page:  # fmt: skip
        """Open a page, fill in its form that posts to `action` (itself by default), send it."""
        action = action or page.split("?")[0]
        found = (await self.get(page)).form(action)
        return await self.post(action, {**found, **fields}, files=files)

    async def register(self, name: str = "Ana", email: str | None = None) -> Self:
        """Create an account and be signed in to it."""
        self.email = email or f"reader{next(_numbers)}@example.org"
        answer = await self.submit("/register", name=name, email=self.email, password=PASSWORD)
        assert answer.status == 303, answer.errors()
        return self

    async def sign_in(self, email: str, password: str = PASSWORD) -> Page:
        """Send the sign-in form."""
        self.email = email
        return await self.submit("/login", email=email, password=password)


def _dashed(headers: dict[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}
