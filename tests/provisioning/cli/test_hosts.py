"""The command's bad input."""

from __future__ import annotations

from pathlib import Path

import pytest

from provisioning.cli.hosts import provider_of
from provisioning.cli.main import main
from provisioning.errors import OperatorError
from provisioning.inventory import load

EXAMPLE = Path(__file__).parents[3] / "provisioning" / "examples" / "ec2.toml"


@pytest.mark.parametrize(
    ("option", "says"),
    [
        (("--idle-below", "2"), "a share from 0 to 1"),
        (("--idle-for", "soon"), "seconds, from 0 to 86400"),
        (("--interval", "-1"), "seconds, from 0 to 86400"),
    ],
)
def test_a_wrong_option_says_what_is_right(
    option: tuple[str, str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["scale-hosts", *option])
    assert ended.value.code == 2
    assert says in capsys.readouterr().err


def test_an_inventory_without_a_group_is_refused() -> None:
    with pytest.raises(OperatorError, match=r"has no \[node_group\], so nobody is known"):
        provider_of(load(EXAMPLE))


def test_a_region_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "cluster.toml"
    group = '[node_group]\nprovider = "ec2"\nname = "g"\nregion = "eu-west-11"\nsize = [1, 2]\n'
    path.write_text(EXAMPLE.read_text().replace("[ssh]", f"{group}[ssh]", 1))
    with pytest.raises(OperatorError, match="Did you mean eu-west-1"):
        provider_of(load(path))
