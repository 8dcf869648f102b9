"""Film strips: executed plans of several problems, in the simulator and in the model's imagination."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from lab.plots.pictures import REACHED, border

if TYPE_CHECKING:
    import plotly.graph_objects as go
    from matplotlib.axes import Axes

LEFT, TOP = 0.35, 0.35  #: of the frames, in inches
LINE = 0.17  #: for each further line of a label
SIDE, PITCH = 1.05, 1.12  #: of a frame, and from one to the next


def filmstrip(
    true: np.ndarray,
    imagined: np.ndarray,
    goals: np.ndarray,
    reached: np.ndarray,
    steps: Sequence[int],
    names: Sequence[str] | None = None,
) -> Figure:
    """Two rows for each of N problems: the true frames above the imagined ones, with the goal on their right.

    ``true`` and ``imagined`` are (N, T, H, H, 3) uint8 at the environment ``steps`` (T,); ``goals`` are (N, H, H, 3)
    uint8. Frames whose goal is ``reached`` (N, T) get a green border. The ``names`` (N,) of the problems are their
    numbers by default.
    """
    n, t = reached.shape
    labels = [f"{name}: true" for name in names or range(n)]
    left = LEFT + LINE * max(label.count("\n") for label in labels)
    width, height = left + PITCH * (t + 1), TOP + 2 * PITCH * n
    figure = Figure(figsize=(width, height))
    axes = figure.add_axes((0, 0, 1, 1))  # one for all frames, in inches: an axes for each takes ten times as long
    axes.set(xlim=(0, width), ylim=(height, 0))
    axes.axis("off")
    for k, title in enumerate([*(f"step {step}" for step in steps), "goal"]):
        axes.text(left + PITCH * k + SIDE / 2, TOP - 0.1, title, fontsize=9, ha="center")
    for i in range(n):
        above, below = TOP + 2 * PITCH * i, TOP + 2 * PITCH * i + PITCH
        for k in range(t):
            _frame(axes, true[i, k], left + PITCH * k, above, reached[i, k])
            _frame(axes, imagined[i, k], left + PITCH * k, below, False)
        _frame(axes, goals[i], left + PITCH * t, above, reached[i].any())
        verdict = "reached" if reached[i].any() else "missed"
        axes.text(left + PITCH * t + SIDE / 2, below + 0.1, verdict, ha="center", va="top")
        for y, what in ((above, labels[i]), (below, "imagined")):
            axes.text(left - 0.1, y + SIDE / 2, what, rotation=90, ha="right", va="center")
    return figure


def _frame(axes: Axes, frame: np.ndarray, x: float, y: float, reached: bool) -> None:
    image = axes.imshow(frame, interpolation="nearest", extent=(x, x + SIDE, y + SIDE, y), aspect="auto")
    image.set_clip_on(False)  # or a PDF would hold all frames as one picture
    axes.add_patch(Rectangle((x, y), SIDE, SIDE, fill=False, **border(REACHED if reached else None)))


def played(frames: np.ndarray, names: Sequence[str], times: Iterable[int], unit: str = "environment step") -> go.Figure:
    """An animation of N films side by side: ``frames`` (T, N, H, W, 3) uint8 at the ``times`` (T,), in ``unit``.

    ``names`` (N,) stand above the films.
    """
    import plotly.express as px  # imported here, because the film strip of `lab plan` does not need it

    figure = px.imshow(frames, animation_frame=0, facet_col=1, facet_col_spacing=0.01, binary_string=True)
    for note, name in zip(figure.layout.annotations, names, strict=True):
        note.update(text=name)
    figure.update_xaxes(visible=False)
    figure.update_yaxes(visible=False)
    for step, number in zip(figure.layout.sliders[0].steps, times, strict=True):
        step.update(label=str(number))
    figure.layout.sliders[0].update(currentvalue={"prefix": f"{unit} "}, pad={"t": 10})
    figure.layout.updatemenus[0].update(pad={"t": 10})
    return figure
