"""Frames of a simulator in print figures. Loads without plotly, which `lab plan` does not need."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FRAME = "#BBBBBB"
REACHED = "#009E73"  #: the border of a picture in which the goal is reached


def picture(ax: Axes, frame: Any, colour: str | None = None, width: float = 3, **options: Any) -> None:
    """Draw ``frame`` (H, W, 3) or (H, W) in its `border`."""
    ax.imshow(frame, interpolation="nearest", **options)
    ax.set(xticks=[], yticks=[])
    for spine in ax.spines.values():
        spine.set(visible=True, **border(colour, width))


def border(colour: str | None = None, width: float = 3) -> dict[str, Any]:
    """A line of this ``colour`` and ``width``, or a thin grey one."""
    return {"color": colour, "linewidth": width} if colour else {"color": FRAME, "linewidth": 0.5}
