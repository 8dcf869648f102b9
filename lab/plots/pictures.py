"""Pictures of the world in print figures. Loads without plotly, which `lab plan` does without."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FRAME = "#BBBBBB"
REACHED = "#009E73"  #: the border of a picture in which the goal is reached


def picture(ax: Axes, frame: Any, border: str | None = None, width: float = 3, **options: Any) -> None:
    """A picture in a thin frame, or in one of the colour ``border`` and that ``width``."""
    ax.imshow(frame, interpolation="nearest", **options)
    ax.set(xticks=[], yticks=[])
    for spine in ax.spines.values():
        spine.set(visible=True, color=border or FRAME, linewidth=width if border else 0.5)
