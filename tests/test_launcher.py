"""`./run` as strangers meet it: the launcher itself, in a checkout of its own whose parts only say
where and how they were started."""

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
PART = """\
import json, os, sys
print(json.dumps({"folder": os.getcwd(), "options": sys.argv[1:], "python": sys.prefix}))
"""
MISSING = "quart==0.0.1 --hash=sha256:" + 64 * "0"  # needs an index to be looked up


@pytest.fixture
def checkout() -> Iterator[Path]:
    """A checkout whose locks are empty, in a folder that anybody may enter."""
    base = Path(tempfile.mkdtemp(prefix="bookstore launcher "))
    base.chmod(0o755)
    folder = base / "a checkout"
    (folder / "requirements").mkdir(parents=True)
    for lock in (ROOT / "requirements").glob("*.lock"):
        (folder / "requirements" / lock.name).touch()
    (folder / "bookstore").mkdir()
    (folder / "bookstore" / "__main__.py").write_text(PART)
    shutil.copy(ROOT / "run", folder / "run")
    yield folder
    folder.chmod(0o755)
    shutil.rmtree(base)


def run(checkout: Path, *options: str, folder: Path | None = None, before: Sequence[str] = (),
        **changes: str | None) -> subprocess.CompletedProcess[str]:  # fmt: skip
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    for name, value in changes.items():
        if value is None:
            environment.pop(name, None)
        else:
            environment[name] = value
    return subprocess.run(
        [*before, checkout / "run", *options], cwd=folder or checkout, env=environment,
        capture_output=True, text=True, timeout=110,
    )  # fmt: skip


def started(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    """Return what the part said about its start."""
    assert done.returncode == 0, done.stderr
    said: dict[str, Any] = json.loads(done.stdout)
    return said


def test_a_first_start_needs_no_home_and_a_later_one_says_nothing(checkout: Path) -> None:
    first = run(checkout, "bookstore", "serve", HOME=None)
    assert started(first)["python"] == str(checkout / ".venv")
    assert "Making the environment" in first.stderr
    second = run(checkout, "bookstore", "serve", HOME=None)
    assert started(second)["options"] == ["serve"]
    assert second.stderr == ""


def test_an_environment_whose_python_is_gone_is_made_again(checkout: Path) -> None:
    started(run(checkout, "bookstore"))
    for name in (checkout / ".venv" / "bin").glob("python*"):
        name.unlink()
    (checkout / ".venv" / "bin" / "python").symlink_to("/nowhere/python3.13")
    again = run(checkout, "bookstore")
    started(again)
    assert "no Python 3.13 that runs; it is made anew" in again.stderr


@pytest.mark.parametrize("what", ["empty folder", "dangling link", "older Python"])
def test_what_is_no_environment_is_replaced(checkout: Path, what: str) -> None:
    venv = checkout / ".venv"
    match what:
        case "empty folder":
            venv.mkdir()
            (venv / ".all.installed").write_text("4294967295 0")
        case "dangling link":
            venv.symlink_to("/nowhere")
        case "older Python":
            (venv / "bin").mkdir(parents=True)
            (venv / "bin" / "python").write_text("#!/bin/sh\nexit 1\n")
            (venv / "bin" / "python").chmod(0o755)
    assert started(run(checkout, "bookstore"))["python"] == str(venv)


@pytest.fixture
def read_only(checkout: Path) -> list[str]:
    """Return what to put before a command for which the checkout is read-only."""
    if os.geteuid() != 0:
        checkout.chmod(0o555)
        return []
    script = 'mount --bind "$1" "$1" && mount -o remount,ro,bind "$1" && shift && exec "$@"'
    before = ["unshare", "--mount", "sh", "-c", script, "sh", str(checkout)]
    if subprocess.run([*before, "true"], capture_output=True).returncode:
        pytest.skip("root may not mount here")
    return before


def test_a_checkout_that_cannot_be_written_is_a_sentence(
    checkout: Path, read_only: list[str]
) -> None:
    done = run(checkout, "app", before=read_only)
    assert done.returncode == 1
    assert f"{checkout} cannot be written by you. Copy the checkout" in done.stderr
    assert not (checkout / ".venv").exists()


def test_a_checkout_that_became_read_only_later_still_starts(
    checkout: Path, read_only: list[str]
) -> None:
    checkout.chmod(0o755)
    started(run(checkout, "bookstore"))
    if not read_only:
        checkout.chmod(0o555)
    started(run(checkout, "bookstore", before=read_only))


def test_no_network_at_the_first_start_is_a_sentence_and_the_next_start_goes_on(
    checkout: Path,
) -> None:
    lock = checkout / "requirements" / "app.lock"
    lock.write_text(MISSING)
    closed = "http://127.0.0.1:9/"
    done = run(checkout, "app", PIP_INDEX_URL=closed, PIP_RETRIES="0")
    assert done.returncode == 1
    assert "They come from the network the first time" in done.stderr
    assert "Traceback" not in done.stderr
    lock.write_text("")
    started(run(checkout, "app", PIP_INDEX_URL=closed))


def test_relative_paths_are_meant_from_where_the_caller_is(checkout: Path, tmp_path: Path) -> None:
    said = started(run(checkout, "bookstore", "import", "books.csv", folder=tmp_path))
    assert said["folder"] == str(tmp_path)
    assert said["options"] == ["import", "books.csv"]


def test_the_launcher_may_be_a_link(checkout: Path, tmp_path: Path) -> None:
    (tmp_path / "shop").symlink_to(checkout / "run")
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    done = subprocess.run(
        [tmp_path / "shop", "bookstore"], cwd=tmp_path, env=environment,
        capture_output=True, text=True,
    )  # fmt: skip
    assert started(done)["folder"] == str(tmp_path)


def test_an_unknown_command_is_named(checkout: Path) -> None:
    done = run(checkout, "ap")
    assert (done.returncode, done.stdout) == (2, "")
    assert "There is no command 'ap'." in done.stderr
