"""What happens to the resources of a stack while it changes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from provisioning.cloud.aws import advise, explained
from provisioning.cloud.changes import words

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient

# What CloudFormation says of resources that only stop because another one failed.
ECHO = ("Resource creation cancelled", "Resource update cancelled", "The following resource(s)")


@dataclass(frozen=True)
class Event:
    """One resource reached a state."""

    stack: str
    resource: str
    kind: str  # without AWS::
    status: str  # such as CREATE_IN_PROGRESS
    reason: str = ""
    done: int = 0  # resources of the stack that are through
    total: int = 0

    @property
    def failed(self) -> bool:
        """Tell whether the resource could not do it."""
        return self.status.endswith("_FAILED")

    def __str__(self) -> str:
        """Return the event as a line of the progress display."""
        verb = self.status.lower().replace("_", " ")
        because = f" - {self.reason}" if self.failed and self.reason else ""
        count = f"{self.done}/{self.total}" if self.total else ""
        what = f"{self.resource} ({words(self.kind)})"
        return f"  {count:>7}  {what:<48} {verb}{because}"


class Follower:
    """Tells the events of one stack as they come, each once."""

    def __init__(
        self, cf: CloudFormationClient, stack: str, total: int, say: Callable[[Event], None]
    ) -> None:
        self._cf = cf
        self._stack = stack
        self._total = total
        self._say = say
        self._through: set[str] = set()
        self.seen: list[Event] = []
        self._known = {row[0] for row in self._read()}

    def look(self, gone: bool = False) -> None:
        """Tell what has happened since the last look. A stack that is gone has no more to tell."""
        for key, event in [] if gone else self._read():
            if key in self._known:
                continue
            self._known.add(key)
            if event.resource == self._stack:
                continue
            if not event.status.endswith("_IN_PROGRESS"):
                self._through.add(event.resource)
            event = Event(
                event.stack,
                event.resource,
                event.kind,
                event.status,
                event.reason,
                min(len(self._through), self._total),
                self._total,
            )
            self.seen.append(event)
            self._say(event)

    def _read(self) -> list[tuple[str, Event]]:
        """Read the newest events, oldest first: one page while following is enough."""
        with explained(f"read the events of {self._stack}"):
            try:
                rows = self._cf.describe_stack_events(StackName=self._stack)["StackEvents"]
            except ClientError as error:
                if "does not exist" in str(error):
                    return []
                raise
        return [
            (
                row["EventId"],
                Event(
                    self._stack,
                    row["LogicalResourceId"],
                    row["ResourceType"].removeprefix("AWS::"),
                    row["ResourceStatus"],
                    row.get("ResourceStatusReason", ""),
                ),
            )
            for row in reversed(rows)
            if "ResourceStatus" in row
        ]


def failures(events: Iterable[Event]) -> list[str]:
    """Name each resource that failed of itself, why, and what to do about it."""
    lines = []
    for event in events:
        if event.failed and not event.reason.startswith(ECHO):
            reason = event.reason.strip().rstrip(".") or "no reason given"
            advice = advise(reason)
            lines.append(f"{event.resource} ({words(event.kind)}): {reason}. {advice}".rstrip())
    return list(dict.fromkeys(lines))
