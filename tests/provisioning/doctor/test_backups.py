"""What the doctor sees of the backups, in a folder that is there."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import pyrage
import pytest

from provisioning.cluster import Cluster
from provisioning.doctor.report import newest_backup
from provisioning.errors import OperatorError
from provisioning.inventory import Backup
from provisioning.ssh.fleet import Fleet
from provisioning.ssh.redaction import Redactor
from tests.provisioning.factories import inventory

KEY = str(pyrage.x25519.Identity.generate().to_public())


def newest(place: Path, *files: str) -> Mapping[str, datetime | OperatorError | None]:
    for name in files:
        (place / name).parent.mkdir(parents=True)
        (place / name).touch()
    backup = Backup(to=str(place), recipients=(KEY,))
    made = inventory().model_copy(update={"backup": backup})
    with Fleet([], Redactor()) as fleet:
        return newest_backup(Cluster(made, fleet))


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ((), None),
        (("2026-11-26T030000Z/.manifest.json.part",), None),
        (
            (
                "2026-11-24T030000Z/manifest.json",
                "2026-11-25T030000Z/manifest.json",
                "2026-11-26T030000Z/database.sql.gz.age",
                "logs/binlog.000009.gz.age",
            ),
            datetime(2026, 11, 25, 3, tzinfo=UTC),
        ),
    ],
    ids=["none", "a part", "not whole"],
)
def test_only_a_whole_backup_counts(
    files: tuple[str, ...], expected: datetime | None, tmp_path: Path
) -> None:
    assert newest(tmp_path / "kept", *files) == {str(tmp_path / "kept"): expected}


def test_a_place_that_cannot_be_read_is_told_as_such(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {
        "AWS_ENDPOINT_URL": "http://127.0.0.1:1",
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_MAX_ATTEMPTS": "1",
    }.items():
        monkeypatch.setenv(name, value)
    backup = Backup(to="s3://books-backups/shop", recipients=(KEY,))
    with Fleet([], Redactor()) as fleet:
        made = inventory().model_copy(update={"backup": backup})
        (answer,) = newest_backup(Cluster(made, fleet)).values()
    assert isinstance(answer, OperatorError)
    assert str(answer).startswith("s3://books-backups/shop: what is kept could not be listed")
