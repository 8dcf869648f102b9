"""Online World Modeling: its variants, and where its planner goes in each round, compared with the data."""

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from matplotlib.axes import Axes
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure, SubFigure

from lab.plots import variants
from lab.plots.palette import MODEL_COLOURS, label
from lab.plots.style import annotate, in_style, neutral
from lab.results import Result

STUDIES = {"rounds": "rounds (as many plans in all)", "replay": "transitions kept"}
SHOWN = 4  #: rounds on the map besides the data
GAMMA = 0.5  #: of the map's colours, to tell few visits from none
ACTION = "action size\n(standard deviations)"


@in_style
def print_figure(result: Result) -> Figure:
    """The rows of the variants; below, maps of the visited places and the size of actions, by round."""
    height = 1.75 * (len(variants.rows(result)) + 2) + 1.6
    figure = Figure(figsize=(11, height + 2.9), layout="constrained")
    above, below = figure.subfigures(2, 1, height_ratios=(height, 2.9), squeeze=False).flat
    variants.draw(above, result, STUDIES)
    _maps(below, result)
    annotate(figure, _title(result), _caption(result))
    return figure


def interactive(result: Result) -> go.Figure:
    """The rows of the variants, and the size of actions by round; hovering shows the numbers."""
    figure, rounds = variants.interactive(result, extra=1), result.tables["rounds"]
    last = len(variants.rows(result)) + 3
    errors = {
        "symmetric": False,
        "array": rounds.action_p90 - rounds.action_p50,
        "arrayminus": rounds.action_p50 - rounds.action_p10,
    }
    text = [f"{100 * new:.1f}% of the visited states are new" for new in rounds.new]
    line = go.Scatter(
        x=_names(rounds["round"]),
        y=rounds.action_p50,
        error_y=errors,
        mode="lines+markers",
        showlegend=False,
        hovertext=text,
        marker={"color": MODEL_COLOURS["online"]},
    )
    figure.add_trace(line, last, 1).update_yaxes(title=ACTION.replace("\n", " "), rangemode="tozero", row=last)
    return neutral(figure, _title(result), 230 * last + 230, _caption(result))


@in_style
def map_figure(result: Result, number: int = 0) -> Figure:
    """The map of round ``number`` (0: the data)."""
    figure = Figure(figsize=(4.4, 4.2), layout="constrained")
    _map(figure.subplots(), result, number)
    return figure


def grid(result: Result, number: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The map of round ``number``: x (n,) and y (m,) of its cells, and their shares (n, m), NaN in unvisited cells."""
    visits = result.tables["visits"]
    xs, ys = (np.sort(visits[axis].unique()) for axis in "xy")
    wide = visits[visits["round"] == number].pivot(index="x", columns="y", values="share")
    return xs, ys, wide.reindex(index=xs, columns=ys).to_numpy()


def _maps(figure: SubFigure, result: Result) -> None:
    numbers = result.tables["rounds"]["round"].tolist()
    chosen = [numbers[i] for i in np.unique(np.linspace(0, len(numbers) - 1, SHOWN + 1).round().astype(int))]
    axes = figure.subplots(1, len(chosen) + 1, width_ratios=[1] * len(chosen) + [1.3])
    for ax, number in zip(axes, chosen, strict=False):
        _map(ax, result, number)
    _actions(axes[-1], result.tables["rounds"])


def _map(ax: Axes, result: Result, number: int) -> None:
    xs, ys, shares = grid(result, number)
    norm = PowerNorm(GAMMA, 0, result.tables["visits"].share.quantile(0.999))
    ax.pcolormesh(xs, ys, shares.T, cmap="viridis", norm=norm, rasterized=True)
    new = result.tables["rounds"].set_index("round").new[number]
    ax.set(title=_names([number])[0] + (f"\n{100 * new:.0f}% new" if number else ""), aspect="equal")
    ax.set(xlabel=result.meta["places"][0], ylabel=result.meta["places"][1])
    ax.invert_yaxis()
    ax.grid(False)


def _actions(ax: Axes, rounds: pd.DataFrame) -> None:
    spread = [rounds.action_p50 - rounds.action_p10, rounds.action_p90 - rounds.action_p50]
    ax.errorbar(rounds["round"], rounds.action_p50, spread, fmt="o-", color=MODEL_COLOURS["online"], markersize=4)
    ax.set(xlabel="round (0: the data)", title=ACTION, ylim=(0, None), xticks=rounds["round"])


def _names(numbers: list[int] | pd.Series) -> list[str]:
    return [f"round {number}" if number else "data" for number in numbers]


def _title(result: Result) -> str:
    return f"{label(result.task)}: how Online World Modeling learns, and where its planner goes"


def _caption(result: Result) -> str:
    return (
        f"{variants.caption(result)} Maps, in the task's units: share of the states in each cell, for the recipe's "
        "first training seed; new: states in cells where the data has none. Action size: root mean square over a "
        "step's numbers, median with 10th and 90th percentile."
    )
