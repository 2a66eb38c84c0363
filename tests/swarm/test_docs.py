"""The documentation names every label and every setting."""

from __future__ import annotations

from pathlib import Path

from swarm.autoscaler.__main__ import _parser
from swarm.autoscaler.labels import KEYS

TEXT = (Path(__file__).parents[2] / "docs" / "autoscaler.md").read_text()


def test_every_label_is_explained() -> None:
    for key in KEYS:
        direction, dot, rest = key.partition(".")
        assert f"bookstore.autoscale.{key}`" in TEXT or f"`.{direction}{dot}{rest}`" in TEXT, key


def test_every_setting_is_explained() -> None:
    for action in _parser()._actions:
        for option in action.option_strings:
            if option.startswith("--") and option != "--help":
                name = "AUTOSCALER_" + option.removeprefix("--").upper().replace("-", "_")
                assert f"`{name}`" in TEXT, name
