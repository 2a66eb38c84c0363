"""Random schedules, without hosts: the seed decides, a quorum stays, the fewest faults are kept."""

import itertools
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from loadtest.drills import randomly, schedule
from loadtest.drills.__main__ import main
from loadtest.drills.cluster import Cluster
from loadtest.drills.run import Verdict
from loadtest.drills.schedule import Fault, plan
from loadtest.evidence.ledger.model import Audit
from loadtest.evidence.result import Expectation, Result
from provisioning.errors import OperatorError

MANAGERS, WORKERS = ["m1", "m2", "m3"], ["w1", "w2", "w3"]


def test_a_seed_decides_about_everything() -> None:
    assert plan(7, 3, MANAGERS, WORKERS) == plan(7, 3, MANAGERS, WORKERS)
    assert plan(7, 3, MANAGERS, WORKERS) != plan(8, 3, MANAGERS, WORKERS)


@pytest.mark.parametrize(
    ("managers", "workers"),
    [(MANAGERS, WORKERS), (["m1"], ["w1", "w2"]), (["m1"], ["w1"]), (["m1", "m2"], WORKERS)],
)
def test_a_quorum_and_a_worker_are_always_there(managers: list[str], workers: list[str]) -> None:
    for seed in range(300):
        faults = plan(seed, 4, managers, workers)
        for moment in [fault.at for fault in faults]:
            gone = [
                fault.target
                for fault in faults
                if fault.target and fault.at <= moment < schedule.over(fault)
            ]
            assert len(gone) == len(set(gone)), (seed, gone)
            assert 2 * (len(managers) - sum(g in managers for g in gone)) > len(managers)
            assert any(worker not in gone for worker in workers)


@pytest.mark.parametrize("what", ["database", "storage", "registry", "autoscaler", "shop"])
def test_what_the_whole_cluster_needs_has_one_trouble_at_a_time(what: str) -> None:
    kinds = {action for action, _heal, needed in schedule.KINDS if needed == what}
    for seed in range(300):
        faults = [f for f in plan(seed, 4, MANAGERS, WORKERS) if f.action in kinds]
        for one, other in itertools.pairwise(faults):
            assert schedule.over(one) + schedule.PASSES <= other.at, (seed, one, other)


@pytest.mark.parametrize(
    ("fault", "when"),
    [
        (Fault("crash", "w1", 8, 20), 20),
        (Fault("crash", "w1", 8), float("inf")),
        (Fault("kill-engine", "w1", 8), 18),
        (Fault("roll", "", 8), 18),
    ],
)
def test_a_fault_is_over_when_it_is_healed_or_has_passed(fault: Fault, when: float) -> None:
    assert schedule.over(fault) == when


def test_faults_end_before_the_run_does_or_with_it_and_there_are_several_at_once() -> None:
    schedules = [plan(seed, 2, MANAGERS, WORKERS) for seed in range(100)]
    assert all(f.heal is None or f.at < f.heal <= 120 - schedule.TAIL for s in schedules for f in s)
    assert any(
        one.heal and one.at < other.at < one.heal for s in schedules for one in s for other in s
    )
    assert {f.action for s in schedules for f in s} == {kind[0] for kind in schedule.KINDS}
    assert all(f.heal for s in schedules for f in s if f.action == "stop-database")


def test_every_step_of_a_schedule_is_something_that_a_cluster_can_do() -> None:
    for seed in range(50):
        made = schedule.drill(plan(seed, 3, MANAGERS, WORKERS), 3, "random")
        moments = [step.at for step in made.steps]
        assert moments == sorted(moments)
        for step in (*made.steps, *made.undo):
            assert callable(getattr(Cluster, step.action.replace("-", "_")))


@pytest.mark.parametrize("culprits", [{2}, {0, 6}, {1, 4, 7}, set(range(8))])
def test_a_schedule_that_fails_is_shrunk_to_its_culprits(culprits: set[int]) -> None:
    faults = [Fault("roll", "", float(number)) for number in range(8)]
    needed = {faults[number] for number in culprits}
    found = schedule.shrink(faults, lambda fewer: needed <= set(fewer))
    assert set(found) == needed


def test_a_schedule_can_be_kept_and_read_again() -> None:
    faults = plan(3, 2, MANAGERS, WORKERS)
    assert schedule.read(schedule.written(faults, 2.0)) == (faults, 2.0)


@pytest.mark.parametrize(
    "text", ["", "[]", '{"minutes": 1, "faults": [{"action": "sing", "target": "", "at": 1}]}']
)
def test_what_is_no_schedule_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"schedule|no fault sing"):
        schedule.read(text)


def verdict(*findings: str, healthy: bool = True, orders: int = 9) -> Verdict:
    audit = Audit({"orders confirmed to buyers": orders})
    for finding in findings:
        audit.add("lost", finding)
    expectations = [
        Expectation("orders confirmed to buyers", "5 or more", str(orders), orders >= 5),
        Expectation("the cluster is healthy afterwards", "", "yes", healthy),
        Expectation("p99 from the intended start", "2 s", "9 s", met=False),
    ]
    result = replace(Result("random", "", []), expectations=expectations, audit=audit)
    return Verdict("random", result, Path("report.html"))


def test_a_run_holds_when_nothing_was_lost_and_the_cluster_is_well() -> None:
    assert randomly.holds(verdict())
    assert not randomly.holds(verdict("an order"))
    assert not randomly.holds(verdict(healthy=False))
    assert not randomly.holds(verdict(orders=0))
    nothing_judged = replace(Result("random", "", []), audit=Audit())
    assert not randomly.holds(Verdict("random", nothing_judged, Path()))


def test_a_failing_schedule_is_carried_out_again_with_ever_fewer_faults(tmp_path: Path) -> None:
    faults = [Fault("crash", "w1", 8), Fault("roll", "", 9), Fault("drain", "w2", 10)]
    tried: list[Path] = []

    def once(fewer: Sequence[Fault], folder: Path) -> Verdict:
        tried.append(folder)
        return verdict(*(["an order"] if faults[1] in fewer else []))

    assert randomly.fewest(faults, once, tmp_path) == [faults[1]]
    assert len(set(tried)) == len(tried), "each try keeps its own report"


def test_the_page_gets_a_line_for_each_seed() -> None:
    page = randomly.PAGE.read_text()
    made = randomly.line("42", 1.0, [Fault("crash", "w1", 8)], verdict("an order"), "3")
    assert "| 42 | 1 | crash w1 | 0 | 0 | 9 | **FAILED** |" in made
    shown = randomly.published(page, made)
    assert shown.index(made) < shown.index(randomly.END)
    with pytest.raises(OperatorError, match="no table"):
        randomly.published("nothing", made)


@pytest.mark.parametrize("text", ["0", "x", "nan", "601"])
def test_an_odd_number_of_minutes_is_refused(text: str) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["random", "--minutes", text])
    assert ended.value.code == 2


def test_a_random_schedule_has_people(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["random", "--rate", "5"]) == 2
    assert "--rate is for drills by name" in capsys.readouterr().err


def test_a_seed_without_a_random_drill_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["worker-loss", "--seed", "1"]) == 2
    assert "./run drill random" in capsys.readouterr().err
