"""`bookstore import`: what it says, to whom, and with which status."""

import csv
import io
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from bookstore.commands import main
from tests.catalogue.importing.support import HEAD, rows
from tests.conftest import SECRET


@pytest.fixture
def command(
    database_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> "Command":
    """The command line of a shop."""
    monkeypatch.setenv("BOOKSTORE_DATABASE_URL", database_url)
    monkeypatch.setenv("BOOKSTORE_SECRET_KEY", SECRET)
    monkeypatch.setenv("BOOKSTORE_MEDIA_DIR", str(tmp_path / "media"))
    return Command(capsys)


class Said(NamedTuple):
    status: int
    out: str
    err: str


class Command:
    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def __call__(self, *arguments: object) -> Said:
        """Run `bookstore import` and return its status and what it said."""
        with pytest.raises(SystemExit) as end:
            main.main(["import", *map(str, arguments)])
        assert isinstance(end.value.code, int)
        return Said(end.value.code, *self._capsys.readouterr())


def test_the_command_tells_what_became_of_the_rows(command: Command, file: Path) -> None:
    file.write_text(rows("Emma,Jane Austen,5,Good,141439580", ",Ann,5,Good,", head=f"{HEAD},isbn"))
    would = command(file, "--dry-run")
    assert "books.csv: 1 book would be added, 0 would be changed" in would.out
    first = command(file)
    assert first.status == 0
    assert "The books are sold by a new account, BookStore archive." in first.out
    assert "Line 1 names the columns: title from “title”;" in first.out
    assert "books.csv: 1 book added, 0 changed, 0 withdrawn, 0 as before, 1 line" in first.out
    assert "  mended: an ISBN completed with its lost zeros, in 1 row\n" in first.out
    assert "  line 3, title refused: it is blank\n" in first.out
    assert "0 books added, 0 changed, 0 withdrawn, 1 as before" in command(file).out


def test_a_file_that_is_refused_makes_no_account(command: Command, file: Path) -> None:
    file.write_text("title\nEmma\n")
    refused = command(file)
    assert (refused.status, refused.out) == (2, "")
    file.write_text(rows("Emma,Jane Austen,5,Good"))
    assert "The books are sold by a new account" in command(file).out


def test_the_command_shows_thirty_lines_and_writes_all(
    command: Command, file: Path, tmp_path: Path
) -> None:
    file.write_text(rows(*[",Ann,5,Good"] * 50))
    said = command(file, "--report", tmp_path / "refused.csv")
    assert said.out.count("title refused: it is blank") == 30
    assert "… 20 more. Most often: title: it is blank (50)." in said.out
    with (tmp_path / "refused.csv").open(newline="") as report:
        found = list(csv.reader(report))
    assert found[0] == ["line", "column", "reason"]
    assert found[1:] == [[str(n), "title", "it is blank"] for n in range(2, 52)]


def test_the_command_reads_standard_input(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = io.BytesIO(rows("Emma,Jane Austen,5,Good").encode())
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(content))
    assert "standard input: 1 book added" in command("-").out


def test_the_command_takes_a_sellers_own_words(
    command: Command, file: Path, tmp_path: Path
) -> None:
    (tmp_path / "words.csv").write_text("Theirs,Good\nWell loved,Fair\n")
    file.write_text("Verfasser,Titel,Preis,condition\nAnn,Emma,5,Well loved\nAnn,Kim,5,Theirs\n")
    said = command(
        file, "--map", "Verfasser=author", "--map", "Titel=title", "--map", "Preis=price",
        "--condition-map", tmp_path / "words.csv", "--set", "language=Spanish",
    )  # fmt: skip
    assert "2 books added" in said.out
    assert "For all rows that do not say it: language Spanish." in said.out


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["missing.csv"], "There is no file missing.csv."),
        (["{folder}"], "{folder} is no file that can be read."),
        (["{file}", "--seller", "nobody@example.org"],
         "Nobody has an account with the e-mail address nobody@example.org."),
        (["{file}", "--seller-id", "7"], "--seller-id and --seller-name go together."),
        (["{file}", "--report", "{folder}/no/such.csv"],
         "{folder}/no/such.csv cannot be written: No such file or directory."),
        (["{file}", "--report", "{file}"], "{file} is the file to import."),
        (["{file}", "--map", "Vendor"], "--map takes two words with = between them"),
        (["{file}", "--condition-map", "nothing"], "--condition-map takes THEIRS=OURS or a CSV"),
    ],
)  # fmt: skip
def test_the_command_refuses_with_a_sentence_and_adds_nothing(
    command: Command, file: Path, arguments: list[str], sentence: str
) -> None:
    file.write_text(rows("Emma,Jane Austen,5,Good"))
    places = {"file": file, "folder": file.parent}
    said = command(*(argument.format(**places) for argument in arguments))
    assert said.status == 2
    assert said.err.startswith(f"bookstore import: {sentence.format(**places)}")
    assert said.err.count("\n") == 1
    assert "1 book would be added" in command(file, "--dry-run").out
