"""Success under shift: a row for each factor of variation, a dot for each model, in open loop and under MPC."""

from typing import Any

import pandas as pd
import plotly.graph_objects as go
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from plotly.subplots import make_subplots

from lab.plots.marks import around, dots, hover, in_rows, intervals, legend_of, sample
from lab.plots.palette import GREY, LABELS, MODEL_COLOURS, PLANNER_COLOURS, SYMBOLS, label, shown
from lab.plots.style import annotate, in_style, neutral, spread
from lab.plots.words import MODES, percent, resampled
from lab.results import Result
from lab.studies.shift.study import ADAPTING, CEM, NAMES, words

COLOURS = MODEL_COLOURS | {CEM: PLANNER_COLOURS["cem"], ADAPTING: MODEL_COLOURS["base"]}
MARKERS = {CEM: "D", ADAPTING: "P"}  #: the others are dots


@in_style
def print_figure(result: Result) -> Figure:
    """A panel for each mode; the first row is the task as in the training data."""
    table = result.tables["success"]
    names, modes = rows_of(table), shown(table["mode"], tuple(MODES))
    figure = Figure(figsize=(11, 0.55 * len(names) + 1.5), layout="constrained")
    panels = figure.subplots(1, len(modes), sharey=True, squeeze=False)[0]
    for ax, mode in zip(panels, modes, strict=True):
        _draw(ax, table[table["mode"] == mode], names)
        ax.set(title=LABELS[mode], xlabel="success (%)", xlim=(0, 103))
        ax.axhline(0.5, color=GREY, linewidth=0.8)
    panels[0].set_yticks(range(len(names)), names)
    panels[0].invert_yaxis()
    in_rows(*panels)
    handles = {text: line for ax in panels for line, text in zip(*ax.get_legend_handles_labels(), strict=True)}
    figure.legend(handles.values(), handles, loc="outside upper right", ncols=len(handles))
    annotate(figure, _title(result), _caption(result))
    return figure


def interactive(result: Result) -> go.Figure:
    """The same panels; hovering shows the numbers."""
    table = result.tables["success"]
    names, modes = rows_of(table), shown(table["mode"], tuple(MODES))
    figure = make_subplots(1, len(modes), shared_yaxes=True, subplot_titles=[LABELS[mode] for mode in modes])
    in_legend: set[str] = set()
    for column, mode in enumerate(modes, 1):
        for model in shown(table.model, tuple(NAMES)):
            rows = table[(table["mode"] == mode) & (table.model == model)]
            if len(rows):
                trace = _trace(rows, model).update(showlegend=model not in in_legend)
                figure.add_trace(trace, 1, column)
                in_legend.add(model)
    figure.update_layout(scattermode="group").update_xaxes(range=[0, 103], ticksuffix="%")
    figure.update_yaxes(categoryorder="array", categoryarray=names[::-1])
    return neutral(figure, _title(result), 90 + 60 * len(names) + 150, _caption(result))


@in_style
def differences_figure(differences: pd.DataFrame, mode: str) -> Figure:
    """Paired differences in success to the control in one ``mode``, by factor."""
    rows = differences[(differences["mode"] == mode) & (differences.theirs == "control")]
    figure = Figure(figsize=(8, 3.6), layout="constrained")
    ax, models = figure.subplots(), shown(rows.ours, tuple(NAMES))
    for i, model in enumerate(models):
        these = rows[rows.ours == model]
        x = [place + 0.12 * (i - (len(models) - 1) / 2) for place in range(len(these))]
        intervals(
            ax, x, these, "difference", 100, fmt=MARKERS.get(model, "o"), color=COLOURS[model], label=NAMES[model]
        )
    ax.axhline(0, color=GREY, linewidth=0.8)
    ax.set_xticks(range(rows.factor.nunique()), list(dict.fromkeys(rows.factor)))
    ax.set(ylabel="difference to Control (points)")
    legend_of(figure, ax)
    return figure


def rows_of(table: pd.DataFrame) -> list[str]:
    """The names of the rows, from above."""
    return list(dict.fromkeys(map(words, table.itertuples())))


def _draw(ax: Axes, table: pd.DataFrame, names: list[str]) -> None:
    models = shown(table.model, tuple(NAMES))
    for i, model in enumerate(models):
        rows = table[table.model == model]
        y = [names.index(words(row)) - 0.13 * ((len(models) - 1) / 2 - i) for row in rows.itertuples()]
        look: Any = {"fmt": MARKERS.get(model, "o"), "color": COLOURS[model], "markersize": 4, "linewidth": 1}
        ax.errorbar(100 * rows.rate, y, xerr=around(rows, "rate", 100), label=NAMES[model], **look)


def _trace(rows: pd.DataFrame, model: str) -> go.Scatter:
    texts = [hover(NAMES[model], words(row), percent(row, unit="%"), row=row) for row in rows.itertuples()]
    errors: Any = {"error_x": spread(rows, "rate", 100) | {"color": COLOURS[model], "thickness": 1}}
    trace = dots(100 * rows.rate, list(map(words, rows.itertuples())), NAMES[model], COLOURS[model], texts, **errors)
    return trace.update(legendgroup=model, marker_symbol=SYMBOLS[MARKERS.get(model, "o")])


def _title(result: Result) -> str:
    return f"{label(result.task)}: success under shift"


def _caption(result: Result) -> str:
    table = result.tables["success"]
    return (
        f"n = {sample(table, 'data-set problem')} for each factor, on the varied task; 95% intervals over "
        f"{resampled(table)}, not corrected for their number. Adam, but for CEM (open loop, one training seed). "
        "Adapting: a gradient step of the predictor's last layer on each executed block, before the next replan. "
        f"Preset {result.preset}."
    )
