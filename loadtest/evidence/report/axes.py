"""What all plots of a report have in common: a title, and a legend under it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

STYLE = {"frameon": False, "handlelength": 1.2, "columnspacing": 1.0, "handletextpad": 0.4,
         "borderaxespad": 0.2, "loc": "lower left", "bbox_to_anchor": (0, 1.0)}  # fmt: skip
LINE = 12.0  # points that a line of a legend takes


def head(axis: Any, title: str, columns: int = 1, handles: Sequence[Any] | None = None) -> None:
    """Write a title above a plot, and between the two what its colours mean."""
    shown = axis.get_legend_handles_labels()[0] if handles is None else handles
    lines = -(-len(shown) // columns)
    if shown:
        axis.legend(handles=shown, ncols=columns, **STYLE)
    axis.set_title(title, pad=5 + lines * LINE)
