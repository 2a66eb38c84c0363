"""A steady stream of requests, and what became of each."""

from __future__ import annotations

import asyncio
import ssl
import threading
import time
from dataclasses import dataclass, field
from typing import Self

import httpx

from provisioning.rehearsal.cloud import ACME_ROOT
from provisioning.rehearsal.layout import LOAD_BALANCER, SHOP

SHOWN = 40  # failures of which is said when they were
PATIENCE = 30.0  # seconds that a reader waits: slow is allowed, an error is not


@dataclass(frozen=True)
class Outcome:
    """One request: when it began (seconds since the load did), how long it took, what came back."""

    began: float
    seconds: float
    method: str
    answer: int | str  # the status, or what went wrong
    served_by: str = ""

    @property
    def failed(self) -> bool:
        """Tell whether a reader would have seen an error."""
        return isinstance(self.answer, str) or self.answer >= 500 or self.answer == 404


@dataclass
class Load:
    """Readers who come at a steady rate, each on a connection of its own; a third of them post."""

    rate: float = 20
    address: str = LOAD_BALANCER
    outcomes: list[Outcome] = field(default_factory=list)

    def __enter__(self) -> Self:
        self._stop = threading.Event()
        self._start = time.monotonic()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(PATIENCE + 5)
        assert not self._thread.is_alive()

    @property
    def failures(self) -> list[Outcome]:
        """List the requests that ended in an error."""
        return [outcome for outcome in self.outcomes if outcome.failed]

    def since_start(self) -> float:
        """Give the seconds since the load began, as in `Outcome.began`."""
        return time.monotonic() - self._start

    def summary(self) -> str:
        """Say how it went, and when it went wrong."""
        slowest = max((outcome.seconds for outcome in self.outcomes), default=0)
        failed = sorted(self.failures, key=lambda outcome: outcome.began)
        when = "".join(
            f"\n{f.began:6.1f}  {f.method} {f.answer}, {f.seconds:.1f} s" for f in failed[:SHOWN]
        )
        return (
            f"{len(failed)} of {len(self.outcomes)} requests failed, slowest {slowest:.1f} s{when}"
        )

    async def _run(self) -> None:
        tls = ssl.create_default_context(cafile=str(ACME_ROOT))
        limits = httpx.Limits(max_keepalive_connections=0)
        async with (
            httpx.AsyncClient(verify=tls, limits=limits, timeout=PATIENCE) as client,
            asyncio.TaskGroup() as requests,
        ):
            number = 0
            while not self._stop.is_set():
                requests.create_task(self._request(client, "POST" if number % 3 == 2 else "GET"))
                number += 1
                due = self._start + number / self.rate
                await asyncio.sleep(max(0, due - time.monotonic()))

    async def _request(self, client: httpx.AsyncClient, method: str) -> None:
        began = self.since_start()
        # The form is refused for want of a token, by the shop itself: that is an answer.
        path, form = ("/register", {"name": "Reader"}) if method == "POST" else ("/", None)
        answer: int | str
        served_by = ""
        try:
            response = await client.request(
                method,
                f"https://{self.address}{path}",
                data=form,
                headers={"Host": SHOP},
                extensions={"sni_hostname": SHOP},
            )
            answer, served_by = response.status_code, response.headers.get("X-Served-By", "")
        except httpx.HTTPError as error:
            answer = f"{type(error).__name__}: {error}"
        seconds = self.since_start() - began
        self.outcomes.append(Outcome(began, seconds, method, answer, served_by))
