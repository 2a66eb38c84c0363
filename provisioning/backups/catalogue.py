"""What is kept: backups with their manifests, and the binary logs since the oldest. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

from provisioning.backups.database import Position
from provisioning.errors import OperatorError

MANIFEST = "manifest.json"  # written last: without it a backup is none
DATABASE, COVERS, SWARM = "database.sql.gz.age", "covers.tar.gz.age", "swarm.tar.gz.gz.age"
LOGS = "logs"
NAMED = "%Y-%m-%dT%H%M%SZ"  # after the moment at which it was begun
STAMP = re.compile(r"\d{4}-\d\d-\d\dT\d{6}Z")


@dataclass(frozen=True)
class Taken:
    """A backup: when it was made, of what, and where in the binary logs."""

    name: str
    at: datetime
    database: str
    position: Position | None
    sizes: dict[str, int]

    def dump(self) -> bytes:
        """Write the manifest."""
        return json.dumps(asdict(self) | {"at": self.at.isoformat()}, indent=2).encode()


def read_manifest(content: bytes) -> Taken:
    """Read a manifest."""
    row = json.loads(content)
    position = row.pop("position")
    at = datetime.fromisoformat(row.pop("at"))
    return Taken(**row, at=at, position=Position(**position) if position else None)


def whole(names: Collection[str]) -> list[str]:
    """List the backups that are whole, oldest first."""
    return sorted(
        n.split("/")[0]
        for n in names
        if n.endswith(f"/{MANIFEST}") and STAMP.fullmatch(n.split("/")[0])
    )


def logs_in(names: Collection[str]) -> list[str]:
    """List the binary logs that are kept, in their order."""
    files = (n.removeprefix(f"{LOGS}/") for n in names if n.startswith(f"{LOGS}/"))
    return sorted(n.removesuffix(".gz.age") for n in files)


def chosen(backups: Collection[Taken], until: datetime | None) -> Taken:
    """Choose the newest backup that is not younger than a moment."""
    fit = [b for b in backups if until is None or b.at <= until]
    if not fit:
        kept = ", ".join(sorted(b.name for b in backups)) or "none"
        raise OperatorError(
            f"There is no backup from before {until:%Y-%m-%d %H:%M:%S %Z}. There are: {kept}."
            if until
            else "There is no whole backup yet: ./run ops backup"
        )
    return max(fit, key=lambda b: b.at)


def since(position: Position, logs: Collection[str]) -> list[str]:
    """List the kept logs to replay from a position; refuse when one between is missing."""
    found = [n for n in logs if n >= position.file]
    for number, name in enumerate(found):
        expected = int(position.file.rpartition(".")[2]) + number
        if int(name.rpartition(".")[2]) != expected:
            raise OperatorError(
                f"The binary log {expected:06d} is not among the backups: what came after it "
                "cannot be replayed. Restore to a moment before it, or from a later backup."
            )
    return found


def outdated(
    names: Mapping[str, float], keep: int, oldest: Position | None, before: float
) -> list[str]:
    """List what is to be deleted, by what is kept and since when.

    That is all but the newest backups, the logs that none of them needs, and what is left of
    backups that got nothing more since a moment, and no manifest.
    """
    kept = whole(names)
    gone = set(kept[:-keep])
    begun = {n.split("/")[0] for n in names if STAMP.fullmatch(n.split("/")[0])} - set(kept)
    grown = {at.split("/")[0] for at, since in names.items() if since >= before}
    files = [n for n in names if n.split("/")[0] in gone | (begun - grown)]
    if oldest:
        files += [f"{LOGS}/{n}.gz.age" for n in logs_in(names) if n < oldest.file]
    # The manifest first: what is half deleted is no backup any more.
    return sorted(files, key=lambda n: not n.endswith(MANIFEST))


def stamp(at: datetime) -> str:
    """Name a backup by its moment."""
    return at.astimezone(UTC).strftime(NAMED)


def moment(name: str) -> datetime:
    """Read a backup's moment from its name."""
    return datetime.strptime(name, NAMED).replace(tzinfo=UTC)
