"""What the split into three services costs: the same requests to the monolith and to the three
services, both behind Traefik, in turn. `.venv/bin/python -m benchmarks.split [ROUNDS]`"""

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
from bs4 import BeautifulSoup

from bookstore.commands import services
from bookstore.commands.demo import prepare
from bookstore.settings import CONTEXTS, Settings
from tests.support.server import free_port, serving
from tests.support.topology import Services, wait_until_answered


class Visitor:
    """One reader who buys again and again."""

    def __init__(self, origin: str) -> None:
        self.client = httpx.Client(base_url=origin, timeout=30)
        self.post("/register", "/register", name="Ana", email="a@example.net",
                  password="violet engines sleeping")  # noqa: S106  # fmt: skip
        self.number = 0

    def post(self, page: str, action: str, **fields: object) -> httpx.Response:
        """Fill in a form as it stands and send it."""
        soup = BeautifulSoup(self.client.get(page).text, "html.parser")
        form = soup.select_one(f"form[method=post][action='{action}']")
        assert form is not None, (page, action)
        hidden = {str(tag["name"]): tag.get("value", "") for tag in form.select("[type=hidden]")}
        answer = self.client.post(action, data={**hidden, **fields})
        assert answer.status_code == 303, (action, answer.status_code)
        return answer

    def catalogue(self) -> None:
        """Return a page of the catalogue that nobody asked for before."""
        self.number += 1
        assert self.client.get(f"/?q=the&min=0.{self.number:02d}").status_code == 200

    def checkout(self) -> None:
        """From the book to the paid order."""
        self.number += 1
        book = 16 + self.number % 40
        page = self.client.get(f"/books/{book}").text
        if "Add to basket" not in page:
            return
        self.post(f"/books/{book}", "/basket", book_id=book, quantity=1)
        answer = self.post("/checkout", "/checkout", name="A", address="Street 1", country="ES",
                           carrier="post")  # fmt: skip
        pay = answer.headers["location"]
        self.post(pay, pay, card_number="4242424242424242", expiry="12/40", cvc="123")


def main(rounds: int) -> None:
    """Print the median of each and their ratio."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        split = Services(_settings(folder / "split"), folder / "split")
        mono = _settings(folder / "mono")
        port = free_port()
        with (
            split.running(),
            serving(
                mono.database_url.get_secret_value(), folder / "mono", trusted_hops=1
            ) as server,
            _traefik(folder / "mono", port, server.origin),
        ):
            wait_until_answered(f"http://127.0.0.1:{port}/")
            one, three = Visitor(f"http://127.0.0.1:{port}"), Visitor(split.origin)
            for what in ("catalogue", "checkout"):
                times: dict[str, list[float]] = {"one": [], "three": []}
                for _round in range(rounds):
                    times["one"].append(_timed(getattr(one, what)))
                    times["three"].append(_timed(getattr(three, what)))
                medians = {kind: statistics.median(found) for kind, found in times.items()}
                print(f"{what:10} one process {medians['one']:7.1f} ms   three services"
                      f" {medians['three']:7.1f} ms   ratio"
                      f" {medians['three'] / medians['one']:.2f}")  # fmt: skip


def _timed(action: Callable[[], None]) -> float:
    started = time.perf_counter()
    action()
    return (time.perf_counter() - started) * 1000


def _settings(folder: Path) -> Settings:
    return prepare(folder, free_port())


@contextmanager
def _traefik(folder: Path, port: int, origin: str) -> Iterator[None]:
    """Run Traefik in front of the monolith, as it stands in front of the services."""
    configuration = services.write_traefik_files(
        folder / "traefik", port, dict.fromkeys(CONTEXTS, origin)
    )
    traefik = Path(sys.executable).parent / "traefik"
    process = subprocess.Popen([traefik, f"--configFile={configuration}"])
    try:
        yield
    finally:
        process.terminate()
        process.wait(timeout=10)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 25)
