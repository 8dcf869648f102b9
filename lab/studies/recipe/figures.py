"""Success, gain and gap of every variant of the recipe, on the tune split and the test split."""

from typing import Any

import pandas as pd
import plotly.graph_objects as go
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator
from plotly.subplots import make_subplots

from lab.plots import marks
from lab.plots.marks import dots, hover, intervals
from lab.plots.palette import LABELS, MODEL_COLOURS, PLANNER_COLOURS, label, shown
from lab.plots.style import annotate, in_style, neutral, spread
from lab.plots.words import GOALS, counted, percent, resampled
from lab.results import Result

STUDIES = {
    "lambda": "multiple λ", "method": "method", "loss": "goal loss", "length": "finetuning",
    "encoder": "encoder (half)", "data": "data (half)", "former": "0.1's length", "test": "test split",
}  # fmt: skip
COLOURS = MODEL_COLOURS | {"combined": "#7E57C2", "cem": PLANNER_COLOURS["cem"]}
NAMES = {"combined": "Combined", "cem": "Base, by CEM"}
DOTS = ("cem", "base", "control", "online", "adversarial", "combined")
WIDTH = 0.09  #: between the dots of a column

Places = dict[tuple[str, str], float]


def columns(result: Result) -> Places:
    """The x of each variant, by its study and name; studies are separated by gaps."""
    table = result.tables["trials"]
    return dict(zip(zip(table.study, table.trial, strict=True), marks.columns(table.study, 0.0), strict=True))


@in_style
def print_figure(result: Result) -> Figure:
    """Success by kind of goals, gain over the control, and gap, one above the other."""
    kinds, places = shown(result.tables["rates"].goals, tuple(GOALS)), columns(result)
    figure = Figure(figsize=(12, 1.8 * (len(kinds) + 2) + 1.6), layout="constrained")
    panels = figure.subplots(len(kinds) + 2, 1, sharex=True)
    for ax, goals in zip(panels, kinds, strict=False):
        _success(ax, result, goals, places)
    _gains(panels[-2], result, places)
    _gaps(panels[-1], result, places)
    for study, name in STUDIES.items():
        xs = [x for (other, _), x in places.items() if other == study]
        if xs:
            panels[0].text(sum(xs) / len(xs), 112, name, ha="center", va="bottom", fontsize=8.5)
    panels[-1].set_xticks(list(places.values()), [name for _, name in places], rotation=30, ha="right")
    panels[0].legend(loc="lower left", bbox_to_anchor=(0, 1.2), ncols=len(DOTS), borderaxespad=0)
    annotate(figure, _title(result), _caption(result))
    return figure


def interactive(result: Result) -> go.Figure:
    """Success, in a panel for each kind of goals; hovering shows the numbers."""
    rates = result.tables["rates"]
    kinds = shown(rates.goals, tuple(GOALS))
    figure = make_subplots(len(kinds), 1, subplot_titles=[GOALS[goals] for goals in kinds], vertical_spacing=0.3)
    for i, goals in enumerate(kinds):
        for name in DOTS:
            rows = _dots(rates, goals, name)
            who = NAMES.get(name) or LABELS[name]
            text = [hover(f"{row.trial}: {who}", percent(row, unit="%"), row=row) for row in rows.itertuples()]
            errors: dict[str, Any] = {"error_y": spread(rows, "rate", 100) | {"color": COLOURS[name]}}
            trace = dots([rows.study.map(STUDIES), rows.trial], 100 * rows.rate, who, COLOURS[name], text, **errors)
            trace.update(legendgroup=name, showlegend=i == 0)
            figure.add_trace(trace, i + 1, 1)
        figure.update_yaxes(range=[0, 105], ticksuffix="%", row=i + 1)
    return neutral(figure, _title(result), 330 * len(kinds) + 230, _caption(result))


def of_study(result: Result, study: str) -> Result:
    """``result`` with the variants of ``study`` alone, to be drawn."""
    tables = {name: table for name, table in result.tables.items() if "study" in table}
    rows = {name: table[table.study == study].reset_index(drop=True) for name, table in tables.items()}
    return Result(rows, result.meta)


def _dots(rates: pd.DataFrame, goals: str, name: str) -> pd.DataFrame:
    """The rows of one kind of dots: a model under Adam, or the base model under CEM."""
    model, planner = ("base", "cem") if name == "cem" else (name, "adam")
    return rates[(rates.goals == goals) & (rates.model == model) & (rates.planner == planner)]


def _success(ax: Axes, result: Result, goals: str, places: Places) -> None:
    for name in DOTS:
        rows = _dots(result.tables["rates"], goals, name)
        _draw(ax, rows, "rate", name, places, 100)
    ax.set(ylabel=f"success (%)\n{GOALS[goals]}", ylim=(0, 108), yticks=range(0, 101, 25))


def _gains(ax: Axes, result: Result, places: Places) -> None:
    rows = result.tables["differences"].query("goals == 'all' and planner == 'adam' and theirs == 'control'")
    ax.axhline(0, color=COLOURS["control"], linewidth=1.2)
    for name in DOTS:
        _draw(ax, rows[rows.ours == name], "difference", name, places, 100)
    ax.set_ylabel("gain over control\n(points)")


def _gaps(ax: Axes, result: Result, places: Places) -> None:
    rows = result.tables["gaps"].query("goals == 'dataset' and planner == 'adam'")
    ax.axhline(0, color="#444444", linewidth=0.8)
    for name in DOTS:
        _draw(ax, rows[rows.model == name], "mean", name, places, 1)
    ax.set_yscale("symlog", linthresh=0.05)
    ax.yaxis.set_major_locator(FixedLocator([-1, -0.1, 0, 0.1, 1]))
    ax.set_ylabel("gap\n(data-set goals)")


def _draw(ax: Axes, rows: pd.DataFrame, value: str, name: str, places: Places, scale: float) -> None:
    if rows.empty:
        return
    shift = WIDTH * (DOTS.index(name) - (len(DOTS) - 1) / 2)
    x = [places[key] + shift for key in zip(rows.study, rows.trial, strict=True)]
    marker = "D" if name == "cem" else "o"
    look = {"fmt": marker, "color": COLOURS[name], "markersize": 4, "linewidth": 1.1}
    intervals(ax, x, rows, value, scale, label=NAMES.get(name) or LABELS[name], **look)


def _title(result: Result) -> str:
    return f"{label(result.task)}: what makes the paper's picture appear"


def _caption(result: Result) -> str:
    counts = {protocol["split"]: protocol["n"] for protocol in result.meta["protocols"]}
    rates = result.tables["rates"]
    tests = rates.query("study == 'test'")
    seeds = counted(int(tests.seeds.max()), "seed") if len(tests) else ""
    test = f"; test split: n = {counts['test']}, {seeds} of data, encoder and all training" if seeds else ""
    return (
        f"Adam, open loop; diamonds: CEM on the base model. Tune split: n = {counts.get('tune', 0)} problems for each "
        f"kind of goals, one training seed{test}. Success: 95% Wilson intervals. Gain: paired, over all goals; gap: "
        f"planned minus expert error of imagination; 95% bootstrap intervals. All are over {resampled(rates)}. Half: "
        f"all training has half of the recipe's steps. Preset {result.preset}."
    )
