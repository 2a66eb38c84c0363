"""What the state of a stack means: what `up` does about it, and what to tell an operator. Pure."""

from __future__ import annotations

from enum import Enum

GONE = "DELETE_COMPLETE"
WELL = frozenset({"CREATE_COMPLETE", "UPDATE_COMPLETE", "IMPORT_COMPLETE"})
EMPTY = frozenset({"REVIEW_IN_PROGRESS", "ROLLBACK_COMPLETE"})  # nothing is in it


class Remedy(Enum):
    """What comes before a stack can be changed."""

    NOTHING = "nothing"
    ANEW = "delete what is left of a failed start, and make it anew"
    BACK = "take it back to where it was"
    WAIT = "wait until it rests"
    GOING = "wait until it is gone"
    FINISH = "finish deleting it"
    CONSOLE = "only the console can help"


REMEDIES = {
    **dict.fromkeys(WELL, Remedy.NOTHING),
    "UPDATE_ROLLBACK_COMPLETE": Remedy.NOTHING,
    "IMPORT_ROLLBACK_COMPLETE": Remedy.NOTHING,
    **dict.fromkeys(EMPTY, Remedy.ANEW),
    "CREATE_FAILED": Remedy.ANEW,
    "ROLLBACK_FAILED": Remedy.ANEW,
    "UPDATE_FAILED": Remedy.BACK,
    "UPDATE_ROLLBACK_FAILED": Remedy.BACK,
    "DELETE_IN_PROGRESS": Remedy.GOING,
    "DELETE_FAILED": Remedy.FINISH,
}
ADVICE = {
    Remedy.ANEW: "run ./run ops cloud up, which deletes what is left of it and makes it anew",
    Remedy.BACK: "run ./run ops cloud up, which first takes it back to where it was",
    Remedy.WAIT: "wait for it: ./run ops cloud status shows how it stands, and up goes on after it",
    Remedy.GOING: "wait until it is gone, then run ./run ops cloud up to make it anew",
    Remedy.FINISH: "run ./run ops cloud down to finish deleting it, then ./run ops cloud up",
    Remedy.CONSOLE: "put it right in the CloudFormation console, then run the command again",
}


def remedy(status: str) -> Remedy:
    """Return what a stack in this state needs first."""
    if status in REMEDIES:
        return REMEDIES[status]
    return Remedy.WAIT if status.endswith("_IN_PROGRESS") else Remedy.CONSOLE


def sentence(name: str, status: str, reason: str = "") -> str:
    """Say how a stack stands and what to do; "" where nothing is to be done."""
    needed = remedy(status)
    if needed is Remedy.NOTHING:
        return ""
    because = f": {reason.strip().rstrip('.')}" if reason.strip() else ""
    how = {
        Remedy.WAIT: f"is being changed by somebody ({status}{because})",
        Remedy.GOING: f"is being deleted by somebody ({status}{because})",
    }.get(needed, f"is in the state {status}{because}")
    return f"The stack {name} {how}; {ADVICE[needed]}."
