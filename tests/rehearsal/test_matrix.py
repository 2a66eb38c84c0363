"""From bare hosts to HTTPS and through an update, on each engine, system and habit of hosts."""

from __future__ import annotations

import re
import time

import pytest

from provisioning.rehearsal import lifecycle
from tests.rehearsal.load import Load
from tests.rehearsal.operator import make_release, on, ops, running

pytestmark = [pytest.mark.nightly, pytest.mark.rehearsal, pytest.mark.timeout(1800)]

SOON = 300  # seconds from bare hosts to HTTPS, on a machine that has nothing else to do
PAIRS = [
    ("trixie", "trixie"),
    ("trixie", "forky"),
    ("trixie", "noble"),
    ("bookworm", "bookworm"),
]
QUIRKS = [
    ("trixie", "oldest-api"),
    ("trixie", "installed"),
    ("trixie", "upgrading"),
    ("trixie", "noexec"),
    ("trixie", "names"),
]


def phase(text: str, name: str) -> float:
    """Find how long a part of `rehearse` took."""
    found = re.search(rf"^{name} +([0-9.]+)$", text, re.MULTILINE)
    assert found, name
    return float(found[1])


def walk(*words: str) -> None:
    """Lead bare hosts of a kind to HTTPS, then through an update under light load."""
    lifecycle.down()
    try:
        done = ops("rehearse", "--workers", "2", *words, timeout=1500)
        assert done.status == 0
        seconds = phase(done.text, "apply") + phase(done.text, "deploy")
        engines = on("manager1", "docker node inspect -f '{{.Description.Engine.EngineVersion}}' "
                                 "$(docker node ls -q) | sort | uniq -c")  # fmt: skip
        assert "nothing to do" in ops("plan").text.lower()

        release = make_release("matrix")
        with Load(rate=5) as load:
            updated = ops("deploy", release, "--yes")
            time.sleep(3)
        print(
            f"{' '.join(words) or 'as it comes'}: {' '.join(engines.split())}; "
            f"bare hosts to HTTPS {seconds:.0f} s; update {updated.seconds:.0f} s, {load.summary()}"
        )
        assert updated.status == 0
        assert load.outcomes
        assert not load.failures
        assert all(release.partition("@")[2] in task.image for task in running("app_web"))
        assert seconds < SOON
    finally:
        lifecycle.down()


@pytest.mark.parametrize(("suite", "engine"), PAIRS, ids=["-".join(pair) for pair in PAIRS])
def test_every_engine_on_every_system(suite: str, engine: str) -> None:
    walk("--suite", suite, "--engine", engine)


@pytest.mark.parametrize(("engine", "quirk"), QUIRKS, ids=["-".join(pair) for pair in QUIRKS])
def test_hosts_with_a_past_and_customs_of_their_own(engine: str, quirk: str) -> None:
    walk("--engine", engine, "--quirk", quirk)
