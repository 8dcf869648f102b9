"""Every planner on every model: success beside what a plan costs."""

from collections.abc import Sequence

import pandas as pd
import plotly.graph_objects as go
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lab.planning.catalog import CATALOG
from lab.plots.style import LABELS, MODEL_COLOURS, MODELS, annotate, counted, in_style, label, neutral, shown, spread
from lab.results import Result

COSTS = {"seconds": "seconds per plan", "steps": "model steps per plan", "memory": "tensors alive (MiB)"}
SHADES = {"steps": "#C8C8C8", "gradient_steps": "#009E73"}


@in_style
def print_figure(result: Result) -> Figure:
    """A row for each planner; columns for success by model and for the costs, which hardly depend on the model."""
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
    for ax in (success, *costs):
        ax.grid(False, axis="y")
        ax.grid(True, axis="x")
    annotate(figure, _title(result), _caption(result) + " Green: model steps that are differentiated.")
    return figure


def interactive(result: Result, visible: Sequence[str] = ("base", "adversarial")) -> go.Figure:
    """Success against seconds per plan, to hover over; at first on the models ``visible``, the first with names."""
    table, figure = result.tables["planners"], go.Figure()
    for model in shown(table.model, MODELS):
        rows = table[table.model == model]
        figure.add_trace(
            go.Scatter(
                x=rows.seconds, y=100 * rows.rate, mode="markers+text", name=LABELS[model],
                text=[f"  {LABELS[planner]}" for planner in rows.planner] if model == visible[0] else None,
                textposition="middle right",
                hovertext=[_hover(row) for row in rows.itertuples()], hoverinfo="text",
                marker={"color": MODEL_COLOURS[model], "size": 9}, textfont={"size": 10},
                error_y=spread(rows, "rate", 100) | {"color": MODEL_COLOURS[model], "thickness": 1},
                visible=True if model in visible else "legendonly",
            )
        )  # fmt: skip
    figure.update_xaxes(type="log", title=COSTS["seconds"])
    figure.update_yaxes(range=[0, 108], ticksuffix="%", title="success")
    return neutral(figure, _title(result), 620, _caption(result))


def success_rows(ax: Axes, table: pd.DataFrame, planners: Sequence[str]) -> None:
    """Success of each of ``planners``, a row each from below, with a dot for each model."""
    models = shown(table.model, MODELS)
    for i, model in enumerate(models):
        rows = table[table.model == model].set_index("planner").reindex(planners)
        y = [place + 0.16 * ((len(models) - 1) / 2 - i) for place in range(len(planners))]
        errors = [100 * (rows.rate - rows.low), 100 * (rows.high - rows.rate)]
        ax.errorbar(100 * rows.rate, y, xerr=errors, fmt="o", color=MODEL_COLOURS[model], markersize=4, linewidth=1,
                    label=LABELS[model])  # fmt: skip
    ax.set(xlabel="success (%)", xlim=(0, 103))


def _hover(row) -> str:
    return (
        f"<b>{LABELS[row.planner]}, {LABELS[row.model]}</b><br>{100 * row.rate:.0f}% [{100 * row.low:.0f}, "
        f"{100 * row.high:.0f}]<br>{1000 * row.seconds:.3g} ms per plan, {row.memory:.2g} MiB<br>"
        f"{row.steps:,.0f} model steps, {row.gradient_steps:,.0f} of them differentiated"
    )


def _title(result: Result) -> str:
    return f"{label(result.task)}: every planner on every model"


def _caption(result: Result) -> str:
    rates = result.tables["planners"]
    return (
        f"n = {counted(int(rates.n.max()), 'data-set problem')}, {counted(int(rates.seeds.max()), 'training seed')}, "
        "open loop; 95% Wilson intervals. Seconds: wall-clock of one plan where all are made together, on one thread. "
        f"Tensors: the most that are alive at once while one plan is made alone. Preset {result.preset}."
    )
