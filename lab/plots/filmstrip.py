"""Film strips: executed plans of several problems, in the simulator and in the model's imagination."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure

from lab.plots.pictures import REACHED, picture

if TYPE_CHECKING:
    import plotly.graph_objects as go


def filmstrip(
    true: np.ndarray,
    imagined: np.ndarray,
    goals: np.ndarray,
    reached: np.ndarray,
    steps: Sequence[int],
    names: Sequence[str] | None = None,
) -> Figure:
    """Two rows for each of N problems: the true frames above the imagined ones, with the goal on their right.

    ``true`` and ``imagined`` are (N, T, H, W, 3) uint8 at the environment ``steps`` (T,); ``goals`` are (N, H, W, 3)
    uint8. Frames whose goal is ``reached`` (N, T) get a green border. The ``names`` (N,) of the problems are their
    numbers by default.
    """
    n, t = reached.shape
    width, height = 1.1 * (t + 1) + 0.5, 2.3 * n + 0.5
    figure = Figure(figsize=(width, height))
    figure.subplots_adjust(0.45 / width, 0.05 / height, 1 - 0.05 / width, 1 - 0.35 / height, 0.05, 0.08)
    axes = figure.subplots(2 * n, t + 1, squeeze=False)
    for i in range(n):
        above, below = axes[2 * i], axes[2 * i + 1]
        for k in range(t):
            picture(above[k], true[i, k], REACHED if reached[i, k] else None)
            picture(below[k], imagined[i, k])
        picture(above[t], goals[i], REACHED if reached[i].any() else None)
        below[t].axis("off")
        below[t].text(0.5, 0.9, "reached" if reached[i].any() else "missed", ha="center", va="top")
        above[0].set_ylabel(f"{names[i] if names else i}: true")
        below[0].set_ylabel("imagined")
    for axis, title in zip(axes[0], [*(f"step {step}" for step in steps), "goal"], strict=True):
        axis.set_title(title, fontsize=9)
    return figure


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
