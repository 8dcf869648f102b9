"""Success on straightened latents beside the same encoder without the term: a panel for each kind of goals and mode."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from matplotlib.figure import Figure
from plotly.subplots import make_subplots

from lab.evaluation.slices import Slice
from lab.files import MODELS
from lab.plots.marks import dots, hover, in_rows, intervals, legend_of
from lab.plots.palette import LABELS, LOSSES, MODEL_COLOURS, label, shown
from lab.plots.style import annotate, in_style, neutral, spread
from lab.plots.words import counted, percent, resampled
from lab.results import Result
from lab.studies.planners.figures import success_rows
from lab.studies.starts.figures import panel_title, panels_of, rows_at
from lab.studies.straightening.study import ENCODERS, PLANNERS

ROWS = {f"{LABELS[planner]}, {encoder}": (planner, encoder) for planner in PLANNERS for encoder in ENCODERS}
TITLES = {
    "curvature": "curvature\nlower is straighter",
    "roughness": "roughness of the loss\nlower is smoother",
    "basin": "basin of the loss\nhigher is broader",
    "distance": "distance of its minimum\nlower is better",
}


@in_style
def print_figure(result: Result) -> Figure:
    """Above, a row for each planner and encoder, and a dot for each model; below, the geometry of the base models."""
    table = _in_rows(result.tables["success"])
    figure = Figure(figsize=(11, 6.2), layout="constrained")
    above, below = figure.subfigures(2, 1, height_ratios=(1.9, 1), squeeze=False).flat
    places = panels_of(table)
    for ax, place in zip(above.subplots(1, len(places), sharey=True, squeeze=False)[0], places, strict=True):
        success_rows(ax, rows_at(table, *place), [*ROWS][::-1])
        ax.set_title(panel_title(*place))
        ax.set_yticks(range(len(ROWS)), [*ROWS][::-1])
        in_rows(ax)
    legend_of(above, ax)
    geometry = result.tables["geometry"]
    for ax, measure in zip(below.subplots(1, len(TITLES)), TITLES, strict=True):
        rows = geometry[geometry.measure == measure].set_index("model").reindex(ENCODERS)
        ax.bar(ENCODERS, rows["mean"], 0.5, color="#C8C8C8")
        intervals(ax, ENCODERS, rows, "mean", fmt="none", color="#222222", linewidth=1)
        ax.set_title(TITLES[measure])
    annotate(figure, _title(result), _caption(result))
    return figure


def interactive(result: Result) -> go.Figure:
    """The rows of success; hovering shows the numbers."""
    table = _in_rows(result.tables["success"])
    places = panels_of(table)
    figure = make_subplots(1, len(places), shared_yaxes=True, subplot_titles=[panel_title(*place) for place in places])
    for column, place in enumerate(places, 1):
        for model in shown(table.model, MODELS):
            rows = (
                rows_at(table, *place)
                .query("model == @model")
                .set_index("planner")
                .reindex([*ROWS][::-1])
                .reset_index()
            )
            texts = ["" if pd.isna(row.rate) else _hover(row) for row in rows.itertuples()]
            errors = {"error_x": spread(rows, "rate", 100) | {"color": MODEL_COLOURS[model], "thickness": 1}}
            trace = dots(100 * rows.rate, rows.planner, LABELS[model], MODEL_COLOURS[model], texts, size=9, **errors)
            figure.add_trace(trace.update(legendgroup=model, showlegend=column == 1), row=1, col=column)
    figure.update_layout(scattermode="group")
    figure.update_xaxes(range=[0, 103], ticksuffix="%")
    return neutral(figure, _title(result), 560, _caption(result))


@in_style
def slices_figure(slices: Mapping[str, Slice], problem: int) -> Figure:
    """The contours of the loss around the expert's actions of one ``problem``, a panel for each encoder."""
    figure = Figure(figsize=(8, 3.6), layout="constrained")
    for ax, encoder in zip(figure.subplots(1, len(slices)), slices, strict=True):
        axis, loss = slices[encoder].axis, slices[encoder].loss[problem]
        ax.contourf(axis, axis, loss.T, 18, cmap=LOSSES)
        ax.plot(0, 0, "+", color="white", markersize=12)
        lowest = np.unravel_index(loss.argmin(), loss.shape)
        ax.plot(*(axis[i] for i in lowest), "o", color="white", markersize=5)
        ax.set(title=f"{encoder} encoder", aspect="equal", xlabel="step along direction 1")
    return figure


def _in_rows(success: pd.DataFrame) -> pd.DataFrame:
    """``success`` with the names of `ROWS` as planners."""
    return success.assign(planner=[f"{LABELS[row.planner]}, {row.encoder}" for row in success.itertuples()])


def _hover(row) -> str:
    return hover(label(row.planner, row.model), f"{percent(row, unit='%')}, n = {row.n:.0f}")


def _title(result: Result) -> str:
    return f"{label(result.task)}: temporal straightening of the encoder"


def _caption(result: Result) -> str:
    table = result.tables["success"]
    n, seeds = counted(int(table.n.max()), "problem"), counted(int(table.seeds.max()), "training seed")
    return (
        f"n = {n} of each kind, {seeds}; 95% intervals over {resampled(table)}. All models are trained for half of "
        "the recipe's steps; straight and curved differ in the term for curvature alone (λ = 1, not tuned). CEM: on "
        f"the base models, one training seed. Below: the base models, data-set goals. Preset {result.preset}."
    )
