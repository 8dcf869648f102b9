"""Longer horizons: success, true end and model error by horizon, and the gradient's norm block by block."""

from collections.abc import Callable, Iterator
from typing import Any

import pandas as pd
import plotly.graph_objects as go
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from plotly.subplots import make_subplots

from lab.files import MODELS
from lab.planning.catalog import CATALOG
from lab.plots.marks import EXPERT, dots, hover, intervals, legend_of, sample
from lab.plots.palette import GREY, LABELS, PLANNER_COLOURS, PLANNER_MARKERS, SYMBOLS, label, shown
from lab.plots.style import annotate, in_style, neutral, spread
from lab.plots.words import interval, percent, resampled
from lab.results import Result
from lab.studies.horizons.study import PLACES, TUNED
from lab.tasks import TASKS

#: by horizon, from light to dark
SHADES = {5: "#A6BDDB", 10: "#67A9CF", 25: "#1C7FB0", 50: "#014636"}
#: drawn in print: where Adam starts and at the expert, and where Adam starts on the finetuned model
GRADIENTS = (("base", "start"), ("base", "expert"), ("adversarial", "start"))
ENDS = {"distance": "true end (success radii from the goal)", "error": "model error at the end (mean squared)"}
HEIGHT = 860  #: of the interactive figure, in pixels
NEAR = 1.035  #: factor between the x of two planners, so that their intervals stand apart


@in_style
def print_figure(result: Result) -> Figure:
    """Above: success of each model's planners, and where their plans end. Below: gradients, and the model's error."""
    success, ends = result.tables["success"], _ends(result)
    models = shown(success.model, MODELS)
    figure = Figure(figsize=(14, 7), layout="constrained")
    panels = figure.subplots(2, len(models) + 1)
    for ax, model in zip(panels[0], models, strict=False):
        _by_horizon(ax, success[success.model == model], "rate", 100)
        ax.set(title=LABELS[model], ylabel="success (%)", ylim=(-3, 103))
    for ax, (measure, words) in zip(panels[:, -1], ENDS.items(), strict=True):
        _by_horizon(ax, ends[ends.measure == measure], "mean")
        ax.set(title=f"{LABELS['base']}: {words}".replace(" (", "\n("), yscale="log")
    for ax, (model, place) in zip(panels[1], GRADIENTS, strict=False):
        draw_gradients(ax, result.tables["gradients"], model, place)
        ax.set_title(f"{LABELS[model]}: gradient\nat {PLACES[place]}")
    panels[1, 0].legend()
    legend_of(figure, panels[1, -1])
    annotate(figure, _title(result), _caption(result))
    return figure


def interactive(result: Result) -> go.Figure:
    """The same panels; hovering shows the numbers."""
    success, ends = result.tables["success"], _ends(result)
    models = shown(success.model, MODELS)
    across = len(models) + 1
    distance, error = ENDS.values()
    base = LABELS["base"]
    titles = [*(f"{LABELS[model]}: success" for model in models), f"{base}: {distance}"]
    titles += [f"{LABELS[model]}: gradient at {PLACES[place]}" for model, place in GRADIENTS] + [f"{base}: {error}"]
    figure = make_subplots(2, across, subplot_titles=titles, vertical_spacing=0.14)
    for column, model in enumerate(models, 1):
        rows = success[success.model == model]
        _add(figure, _traces(rows, "rate", 100, lambda row: percent(row, unit="%"), legend=False), 1, column)
        figure.update_yaxes(range=[-3, 103], ticksuffix="%", row=1, col=column)
    for row, measure in enumerate(ENDS, 1):
        rows = ends[ends.measure == measure]
        _add(figure, _traces(rows, "mean", 1, _mean, legend=row == 2), row, across)
        figure.update_yaxes(type="log", row=row, col=across)
    for column, at in enumerate(GRADIENTS, 1):
        _add(figure, _gradient_traces(result.tables["gradients"], *at, legend=column == 1), 2, column)
        figure.update_xaxes(title="blocks before the last", row=2, col=column)
        figure.update_yaxes(type="log", row=2, col=column)
    ticks = sorted(success.horizon.unique())
    for row, column in [*((1, column) for column in range(1, across + 1)), (2, across)]:
        figure.update_xaxes(type="log", tickvals=ticks, title="latent steps", row=row, col=column)
    return neutral(figure, _title(result), HEIGHT, _caption(result))


@in_style
def gradient_figure(gradients: pd.DataFrame, model: str, place: str) -> Figure:
    """The gradient's norm by block through ``model``, at one of `PLACES`; a line for each horizon."""
    figure = Figure(figsize=(7, 3.6), layout="constrained")
    ax = figure.subplots()
    draw_gradients(ax, gradients, model, place)
    ax.set_title(f"{LABELS[model]}: gradient at {PLACES[place]}")
    ax.legend()
    return figure


def draw_gradients(ax: Axes, gradients: pd.DataFrame, model: str, place: str) -> None:
    """A line for each horizon: the norm by block, as a multiple of the last block's, from the last block backwards."""
    for horizon, rows in _lines(gradients, model, place):
        before = horizon - rows.block
        ax.plot(before, rows["mean"], color=SHADES[horizon], label=f"{horizon} steps")
        ax.fill_between(before, rows.low, rows.high, color=SHADES[horizon], alpha=0.2, linewidth=0)
    ax.axhline(1, color=GREY, linewidth=0.8)
    ax.set(yscale="log", xlabel="blocks before the last", ylabel="norm / last block's norm")


def _ends(result: Result) -> pd.DataFrame:
    """The base model's rows, without the distance of the expert's ends: these are the goals."""
    ends = result.tables["ends"]
    return ends[(ends.model == "base") & ~((ends.planner == "expert") & (ends.measure == "distance"))]


def _lines(gradients: pd.DataFrame, model: str, place: str) -> Iterator[tuple[int, pd.DataFrame]]:
    for horizon, rows in gradients[(gradients.model == model) & (gradients.place == place)].groupby("horizon"):
        yield int(str(horizon)), rows.sort_values("block")


def _by_planner(table: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame, pd.Series]]:
    """(planner, rows, x), the expert's actions last; the x of planners stand a little apart."""
    planners = [*shown(table.planner, tuple(CATALOG)), *shown(table.planner, ("expert",))]
    for i, planner in enumerate(planners):
        rows = table[table.planner == planner].sort_values("horizon")
        yield planner, rows, rows.horizon * NEAR ** (i - (len(planners) - 1) / 2)


def _look(planner: str) -> tuple[str, str, str]:
    """Colour, marker and label."""
    if planner == "expert":
        return EXPERT, "*", "the expert's actions"
    return PLANNER_COLOURS[planner], PLANNER_MARKERS[planner], LABELS[planner]


def _by_horizon(ax: Axes, table: pd.DataFrame, value: str, scale: float = 1) -> None:
    for planner, rows, x in _by_planner(table):
        colour, marker, name = _look(planner)
        look = {"color": colour, "marker": marker, "markersize": 5, "linewidth": 1.2, "elinewidth": 0.7}
        intervals(ax, x, rows, value, scale, label=name, linestyle="--" if planner == "expert" else "-", **look)
    ticks = sorted(table.horizon.unique())
    ax.set(xscale="log", xlabel="latent steps")
    ax.set_xticks(ticks, [f"{tick}" for tick in ticks])
    ax.minorticks_off()


def _add(figure: go.Figure, traces: Iterator[go.Scatter], row: int, column: int) -> None:
    for trace in traces:
        figure.add_trace(trace, row, column)


def _traces(
    table: pd.DataFrame, value: str, scale: float, tell: Callable[[Any], str], legend: bool
) -> Iterator[go.Scatter]:
    for planner, rows, x in _by_planner(table):
        colour, marker, name = _look(planner)
        texts = [hover(name, f"{row.horizon} steps: {tell(row)}", row=row) for row in rows.itertuples()]
        trace = dots(x, scale * rows[value], name, colour, texts, error_y=spread(rows, value, scale) | {"thickness": 1})
        trace.update(mode="lines+markers", line={"color": colour, "dash": "dash" if planner == "expert" else "solid"})
        yield trace.update(marker={"symbol": SYMBOLS[marker]}, legendgroup=planner, showlegend=legend)


def _mean(row: Any) -> str:
    return interval(row, "mean", digits=".3g")


def _gradient_traces(gradients: pd.DataFrame, model: str, place: str, legend: bool) -> Iterator[go.Scatter]:
    for horizon, rows in _lines(gradients, model, place):
        name = f"gradient, {horizon} steps"
        texts = [
            hover(name, f"block {row.block}: {_mean(row)} of the last block's norm", row=row)
            for row in rows.itertuples()
        ]
        trace = dots(horizon - rows.block, rows["mean"], name, SHADES[horizon], texts, size=4)
        trace.update(mode="lines+markers", line={"color": SHADES[horizon]})
        yield trace.update(legendgroup=name, showlegend=legend)


def _title(result: Result) -> str:
    return f"{label(result.task)}: plans over longer horizons"


def _caption(result: Result) -> str:
    success, steps = result.tables["success"], TASKS[result.task].frameskip
    return (
        f"{sample(success, 'data-set problem').capitalize()} for each horizon, open loop; 95% intervals over "
        f"{resampled(success)}, not corrected for their number. A latent step is {steps} environment steps. Planners "
        f"are not tuned alike: {TUNED} Gradient: of the planning loss by each block of actions, geometric mean over "
        f"problems, as a multiple of the last block's. Preset {result.preset}."
    )
