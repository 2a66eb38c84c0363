"""What a run came to: judged expectations, and a few lines for the terminal."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from loadtest.errors import LoadError
from loadtest.evidence import recorder
from loadtest.evidence.ledger.audit import settle
from loadtest.evidence.ledger.model import Audit
from loadtest.evidence.result import Expectation, Result, summarize


def assess(folder: Path, title: str, about: str, urls: Mapping[str, str]) -> Result:
    """Make the result of a run that is over."""
    requests = recorder.read(folder, "requests")
    if not requests:
        raise LoadError(
            f"Nobody has asked the shop for anything; Locust's log is {folder / 'locust.log'}."
        )
    result = Result(title, about, requests)
    figures = summarize(requests)
    result.expectations.append(
        Expectation("requests that failed", "0", str(figures.failed), figures.failed == 0)
    )
    if urls:
        result.audit = settle(recorder.read(folder, "ledger"), urls)
        result.expectations += differences(result.audit)
    rate = f"{figures.rate:.1f} ({figures.count} in all)"
    times = ", ".join(f"{ms:.0f} ms" for ms in (figures.p50, figures.p95, figures.p99))
    result.expectations.append(Expectation("requests per second", "", rate, None))
    result.expectations.append(Expectation("p50, p95, p99", "", times, None))
    return result


def differences(audit: Audit) -> list[Expectation]:
    """Say how many promises were not kept, kind by kind."""
    kinds = audit.by_kind
    other = sum(kinds[kind] for kind in ("unasked", "money", "stock"))
    rows = (
        ("orders, payments, accounts or books lost", kinds["lost"]),
        ("orders or books duplicated", kinds["duplicated"]),
        ("copies sold twice", kinds["oversold"]),
        ("other differences in the ledger", other),
    )
    return [Expectation(what, "0", str(count), count == 0) for what, count in rows]


def text(result: Result, path: Path) -> str:
    """Say in the terminal how it ended."""
    lines = [""]
    for e in result.expectations:
        sign = " " if e.met is None else "✓" if e.met else "✗"
        lines.append(f" {sign} {e.what:<44} {e.seen}")
    if result.audit is None:
        lines.append("   The ledger was not compared: no database was named (--database).")
    else:
        lines += [f"   {finding.kind}: {finding.what}" for finding in result.audit.findings[:20]]
    lines.append(f"\n{'Passed' if result.passed else 'FAILED'}. Report: {path}")
    return "\n".join(lines)
