"""Dot plots of base, control and a method's variants, as measured by `lab.studies.common.variants`."""

from collections.abc import Mapping
from typing import Any

import pandas as pd
import plotly.graph_objects as go
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from plotly.subplots import make_subplots

from lab.plots import marks
from lab.plots.marks import EXPERT, INK, dots, hover, intervals, sample
from lab.plots.palette import GREY, LABELS, MODEL_COLOURS, PLANNER_COLOURS, PLANNER_MARKERS, label, shown
from lab.plots.style import faded, spread
from lab.plots.words import GOALS, counted, interval, points, resampled
from lab.results import Result

PLANNERS = ("gd", "adam")
BESIDE = ("base", "control")
SHIFT = {"gd": -0.14, "adam": 0.14, "expert": 0.0}
GAIN = "gain over control\n(points)"
ERROR = "latent error (mean squared)"


def columns(result: Result) -> dict[str, float]:
    """The x of base, control and each variant, from left to right; studies are separated by gaps."""
    places = {name: float(i) for i, name in enumerate(BESIDE)}
    table = result.tables["variants"]
    return places | dict(zip(table.model, marks.columns(table.study, len(BESIDE) + marks.GAP), strict=True))


def rows(result: Result) -> list[str]:
    """The kinds of goals in the result; each has a row of success rates."""
    return shown(result.tables["rates"].goals, tuple(GOALS))


def draw(figure: Figure | SubFigure, result: Result, studies: Mapping[str, str], more: int = 0) -> list[Axes]:
    """Draw rows of success (for each kind of goals), gain over the control, and error, from top to bottom.

    ``studies`` gives the titles of the studies by name. Returns the axes of ``more`` empty rows below.
    """
    places, kinds = columns(result), rows(result)
    panels = figure.subplots(len(kinds) + 2 + more, 1, sharex=True)
    for ax, goals in zip(panels, kinds, strict=False):
        rates = result.tables["rates"].query("goals == @goals")
        for planner in PLANNERS:
            _dots(ax, rates[rates.planner == planner], "rate", planner, places, 100)
        ax.set(ylabel=f"success (%)\n{GOALS[goals]}", ylim=(0, 108), yticks=range(0, 101, 25))
    _gains(panels[len(kinds)], result.tables["differences"], places)
    _errors(panels[len(kinds) + 1], result.tables["errors"], places)
    recipe_name = result.tables["variants"].query("recipe").model
    for ax in panels:
        for name in recipe_name:
            ax.axvspan(places[name] - 0.45, places[name] + 0.45, color="#F0F0F0", zorder=0)
        ax.tick_params(axis="x", length=0)
    for study, group in result.tables["variants"].groupby("study", sort=False):
        middle = sum(places[name] for name in group.model) / len(group)
        panels[0].text(middle, 112, studies[study], ha="center", va="bottom", fontsize=8.5)
    panels[-1].set_xticks(list(places.values()), [LABELS.get(name, name) for name in places], rotation=30, ha="right")
    panels[0].legend(loc="lower left", bbox_to_anchor=(0, 1.18), ncols=3, borderaxespad=0)
    return list(panels[len(kinds) + 2 :])


def interactive(result: Result, extra: int = 0) -> go.Figure:
    """The same rows, with hover texts and room for ``extra`` rows below."""
    kinds = rows(result)
    titles = [*(f"Success, {GOALS[goals]}" for goals in kinds), GAIN.replace("\n", " "), ERROR]
    count = len(titles) + extra
    figure = make_subplots(
        count, 1, shared_xaxes=False, subplot_titles=[*titles, *[""] * extra], vertical_spacing=0.36 / count
    )
    names = [LABELS.get(name, name) for name in columns(result)]
    for i, goals in enumerate(kinds):
        rates = result.tables["rates"]
        for planner, curve in rates[rates.goals == goals].groupby("planner", sort=False):
            figure.add_trace(_points(curve, "rate", planner, 100, i == 0), i + 1, 1)
        figure.update_yaxes(range=[0, 105], ticksuffix="%", row=i + 1)
    figure.add_trace(_bars(result.tables["differences"]), len(kinds) + 1, 1)
    errors = result.tables["errors"]
    for planner, curve in errors[errors.goals == "dataset"].groupby("planner", sort=False):
        figure.add_trace(_points(curve, "mean", planner, 1, planner == "expert"), len(kinds) + 2, 1)
    for i in range(len(kinds) + 2):
        figure.update_xaxes(type="category", categoryorder="array", categoryarray=names, row=i + 1)
    figure.update_yaxes(rangemode="tozero", row=len(kinds) + 2)
    return figure


def caption(result: Result) -> str:
    """The caption: the meaning of dots, bars and intervals."""
    rates, differences = result.tables["rates"], result.tables["differences"]
    pooled = differences[differences.goals == "all"]
    return (
        f"n = {sample(rates, joined=' of the test split for each kind of goals, ')}. "
        f"Success: 95% Wilson intervals over {resampled(rates)}. Gain: paired, over all goals and both planners, "
        f"n = {int(pooled.n.max())}; 95% bootstrap intervals over {resampled(differences)}. "
        "Error: mean squared distance of imagined to true picture latents, along plans for data-set goals and along "
        f"the expert's actions for the same. Shaded: the task's recipe. Preset {result.preset}."
    )


def _errors(ax: Axes, errors: pd.DataFrame, places: dict[str, float]) -> None:
    for planner, rows in errors[errors.goals == "dataset"].groupby("planner", sort=False):
        _dots(ax, rows, "mean", planner, places)
    ax.set_ylim(bottom=0)
    ax.set_ylabel(ERROR.replace(" (", "\n("))
    handles, labels = ax.get_legend_handles_labels()
    ax.legend(handles[-1:], labels[-1:], loc="upper right")


def _dots(ax: Axes, table: pd.DataFrame, value: str, planner: str, places: dict[str, float], scale: float = 1) -> None:
    x = [places[name] + SHIFT[planner] for name in table.model]
    colour, marker = PLANNER_COLOURS.get(planner, EXPERT), PLANNER_MARKERS.get(planner, "_")
    look = {"fmt": marker, "color": colour, "markersize": 4.5, "linewidth": 1.2}
    intervals(ax, x, table, value, scale, label=LABELS.get(planner, "expert's actions"), **look)


def _gains(ax: Axes, differences: pd.DataFrame, places: dict[str, float]) -> None:
    rows = _pooled(differences)
    x = [places[name] for name in rows.ours]
    ax.axhline(0, color=MODEL_COLOURS["control"], linewidth=1.2)
    ax.bar(x, 100 * rows.difference, 0.55, color="#C8C8C8")
    intervals(ax, x, rows, "difference", 100, fmt="none", color=INK, linewidth=1)
    ax.set_ylabel(GAIN)


def _pooled(differences: pd.DataFrame) -> pd.DataFrame:
    return differences[(differences.goals == "all") & (differences.theirs == "control")]


def _points(table: pd.DataFrame, value: str, planner: str, scale: float, legend: bool) -> go.Scatter:
    who = LABELS.get(planner, "expert")
    text = [
        hover(f"{label(row.model)}, {who}", interval(row, value, scale, ".3g"), row=row) for row in table.itertuples()
    ]
    colour = PLANNER_COLOURS.get(planner, GREY)
    errors: dict[str, Any] = {"error_y": spread(table, value, scale) | {"color": colour}}
    names = [LABELS.get(name, name) for name in table.model]
    trace = dots(names, scale * table[value], LABELS.get(planner, "expert's actions"), colour, text, **errors)
    return trace.update(legendgroup=planner, showlegend=legend)


def _bars(differences: pd.DataFrame) -> go.Bar:
    table = _pooled(differences)
    text = [
        hover(f"{row.ours} minus Control", points(row), counted(int(row.n), "problem")) for row in table.itertuples()
    ]
    bars = go.Bar(x=table.ours, y=100 * table.difference, hovertext=text, hoverinfo="text", showlegend=False)
    return bars.update(marker={"color": faded(GREY)}, error_y=spread(table, "difference", 100) | {"color": GREY})
