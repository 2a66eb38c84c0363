"""The shop's commands as strangers start them: what cannot be done is a sentence."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from bookstore.pipes import reader_may_leave
from bookstore.settings import SettingsError, load_settings

ROOT = str(Path(__file__).parents[1])
KEY = "k" * 40
BOOKS = "title,author,price,condition\nThe Dispossessed,Ursula K. Le Guin,7.50,good\n"


def bookstore(folder: Path, *options: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run a command in a folder, with nothing set but what is given."""
    clean = {key: value for key, value in os.environ.items() if "BOOKSTORE" not in key}
    given = {f"BOOKSTORE_{name.upper()}": value for name, value in settings.items()}
    return subprocess.run(
        [sys.executable, "-m", "bookstore", *options], cwd=folder, env={**clean, **given},
        capture_output=True, text=True, timeout=100,
    )  # fmt: skip


def refused(done: subprocess.CompletedProcess[str]) -> str:
    """Return the sentence that a command ended with."""
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    assert "Error" not in done.stderr
    return done.stderr


@pytest.mark.parametrize(
    "value",
    ["nonsense", "127.0.0.1", "8000", ":8000", "127.0.0.1:", "127.0.0.1:99999", "127.0.0.1:-1",
     "::1:8000", "http://127.0.0.1:8000", "a b:80", "127.0.0.1:８０", "unix:/tmp/s", "[::1:8000"],
)  # fmt: skip
def test_an_address_that_is_none_is_a_sentence(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BOOKSTORE_BIND", value)
    with pytest.raises(SettingsError, match=r"BOOKSTORE_BIND: it takes an address and a port"):
        load_settings()


@pytest.mark.parametrize(
    "value", ["0.0.0.0:80", "[::]:8000", "[fe80::1%eth0]:1", "localhost:65535"]
)
def test_an_address_is_taken(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BOOKSTORE_BIND", value)
    assert load_settings().bind == value


@pytest.mark.parametrize(
    ("variable", "said"),
    [
        ("BOOKSTORE_CURENCY", "Did you mean BOOKSTORE_CURRENCY?"),
        ("BOOKSTORE_DATABASEURL", "Did you mean BOOKSTORE_DATABASE_URL?"),
        ("BOOKSTORE_SECRET_KEY_FIEL", "Did you mean BOOKSTORE_SECRET_KEY_FILE?"),
        ("bookstore_log_levels", "Did you mean BOOKSTORE_LOG_LEVEL?"),
        ("BOOKSTORE_ZZZZZZZZZZZZ", "docs/settings.md lists them all."),
    ],
)
def test_a_mistyped_setting_is_refused_and_the_nearest_named(
    variable: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, "USD")
    with pytest.raises(SettingsError) as refusal:
        load_settings()
    assert str(refusal.value) == f"{variable}: there is no such setting. {said}"


@pytest.mark.parametrize("variable", ["BOOKSTORE_REHEARSAL", "MY_BOOKSTORE_CURENCY", "BOOKSTORE"])
def test_variables_of_others_do_not_matter(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variable, "3")
    load_settings()


@pytest.mark.parametrize(
    "url",
    ["nonsense", "postgresql://x/y", "sqlite:", "sqlite://x.db", "sqlite:///", "mysql://host",
     "mysql://host:nine/shop", "mysql://host:0/shop", "mysql://[::1/shop", "mysql+pymysql://h/s"],
)  # fmt: skip
def test_a_database_url_that_is_none_is_a_sentence(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BOOKSTORE_DATABASE_URL", url)
    with pytest.raises(SettingsError, match="BOOKSTORE_DATABASE_URL: it takes sqlite:///FILE"):
        load_settings()


def test_an_import_into_a_fresh_clone_makes_its_database(tmp_path: Path) -> None:
    (tmp_path / "books.csv").write_text(BOOKS)
    done = bookstore(tmp_path, "import", "books.csv", "--data", "kept")
    assert done.returncode == 0, done.stderr
    assert "1 book added" in done.stdout
    assert (tmp_path / "kept" / "bookstore.db").exists()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("import", "nowhere.csv"), "There is no file nowhere.csv"),
        (("import", "."), "is no file that can be read"),
        (("import", "books.csv", "--report", "."), "cannot be written"),
        (("import", "books.csv", "--data", "books.csv"), "cannot be used"),
        (("migrate", "--data", "/proc/nowhere"), "/proc/nowhere cannot be used"),
        (("demo", "--data", "books.csv"), "books.csv cannot keep the shop's data (File exists)"),
        (("demo", "--data", "/proc/nowhere"), "cannot keep the shop's data"),
        (("demo", "--port", "99999"), "'99999' is no port"),
        (("demo", "--port", "http"), "'http' is no port"),
        (("serve",), "There is no database var/bookstore.db yet."),
        (("people", "reset", "a@example.org"), "There is no database var/bookstore.db yet."),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_what_cannot_be_done_is_a_sentence(
    options: tuple[str, ...], said: str, tmp_path: Path
) -> None:
    (tmp_path / "books.csv").write_text(BOOKS)
    assert said in refused_or_misused(bookstore(tmp_path, *options, secret_key=KEY))
    assert (tmp_path / "books.csv").read_text() == BOOKS


def test_a_database_without_tables_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "var").mkdir()
    (tmp_path / "var" / "bookstore.db").touch()
    said = refused(bookstore(tmp_path, "people", "reset", "a@example.org"))
    assert "`bookstore migrate` makes them" in said


def refused_or_misused(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 2, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done.stderr


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("sqlite:////proc/nowhere/x.db", "/proc/nowhere cannot be used"),
        ("sqlite:///.", "the database cannot be used"),
        ("sqlite:///books.csv", "the database cannot be used (file is not a database)"),
        ("mysql://127.0.0.1:1/shop", "the database cannot be used (Can't connect to MySQL"),
    ],
)
@pytest.mark.parametrize("command", ["migrate", "demo"])
def test_a_database_that_cannot_be_used_is_a_sentence(
    command: str, url: str, said: str, tmp_path: Path
) -> None:
    (tmp_path / "books.csv").write_text(BOOKS * 100)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    options = ("--port", str(port)) if command == "demo" else ()
    assert said in refused(bookstore(tmp_path, command, *options, database_url=url))


def test_a_port_that_is_taken_is_a_sentence(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        said = refused(bookstore(tmp_path, "demo", "--port", port))
    assert f"port {port} on 127.0.0.1 cannot be used" in said


@pytest.mark.parametrize(
    "command",
    ["bookstore migrate", "bookstore import --help", "loadtest --help", "provisioning --help",
     "loadtest.drills list", "loadtest.drills --help"],
)  # fmt: skip
def test_a_reader_who_leaves_early_is_no_error(command: str, tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    clean = {key: value for key, value in os.environ.items() if "BOOKSTORE" not in key}
    done = subprocess.run(
        [sys.executable, "-m", *command.split()], cwd=tmp_path, env={**clean, "PYTHONPATH": ROOT},
        stdout=writing, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    os.close(writing)
    assert done.stderr == ""


def test_a_command_that_meets_another_broken_pipe_says_so() -> None:
    with pytest.raises(BrokenPipeError), reader_may_leave():
        raise BrokenPipeError
