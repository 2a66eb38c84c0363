"""Whether a deployment has succeeded."""

from __future__ import annotations

from typing import Any

import pytest

from provisioning.release.gate import failures, judge
from tests.provisioning.factories import service, task

SINCE = "2026-01-01T09:00:00"


@pytest.mark.parametrize(
    ("tasks", "update", "state"),
    [
        ([task(), task()], "", "healthy"),
        ([task(), task()], "completed", "healthy"),
        ([task(), task()], "updating", "waiting"),
        ([task(), task(current=False)], "", "waiting"),
        ([task()], "", "waiting"),
        ([task(), task(state="starting")], "", "waiting"),
        ([task(), task(), task(current=False)], "", "waiting"),
        ([task(), task()], "rollback_completed", "failed"),
        ([task(), task()], "paused", "failed"),
        ([task(state="failed", wanted="shutdown")] * 6, "", "failed"),
    ],
)
def test_the_gate(tasks: list[Any], update: str, state: str) -> None:
    assert judge(service(*tasks, update=update, message="why"), SINCE).state == state


def test_a_task_that_its_health_check_ended_is_a_failure_though_it_left_politely() -> None:
    ended = task(state="complete", wanted="shutdown", exit_code=0)
    old = task(state="shutdown", wanted="shutdown", current=False)
    before = task(state="failed", wanted="shutdown", created="2026-01-01T08:00:00")
    assert failures(service(ended, old, before), SINCE) == [ended]
