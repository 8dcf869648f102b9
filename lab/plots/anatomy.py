"""The anatomy of failure of several problems as interactive figures: each plan's two losses, and the kinds of plans."""

from collections.abc import Mapping

import numpy as np
import plotly.graph_objects as go

from lab.evaluation.anatomy import KINDS, Attempts
from lab.plots.palette import CLEAR, GREY, GRID, KIND_COLOURS, LABELS, SHARE_COLOURS
from lab.plots.style import faded, written_out

HEIGHT, BARS_HEIGHT = 420, 60


def losses_figure(found: Attempts, boundary: float, picked: int | None) -> go.Figure:
    """A dot for each of B x K plans: its true loss over its predicted one, with the ``boundary`` of success.

    Dots that the planner chose are full, the others hollow; those of the problem ``picked`` are ringed. A dot's
    ``customdata`` is its problem.
    """
    kinds, chosen = found.kinds(boundary), np.zeros_like(found.success, bool)
    chosen[np.arange(len(chosen)), found.predicted.argmin(1)] = True
    figure = go.Figure()
    for kind in KINDS:
        for full in (True, False):
            problems, starts = np.nonzero((kinds == kind) & (chosen == full))
            dots = _dots(found, problems, starts, kind, full, picked)
            figure.add_trace(dots.update(showlegend=full or not (chosen & (kinds == kind)).any()))
    for kind, x, y in (("stuck", 0.99, 0.01), ("deceived", 0.01, 0.99)):
        place = {"xref": "x domain", "yref": "y domain", "xanchor": "right" if x > y else "left"}
        figure.add_annotation(text=kind, x=x, y=y, showarrow=False, font={"color": GREY}, **place)
    for add in (figure.add_vline, figure.add_hline):
        add(boundary, line={"color": GREY, "dash": "dash", "width": 1.5})
    low, high = _range(found, boundary)
    line = np.array([low, high])
    figure.add_trace(
        go.Scatter(x=line, y=line, mode="lines", line={"color": GREY, "width": 1}, showlegend=False, hoverinfo="skip")
    )
    scale = {"type": "log", "range": np.log10([low, high]).tolist(), "gridcolor": GRID}
    figure.update_xaxes(title="predicted loss of the last state", **scale)
    figure.update_yaxes(title="true loss", **scale)
    return _plain(figure, HEIGHT).update_layout(clickmode="event+select", dragmode=False)


def shares_figure(shares: Mapping[str, Mapping[str, float]], column: str = "kind") -> go.Figure:
    """A bar for each model, from the share of each kind of plan; with ``column`` cause, of each cause of a miss."""
    figure = go.Figure()
    upwards = list(shares)[::-1]
    names = [LABELS[model] for model in upwards]
    for value, colour in SHARE_COLOURS[column].items():
        widths = [100 * shares[model][value] for model in upwards]
        bar = go.Bar(x=widths, y=names, orientation="h", name=value, marker={"color": faded(colour)})
        figure.add_trace(bar.update(hovertemplate=f"{value}: %{{x:.0f}}%<extra></extra>"))
    figure.update_xaxes(range=[0, 100], dtick=25, ticksuffix="%", gridcolor=GRID)
    return _plain(figure, BARS_HEIGHT * (len(names) + 2)).update_layout(barmode="stack", legend_traceorder="normal")


def _dots(
    found: Attempts, problems: np.ndarray, starts: np.ndarray, kind: str, full: bool, picked: int | None
) -> go.Scatter:
    rings = [2.5 if problem == picked else 1 for problem in problems]
    edges = [GREY if problem == picked else KIND_COLOURS[kind] for problem in problems]
    marker = {"size": 11 if full else 7, "color": KIND_COLOURS[kind] if full else CLEAR}
    hover = f"problem %{{customdata[0]}}: {kind}<br>predicted %{{x:.3g}}, true %{{y:.3g}}<extra></extra>"
    dots = go.Scatter(
        x=found.predicted[problems, starts], y=found.true[problems, starts], mode="markers", name=kind, legendgroup=kind
    )
    dots.update(marker=marker | {"line": {"width": rings, "color": edges}}, hovertemplate=hover)
    dots.update(selected={"marker": {"opacity": 1}}, unselected={"marker": {"opacity": 1}})
    return dots.update(customdata=problems[:, None].tolist())


def _range(found: Attempts, boundary: float) -> tuple[float, float]:
    """Both axes have the same, so that a right prediction lies on the diagonal."""
    losses = np.concatenate([found.predicted.ravel(), found.true.ravel(), [boundary]])
    return 0.7 * float(losses[losses > 0].min()), 1.4 * float(losses.max())


def _plain(figure: go.Figure, height: int) -> go.Figure:
    return written_out(figure).update_layout(
        paper_bgcolor=CLEAR,
        plot_bgcolor=CLEAR,
        height=height,
        margin={"l": 10, "r": 25, "t": 10, "b": 10},  # on the right, for half of the last tick's label
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom"},
    )
