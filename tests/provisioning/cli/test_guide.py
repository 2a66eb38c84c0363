"""The operator's guide names every command and every key of the inventory."""

from __future__ import annotations

import argparse
import json
import re
from pathlib import Path

import pytest

from provisioning.cli.main import parser
from provisioning.inventory import Alert, Backup, ClusterTable, Host, NodeGroup, Ssh

GUIDE = (Path(__file__).parents[3] / "docs" / "operators-guide.md").read_text()
TABLES = (Alert, Backup, ClusterTable, Host, NodeGroup, Ssh)


def commands() -> list[str]:
    actions = [a for a in parser()._actions if isinstance(a, argparse._SubParsersAction)]
    return list(actions[0].choices)


@pytest.mark.parametrize("command", commands())
def test_every_command_is_in_the_guide(command: str) -> None:
    assert f"ops {command}" in GUIDE or f"`{command}" in GUIDE or f", `{command}" in GUIDE


@pytest.mark.parametrize(
    "key",
    sorted(
        {
            k
            for table in (Alert, Backup, ClusterTable, Host, NodeGroup, Ssh)
            for k in table.model_fields
        }
    ),
)
def test_every_key_is_in_the_guide(key: str) -> None:
    assert f"`{key}`" in GUIDE


def test_the_guides_defaults_are_the_codes() -> None:
    rows = re.findall(r"^\| `(\w+)` \|.*\| `([^`]*)` \|$", GUIDE, re.MULTILINE)
    shown = {key: value for key, value in rows if key in ClusterTable.model_fields}
    real = {key: ClusterTable.model_fields[key].default for key in shown}
    assert {"stacks", "replicas", "overlay_pool"} <= set(shown)
    assert shown == {key: value if isinstance(value, str) else json.dumps(value)
                     for key, value in real.items()}  # fmt: skip
