"""Names that tasks get on hosts whose own names are as long as Linux allows."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

STACKS = ["app.yml", "services.yml", "edge.yml", "autoscaler.yml"]
LONGEST = 64  # letters of a host's name, a container's included
LONG = {"{{.Node.Hostname}}": "h" * LONGEST, "{{.Service.Name}}": "s" * 20, "{{.Task.Slot}}": "100"}


def services(stack: str) -> Iterator[tuple[str, dict[str, Any]]]:
    path = Path(__file__).parents[2] / "swarm" / stack
    yield from yaml.safe_load(path.read_text())["services"].items()


def filled(template: str) -> str:
    for place, value in LONG.items():
        template = template.replace(place, value)
    return template


@pytest.mark.parametrize("stack", STACKS)
def test_no_task_is_called_by_more_than_linux_allows(stack: str) -> None:
    too_long = {n for n, s in services(stack) if len(filled(s.get("hostname", ""))) > LONGEST}
    assert not too_long


@pytest.mark.parametrize("stack", ["app.yml", "services.yml"])
def test_a_replica_says_on_which_host_it_runs(stack: str) -> None:
    shop = [s for _, s in services(stack) if "BOOKSTORE_CONTEXTS" in s.get("environment", {})]
    names = [filled(s["environment"]["BOOKSTORE_REPLICA"]) for s in shop]
    assert names
    assert all("h" * LONGEST in name and name.endswith("-100") for name in names)
