"""The servers under measurement, each one process that answers (gunicorn adds its overseer)."""

import asyncio
import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from benchmarks.client import Browser
from benchmarks.vocabulary import vocabulary
from tests.support.server import free_port

ROOT = Path(__file__).parents[1]
PEERS = ROOT / ".venv-bench" / "bin" / "python"
SHOP, FLASK, STARLETTE, DJANGO, FLOOR = "BookStore", "Flask", "Starlette", "Django", "Hypercorn"


class Stack:
    """A running server."""

    def __init__(self, name: str, process: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
        self.name = name
        self.pid = process.pid
        self.port = port
        self._process = process
        self._log = log

    async def ready(self) -> None:
        """Wait until the server answers."""
        for _attempt in range(300):
            if self._process.poll() is not None:
                break
            browser = Browser(self.port)
            with contextlib.suppress(OSError):
                await browser.get("/static/app.css" if self.name != FLOOR else "/warm")
                browser.close()
                return
            await asyncio.sleep(0.1)
        raise RuntimeError(f"{self.name} did not start:\n{self.last_words()}")

    def last_words(self) -> str:
        """Return the end of what the server wrote."""
        return self._log.read_text()[-3000:]

    def stop(self) -> None:
        """Stop the server."""
        if self._process.poll() is None:
            self._process.terminate()
        try:
            self._process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def _start(name: str, command: list[str], port: int, folder: Path, **environment: str) -> Stack:
    log = folder / f"{name}.log"
    kept = {key: value for key, value in os.environ.items() if "BOOKSTORE" not in key}
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, cwd=ROOT, env={**kept, "PYTHONPATH": str(ROOT), **environment},
            stdout=output, stderr=output,
        )  # fmt: skip
    return Stack(name, process, port, log)


@contextlib.contextmanager
def shop(url: str, folder: Path) -> Iterator[Stack]:
    """Run the shop as it is run in production, one replica."""
    port = free_port()
    stack = _start(
        SHOP, [sys.executable, "-m", "bookstore", "serve"], port, folder,
        BOOKSTORE_DATABASE_URL=url, BOOKSTORE_MEDIA_DIR=str(folder / "media"),
        BOOKSTORE_SECRET_KEY="k" * 40, BOOKSTORE_BIND=f"127.0.0.1:{port}",
        BOOKSTORE_DRAIN_SECONDS="0", BOOKSTORE_LOG_LEVEL="WARNING",
    )  # fmt: skip
    try:
        yield stack
    finally:
        stack.stop()


@contextlib.contextmanager
def peers(url: str, folder: Path) -> Iterator[list[Stack]]:
    """Run the three peers."""
    commands = {
        FLASK: ["gunicorn", "--worker-class", "sync", "--workers", "1", "--backlog", "1024",
                "benchmarks.peers.flask_peer:app", "--bind", "{address}"],
        STARLETTE: ["uvicorn", "--no-access-log", "--log-level", "warning",
                    "benchmarks.peers.starlette_peer:app", "--port", "{port}"],
        DJANGO: ["gunicorn", "--worker-class", "sync", "--workers", "1", "--backlog", "1024",
                 "benchmarks.peers.django_peer:app", "--bind", "{address}"],
    }  # fmt: skip
    words = folder / "vocabulary.json"
    words.write_text(json.dumps(vocabulary()))
    started: list[Stack] = []
    try:
        for name, command in commands.items():
            port = free_port()
            filled = [word.format(address=f"127.0.0.1:{port}", port=port) for word in command]
            started.append(
                _start(name, [str(PEERS), "-m", *filled], port, folder, BENCH_DATABASE_URL=url,
                       BENCH_VOCABULARY=str(words))
            )  # fmt: skip
        yield started
    finally:
        for stack in started:
            stack.stop()


@contextlib.contextmanager
def floor(folder: Path, answers: dict[str, tuple[dict[str, str], bytes]]) -> Iterator[Stack]:
    """Run the floor, which sends the shop's own answers, by the names of the visits."""
    index = []
    for number, (name, (headers, body)) in enumerate(answers.items()):
        sent = [(key, line) for key, value in headers.items() for line in value.split("\n")
                if key not in {"date", "server"}]  # fmt: skip
        index.append((name, sent))
        (folder / f"{number}.body").write_bytes(body)
    (folder / "index.json").write_text(json.dumps(index))
    port = free_port()
    command = [sys.executable, "-m", "benchmarks.peers.floor", f"127.0.0.1:{port}"]
    stack = _start(FLOOR, command, port, folder, BENCH_FLOOR=str(folder))
    try:
        yield stack
    finally:
        stack.stop()
