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
from benchmarks.figures import DEFAULTS, FASTEST
from benchmarks.vocabulary import vocabulary
from tests.support.server import free_port

ROOT = Path(__file__).parents[1]
PEERS = ROOT / ".venv-bench" / "bin" / "python"
FLASK, STARLETTE, CACHED, DJANGO, FLOOR = (
    "Flask", "Starlette", "Starlette cache", "Django", "Hypercorn",
)  # fmt: skip
OURS = (DEFAULTS, FASTEST)
ONLY = {CACHED: {"warm", "loaded"}}  # what it does otherwise is what it does without its cache
KEEP_ALIVE = "65"


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
                await browser.get("/static/app.css" if self.name != FLOOR else "/static")
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
def shop(url: str, folder: Path, name: str = DEFAULTS) -> Iterator[Stack]:
    """Run the shop as it is run in production behind a proxy, one replica: as it comes, or with
    its fastest settings."""
    port = free_port()
    fastest = name == FASTEST
    stack = _start(
        name, [sys.executable, "-m", "bookstore", "serve"], port, folder,
        BOOKSTORE_DATABASE_URL=url.replace("mysql:", "mysql+asyncmy:") if fastest else url,
        BOOKSTORE_SERVER="uvicorn" if fastest else "hypercorn",
        BOOKSTORE_MEDIA_DIR=str(folder / "media"),
        BOOKSTORE_SECRET_KEY="k" * 40, BOOKSTORE_BIND=f"127.0.0.1:{port}",
        BOOKSTORE_TRUSTED_HOPS="1", BOOKSTORE_DRAIN_SECONDS="0", BOOKSTORE_LOG_LEVEL="WARNING",
    )  # fmt: skip
    try:
        yield stack
    finally:
        stack.stop()


@contextlib.contextmanager
def peers(url: str, folder: Path) -> Iterator[list[Stack]]:
    """Run the peers, each tuned: connections are kept, reads commit nothing, templates are not
    looked at again."""
    gunicorn = ["gunicorn", "--worker-class", "gthread", "--workers", "1", "--threads", "1",
                "--keep-alive", KEEP_ALIVE, "--backlog", "1024", "--bind", "{address}"]  # fmt: skip
    uvicorn = ["uvicorn", "benchmarks.peers.starlette_peer:app", "--port", "{port}",
               "--no-access-log", "--log-level", "warning",
               "--timeout-keep-alive", KEEP_ALIVE]  # fmt: skip
    commands = {
        FLASK: [*gunicorn, "benchmarks.peers.flask_peer:app"],
        STARLETTE: uvicorn,
        CACHED: uvicorn,
        DJANGO: [*gunicorn, "benchmarks.peers.django_peer:app"],
    }
    words = folder / "vocabulary.json"
    words.write_text(json.dumps(vocabulary()))
    started: list[Stack] = []
    try:
        for name, command in commands.items():
            port = free_port()
            filled = [word.format(address=f"127.0.0.1:{port}", port=port) for word in command]
            started.append(
                _start(name, [str(PEERS), "-m", *filled], port, folder, BENCH_DATABASE_URL=url,
                       BENCH_VOCABULARY=str(words), BENCH_CACHE="1" if name == CACHED else "")
            )  # fmt: skip
        yield started
    finally:
        for stack in started:
            stack.stop()


@contextlib.contextmanager
def floor(folder: Path, answers: dict[str, tuple[dict[str, str], bytes]]) -> Iterator[Stack]:
    """Run the floor, which sends the shop's own answers, by the names of the visits."""
    folder.mkdir()
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
