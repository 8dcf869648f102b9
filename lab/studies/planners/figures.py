"""Every planner on every model: success, and what a plan costs."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lab.files import MODELS
from lab.planning.catalog import CATALOG
from lab.plots.marks import around, dots, hover, in_rows, names_beside, sample
from lab.plots.palette import GOAL_COLOUR, GREY, LABELS, MODEL_COLOURS, label, shown
from lab.plots.style import annotate, in_style, neutral, spread
from lab.plots.words import percent, resampled
from lab.results import Result

COSTS = {"seconds": "seconds per plan", "steps": "model steps per plan", "memory": "tensors alive (MiB)"}
TOP, NAME = 108, 4.2  #: of the interactive figure: the end of its axis, and the height of a name, in points of success
SHADES = {"steps": "#C8C8C8", "gradient_steps": "#009E73"}


@in_style
def print_figure(result: Result) -> Figure:
    """A row for each planner: success by model, then the costs, averaged over models (they hardly differ)."""
    table = result.tables["planners"]
    planners = shown(table.planner, tuple(CATALOG))[::-1]
    figure = Figure(figsize=(11, 0.42 * len(planners) + 1.7), layout="constrained")
    success, *costs = figure.subplots(1, 1 + len(COSTS), sharey=True, width_ratios=(2.2, 1, 1, 1))
    success_rows(success, table, planners)
    success.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=table.model.nunique(), borderaxespad=0)
    success.set_yticks(range(len(planners)), [LABELS[planner] for planner in planners])
    means = table.groupby("planner")[[*COSTS, "gradient_steps"]].mean().loc[planners]
    for ax, (cost, name) in zip(costs, COSTS.items(), strict=True):
        ax.barh(range(len(planners)), means[cost], 0.6, color=SHADES["steps"])
        if cost == "steps":
            ax.barh(range(len(planners)), means.gradient_steps, 0.3, color=SHADES["gradient_steps"])
        ax.set(xlabel=name, xscale="log")
    in_rows(success, *costs)
    annotate(figure, _title(result), _caption(result) + " Green: model steps that are differentiated.")
    return figure


def interactive(result: Result, visible: Sequence[str] = ("base", "adversarial")) -> go.Figure:
    """Success against seconds per plan; hovering shows the numbers.

    At first only the models ``visible`` are shown; the planners' names are joined to the dots of the first one.
    """
    table, figure = result.tables["planners"], go.Figure()
    right = 1.3 * table.seconds.max()
    for model in shown(table.model, MODELS):
        rows = table[table.model == model]
        texts, colour = [_hover(row) for row in rows.itertuples()], MODEL_COLOURS[model]
        errors = {"error_y": spread(rows, "rate", 100) | {"color": colour, "thickness": 1}}
        of_model = {"legendgroup": model, "visible": True if model in visible else "legendonly"}
        if model == visible[0]:
            names = [LABELS[planner] for planner in rows.planner]
            beside = names_beside(rows.seconds.tolist(), (100 * rows.rate).tolist(), names, right, TOP, NAME)
            figure.add_traces([trace.update(name=LABELS[model], **of_model) for trace in beside])
        trace = dots(rows.seconds, 100 * rows.rate, LABELS[model], colour, texts, size=9, **errors)
        figure.add_trace(trace.update(of_model))
    span = np.log10([table.seconds.min() / 2, 1.01 * right]).tolist()
    figure.update_xaxes(title=COSTS["seconds"], type="log", range=span)
    figure.update_yaxes(range=[0, TOP], ticksuffix="%", title="success")
    return neutral(figure, _title(result), 620, _caption(result)).update_layout(margin_r=110)


@in_style
def restarts_figure(tried: pd.DataFrame, starts: int) -> Figure:
    """A dot for each problem: how good the model thinks its best plan is, and where the plan really ends."""
    figure = Figure(figsize=(7, 4), layout="constrained")
    ax = figure.subplots()
    reached = tried.distance < 1
    for rows, colour, name in ((tried[reached], GOAL_COLOUR, "reached"), (tried[~reached], GREY, "missed")):
        ax.plot(rows.loss, rows.distance, "o", color=colour, label=f"{name}: {len(rows)}")
    ax.axhline(1, color=GREY, linestyle="--")
    ax.set(xscale="log", yscale="log", xlabel="predicted loss", ylabel="true distance from the goal (success radii)")
    ax.set_title(f"starts: {starts}; mean predicted loss {tried.loss.mean():.4f}")
    ax.legend()
    return figure


def success_rows(ax: Axes, table: pd.DataFrame, planners: Sequence[str]) -> None:
    """A row for each of ``planners``, from below, with a dot for the success on each model."""
    models = shown(table.model, MODELS)
    for i, model in enumerate(models):
        rows = table[table.model == model].set_index("planner").reindex(planners)
        y = [place + 0.16 * ((len(models) - 1) / 2 - i) for place in range(len(planners))]
        error, colour, name = around(rows, "rate", 100), MODEL_COLOURS[model], LABELS[model]
        ax.errorbar(100 * rows.rate, y, xerr=error, fmt="o", color=colour, label=name, markersize=4, linewidth=1)
    ax.set(xlabel="success (%)", xlim=(0, 103))


def _hover(row) -> str:
    return hover(
        label(row.planner, row.model),
        percent(row, unit="%"),
        f"{1000 * row.seconds:.3g} ms per plan, {row.memory:.2g} MiB",
        f"{row.steps:,.0f} model steps, {row.gradient_steps:,.0f} of them differentiated",
    )


def _title(result: Result) -> str:
    return f"{label(result.task)}: every planner on every model"


def _caption(result: Result) -> str:
    table = result.tables["planners"]
    return (
        f"n = {sample(table, 'data-set problem')}, open loop; 95% Wilson intervals over {resampled(table)}. Seconds: "
        "wall-clock of one plan where all are made together, on one thread. Tensors: the most that are alive at once "
        f"while one plan is made alone. Preset {result.preset}."
    )
