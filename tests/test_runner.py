"""How tests are run: `./run test` for a verdict at once, `./run tests` for everything."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests import __main__ as everything
from tests import some
from tests.support import packages


@pytest.mark.parametrize(
    ("suite", "given", "expected", "absent"),
    [
        ("side by side", [], ["--cov", "-n", "tests/orders"], ["tests", "--cov-fail-under=90"]),
        (
            *("tests", [], ["--cov-append", "--cov-fail-under=90", "tests"]),
            ["-n", "tests/orders", "--last-failed-no-failures=none"],
        ),
        ("journeys", [], ["tests/journeys", "browser and not nightly", "-n"], ["--cov"]),
        ("tests", ["-x"], ["-x", "tests"], ["--cov"]),
        ("journeys", ["-x"], ["tests/journeys"], ["-n"]),
        ("tests", ["-k", "refund"], ["-k", "refund", "tests"], ["--cov"]),
        ("tests", ["--lf"], ["--lf", "--last-failed-no-failures=none"], ["--cov"]),
        ("rehearsal", ["tests/orders"], ["tests/orders"], ["tests/rehearsal", "--cov"]),
        ("journeys", ["tests/test_docs.py::test_x"], ["-m"], ["tests/journeys"]),
        ("nightly", [], ["nightly", "tests"], ["--cov"]),
        ("rehearsal", ["-k", "drain"], ["tests/rehearsal"], ["--cov"]),
    ],
)
def test_what_pytest_gets_for_a_suite(
    suite: str, given: list[str], expected: list[str], absent: list[str]
) -> None:
    arguments = everything.arguments(suite, given)
    assert [option for option in expected if option not in arguments] == []
    assert [option for option in absent if option in arguments] == []


def test_a_whole_run_leaves_no_folder_out_and_takes_none_twice() -> None:
    assert everything.suites([], rehearsal=True) == [
        "side by side", "tests", "journeys", "rehearsal",
    ]  # fmt: skip
    assert everything.suites(["-x"], rehearsal=False) == ["tests", "journeys"]
    beside = [option for option in everything.arguments("side by side", []) if "/" in option]
    ignored = [
        option.removeprefix("--ignore=")
        for option in everything.arguments("tests", [])
        if option.startswith("--ignore=")
    ]
    assert beside == ignored
    assert all((everything.ROOT / folder).is_dir() for folder in beside)


@pytest.mark.parametrize(
    ("given", "stops"),
    [(["-x"], True), (["-vx"], True), (["--exitfirst"], True), (["-k", "x"], False)],
)
def test_a_first_failure_ends_the_other_suites_too_when_asked(
    given: list[str], stops: bool
) -> None:
    assert everything.stops_at_once(given) is stops


@pytest.mark.parametrize(
    ("given", "rehearses"),
    [
        (["tests/orders"], False),
        (["--lf"], False),
        (["tests/rehearsal/test_life.py"], True),
        (["-m", "browser"], True),
    ],
)
def test_the_swarm_is_built_for_some_tests_only_when_named(
    given: list[str], rehearses: bool
) -> None:
    assert ("not rehearsal" not in some.chosen(given)) is rehearses


@pytest.mark.parametrize(
    ("options", "status", "said"),
    [
        ((), 2, "Say which tests: ./run test tests/orders"),
        (("tests/test_static.py", "-x"), 0, " passed"),
        (("tests/test_static.py", "-k", "unlisted"), 0, "1 passed"),
    ],
)
def test_some_tests_run_without_anything_else(
    options: tuple[str, ...], status: int, said: str, tmp_path: Path
) -> None:
    kept = ("-o", f"cache_dir={tmp_path}") if options else ()
    done = subprocess.run(
        [sys.executable, "-m", "tests.some", *options, *kept],
        cwd=some.ROOT, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == status
    assert said in done.stdout + done.stderr
    assert "coverage" not in done.stdout


@pytest.fixture
def debian(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine whose apt-get writes down whether the SSH service was off when it was called."""
    switch = tmp_path / "etc" / "sshd_not_to_be_run"
    log = tmp_path / "apt.log"
    apt = tmp_path / "apt-get"
    apt.write_text(f'#!/bin/sh\n[ -e "{switch}" ] && off=off || off=on\necho "$off $*" >>"{log}"\n')
    apt.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setattr(packages, "NOT_TO_BE_RUN", switch)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    return log


def test_an_ssh_server_is_switched_off_before_it_is_installed(debian: Path) -> None:
    assert packages.install({"no-such-sshd": "openssh-server"}) == ["openssh-server"]
    [update, install] = debian.read_text().splitlines()
    assert update.startswith("off ")
    assert install.startswith("off ")
    assert install.endswith("openssh-server")


def test_other_packages_leave_the_ssh_service_as_it_is(debian: Path) -> None:
    packages.install({"no-such-program": "hello"})
    assert {line.split()[0] for line in debian.read_text().splitlines()} == {"on"}


def test_what_is_there_is_not_installed_again(debian: Path) -> None:
    assert packages.install({"sh": "dash"}) == []
    assert not debian.exists()
