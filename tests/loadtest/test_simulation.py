"""The simulation: its worlds hold, happen again in the same way, and name shops that are broken."""

import re

import pytest

from loadtest.__main__ import main


def simulate(capsys: pytest.CaptureFixture[str], *options: str) -> tuple[int, str]:
    status = main(["simulate", *options])
    return status, capsys.readouterr().out


@pytest.mark.timeout(300)
def test_a_world_holds_and_happens_again_in_the_same_way(
    capsys: pytest.CaptureFixture[str],
) -> None:
    options = ("--seed", "17", "--purchases", "1", "--world", "60", "--trace")
    first, said = simulate(capsys, *options)
    assert first == 0, said
    found = re.search(r"seed 17: ([0-9a-f]{16})", said)
    assert found is not None, said
    again, said_again = simulate(capsys, *options)
    assert again == 0
    assert f"seed 17: {found[1]}" in said_again
    assert re.search(r"[1-9]\d* kills", said), "nothing went wrong in it"


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        ("no-stock-guard", r"Book \d+ .* (copies confirmed|is not)"),
        ("no-idempotency", r"Order \d+ .* (was for .* and holds|was refused, and exists)"),
        ("no-refund", r"money that nobody knows of"),
    ],
)
def test_a_broken_shop_is_named_with_its_seed(
    broken: str, reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    status, said = simulate(
        capsys, "--seed", "24", "--purchases", "600", "--world", "60", "--broken", broken
    )
    assert status == 1, said
    assert re.search(reason, said), said
    assert re.search(r"The same again: ./run load simulate --seed \d+", said)
    assert f"--broken {broken}" in said


@pytest.mark.parametrize("options", [("--purchases", "0"), ("--seed", "x"), ("--world", "-1")])
def test_what_makes_no_world_is_refused(options: tuple[str, ...]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["simulate", *options])
    assert ended.value.code == 2
