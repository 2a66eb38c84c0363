"""Which image the next release has, and which number."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from provisioning.release import history, proposal
from provisioning.release.history import DONE, INTERRUPTED, UNDONE, Release
from provisioning.release.proposal import choose_image, next_release
from swarm.model import Snapshot
from tests.provisioning.factories import inventory, service, task

DIGEST = "@sha256:" + "a" * 64


def release(number: int, outcome: str, image: str = "shop:2", listed: str = "shop:1") -> Release:
    stacks = {"app": {"services": {"web": {"image": image}}}}
    return Release(number, "", "", image + DIGEST, stacks, named=listed, outcome=outcome)


@pytest.mark.parametrize(
    ("releases", "listed", "named", "chosen"),
    [
        ([], "shop:1", None, "shop:1"),
        ([], "shop:1", "shop:7", "shop:7"),
        ([release(1, DONE)], "shop:1", None, "shop:2" + DIGEST),  # what runs is kept
        ([release(1, DONE)], "shop:1", "shop:1", "shop:1"),  # unless one is named
        ([release(1, DONE)], "shop:3", None, "shop:3"),  # here or in the inventory
        ([release(1, DONE), release(2, UNDONE, "shop:9")], "shop:1", None, "shop:2" + DIGEST),
        ([release(1, DONE), release(2, INTERRUPTED, "shop:9")], "shop:1", None, "shop:9" + DIGEST),
    ],
)
def test_the_image_that_runs_is_kept_unless_one_is_named(
    releases: list[Release], listed: str, named: str | None, chosen: str
) -> None:
    assert choose_image(releases, listed, named)[0] == chosen


def test_an_operator_is_told_that_the_inventory_names_another_image() -> None:
    _, hint = choose_image([release(1, DONE)], "shop:1", None)
    assert hint.endswith("to deploy that: ./run ops deploy shop:1")
    assert choose_image([release(1, DONE, "shop:1")], "shop:1", None)[1] == ""


def test_a_release_that_was_interrupted_is_gone_on_with() -> None:
    begun = release(2, INTERRUPTED)
    made, unfinished = next_release([release(1, DONE), begun], release(0, INTERRUPTED))
    assert made is begun is unfinished


def test_another_one_takes_the_place_of_what_was_interrupted() -> None:
    begun = release(2, INTERRUPTED)
    made, unfinished = next_release([release(1, DONE), begun], release(0, INTERRUPTED, "shop:3"))
    assert (made.number, unfinished) == (3, begun)


def test_numbers_are_never_used_again() -> None:
    made, unfinished = next_release([release(1, DONE), release(2, UNDONE)], release(0, INTERRUPTED))
    assert (made.number, unfinished) == (3, None)


@pytest.mark.parametrize("left", [True, False])
def test_where_nothing_is_left_of_a_release_the_next_is_like_the_first(
    left: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A database that was restored may know nothing of the last migration."""
    before = release(1, DONE)
    services = (service(task()),) if left else ()
    document = {"services": {"web": {"image": before.image}}}
    stack = SimpleNamespace(name="app", document=document, objects=())
    for name, answer in {
        "read_secrets": {},
        "read_salt": SimpleNamespace(kind="config", name="salt", content=b""),
        "render_all": [stack],
        "resolve": {before.image: before.image},
        "snapshot": Snapshot(services, ()),
        "managed_secrets": {},
    }.items():
        monkeypatch.setattr(proposal, name, lambda *_, answer=answer: answer)
    monkeypatch.setattr(history, "read", lambda *_: [before])
    cluster = SimpleNamespace(name="shop", spec=inventory(image="shop:1").cluster, inventory=None)
    made = proposal.propose(cast(Any, cluster), cast(Any, None), None, print)
    assert (made.before, made.fresh, made.migrates) == (before, not left, not left)
