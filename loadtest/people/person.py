"""A simulated person: opens pages and sends forms, as somebody with a browser does."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlencode

from locust import User
from locust.exception import StopUser
from urllib3.filepost import encode_multipart_formdata

from loadtest.evidence import recorder
from loadtest.people import checks
from loadtest.people.arrivals import Over
from loadtest.people.browser import Browser
from loadtest.people.client import Answer, Client
from loadtest.people.pages import Form, Page
from loadtest.people.setup import NEW_CONNECTIONS, RUN, SCRIPTS, SPANISH

File = tuple[str, bytes, str]  # name, content, type
Check = Callable[[Page], str]
TRIES = 5  # times that a person sends a form whose answer does not come


class Person(User):
    """Somebody with a browser: keeps cookies and files, reads pages, takes time to think."""

    abstract = True
    been_here = False  # the browser has kept pictures, styles and scripts from another day

    def __init__(self, environment: Any) -> None:
        super().__init__(environment)
        self.random = RUN.random()
        if RUN.arrivals is not None:
            RUN.arrivals.people += 1
        language = "es" if self.random.random() < SPANISH else "en"
        origin = (self.host or "").rstrip("/")
        self.browser = Browser(origin, language, self.random.random() < SCRIPTS)
        keep = self.random.random() >= NEW_CONNECTIONS
        self.client = Client(
            origin,
            RUN.trusted if origin.startswith("https:") else None,
            RUN.addresses,
            keep=keep,
        )
        self.email = ""  # once there is an account
        self.password = ""
        self.name = ""
        self.basket: dict[int, int] | None = {}  # books and copies; None: not known for sure
        self.prices: dict[int, int] = {}  # of the books that were looked at
        self.orders: set[str] = set()  # addresses of the orders that it has confirmed
        self._due = 0.0  # when the next click should begin, where that is known

    def on_stop(self) -> None:
        """Hang up."""
        self.client.close()

    def wait_time(self) -> float:
        """Return the seconds until the person turns to something else."""
        return self.pause(0.5, 2.5)

    def think(self, shortest: float = 0.3, longest: float = 1.5) -> None:
        """Look at the page for a while."""
        time.sleep(self.pause(shortest, longest))

    def pause(self, shortest: float, longest: float) -> float:
        """Return the seconds of a pause, after which the next click should begin."""
        seconds = self.random.uniform(shortest, longest)
        self._due = time.time() + seconds
        return seconds

    def _click(self) -> float:
        """Wait until the next click should begin; return that moment."""
        if RUN.arrivals is not None:
            try:
                return RUN.arrivals.next_click()
            except Over:
                raise StopUser from None
        due, self._due = self._due or time.time(), 0.0
        return due

    def leave(self) -> None:
        """Forget the account: somebody else sits at the browser from now on."""
        self.email = self.password = self.name = ""
        self.basket, self.orders = {}, set()
        self.browser.cookies.clear()
        self.browser.kept.clear()

    def load(self, path: str, check: Check) -> Page:
        """Load a part of the page that is open, as htmx does by itself."""
        return self._request("GET", path, path, check, kind="htmx")

    def stumble(self, over: str) -> None:
        """Note that a page which seemed right did not let the person go on."""
        recorder.write("incidents", what="stumble", who=type(self).__name__, text=over)

    def form(self, page: Page, pattern: str) -> Form | None:
        """Find the form that posts to an address; a page that is right and has none is noted."""
        form = page.form(pattern)
        if form is None and not page.wrong:
            self.stumble(f"no form to {pattern} on {page.path}")
        return form

    def open(self, path: str, name: str, check: Check = checks.whole, **options: Any) -> Page:
        """Open an address, following redirects; a page that lacks what it should have fails.

        With `fragment` a browser that runs htmx asks for the part of the page that changes.
        """
        fragment = options.get("fragment", False) and self.browser.scripts
        due = self._click()
        for _ in range(5):
            kind = "htmx" if fragment else "page"
            page = self._request("GET", path, name, check, kind=kind, due=due)
            if page.status not in (302, 303) or not page.location:
                break
            path, due = page.location, 0.0
        if page.status == 200:
            self.browser.page = path
        self._besides(page)
        return page

    def _besides(self, page: Page) -> None:
        """Load what a page makes a browser load, unless it is kept and fresh."""
        for path, name in self.browser.besides(page.text):
            is_file = path.startswith(("/static/", "/covers/"))
            if (is_file and self.been_here) or self.browser.fresh(path):
                continue
            check = checks.file if is_file else checks.fragment
            self._request("GET", path, name, check, kind="asset" if is_file else "htmx")

    def send(
        self,
        form: Form,
        name: str,
        check: Check,
        fields: Mapping[str, str] | None = None,
        files: Mapping[str, File] | None = None,
    ) -> Page:
        """Fill in a form and send it; while no answer comes, send the same again.

        The idempotency key in the form makes that safe, so people (and browsers) may do it.
        """
        values: dict[str, Any] = {**form.fields, **(fields or {}), **(files or {})}
        if files:
            body, content = encode_multipart_formdata(values)
        else:
            body = urlencode(values).encode()
            content = "application/x-www-form-urlencoded"
        kind = "htmx form" if form.htmx and self.browser.scripts else "form"
        page = Page(form.action, 0)
        due = self._click()
        for attempt in range(TRIES):
            if attempt:
                time.sleep(min(0.5 * 2**attempt, 5))
            page = self._request(
                "POST", form.action, name, check,
                kind=kind, due=0.0 if attempt else due, body=body, content=content, again=attempt,
            )  # fmt: skip
            if page.heard:
                break
        return page

    def _request(
        self,
        method: str,
        path: str,
        name: str,
        check: Check,
        *,
        kind: str,
        due: float = 0.0,
        body: bytes | None = None,
        content: str = "",
        again: int = 0,
    ) -> Page:
        more = {"Content-Type": content} if content else {}
        if method == "GET" and kind != "htmx":
            more = self.browser.condition(path)
        at = time.time()
        answer = self.client.ask(method, path, self.browser.headers(kind, more), body)
        ended = time.time()
        seen = self.browser.take(path, answer) if kind != "htmx" else answer
        for line in answer.cookies if kind == "htmx" else ():
            self.browser.set_cookie(line)
        page = self._page(path, seen, fragment=kind.startswith("htmx"))
        wrong = (check(page) or self._language(page)) if page.heard else _unheard(page)
        page = page.found(wrong)
        self._report(method, name, path, answer, page, at, ended, due or at, again)
        return page

    def _language(self, page: Page) -> str:
        """Say what is wrong with the language of a page."""
        seen = page.language()
        wanted = self.browser.language
        return (
            f"a page in {seen} for somebody who reads {wanted}" if seen not in ("", wanted) else ""
        )

    def _page(self, path: str, answer: Answer, *, fragment: bool) -> Page:
        """Read an answer; a text that is no UTF-8 is no answer."""
        kind = answer.headers.get("content-type", "")
        text, problem = "", answer.problem
        if kind.startswith("text/") or not kind:
            try:
                text = answer.body.decode("utf-8")
            except UnicodeDecodeError as error:
                problem = f"the text is not UTF-8: {error.reason}"
                return Page(path, 0, "", answer.headers, problem)
        return Page(
            path, answer.status, text, answer.headers, problem,
            size=len(answer.body), start=answer.body[:256], fragment=fragment,
        )  # fmt: skip

    def _report(
        self, method: str, name: str, path: str, answer: Answer, page: Page, at: float,
        ended: float, due: float, again: int,
    ) -> None:  # fmt: skip
        """Tell Locust and the record of the run. Times count from when it should have begun."""
        ms = (ended - at) * 1000
        recorder.write(
            "requests", at=round(at, 4), ms=round(ms, 1), late=round((at - due) * 1000, 1),
            name=f"{method} {name}", path=path, status=answer.status,
            replica=answer.headers.get("x-served-by", ""), error=page.wrong[:300] or None,
            opened=round(answer.opened, 4), sent=answer.sent, again=again,
        )  # fmt: skip
        if answer.status == 503 and _unheard(page) == "a 503 page":
            recorder.write("ledger", what="away")
        self.environment.events.request.fire(
            request_type=method,
            name=name,
            response_time=(ended - due) * 1000,
            response_length=len(answer.body),
            response=None,
            context={},
            exception=AssertionError(page.wrong) if page.wrong else None,
            start_time=due,
            url=path,
        )


def _unheard(page: Page) -> str:
    """Say why a page is no answer of the shop."""
    if page.status == 0:
        return page.problem or "no answer"
    return f"a {page.status} page" if 'id="main"' in page.text else f"status {page.status}"
