"""How far, and how, Adversarial World Modeling perturbs: success, error and cost of every variant."""

import pandas as pd
import plotly.graph_objects as go
from matplotlib.figure import Figure

from lab.plots import variants
from lab.plots.marks import in_rows
from lab.plots.palette import GREY, LABELS, label
from lab.plots.style import annotate, faded, in_style, neutral
from lab.results import Result

STUDIES = {"lambda": "multiple λ", "inputs": "perturbed inputs", "radii": "radii", "steps": "inner steps"}
COST = "training step (ms)"


@in_style
def print_figure(result: Result) -> Figure:
    """The rows of the variants, and on their right the time of a training step."""
    height = 1.75 * (len(variants.rows(result)) + 2) + 1.6
    figure = Figure(figsize=(11, height), layout="constrained")
    dots, clock = figure.subfigures(1, 2, width_ratios=(4.2, 1), squeeze=False).flat
    variants.draw(dots, result, STUDIES)
    cost = result.tables["cost"].iloc[::-1]
    ax = clock.subplots()
    ax.barh([LABELS.get(name, name) for name in cost.model], cost.milliseconds, 0.6, color="#C8C8C8")
    for y, row in enumerate(cost.itertuples()):
        ax.annotate(
            f"x {row.ratio:.1f}", (row.milliseconds, y), (4, 0), textcoords="offset points", va="center", fontsize=7.5
        )
    ax.set(xlabel=COST, xlim=(0, 1.3 * cost.milliseconds.max()))
    in_rows(ax)
    annotate(figure, _title(result), _caption(result))
    return figure


@in_style
def strength_figure(errors: pd.Series) -> Figure:
    """The one-step error on clean, random and worst inputs, as bars."""
    figure = Figure(figsize=(7, 2.4), layout="constrained")
    ax = figure.subplots()
    bars = ax.barh(errors.index[::-1], errors.to_numpy()[::-1], color=["#D55E00", "#E69F00", GREY])
    ax.bar_label(bars, fmt=" %.3g")
    ax.set(xlabel="latent error of the base model after one step")
    in_rows(ax)
    return figure


def interactive(result: Result) -> go.Figure:
    """The rows of the variants, and below them the time of a training step; hovering shows the numbers."""
    figure, cost = variants.interactive(result, extra=1), result.tables["cost"]
    bar = go.Bar(
        x=[LABELS.get(name, name) for name in cost.model],
        y=cost.milliseconds,
        showlegend=False,
        marker={"color": faded(GREY)},
        hovertext=[f"x {ratio:.2f} of the control" for ratio in cost.ratio],
    )
    last = len(variants.rows(result)) + 3
    figure.add_trace(bar, last, 1).update_yaxes(title=COST, row=last)
    return neutral(figure, _title(result), 230 * last + 230, _caption(result))


def _title(result: Result) -> str:
    return f"{label(result.task)}: how far, and how, Adversarial World Modeling perturbs"


def _caption(result: Result) -> str:
    return (
        f"{variants.caption(result)} Cost: the least of a few rounds in which all took turns; compare multiples "
        "of the control's (x), not milliseconds."
    )
