"""What health checks run, as they run it."""

import subprocess
import sys
from pathlib import Path

import pytest

from bookstore import probe
from tests.support.server import serving

ROOT = Path(__file__).parents[1]


def run_probe(port: int, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-I", "-S", probe.__file__, *arguments],
        env={"BOOKSTORE_BIND": f"0.0.0.0:{port}"},
        capture_output=True,
        text=True,
        timeout=10,
    )


def test_a_shop_is_alive_or_it_is_said_what_is_wrong(sqlite_url: str, tmp_path: Path) -> None:
    with serving(sqlite_url, tmp_path) as server:
        assert run_probe(server.port).returncode == 0
    gone = run_probe(server.port)
    assert gone.returncode == 1
    assert gone.stderr.startswith(f"port {server.port} does not answer /healthz: ")


def test_it_has_to_be_ready_once_and_then_alive(sqlite_url: str, tmp_path: Path) -> None:
    been_ready = tmp_path / "been-ready"
    (tmp_path / "bare.db").touch()
    with serving(f"sqlite:///{tmp_path}/bare.db", tmp_path) as server:  # without tables
        assert run_probe(server.port, str(been_ready)).stderr == "/readyz answers 503\n"
        assert not been_ready.exists()
        assert run_probe(server.port).returncode == 0
    with serving(sqlite_url, tmp_path) as server:
        assert run_probe(server.port, str(been_ready)).returncode == 0
    with serving(f"sqlite:///{tmp_path}/bare.db", tmp_path) as server:
        assert run_probe(server.port, str(been_ready)).returncode == 0


def test_it_imports_next_to_nothing() -> None:
    code = f"import runpy, sys; runpy.run_path({probe.__file__!r}); print(*sys.modules)"
    shown = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=True
    )
    assert not {"bookstore", "asyncio", "http", "urllib", "pydantic"} & set(shown.stdout.split())


@pytest.mark.parametrize("file", ["Dockerfile", "swarm/app.yml", "swarm/services.yml"])
def test_every_health_check_of_the_shop_runs_it(file: str) -> None:
    text = (ROOT / file).read_text()
    assert "/opt/shop/bookstore/probe.py" in text
    assert "urllib" not in text


def test_a_shop_at_rest_has_not_loaded_what_is_needed_once_in_a_while() -> None:
    """Passkeys, the list of common passwords, sellers' files: tens of megabytes together."""
    code = "import sys, bookstore.app; print(*sys.modules)"
    shown = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert not {"webauthn", "zxcvbn", "openpyxl", "pymarc", "alembic"} & set(shown.stdout.split())
