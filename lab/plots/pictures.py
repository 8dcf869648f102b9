"""Frames of a simulator in print figures. Loads without plotly, which `lab plan` does not need."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FRAME = "#BBBBBB"
REACHED = "#009E73"  #: the border of a picture in which the goal is reached


def picture(ax: Axes, frame: Any, border: str | None = None, width: float = 3, **options: Any) -> None:
    """Draw ``frame`` (H, W, 3) or (H, W) with a thin grey border, or with one of colour ``border`` and ``width``."""
    ax.imshow(frame, interpolation="nearest", **options)
    ax.set(xticks=[], yticks=[])
    for spine in ax.spines.values():
        spine.set(visible=True, color=border or FRAME, linewidth=width if border else 0.5)
