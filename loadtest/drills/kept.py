"""What a drill came to, kept beside its record, so that an interrupted set goes on."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from loadtest.evidence import recorder
from loadtest.evidence.ledger.model import Audit
from loadtest.evidence.result import Event, Expectation, Result, Sample
from loadtest.evidence.run import FILE as RUN
from loadtest.evidence.run import RunFacts

FILE = "verdict.json"
LEDGER = ("lost", "duplicated", "oversold")  # of which a line has the numbers


def write(folder: Path, result: Result) -> None:
    """Keep what was judged, what was done, and how the cluster was meanwhile."""
    audit = result.audit or Audit()
    made = {
        "title": result.title,
        "about": result.about,
        "passed": result.passed,
        "notes": list(result.notes),
        "expectations": [asdict(expectation) for expectation in result.expectations],
        "events": [asdict(event) for event in result.events],
        "samples": [
            {**vars(sample), "replicas": dict(sample.replicas)} for sample in result.samples
        ],
        "counts": audit.counts,
        "findings": [asdict(finding) for finding in audit.findings],
    }
    (folder / FILE).write_text(json.dumps(made, indent=1) + "\n")


def read(folder: Path) -> Result | None:
    """Read how a drill ended that was judged; None where it was not, or did not come to its end."""
    try:
        known = json.loads((folder / FILE).read_text())
        audit = Audit(known["counts"])
        for finding in known["findings"]:
            audit.add(finding["kind"], finding["what"])
        return Result(
            known["title"],
            known["about"],
            recorder.read(folder, "requests"),
            expectations=[Expectation(**e) for e in known["expectations"]],
            events=[Event(**e) for e in known["events"]],
            samples=[Sample(**s) for s in known["samples"]],
            audit=audit,
            notes=known["notes"],
            incidents=recorder.read(folder, "incidents"),
            arrivals=recorder.read(folder, "arrivals"),
        )
    except (OSError, ValueError, TypeError, KeyError):
        return None


def summary(result: Result) -> dict[str, Any]:
    """Return what a run came to: its counts, and all that was judged."""
    errors = [str(request["error"]) for request in result.requests if request["error"] is not None]
    kinds = result.audit.by_kind if result.audit else {}
    return {
        "drill": result.title,
        "passed": result.passed,
        "requests": len(result.requests),
        "failed": len(errors),
        "pages": sum("503 page" in error for error in errors),
        "ledger": [kinds.get(kind, 0) for kind in LEDGER] if result.audit else None,
        "judged": [[e.what, e.wanted, e.seen, e.met] for e in result.expectations],
        "differences": [finding.what for finding in result.audit.findings] if result.audit else [],
    }


def line(folder: Path, when: str) -> str:
    """Return a run in one line of JSON: when, of which commit and seed, and what it came to."""
    facts = RunFacts.read(folder)
    result = read(folder)
    assert result is not None, f"{folder} holds no verdict"
    made = {"when": when, "commit": facts.commit, "seed": facts.seed, **summary(result)}
    return json.dumps(made) + "\n"


def last(runs: str, name: str, number: int) -> list[dict[str, Any]]:
    """Return the last runs of a drill, of the lines that were kept."""
    known = [json.loads(line) for line in runs.splitlines()]
    return [run for run in known if run["drill"] == name][-number:]


def set_aside(folder: Path) -> None:
    """Give way to another try where a drill did not come to its end."""
    if (folder / RUN).exists() and not (folder / FILE).exists():
        number = 1
        while (aside := folder.with_name(f"interrupted-{folder.name}.{number}")).exists():
            number += 1
        folder.rename(aside)
