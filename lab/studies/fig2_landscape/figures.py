"""Figure 2: the planning loss over a slice of the action space, and the measures averaged over all slices."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure, SubFigure
from plotly.subplots import make_subplots

from lab.evaluation.slices import Slice
from lab.files import MODELS
from lab.plots.marks import in_rows, sample
from lab.plots.palette import CLEAR, GREY, GRID, LABELS, LOSSES, MODEL_COLOURS, label, shown
from lab.plots.style import annotate, in_style, menu, neutral
from lab.plots.words import resampled
from lab.results import Result

GAMMA = 0.5  #: of the colour scale, to tell low losses apart
LEVELS = 18
HEIGHT = 880  #: of the interactive figure, in pixels
AXES = ("u: step along direction 1 (norm)", "v: step along direction 2 (norm)")
MEASURES = {
    "roughness": "roughness (mean |Laplacian| / std)\nlower is smoother",
    "basin": "basin (share of slice that flows to its minimum)\nhigher is broader",
    "distance": "distance of this minimum from the expert\nlower is better",
}


@in_style
def print_figure(result: Result) -> Figure:
    """The first problem's slice under each model, as surface and contours; below, the measures over all slices."""
    grids = slice_grids(result, problem=0)
    norm = _norm(grids)
    figure = Figure(figsize=(11, 8.6), layout="constrained")
    pictures, numbers = figure.subfigures(2, 1, height_ratios=(3.4, 1), squeeze=False).flat
    _draw_slices(pictures, grids, norm)
    measures = shown(result.tables["summary"].measure, tuple(MEASURES))  # version 0.1 had two
    for ax, measure in zip(numbers.subplots(1, len(measures)), measures, strict=True):
        _draw_measure(ax, result.tables["summary"], measure)
        ax.set_xlabel(MEASURES[measure])
    marks = " Slices: problem 0; +: the expert's actions; dot: the slice's lowest point."
    annotate(figure, _title(result), _caption(result) + marks)
    return figure


def interactive(result: Result) -> go.Figure:
    """A surface to turn for each model, and a menu of the stored problems."""
    problems = sorted(result.tables["slices"].problem.unique())
    grids = {problem: slice_grids(result, problem) for problem in problems}
    models = list(grids[problems[0]])
    cells = [[{"type": "surface"}] * 2, [{"type": "surface"}] * 2]
    titles = [LABELS[model] for model in models]
    figure = make_subplots(2, 2, specs=cells, subplot_titles=titles, horizontal_spacing=0.02, vertical_spacing=0.06)
    for problem in problems:
        for i, model in enumerate(models):
            surface = _surface(grids[problem][model], visible=problem == problems[0])
            figure.add_trace(surface, i // 2 + 1, i % 2 + 1)
    top = max(loss.max() for by_model in grids.values() for _, loss in by_model.values())
    figure.update_layout(coloraxis={"colorscale": "Viridis", "cmin": 0, "cmax": top, "colorbar": {"title": "loss"}})
    figure.update_scenes(_scene(top))
    owners = [problem for problem in problems for _ in models]
    choices = {f"Problem {problem}": [owner == problem for owner in owners] for problem in problems}
    neutral(figure, _title(result), HEIGHT, "Drag to turn. " + _caption(result))
    return figure.update_layout(updatemenus=menu(choices, HEIGHT), margin={"l": 10, "r": 10})


@in_style
def radius_figure(slices: Mapping[str, Slice]) -> Figure:
    """The first of the ``slices`` under each model, and in the titles the means of two measures over all of them."""
    grids = {model: (found.axis, found.loss[0]) for model, found in slices.items()}
    figure = Figure(figsize=(11, 6), layout="constrained")
    (pictures,) = figure.subfigures(1, 1, squeeze=False).flat
    _draw_slices(pictures, grids, _norm(grids))
    for ax, found in zip(figure.axes[::2], slices.values(), strict=False):
        measures = found.measures()
        rough, far = measures["roughness"].mean(), measures["distance"].mean()
        ax.set_title(f"{ax.get_title()}\nroughness {rough:.3f}, distance {far:.1f}")
    return figure


def slice_grids(result: Result, problem: int) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """By model, one problem's slice: the axis (G,), and the loss (G, G) over u (rows) and v (columns)."""
    table = result.tables["slices"]
    table = table[table.problem == problem]
    wide = {model: table[table.model == model].pivot(index="u", columns="v", values="loss") for model in MODELS}
    return {model: (grid.index.to_numpy(), grid.to_numpy()) for model, grid in wide.items() if len(grid)}


def _norm(grids: dict) -> PowerNorm:
    losses = [loss for _, loss in grids.values()]
    return PowerNorm(GAMMA, vmin=min(loss.min() for loss in losses), vmax=max(loss.max() for loss in losses))


def _draw_slices(figure: SubFigure, grids: dict, norm: PowerNorm) -> None:
    levels = norm.inverse(np.linspace(0, 1, LEVELS))
    axes = []
    for i, (model, (axis, loss)) in enumerate(grids.items()):
        above = figure.add_subplot(2, len(grids), i + 1, projection="3d")
        u, v = np.meshgrid(axis, axis, indexing="ij")
        above.plot_surface(u, v, loss, cmap=LOSSES, norm=norm, rcount=60, ccount=60, linewidth=0, rasterized=True)
        above.set(title=LABELS[model], zlim=(0, norm.vmax))
        above.set_xlabel("u", labelpad=-6)
        above.set_ylabel("v", labelpad=-6)
        above.tick_params(labelsize=6, pad=-3)
        above.view_init(elev=35, azim=-60)
        above.set_box_aspect(None, zoom=1.15)
        below = figure.add_subplot(2, len(grids), len(grids) + i + 1)
        below.contourf(axis, axis, loss.T, levels=levels, cmap=LOSSES, norm=norm)
        below.contour(axis, axis, loss.T, levels=levels, colors="black", linewidths=0.2)
        lowest = np.unravel_index(loss.argmin(), loss.shape)
        below.plot(0, 0, "+", color="white", markersize=9, markeredgewidth=1.6)
        below.plot(axis[lowest[0]], axis[lowest[1]], "o", color="white", markeredgecolor="black", markersize=5)
        below.set(aspect="equal", xlabel=AXES[0], ylabel=AXES[1] if i == 0 else "")
        below.grid(False)
        axes += [above, below]
    figure.colorbar(ScalarMappable(norm, LOSSES), ax=axes, shrink=0.7, label="planning loss (one scale for all)")


def _draw_measure(ax: Axes, summary: pd.DataFrame, measure: str) -> None:
    rows = summary[summary.measure == measure].set_index("model")
    models = shown(rows.index, MODELS)
    for y, model in enumerate(reversed(models)):
        mean, low, high = rows.loc[model, ["mean", "low", "high"]]
        error = [[mean - low], [high - mean]]
        ax.errorbar(mean, y, xerr=error, fmt="o", color=MODEL_COLOURS[model], markersize=6, linewidth=1.8)
        ax.annotate(f"{mean:.3g}", (mean, y), (0, 5), textcoords="offset points", ha="center", fontsize=7)
    ax.set_yticks(range(len(models)), [LABELS[model] for model in reversed(models)])
    ax.set(ylim=(-0.5, len(models) - 0.3), xlim=(0, 1.1 * rows.high.max()))
    in_rows(ax)


def _surface(grid: tuple[np.ndarray, np.ndarray], visible: bool) -> go.Surface:
    axis, loss = grid
    hover = "u %{y:.1f}, v %{x:.1f}<br>loss %{z:.3f}<extra></extra>"
    return go.Surface(x=axis, y=axis, z=loss.round(4), coloraxis="coloraxis", visible=visible, hovertemplate=hover)


def _scene(top: float) -> dict:
    axis = {"gridcolor": GRID, "color": GREY, "backgroundcolor": CLEAR, "showspikes": False}
    return {
        "xaxis": axis | {"title": {"text": "v"}},
        "yaxis": axis | {"title": {"text": "u"}},
        "zaxis": axis | {"title": {"text": "loss"}, "range": [0, top]},
        "camera": {"eye": {"x": 1.25, "y": -1.25, "z": 0.95}, "center": {"z": -0.15}},
    }


def _title(result: Result) -> str:
    return f"{label(result.task)}: the planning loss around the expert's actions"


def _caption(result: Result) -> str:
    return (
        "Each picture is one 2-D slice out of many dimensions, the same for all models: two random orthonormal "
        "directions around the expert's standardised actions. "
        f"Measures: means over the slices of n = {sample(result.tables['summary'], joined=' and ')}, "
        f"with 95% bootstrap intervals over {resampled(result.tables['summary'])}. Preset {result.preset}."
    )
