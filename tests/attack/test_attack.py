"""Several people do legal and illegal things at random on two replicas that die and lose their
connections; afterwards the database is as if all had gone well."""

from pathlib import Path

import pytest

from tests.attack.run import ENOUGH_ORDERS, attack
from tests.support.mariadb import MariaDB

SECONDS = 20.0


@pytest.mark.mariadb
@pytest.mark.timeout(400)
@pytest.mark.parametrize("seed", [1, 2])
def test_nothing_is_lost_doubled_or_stuck(mariadb: MariaDB, tmp_path: Path, seed: int) -> None:
    report = attack(mariadb, tmp_path, seed=seed, seconds=SECONDS)
    print(report, report.log[-20_000:], sep="\n")
    assert report.problems == []
    assert report.counts["paid"] > 0
    assert report.counts["orders"] >= ENOUGH_ORDERS
    assert report.kills + report.cuts > 3
