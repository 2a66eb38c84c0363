"""A real browser on the demo shop, as one process and as three services."""

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.support.server import free_port
from tests.support.topology import wait_until_answered

CHROMIUM = "/usr/bin/chromium"
expect.set_options(timeout=20_000)  # a machine may be busy; what is right is seen at once
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
             "--disable-background-networking", "--disable-component-update"]  # fmt: skip


@pytest.fixture(scope="package")  # it keeps an event loop running, which other tests cannot bear
def browser() -> Iterator[Browser]:
    if not Path(CHROMIUM).exists():
        if os.environ.get("CI"):
            pytest.fail("Chromium is not installed: apt install chromium")
        pytest.skip("Chromium is not installed (apt install chromium)")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


@contextlib.contextmanager
def demo(folder: Path, *options: str, **settings: str) -> Iterator[str]:
    """Run the demo shop as `./run app` starts it, and say where it is."""
    port = free_port()
    command = [sys.executable, "-m", "bookstore", "demo", "--port", str(port)]
    command += ["--data", str(folder), *options]
    environment = {key: value for key, value in os.environ.items() if "BOOKSTORE" not in key}
    environment |= {f"BOOKSTORE_{name.upper()}": value for name, value in settings.items()}
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
    try:
        origin = f"http://127.0.0.1:{port}"
        for path in ("/", "/login", "/basket"):
            wait_until_answered(origin + path, 60)
        yield origin
        process.terminate()
        assert process.wait(timeout=40) == 0, (folder / "log").read_text()
        assert "Traceback" not in (folder / "log").read_text(), (folder / "log").read_text()
    finally:
        if process.poll() is None:
            process.kill()
            process.wait(timeout=10)


@pytest.fixture(scope="module", params=["monolith", "services"])
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The demo shop in both topologies; a parcel's day takes a fifth of a second."""
    folder = tmp_path_factory.mktemp("demo")
    options = ["--services"] if request.param == "services" else []
    with demo(folder, *options, shipping_speed="432000") as origin:
        yield origin
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(params=[True, False], ids=["script", "no-script"])
def page(request: pytest.FixtureRequest, browser: Browser, site: str) -> Iterator[Page]:
    """A fresh browser profile, with and without JavaScript. An error in the console fails."""
    context = browser.new_context(base_url=site, java_script_enabled=request.param, locale="en-GB")
    page = context.new_page()
    page.set_default_timeout(20_000)
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on(
        "console",
        lambda message: problems.append(message.text)
        if message.type == "error" and "status of 4" not in message.text else None,
    )  # fmt: skip
    yield page
    context.close()
    assert problems == []
