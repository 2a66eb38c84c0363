"""The colours of a report, for light and for dark: plots are drawn in the light ones, each of which
is then named, so that the page decides."""

from __future__ import annotations

INK, FAINT, LINE = "#23221f", "#68655e", "#dedad1"
GOOD, BAD, WARN = "#2e7d4f", "#b3352b", "#a8620f"
WANTED = "#1d5fa8"
HEAT = ("#d6e6f4", "#a9cde8", "#6fabd6", "#3f86c1", "#1f5f9e", "#0c3a6b")
HOSTS = ("#4f86b8", "#d08a3e", "#5a9e6f", "#a06ab0", "#8d8a3c", "#b8615f", "#4a9aa0", "#7b7468")

_DARK = {
    INK: "#eceae4", FAINT: "#a5a199", LINE: "#3a3832", GOOD: "#5bb381", BAD: "#f08379",
    WARN: "#e3a857", WANTED: "#7db4ee",
    **dict(zip(HEAT, ("#17324c", "#1d4a73", "#2b6a9f", "#4a92c8", "#86bfe6", "#d3ebfb"),
               strict=True)),
    **dict(zip(HOSTS, ("#6fa3d2", "#dba363", "#79b98c", "#bd8ecb", "#b0ad60", "#d48583",
                       "#6dbac0", "#a39c8f"), strict=True)),
}  # fmt: skip


def _name(colour: str) -> str:
    return f"--c{colour[1:]}"


def themed(svg: str) -> str:
    """Return a plot whose colours are those that the page has for them."""
    for colour in _DARK:
        svg = svg.replace(colour, f"var({_name(colour)})")
    return svg


def declared(*, dark: bool) -> str:
    """Return the declarations of all colours for one of the two."""
    return "; ".join(f"{_name(light)}: {_DARK[light] if dark else light}" for light in _DARK)
