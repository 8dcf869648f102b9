"""Figure 5, a row for each task: an episode of its data, the places that the data visit, and the border of success."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lab.plots.filmstrip import played
from lab.plots.palette import label
from lab.plots.pictures import picture
from lab.plots.style import annotate, in_style, neutral
from lab.studies.tasks.study import Sample

INSIDE, OUTSIDE = "#009E73", "#D55E00"
CAPTION = (
    "Left: the pictures at the block boundaries of one episode of the data policy; the last is the goal of a data-set "
    "problem. Data: where 200 pictures depart from what is usual (bright: often). Right: states of the data that are "
    "barely a success (green) and barely none (orange), with the goal shining through; numbers are success radii."
)


@in_style
def print_figure(samples: Sequence[Sample]) -> Figure:
    """All tasks, one below the other."""
    columns = len(samples[0].steps) + 3
    figure = Figure(figsize=(1.35 * columns, 1.75 * len(samples) + 0.9), layout="constrained")
    for sample, axes in zip(samples, figure.subplots(len(samples), columns, squeeze=False), strict=True):
        _row(axes, sample)
    annotate(figure, "The tasks, their data and their success", CAPTION, 150)
    return figure


def interactive(samples: Sequence[Sample]) -> go.Figure:
    """An animation: an episode of every task, side by side."""
    movie = np.stack([sample.episode for sample in samples], 1)
    figure = played(movie, [label(sample.task) for sample in samples], range(len(movie)), "block")
    return neutral(figure, "One episode of the data of each task", 460, "").update_layout(margin={"b": 130})


def _row(axes: Sequence[Axes], sample: Sample) -> None:
    for ax, frame, step in zip(axes, sample.episode, sample.steps, strict=False):
        _show(ax, frame, f"step {step}" + (" = goal" if step == sample.steps[-1] else ""))
    _show(axes[-3], sample.coverage, "data", cmap="viridis")
    for ax, frame, margin, colour in (
        (axes[-2], sample.inside, sample.margins[0], INSIDE),
        (axes[-1], sample.outside, sample.margins[1], OUTSIDE),
    ):
        _show(ax, frame, f"{margin:.4f}", colour)
    axes[0].set_ylabel(label(sample.task), fontsize=10)
    words = axes[0].text(0, -0.06, f"success: {sample.criterion}", fontsize=8, va="top", transform=axes[0].transAxes)
    words.set_in_layout(False)


def _show(ax: Axes, frame: np.ndarray, title: str, border: str | None = None, **options) -> None:
    picture(ax, frame, border, 2.5, **options)
    ax.set_title(title, fontsize=8)
