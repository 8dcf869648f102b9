"""The course of a training: its losses so far, compared with another model's."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd
import plotly.graph_objects as go

from lab.plots.page import in_page
from lab.plots.palette import GREY, MODEL_COLOURS

PARTS = {"loss": "solid", "latent": "dash", "proprio": "dot"}
NAMES = {"loss": "loss", "latent": "of the picture", "proprio": "of the own position"}


@dataclass(frozen=True)
class Curve:
    """The loss of another training, to be drawn beside."""

    name: str
    colour: str
    log: pd.DataFrame
    total: int = 0  #: steps that the axis has room for


def training_figure(log: pd.DataFrame, method: str, total: int, beside: Sequence[Curve] = ()) -> go.Figure:
    """The loss and its two parts in ``log`` (see `lab.repro.custom_run.training_log`), on an axis of ``total`` steps.

    The losses of the trainings ``beside`` are thin lines.
    """
    figure, last = go.Figure(), max(total, *(curve.total for curve in beside), 0)
    for curve in beside:
        if len(curve.log):
            line = {"color": curve.colour, "width": 1.5}
            figure.add_trace(_line(curve.log[curve.log.step <= last], "loss", curve.name, line))
    for part, dash in PARTS.items():
        line = {"color": MODEL_COLOURS[method], "dash": dash, "width": 2.5 if part == "loss" else 1.3}
        figure.add_trace(_line(log, part, NAMES[part], line))
    figure.update_xaxes(range=[0, last], title="training step")
    figure.update_yaxes(type="log", title="prediction error")
    return in_page(figure, 400).update_layout(showlegend=True)


def _line(log: pd.DataFrame, part: str, name: str, line: dict) -> go.Scatter:
    hover = f"step %{{x}}: %{{y:.4g}}<extra>{name}</extra>"
    return go.Scatter(x=log.step, y=log[part], mode="lines", name=name, line=line, hovertemplate=hover)


def change_figure(change: pd.DataFrame) -> go.Figure:
    """The relative change of each tensor of the predictor from another model's (see `lab.models.inspect.change`)."""
    rows = change[change.part == "predictor"].iloc[::-1]
    hover = "%{y}: %{x:.1%}<extra></extra>"
    names = rows.tensor.str.removeprefix("predictor.")
    figure = go.Figure(go.Bar(x=rows.change, y=names, orientation="h", marker={"color": GREY}, hovertemplate=hover))
    figure.update_xaxes(tickformat=".0%")
    return figure.update_layout(height=50 + 18 * len(rows), margin={"l": 10, "r": 10, "t": 10, "b": 10})
