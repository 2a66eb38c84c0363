"""Titles and the series that some of them carry behind them: "The Hunger Games (Panem, #1)"."""

import re

_SERIES = re.compile(r"^(?P<title>.*\S)\s*\((?P<series>[^()#]+?),?\s*#(?P<number>[^()#]*)\)\s*$")


def parted(title: str, series: str | None, number: str | None) -> tuple[str, str, str]:
    """Return title, series and number within it, each by itself. What is known of the series goes
    before what the title says."""
    found = _SERIES.match(title) if title.rstrip().endswith(")") else None
    if found is None:
        return title, series or "", (number or "") if series else ""
    if series:
        return found["title"], series, number or ""
    return found["title"], found["series"], found["number"].strip()
