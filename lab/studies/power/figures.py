"""Optimisation power: success against calls and time, kinds and causes of failure, and the choice among starts."""

from collections.abc import Iterator
from typing import Any

import pandas as pd
import plotly.graph_objects as go
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from plotly.subplots import make_subplots

from lab.files import MODELS
from lab.plots.marks import dots, hover, in_rows, intervals, legend_of, sample
from lab.plots.palette import GREY, LABELS, MODEL_COLOURS, PLANNER_COLOURS, SHARE_COLOURS, label, shown
from lab.plots.style import annotate, faded, in_style, neutral, spread
from lab.plots.words import percent, resampled
from lab.results import Result
from lab.studies.power.study import CEM, words

COSTS = {"calls": "model calls per problem", "seconds": "seconds per problem"}
#: by measure: words, and the dash of its line in print and in plotly
CHOICES = {
    "any": ("some start succeeds", ":", "dot"),
    "best": ("chosen by true loss", "--", "dash"),
    "chosen": ("chosen by predicted loss", "-", "solid"),
}
SHARES = {"anatomy": "kind", "causes": "cause"}  #: tables that have a row of bars, and the column that names the parts
BARS = (1, 8, 32)  #: numbers of starts that have bars
HEIGHT = 1600  #: of the interactive figure, in pixels


@in_style
def print_figure(result: Result) -> Figure:
    """Success against calls and time for each step; below, for each model, kinds and causes of failure, and choice."""
    figure = Figure(figsize=(12, 12), layout="constrained")
    models = shown(result.tables["anatomy"].model, MODELS)
    top, kinds, causes, choice = figure.subfigures(4, 1, height_ratios=(1.15, 1, 1, 1), squeeze=False).flat
    _draw_success(top, result.tables["success"])
    for part, (name, column) in zip((kinds, causes), SHARES.items(), strict=True):
        panels = part.subplots(1, len(models), sharey=True, squeeze=False)[0]
        for ax, model in zip(panels, models, strict=True):
            _draw_shares(ax, barred(result.tables[name]), model, column)
        legend_of(part, panels[0])
    panels = choice.subplots(1, len(models), sharey=True, squeeze=False)[0]
    for ax, model in zip(panels, models, strict=True):
        _draw_choice(ax, result.tables["choice"], model)
    panels[0].set(ylabel="success (%)", ylim=(0, 103))
    legend_of(choice, panels[0])
    annotate(figure, _title(result), _caption(result))
    return figure


def interactive(result: Result) -> go.Figure:
    """The same panels; hovering shows the numbers."""
    success, choice = (result.tables[name] for name in ("success", "choice"))
    models, places = shown(choice.model, MODELS), list(_places(success))
    across = max(len(places), len(models))
    titles = [f"step {step:.2g}" for step, _ in places] + [""] * (across - len(places))
    titles += ([LABELS[model] for model in models] + [""] * (across - len(models))) * 3
    figure = make_subplots(4, across, shared_yaxes=True, subplot_titles=titles, vertical_spacing=0.07)
    for column, (step, cost) in enumerate(places, 1):
        for trace in _curve_traces(success, step, cost, legend=column == 1):
            figure.add_trace(trace, 1, column)
        figure.update_xaxes(type="log", title=COSTS[cost], row=1, col=column)
    for column, model in enumerate(models, 1):
        for row, (name, kind) in enumerate(SHARES.items(), 2):
            for trace in _share_traces(barred(result.tables[name]), model, kind, legend=column == 1):
                figure.add_trace(trace, row, column)
        for trace in _choice_traces(choice, model, legend=column == 1):
            figure.add_trace(trace, 4, column)
        figure.update_xaxes(type="log", dtick=0.30103, title="starts", row=4, col=column)
    for row in (1, 4):
        figure.update_yaxes(range=[0, 103], ticksuffix="%", row=row)
    for row in (2, 3):
        figure.update_xaxes(range=[0, 100], ticksuffix="%", row=row)
    figure.update_layout(barmode="stack")
    return neutral(figure, _title(result), HEIGHT, _caption(result))


@in_style
def differences_figure(differences: pd.DataFrame, equal: str) -> Figure:
    """Differences by starts, at the longest descents: to the control at ``equal`` power, or to CEM at equal cost."""
    figure = Figure(figsize=(8, 4), layout="constrained")
    ax = figure.subplots()
    rows = differences[(differences.equal == equal) & differences.theirs.isin(["control", CEM])]
    rows = rows[(rows.iterations == rows.iterations.max()) & (rows.step == rows.step.max())]
    for model, line in rows.sort_values("restarts").groupby("ours", sort=False):
        look = {"fmt": "o-", "color": MODEL_COLOURS[str(model)], "label": LABELS[str(model)]}
        intervals(ax, line.restarts, line, "difference", 100, **look)
    ax.axhline(0, color=GREY, linewidth=0.8)
    ax.set(xscale="log", xlabel="random starts", ylabel="difference in success (points)")
    legend_of(figure, ax)
    return figure


def barred(shares: pd.DataFrame) -> pd.DataFrame:
    """The powers that have bars, with their ``name``: `BARS`, of one start only the long runs, of CEM the longest."""
    longest = shares.groupby(["planner", "step", "restarts"]).iterations.transform("max")
    least = longest.where(shares.planner == "cem", longest / 3)
    rows = shares[shares.restarts.isin(BARS) & (shares.iterations >= least)]
    return rows.assign(name=[words(row) for row in rows.itertuples()])


def curves(success: pd.DataFrame, step: float) -> Iterator[tuple[str, str, pd.DataFrame]]:
    """(model or ``cem``, line, rows): a line joins powers with the same problems, dashed for those from one start."""
    adam = success[(success.planner == "adam") & (success.step == step)]
    for model in shown(adam.model, MODELS):
        rows = adam[adam.model == model]
        yield model, "--", rows[rows.restarts == 1].sort_values("iterations")
        yield model, "-", rows[rows.restarts > 1].sort_values("restarts")
    yield "cem", "-", success[success.planner == "cem"].sort_values("iterations")


def _places(success: pd.DataFrame) -> Iterator[tuple[float, str]]:
    steps = sorted(success[success.planner == "adam"].step.unique())
    yield from ((step, cost) for cost in COSTS for step in steps)


def _look(name: str) -> tuple[str, str]:
    """Colour and label of a line of success."""
    return (PLANNER_COLOURS["cem"], "CEM on Base") if name == "cem" else (MODEL_COLOURS[name], LABELS[name])


def _draw_success(figure: SubFigure, success: pd.DataFrame) -> None:
    places = list(_places(success))
    panels = figure.subplots(1, len(places), sharey=True, squeeze=False)[0]
    for ax, (step, cost) in zip(panels, places, strict=True):
        for name, line, rows in curves(success, step):
            colour, text = _look(name)
            look = {"linestyle": line, "marker": "D" if name == "cem" else "o", "markersize": 3.5, "linewidth": 1.3}
            named = {"label": text} if line == "-" else {}
            intervals(ax, rows[cost], rows, "rate", 100, color=colour, elinewidth=0.7, **look, **named)
        ax.set(title=f"step {step:.2g}", xlabel=COSTS[cost], xscale="log", ylim=(-3, 103))
    panels[0].set_ylabel("success (%)")
    legend_of(figure, panels[0])


def _draw_shares(ax: Axes, shares: pd.DataFrame, model: str, column: str) -> None:
    names = list(dict.fromkeys(shares.name))[::-1]
    left = pd.Series(0.0, index=names)
    for value, colour in SHARE_COLOURS[column].items():
        rows = shares[(shares.model == model) & (shares[column] == value)].set_index("name")
        width = 100 * rows["mean"].reindex(names).fillna(0)
        ax.barh(names, width, 0.7, left=left, color=colour, label=value)
        left += width
    of = {"kind": "plans", "cause": "problems"}[column]
    ax.set(title=LABELS[model], xlim=(0, 100), xlabel=f"share of {of} (%)")
    in_rows(ax)


def _draw_choice(ax: Axes, choice: pd.DataFrame, model: str) -> None:
    for measure, (text, line, _) in CHOICES.items():
        rows = _choice_rows(choice, model, measure)
        look = {"linestyle": line, "marker": "o", "markersize": 3.5, "elinewidth": 0.7}
        intervals(ax, rows.restarts, rows, "mean", 100, color=MODEL_COLOURS[model], label=text, **look)
    ax.set_xscale("log", base=2)
    ticks = sorted(choice.restarts.unique())
    ax.set_xticks(ticks, [f"{tick}" for tick in ticks])
    ax.set(title=f"{LABELS[model]}: rank correlation {_correlation(choice, model):+.2f}", xlabel="starts")


def _choice_rows(choice: pd.DataFrame, model: str, measure: str) -> pd.DataFrame:
    """The rows of the step that has the most starts."""
    step = choice.loc[choice.restarts.idxmax(), "step"]
    rows = choice[(choice.model == model) & (choice.step == step) & (choice.measure == measure)]
    return rows.sort_values("restarts")


def _correlation(choice: pd.DataFrame, model: str) -> float:
    """Spearman's, of predicted and true loss over all starts."""
    return _choice_rows(choice, model, "correlation")["mean"].iloc[-1]


def _curve_traces(success: pd.DataFrame, step: float, cost: str, legend: bool) -> Iterator[go.Scatter]:
    for name, line, rows in curves(success, step):
        colour, text = _look(name)
        texts = [_tell(f"{text}, {words(row)}", row, "rate") for row in rows.itertuples()]
        trace = dots(rows[cost], 100 * rows.rate, text, colour, texts, size=6, error_y=_errors(rows, "rate"))
        trace.update(mode="lines+markers", line={"color": colour, "dash": "dash" if line == "--" else "solid"})
        yield trace.update(legendgroup=name, showlegend=legend and line == "-")


def _share_traces(shares: pd.DataFrame, model: str, column: str, legend: bool) -> Iterator[go.Bar]:
    for value, colour in SHARE_COLOURS[column].items():
        rows = shares[(shares.model == model) & (shares[column] == value)].iloc[::-1]
        yield go.Bar(
            x=100 * rows["mean"],
            y=rows.name,
            orientation="h",
            name=value,
            legendgroup=value,
            showlegend=legend and (column == "kind" or value != "ok"),
            marker={"color": faded(colour)},
            hovertext=[_tell(f"{value}: {row.name}", row, "mean") for row in rows.itertuples()],
            hoverinfo="text",
        )


def _choice_traces(choice: pd.DataFrame, model: str, legend: bool) -> Iterator[go.Scatter]:
    for measure, (text, _, dash) in CHOICES.items():
        rows, colour = _choice_rows(choice, model, measure), MODEL_COLOURS[model]
        texts = [_tell(f"{text}: {words(row)}", row, "mean") for row in rows.itertuples()]
        trace = dots(rows.restarts, 100 * rows["mean"], text, colour, texts, size=6, error_y=_errors(rows, "mean"))
        trace.update(mode="lines+markers", line={"color": colour, "dash": dash})
        yield trace.update(legendgroup=measure, showlegend=legend)


def _errors(rows: pd.DataFrame, value: str) -> dict:
    return spread(rows, value, 100) | {"thickness": 1}


def _tell(name: str, row: Any, value: str) -> str:
    costs = [f"{row.calls:,.0f} calls, {1000 * row.seconds:.3g} ms per problem"] if hasattr(row, "calls") else []
    return hover(name, percent(row, value, unit="%"), *costs, row=row)


def _known(known: pd.DataFrame) -> str:
    """``Adam 100 %, CEM 95 %``: success of the plans that decide on causes."""
    return ", ".join(f"{LABELS[row.planner]} {percent(row, unit='%')}" for row in known.itertuples())


def _title(result: Result) -> str:
    return f"{label(result.task)}: what more optimisation buys, and why plans still fail"


def _caption(result: Result) -> str:
    success = result.tables["success"]
    one, several = success[success.restarts == 1], success[(success.restarts > 1) | (success.planner == "cem")]
    one = one[one.planner == "adam"]
    boundary = " or ".join(f"{loss:.2g}" for loss in result.meta["boundary"])
    return (
        f"Data-set goals, open loop. Dashed: Adam from one start ({sample(one)}), after more and more iterations; "
        f"solid: Adam from more and more starts, and CEM after more iterations ({sample(several)}). 95% intervals over "
        f"{resampled(success)}. A call is a rollout of the model; a differentiated one counts as three. Stuck: the "
        f"predicted loss is above its value at the success boundary, {boundary} on the tune split; deceived: the true "
        "loss alone is; metric: neither is, and the goal is missed. Causes of missed problems: decided by plans that "
        f"are known to be good (success: {_known(result.tables['known'])}); unknown where no plan reaches the goal. "
        f"Bars: step, starts x iterations. Preset {result.preset}."
    )
