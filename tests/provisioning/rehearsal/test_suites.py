"""What hosts are made of: suites, engines and quirks."""

from __future__ import annotations

from pathlib import Path

import pytest

from provisioning.cli.main import parser
from provisioning.rehearsal import cli, trees
from provisioning.rehearsal.layout import hosts
from provisioning.rehearsal.quirks import QUIRKS, apply, long_name
from provisioning.rehearsal.suites import ENGINES, HOSTS, System, layers

FURNISHED = set(QUIRKS) - {"installed"}  # that one needs a system to install in


def system(*words: str) -> System:
    """Give what the command's words ask for."""
    return cli.system_of(parser().parse_args(["rehearsal", "up", *words]))


def test_unless_told_otherwise_hosts_stand_on_the_rehearsals_own_tree() -> None:
    assert layers(system()) == [trees.host_tree()]


def test_an_engine_comes_from_the_hosts_own_suite_unless_told_otherwise() -> None:
    assert system("--suite", "bookworm") == System("bookworm", "bookworm")
    assert system("--engine", "forky") == System("trixie", "forky")


def test_every_pair_stands_on_folders_of_its_own() -> None:
    pairs = [System(suite, engine) for suite in HOSTS for engine in ENGINES]
    tops = {layers(pair)[0] for pair in pairs}
    assert len(tops) == len(pairs)
    assert {layers(System("bookworm", engine))[-1] for engine in ENGINES} != {trees.host_tree()}


def test_quirks_make_no_other_tree() -> None:
    assert layers(system("--quirk", "noexec")) == layers(system())
    assert system("--quirk", "noexec", "--quirk", "names").quirks == ("noexec", "names")


@pytest.mark.parametrize("words", [("--suite", "woody"), ("--engine", "hamm"), ("--quirk", "?")])
def test_what_cannot_be_made_is_refused(words: tuple[str, str]) -> None:
    with pytest.raises(SystemExit):
        system(*words)


@pytest.mark.parametrize("name", sorted(FURNISHED))
def test_a_quirk_is_written_on_the_hosts_disk_alone(tmp_path: Path, name: str) -> None:
    (tmp_path / "etc/systemd/system").mkdir(parents=True)
    host = hosts(1, 1)[1]
    apply([name], host, tmp_path)
    assert [path for path in tmp_path.rglob("*") if path.is_file()]


def test_the_longest_name_that_linux_allows_is_not_the_inventorys() -> None:
    names = [long_name(host) for host in hosts(3, 9)]
    assert {len(name) for name in names} == {64}
    assert len(set(names)) == len(names)
    assert names[0] != names[0].lower()
