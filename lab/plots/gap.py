"""The train-test gap of several problems as interactive figures: by step, as distributions, and as a map."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from lab.benchmarks import Scene, card_of
from lab.evaluation.statistics import bootstrap_mean
from lab.plots.palette import CLEAR, GOAL_COLOUR, GREY, GRID, LABELS, MODEL_COLOURS
from lab.plots.style import spread, written_out

ERROR = "model error"
HEIGHT, MAP_HEIGHT = 360, 520
HEAT = "Inferno"


@dataclass(frozen=True)
class Plans:
    """One executed plan for each of B problems."""

    states: np.ndarray  #: (B, H + 1, S) true states at the block boundaries
    error: np.ndarray  #: (B, H) of the model after 1 … H imagined steps
    success: np.ndarray  #: (B,)


def steps_figure(planned: Mapping[str, np.ndarray], expert: Mapping[str, np.ndarray]) -> go.Figure:
    """Mean errors by imagined step with 95% intervals: solid on planned actions, dotted on the expert's.

    Both mappings give the errors (n, H) by model.
    """
    figure = go.Figure()
    for errors, name, dash in ((expert, "expert", "dot"), (planned, "planned", "solid")):
        for model, error in errors.items():
            line = _line(error, f"{LABELS[model]}, {name}", MODEL_COLOURS[model], dash)
            figure.add_trace(line.update(showlegend=name == "planned" or model not in planned))
    figure.update_xaxes(title="imagined step", dtick=1)
    return _plain(figure, HEIGHT)


def spread_figure(planned: Mapping[str, np.ndarray], expert: Mapping[str, np.ndarray]) -> go.Figure:
    """A dot for each trajectory: its error, averaged over steps. Both mappings give the errors (n, H) by model.

    Of each model, the expert's are on the left and hollow, the planned ones on the right and full.
    """
    figure = go.Figure()
    for errors, name, symbol, side in ((expert, "expert", "circle-open", -0.2), (planned, "planned", "circle", 0.2)):
        for i, model in enumerate(expert):
            if model in errors:
                figure.add_trace(_box(errors[model].mean(1), i + side, f"{LABELS[model]}, {name}", model, symbol))
    names = [LABELS[model].replace(" ", "<br>") for model in expert]
    figure.update_xaxes(tickvals=list(range(len(names))), ticktext=names, tickangle=0, showgrid=False, zeroline=False)
    return _plain(figure.update_layout(showlegend=False), HEIGHT)


def _box(errors: np.ndarray, x: float, name: str, model: str, symbol: str) -> go.Box:
    colour = MODEL_COLOURS[model]
    dots = {"boxpoints": "all", "pointpos": 0, "jitter": 0.6, "marker": {"color": colour, "size": 5, "symbol": symbol}}
    look = {"line": {"color": colour, "width": 1.5}, "fillcolor": CLEAR, "width": 0.3}
    return go.Box(y=errors, x=[x] * len(errors), name=name, hovertemplate="%{y:.3g}<extra></extra>", **dots, **look)


def map_figure(
    task_name: str, background: str, data: np.ndarray, planned: Plans | None, picked: int | None
) -> go.Figure:
    """The places of the ``data`` (n, 2) as clouds, and those of plans as dots, coloured by the model's error there.

    ``background`` is a picture of the scene as a data URI. A dot's ``customdata`` is (problem, step). The path of the
    problem ``picked`` is drawn as a line.
    """
    scene = card_of(task_name).scene
    low, high = scene.view
    figure = go.Figure()
    square = {"xref": "x", "yref": "y", "x": low, "y": low, "sizex": high - low, "sizey": high - low}
    figure.add_layout_image(square, source=background, opacity=0.9, layer="below", sizing="stretch")
    clear_blue = [[0, "rgba(28, 111, 181, 0)"], [0.05, "rgba(28, 111, 181, 0.25)"], [1, "rgba(28, 111, 181, 0.75)"]]
    cells = {"start": low, "end": high, "size": (high - low) / 32}
    clouds = go.Histogram2d(x=data[:, 0], y=data[:, 1], xbins=cells, ybins=cells, colorscale=clear_blue, name="data")
    figure.add_trace(clouds.update(showscale=False, hoverinfo="skip"))
    if planned is not None:
        _add_plans(figure, scene, planned, picked)
    axis = {"range": [low, high], "showgrid": False, "zeroline": False, "visible": False, "constrain": "domain"}
    figure.update_xaxes(**axis)
    figure.update_yaxes(**axis | {"range": [high, low], "scaleanchor": "x"})
    figure.update_layout(height=MAP_HEIGHT, margin={"l": 0, "r": 0, "t": 10, "b": 0}, font={"color": GREY})
    figure.update_layout(showlegend=False, dragmode=False, clickmode="event+select")
    return figure.update_layout(paper_bgcolor=CLEAR, plot_bgcolor=CLEAR)


def _add_plans(figure: go.Figure, scene: Scene, planned: Plans, picked: int | None) -> None:
    states, errors = planned.states, planned.error
    n, steps = errors.shape
    at = scene.place(states[:, 1:]).reshape(-1, 2)
    error = np.log10(np.maximum(errors.ravel(), 1e-12))
    which = np.stack([np.repeat(np.arange(n), steps), np.tile(np.arange(1, steps + 1), n)], -1)
    ticks = np.arange(np.ceil(error.min()), np.floor(error.max()) + 1)
    colour = {
        "color": error,
        "colorscale": HEAT,
        "size": 9,
        "line": {"color": "white", "width": 1},
        "colorbar": {"title": ERROR, "tickvals": ticks, "ticktext": [f"{10.0**t:g}" for t in ticks], "thickness": 14},
    }
    if picked is not None and picked < n:
        x, y = scene.place(states[picked]).T
        line = {"color": GOAL_COLOUR, "width": 3}
        figure.add_trace(go.Scatter(x=x, y=y, mode="lines", line=line, hoverinfo="skip", name="picked"))
    hover = "problem %{customdata[0]}, step %{customdata[1]}<br>error %{text:.3g}<extra></extra>"
    dots = go.Scatter(x=at[:, 0], y=at[:, 1], mode="markers", marker=colour, name="plans", hovertemplate=hover)
    dots.update(selected={"marker": {"opacity": 1}}, unselected={"marker": {"opacity": 1}})
    figure.add_trace(dots.update(customdata=which.tolist(), text=errors.ravel()))


def _line(error: np.ndarray, name: str, colour: str, dash: str) -> go.Scatter:
    means = pd.DataFrame([bootstrap_mean(column) for column in error.T])
    bars = spread(means, "value") | {"thickness": 1.5, "width": 3, "color": colour}
    line = go.Scatter(x=means.index + 1, y=means["value"], error_y=bars, name=name, mode="lines+markers")
    hover = "%{y:.3g}<extra>" + name + "</extra>"
    return line.update(line={"color": colour, "dash": dash, "width": 2}, hovertemplate=hover)


def _plain(figure: go.Figure, height: int) -> go.Figure:
    """``figure`` with a logarithmic scale of errors and a transparent background."""
    figure.update_yaxes(type="log", title=ERROR, gridcolor=GRID)
    return written_out(figure).update_layout(
        paper_bgcolor=CLEAR,
        plot_bgcolor=CLEAR,
        height=height,
        margin={"l": 10, "r": 10, "t": 10, "b": 10},
        legend={"orientation": "h", "y": -0.25},
    )
