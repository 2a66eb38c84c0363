"""The table of verdicts, printed and published."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from loadtest.drills import table
from loadtest.drills.__main__ import status
from loadtest.drills.catalogue import DRILLS
from loadtest.drills.cluster import Cluster
from loadtest.drills.kept import summary
from loadtest.drills.run import NotHereError, fits, run_drill
from loadtest.drills.table import BEGIN, END, Row
from loadtest.evidence.ledger.model import Audit
from loadtest.evidence.result import Expectation, Result
from provisioning.errors import OperatorError
from provisioning.inventory import Inventory

PASSED = Row("drain", "passed", ("900", "0", "0", "0, 0, 0", "–", "24.3 s", "0.0 s"))
FAILED = Row("edge-loss", "FAILED", ("901", "5", "0", "0, 0, 0", "5.9 s", "–", "1.2 s"))
NOT_RUN = Row("manager-loss", "not possible here: it needs three managers")
ORDER = list(DRILLS)


def result(*expectations: Expectation) -> Result:
    requests: list[dict[str, object]] = [
        {"error": None},
        {"error": "a 503 page"},
        {"error": "status 502"},
    ]
    audit = Audit()
    audit.add("lost", "Order 1 does not exist.")
    return Result("drain", "", requests, list(expectations), audit=audit)


@pytest.mark.parametrize("name", DRILLS)
def test_every_drill_is_in_the_testers_guide(name: str) -> None:
    guide = (Path(__file__).parents[2] / "docs" / "testers-guide.md").read_text()
    assert f"| `{name}` |" in guide


def test_a_row_sums_a_drill_up() -> None:
    told = result(
        Expectation("detection", "", "6.0 s", None),
        Expectation("rerouted (last slow or failed request began)", "2 s", "3.0 s", False),
    )
    assert table.row("drain", summary(told)).cells == (
        *("drain", "FAILED", "3", "2 (≥ 1.69%)", "1", "1, 0, 0", "6.0 s", "–", "3.0 s"),
    )
    assert table.row("drain", summary(result())).verdict == "passed"


def test_a_drill_that_was_repeated_is_one_row() -> None:
    good, bad = summary(result()), summary(result(Expectation("x", "", "", False)))
    assert table.row("drain", good, good).verdict == "passed (2 of 2)"
    row = table.row("drain", good, bad, good)
    assert row.verdict == "FAILED (2 of 3)"
    assert row.figures[0] == "9"
    assert row.figures[3] == "3, 0, 0"


def test_the_printed_table_has_a_line_for_each_drill_with_its_columns_aligned() -> None:
    head, drain, edge, manager = table.text([PASSED, FAILED, NOT_RUN]).splitlines()
    for name in ("Requests", "Detection", "Rerouted"):
        column = head.index(name)
        assert drain[column - 2 : column] == edge[column - 2 : column] == "  "
        assert drain[column] != " "
    assert manager.split("  ")[0] == "manager-loss"
    assert manager.endswith("not possible here: it needs three managers")


def test_publishing_replaces_rows_and_keeps_the_rest_of_the_page() -> None:
    page = f"Above\n\n{BEGIN}\n{END}\n\nBelow {PASSED.name}\n"
    page = table.published(page, [FAILED, NOT_RUN, PASSED], "then", ORDER)
    assert page.startswith("Above\n")
    assert page.endswith("\nBelow drain\n")
    rows = [line for line in page.splitlines() if line.startswith("| [")]
    assert [r.split("](")[0] for r in rows] == ["| [drain", "| [edge-loss"]  # as in the catalogue
    assert "| **FAILED** |" in rows[1]
    better = Row("edge-loss", "passed", FAILED.figures)
    again = table.published(page, [better], "now", ORDER)
    assert [line for line in again.splitlines() if line.startswith("| [")] == [
        rows[0],
        rows[1].replace("**FAILED**", "passed").replace("then", "now"),
    ]


def test_a_page_without_marks_is_left_alone() -> None:
    with pytest.raises(table.TableError, match="no table to publish in"):
        table.published("Only prose", [PASSED], "now", ORDER)


@pytest.mark.parametrize(
    ("rows", "lenient", "strict"),
    [
        ([PASSED], 0, 0),
        ([PASSED, NOT_RUN], 0, 2),
        ([PASSED, NOT_RUN, FAILED], 1, 2),
        ([FAILED, Row("drain", "not run: the cluster is not healthy")], 2, 2),
    ],
)
def test_the_status_says_whether_all_passed(rows: list[Row], lenient: int, strict: int) -> None:
    assert (status(rows, strict=False), status(rows, strict=True)) == (lenient, strict)


@pytest.mark.parametrize(
    ("name", "managers", "workers", "stack", "needs"),
    [
        ("edge-loss", 1, 3, "app", "it needs three managers"),
        ("worker-loss", 3, 1, "app", "it needs two workers"),
        ("edge-loss", 3, 2, "app", ""),
        ("orders-lost", 1, 2, "app", "it needs the stack services"),
        ("worker-loss", 1, 2, "services", "it needs the stack app"),
        ("orders-lost", 1, 2, "services", ""),
    ],
)
def test_a_drill_says_what_it_needs(
    name: str, managers: int, workers: int, stack: str, needs: str
) -> None:
    hosts = [SimpleNamespace(role="manager")] * managers + [
        SimpleNamespace(role="worker")
    ] * workers
    table = SimpleNamespace(stacks=("edge", stack))
    cluster = cast("Inventory", SimpleNamespace(host=hosts, cluster=table))
    if not needs:
        fits(DRILLS[name], cluster)
        return
    with pytest.raises(NotHereError, match=needs):
        fits(DRILLS[name], cluster)


@pytest.mark.parametrize("what", ["folder", "file"])
def test_a_report_goes_into_a_folder_of_its_own(what: str, tmp_path: Path) -> None:
    taken = tmp_path / "drain"
    taken.mkdir() if what == "folder" else taken.touch()
    hosts = [SimpleNamespace(role=role) for role in ("manager", "worker", "worker")]
    well = SimpleNamespace(
        inventory=SimpleNamespace(
            host=hosts,
            managers=hosts[:1],
            workers=hosts[1:],
            cluster=SimpleNamespace(stacks=("edge", "app")),
        ),
        trouble=lambda: "",
    )
    with pytest.raises(OperatorError, match=r"cannot take the report \(File exists\)"):
        run_drill("drain", DRILLS["drain"], cast(Cluster, well), taken, print)
