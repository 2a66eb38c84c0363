"""What the doctor saw, and what it finds in that."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from provisioning.doctor.probes import Wire
from provisioning.inventory import Inventory
from provisioning.release.certificate import Certificate
from provisioning.setup.facts import Facts
from swarm.model import Service


@dataclass(frozen=True)
class Finding:
    """Something to put right (bad), not examined (unknown) or to know about, and what to do."""

    where: str
    what: str
    advice: str
    bad: bool = True
    unknown: bool = False


@dataclass(frozen=True)
class Examination:
    """All that was seen."""

    facts: Facts
    lost: Mapping[str, str] = field(default_factory=dict)  # host: why it could not be asked
    services: tuple[Service, ...] = ()
    wires: Mapping[str, Wire] = field(default_factory=dict)
    doors: Mapping[str, Mapping[tuple[str, int], str]] = field(default_factory=dict)
    overlay: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    certificates: Mapping[str, Certificate | str] = field(default_factory=dict)
    database: Mapping[str, str] = field(default_factory=dict)
    backup: datetime | None = None  # when the newest was begun
    # By check and host: why it could not be looked at there.
    unseen: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


Check = Callable[[Inventory, Examination, datetime], Iterator[Finding]]


def unknown(host: str, why: str) -> Finding:
    """Return that something could not be examined, and what to do about it."""
    advice = "Put that right, then run this again: what was not seen is not known to be well."
    if "python3" in why:
        advice = "Install Python 3 there: ./run ops apply, or apt-get install python3."
    what = f"it could not be examined ({why.removeprefix(f'{host}: ').rstrip('.')})"
    return Finding(host, what, advice, bad=False, unknown=True)
