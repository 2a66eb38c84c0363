"""What is kept: backups with their manifests, and what was written after each. Pure."""

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
LOG = re.compile(r"log\.(.+\.\d+)\.gz\.age")
LATER_COVERS = re.compile(r"covers\.(\d+)\.tar\.gz\.age")
NAMED = "%Y-%m-%dT%H%M%SZ"  # after the moment at which it was begun
STAMP = re.compile(r"\d{4}-\d\d-\d\dT\d{6}Z")


@dataclass(frozen=True)
class Taken:
    """A backup: when it was made, of what, and where in the binary logs of which server."""

    name: str
    at: datetime
    database: str
    position: Position | None
    sizes: dict[str, int]
    dumped: datetime  # when the dump had ended: it shows the shop as it was at a moment before
    server: str = ""
    covers_from: int = 0  # the manager's clock when it began to read the covers, since 1970

    def dump(self) -> bytes:
        """Write the manifest."""
        moments = {"at": self.at.isoformat(), "dumped": self.dumped.isoformat()}
        return json.dumps(asdict(self) | moments, indent=2).encode()


def read_manifest(content: bytes) -> Taken:
    """Read a manifest."""
    row = json.loads(content)
    position = row.pop("position")
    at = row.pop("at")
    at, dumped = (datetime.fromisoformat(moment) for moment in (at, row.pop("dumped", at)))
    place = Position(**position) if position else None
    return Taken(**row, at=at, dumped=dumped, position=place)


def whole(names: Collection[str]) -> list[str]:
    """List the backups that are whole, oldest first."""
    return sorted(
        n.split("/")[0]
        for n in names
        if n.endswith(f"/{MANIFEST}") and STAMP.fullmatch(n.split("/")[0])
    )


def log_file(backup: str, log: str) -> str:
    """Name what keeps a binary log that follows a backup."""
    return f"{backup}/log.{log}.gz.age"


def logs_after(names: Collection[str], backup: str) -> list[str]:
    """List the binary logs that are kept with a backup, in their order."""
    return sorted(_after(names, backup, LOG), key=number)


def covers_file(backup: str, begun: int) -> str:
    """Name what keeps the covers that are newer than a backup's."""
    return f"{backup}/covers.{begun}.tar.gz.age"


def covers_after(names: Collection[str], backup: str) -> list[int]:
    """List since when covers newer than a backup's are kept with it."""
    return sorted(int(begun) for begun in _after(names, backup, LATER_COVERS))


def _after(names: Collection[str], backup: str, kind: re.Pattern[str]) -> list[str]:
    found = (kind.fullmatch(n.removeprefix(f"{backup}/")) for n in names)
    return [match[1] for match in found if match]


def number(log: str) -> int:
    """Return a binary log's number: after the millionth its name has a digit more."""
    return int(log.rpartition(".")[2])


def chosen(backups: Collection[Taken], until: datetime | None) -> Taken:
    """Choose the newest backup that shows nothing younger than a moment."""
    fit = [b for b in backups if until is None or b.dumped <= until]
    if not fit:
        kept = ", ".join(sorted(b.name for b in backups)) or "none"
        raise OperatorError(
            f"There is no backup from before {until:%Y-%m-%d %H:%M:%S %Z}. There are: {kept}."
            if until
            else "There is no whole backup yet: ./run ops backup"
        )
    return max(fit, key=lambda b: b.at)


def wanted(position: Position, until: Position | None, logs: Collection[str]) -> list[str]:
    """List the logs that a backup needs: from its position on, up to that of the one after it."""
    return [
        log
        for log in logs
        if number(position.file) <= number(log) <= number((until or Position(log, 0)).file)
    ]


def since(position: Position, logs: Collection[str]) -> list[str]:
    """List the kept logs to replay from a position; refuse when one between is missing."""
    found = wanted(position, None, logs)
    for expected, name in enumerate(found, number(position.file)):
        if number(name) != expected:
            raise OperatorError(
                f"The binary log {expected:06d} is not among the backups: what came after it "
                "cannot be replayed. Restore to a moment before it, or from a later backup."
            )
    return found


def outdated(names: Mapping[str, float], keep: int, before: float) -> list[str]:
    """List what is to be deleted, by what is kept and since when.

    That is all but the newest backups with what follows them, and what is left of backups that got
    nothing more since a moment, and no manifest.
    """
    kept = whole(names)
    gone = set(kept[:-keep])
    begun = {n.split("/")[0] for n in names if STAMP.fullmatch(n.split("/")[0])} - set(kept)
    grown = {at.split("/")[0] for at, since in names.items() if since >= before}
    files = [n for n in names if n.split("/")[0] in gone | (begun - grown)]
    # The manifest first: what is half deleted is no backup any more.
    return sorted(files, key=lambda n: not n.endswith(MANIFEST))


def stamp(at: datetime) -> str:
    """Name a backup by its moment."""
    return at.astimezone(UTC).strftime(NAMED)


def moment(name: str) -> datetime:
    """Read a backup's moment from its name."""
    return datetime.strptime(name, NAMED).replace(tzinfo=UTC)
