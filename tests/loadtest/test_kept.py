"""A set of drills keeps what each came to, and goes on where it stood."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from loadtest.drills import __main__ as command
from loadtest.drills import kept, table
from loadtest.drills.run import Verdict
from loadtest.evidence import recorder
from loadtest.evidence.ledger.model import Audit
from loadtest.evidence.result import Event, Expectation, Result, Sample
from loadtest.evidence.run import RunFacts


def result(title: str = "drain", *, met: bool = True, lost: int = 0) -> Result:
    audit = Audit({"orders confirmed to buyers": 5})
    for number in range(lost):
        audit.add("lost", f"Order {number} does not exist.")
    return Result(
        title,
        "A worker is emptied.",
        [],
        expectations=[Expectation("detection", "", "2.0 s", None), Expectation("x", "", "", met)],
        events=[Event(20.0, "drain w1", 21.0)],
        samples=[
            Sample(19.0, {"w1": 1}, 1, [], ""),
            Sample(22.0, {"w2": 1}, 2, ["w1"], "updating"),
        ],
        audit=audit,
        notes=["Commit abc."],
        incidents=[],
        arrivals=[],
    )


@pytest.mark.parametrize("met", [True, False])
def test_a_verdict_is_read_as_it_was_written(met: bool, tmp_path: Path) -> None:
    written = result(met=met, lost=2)
    kept.write(tmp_path, written)
    read = kept.read(tmp_path)
    assert read is not None
    assert read == written
    assert read.passed is met


def test_requests_come_from_the_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(recorder.FOLDER, str(tmp_path))
    recorder.write("requests", at=1.0, ms=5.0, name="GET /", error=None)
    kept.write(tmp_path, result())
    read = kept.read(tmp_path)
    assert read is not None
    assert [r["name"] for r in read.requests] == ["GET /"]


def test_every_run_is_a_line_with_all_that_was_judged(tmp_path: Path) -> None:
    facts = RunFacts("shopping", "", "https://shop.test", 100, 16, seed="5eed", commit="abc")
    facts.write(tmp_path)
    kept.write(tmp_path, result(met=False, lost=1))
    made = kept.line(tmp_path, "today")
    assert made.endswith("}\n")
    told = json.loads(made)
    assert (told["drill"], told["commit"], told["seed"]) == ("drain", "abc", "5eed")
    assert (told["passed"], told["requests"], told["failed"]) == (False, 0, 0)
    assert told["judged"] == [["detection", "", "2.0 s", None], ["x", "", "", False]]
    assert told["differences"] == ["Order 0 does not exist."]
    assert told["ledger"] == [1, 0, 0]


def test_the_table_shows_the_last_published_runs_of_a_drill(
    ran: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    published = tmp_path / "docs"
    published.mkdir()
    (published / "README.md").write_text(f"{table.BEGIN}\n{table.END}\n")
    before = {"requests": 10, "failed": 0, "pages": 0, "ledger": [0, 0, 0], "judged": []}
    lines = [
        {**before, "drill": "drain", "passed": False},
        {**before, "drill": "drain", "passed": True, "requests": 7},
        {**before, "drill": "worker-loss", "passed": False},
    ]
    (published / "runs.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    monkeypatch.setattr(command, "PUBLISHED", published)
    folder = tmp_path / "runs"
    assert command.main(["drain", "--repeat", "2", "--publish", "--folder", str(folder)]) == 0
    row = next(r for r in (published / "README.md").read_text().splitlines() if "drain" in r)
    assert "| passed (3 of 3) | 7 |" in row
    assert len((published / "runs.jsonl").read_text().splitlines()) == 5


@pytest.mark.parametrize("text", [None, "", "{}", "[]", '{"title": "drain"'])
def test_a_run_without_a_verdict_has_not_ended(text: str | None, tmp_path: Path) -> None:
    if text is not None:
        (tmp_path / kept.FILE).write_text(text)
    assert kept.read(tmp_path) is None


def test_only_what_was_interrupted_is_set_aside(tmp_path: Path) -> None:
    for name, files in (("a-1", ("run.json",)), ("b-1", ("run.json", "verdict.json")), ("c-1", ())):
        (tmp_path / name).mkdir()
        for file in files:
            (tmp_path / name / file).touch()
        kept.set_aside(tmp_path / name)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["b-1", "c-1", "interrupted-a-1.1"]


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the folders of the drills that ran, on a cluster that is none."""
    there: list[str] = []

    def run(name: str, _drill: object, _cluster: object, folder: Path, _say: object) -> Verdict:
        there.append(folder.name)
        folder.mkdir(parents=True)
        if len(there) == 4:
            raise KeyboardInterrupt
        kept.write(folder, made := result(name))
        RunFacts("shopping", "", "https://shop.test", 100, 16).write(folder)
        (folder / "report.html").touch()
        return Verdict(name, made, folder / "report.html")

    inventory = SimpleNamespace(jump=[], host=[])
    monkeypatch.setattr(command, "load", lambda _path: inventory)
    monkeypatch.setattr(command, "check_files", lambda _inventory: None)
    monkeypatch.setattr(command, "Cluster", lambda *_: None)
    monkeypatch.setattr(command, "run_drill", run)
    return there


def test_a_set_runs_each_once_then_again_and_goes_on_where_it_stood(
    ran: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["drain", "worker-loss", "--repeat", "3", "--folder", str(tmp_path)]
    with contextlib.suppress(KeyboardInterrupt):
        command.main(options)
    assert ran == ["drain-1", "worker-loss-1", "drain-2", "worker-loss-2"]
    (tmp_path / "worker-loss-2" / "run.json").write_text(json.dumps({}))
    ran.clear()
    assert command.main(options) == 0
    assert ran == ["worker-loss-2", "drain-3", "worker-loss-3"]
    assert capsys.readouterr().out.count("passed (3 of 3)") == 2


def test_open_load_has_a_line_of_its_own(ran: list[str], tmp_path: Path) -> None:
    options = ["drain", "--rate", "5", "--repeat", "2", "--folder", str(tmp_path)]
    assert command.main(options) == 0
    assert ran == ["drain-open-1", "drain-open-2"]


def test_all_and_random_go_alone(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["drain", "all"]) == 2
    assert "`all` goes alone" in capsys.readouterr().err
