"""A simulated person: opens pages and sends forms, as somebody with a browser does."""

from __future__ import annotations

import os
import random
import ssl
import time
from collections.abc import Callable, Mapping
from typing import Any

import gevent.socket
import gevent.ssl
from locust import FastHttpUser, between, events
from urllib3.filepost import encode_multipart_formdata

from loadtest.evidence import recorder
from loadtest.people import checks
from loadtest.people.connections import Connections
from loadtest.people.pages import Form, Page

File = tuple[str, bytes, str]  # name, content, type
PATIENCE = 30.0  # seconds that a person waits for a page
TRIES = 5  # times that a person sends a form whose answer does not come

events.request.add_listener(recorder.record_request)  # type: ignore[no-untyped-call]


def answer_for(resolve: str) -> None:
    """Give names addresses of our own, as in curl's --resolve: "NAME=ADDRESS,NAME=ADDRESS"."""
    known = dict(pair.split("=", 1) for pair in resolve.split(",") if "=" in pair)
    ask = gevent.socket.getaddrinfo

    def getaddrinfo(host: Any, *args: Any, **kwargs: Any) -> Any:
        return ask(known.get(host, host), *args, **kwargs)

    gevent.socket.getaddrinfo = getaddrinfo


answer_for(os.environ.get("LOADTEST_RESOLVE", ""))


def trust() -> ssl.SSLContext:
    """Trust the system's authorities, or those in the file that SSL_CERT_FILE names."""
    return gevent.ssl.create_default_context()  # type: ignore[no-any-return]


class Person(FastHttpUser):
    """Somebody with a browser: keeps cookies, reads pages, takes time to think."""

    abstract = True
    been_here = False  # the browser has kept the covers from another day
    wait_time = between(0.5, 2.5)
    network_timeout = PATIENCE
    connection_timeout = 10.0
    insecure = False
    ssl_context_factory = staticmethod(trust)
    default_headers = {"User-Agent": "BookStore-loadtest", "Accept-Language": "en"}

    def __init__(self, environment: Any) -> None:
        super().__init__(environment)
        pool = self.client.client.clientpool
        self.connections = self.client.client.clientpool = Connections(**pool.client_args)
        self.random = random.Random()
        self.email = ""  # once there is an account
        self.pictures: set[str] = set()  # those that the browser keeps

    def think(self, shortest: float = 0.3, longest: float = 1.5) -> None:
        """Look at the page for a while."""
        time.sleep(self.random.uniform(shortest, longest))

    def open(self, path: str, name: str, check: Callable[[Page], str] = checks.whole) -> Page:
        """Open an address, following redirects; a page that lacks what it should have fails."""
        for _ in range(5):
            page = self._request("GET", path, name, check)
            if page.status not in (302, 303) or not page.location:
                break
            path = page.location
        self._look(page)
        return page

    def _look(self, page: Page) -> None:
        """Load the covers that a page shows and the browser has not kept yet."""
        for path in () if self.been_here else page.pictures():
            if path not in self.pictures:
                cover = self._request("GET", path, "/covers/[name]", checks.picture)
                if cover.status == 200:
                    self.pictures.add(path)

    def send(
        self,
        form: Form,
        name: str,
        check: Callable[[Page], str],
        fields: Mapping[str, str] | None = None,
        files: Mapping[str, File] | None = None,
    ) -> Page:
        """Fill in a form and send it; while no answer comes, send the same again.

        The idempotency key in the form makes that safe, so people (and browsers) may do it.
        """
        values: dict[str, Any] = {**form.fields, **(fields or {}), **(files or {})}
        page = Page(form.action, 0)
        for attempt in range(TRIES):
            if attempt:
                time.sleep(min(0.5 * 2**attempt, 5))
            page = self._request("POST", form.action, name, check, values, multipart=bool(files))
            if page.heard:
                break
        return page

    def _request(
        self,
        method: str,
        path: str,
        name: str,
        check: Callable[[Page], str],
        values: Mapping[str, Any] | None = None,
        *,
        multipart: bool = False,
    ) -> Page:
        options: dict[str, Any] = {}
        if multipart:
            body, kind = encode_multipart_formdata(dict(values or {}))
            options = {"data": body, "headers": {"Content-Type": kind}}
        elif values is not None:
            options = {"data": dict(values)}
        with self.client.request(
            method, path, name=name, catch_response=True, allow_redirects=False, **options
        ) as response:
            context = response.request_meta["context"]
            opened = {"opened": round(self.connections.opened, 4), "sent": self.connections.sent}
            response.request_meta["context"] = {**context, **opened}
            headers = {k.lower(): v for k, v in (response.headers or {}).items()}
            status = response.status_code or 0
            is_text = headers.get("content-type", "").startswith("text/")
            text = (response.text or "") if is_text else ""
            page = Page(path, status, text, headers, str(getattr(response, "error", None) or ""))
            wrong = check(page) if page.heard else _unheard(page)
            if wrong:
                response.failure(wrong)
            else:
                response.success()
        return page


def _unheard(page: Page) -> str:
    """Say why a page is no answer of the shop."""
    if page.status == 0:
        return page.problem or "no answer"
    return f"a {page.status} page" if 'id="main"' in page.text else f"status {page.status}"
