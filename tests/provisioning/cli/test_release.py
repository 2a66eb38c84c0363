"""How a release ends: replicas are evened out, and the release stands whatever becomes of that."""

import argparse
from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any, cast

import pytest

from provisioning import lock
from provisioning.care import rebalance
from provisioning.cli import release
from provisioning.cluster import Cluster
from provisioning.errors import Interrupted, OperatorError
from provisioning.release import deploy
from provisioning.ssh.transport import LockLost

ARGS = argparse.Namespace(dry_run=False, json=False, yes=True)
CLUSTER = cast(Cluster, SimpleNamespace(spec=SimpleNamespace(domain="shop.example"), redact=str))


@pytest.fixture
def done(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was done, in order; the release itself is a stand-in."""
    done: list[str] = []

    def note(what: str, answer: Any = None) -> Any:
        def noted(*_: object, **__: object) -> Any:
            done.append(what)
            return answer

        return noted

    monkeypatch.setattr(lock, "exclusive", lambda *_: nullcontext())
    monkeypatch.setattr(lock, "recorded", lambda *_: nullcontext())
    monkeypatch.setattr(release, "sayer", lambda *_, **__: done.append)
    monkeypatch.setattr(release, "_show", note("shown"))
    monkeypatch.setattr(deploy, "carry_out", note("deployed", []))
    monkeypatch.setattr(rebalance, "even_out", note("evened out", 0))
    return done


def carry_out() -> None:
    proposal = cast(Any, SimpleNamespace(release=SimpleNamespace(number=7), needed=True))
    release._release(CLUSTER, ARGS, lambda: proposal, "deploy")


def test_replicas_are_evened_out_behind_the_release(done: list[str]) -> None:
    carry_out()
    assert done == ["shown", "deployed", "evened out"]


@pytest.mark.parametrize(
    ("wrong", "raised", "told"),
    [
        (OperatorError("Full."), None, "Full.\nRelease 7 runs."),
        (KeyboardInterrupt(), Interrupted, "Release 7 runs. To even out its replicas"),
        (LockLost("Lost."), LockLost, "Lost."),
    ],
)
def test_the_release_stands_where_that_fails(
    done: list[str],
    monkeypatch: pytest.MonkeyPatch,
    wrong: BaseException,
    raised: type[BaseException] | None,
    told: str,
) -> None:
    def fail(*_: object) -> None:
        raise wrong

    monkeypatch.setattr(rebalance, "even_out", fail)
    with pytest.raises(raised, match=told) if raised else nullcontext():
        carry_out()
    assert raised or told in done[-1]
