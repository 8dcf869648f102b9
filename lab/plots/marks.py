"""Marks that several figures share: intervals, bars and dots by model, legends, and hover texts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from lab.files import MODELS
from lab.plots.palette import GREY, LABELS, MODEL_COLOURS, shown
from lab.plots.style import bar_look, spread
from lab.plots.words import counted

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

INK = "#222222"  #: of intervals on bars
LINE = "#555555"  #: of lines that bars and curves are compared with
EXPERT = "#444444"
GAP = 0.8  #: between studies, in columns
WIDTH = 0.2  #: of a model's bar, in groups of planners


def around(rows: pd.DataFrame, value: str, scale: float = 1) -> list[pd.Series]:
    """Matplotlib's error bars from ``low`` to ``high`` around the column ``value``; for plotly's see `style.spread`."""
    return [scale * (rows[value] - rows.low), scale * (rows.high - rows[value])]


def intervals(ax: Axes, x: Any, rows: pd.DataFrame, value: str, scale: float = 1, /, **look: Any) -> None:
    """Draw the column ``value`` of ``rows``, times ``scale``, with its error bars at ``x``."""
    ax.errorbar(x, scale * rows[value], around(rows, value, scale), **look)


def columns(studies: pd.Series, first: float) -> pd.Series:
    """The x of each row, from ``first`` on in steps of 1, with an extra gap before each new study."""
    begins = ((studies != studies.shift()) & (studies.index > 0)).astype(float)  # for every dtype of strings
    return first + (1 + GAP * begins).cumsum() - 1


def legend_of(figure: Figure | SubFigure, ax: Axes, **options: Any) -> None:
    """Put the legend of one panel above the whole figure, on the right."""
    handles, labels = ax.get_legend_handles_labels()
    figure.legend(handles, labels, **{"loc": "outside upper right", "ncols": len(labels)} | options)


def in_rows(*axes: Axes) -> None:
    """Give panels with rows of dots or bars a grid of vertical lines only."""
    for ax in axes:
        ax.grid(False, axis="y")
        ax.grid(True, axis="x")


def hover(name: str, *lines: str, row: Any = None) -> str:
    """Hover text of a mark: its name in bold, ``lines``, and the counts of problems and seeds of its ``row``."""
    counts = [] if row is None else [sample(row)]
    return "<br>".join([f"<b>{name}</b>", *lines, *counts])


def sample(row: Any, problem: str = "problem", joined: str = ", ") -> str:
    """``300 problems, 3 training seeds``: the sample of a row, or the largest sample among a table's rows."""
    n, seeds = (int(value.max() if isinstance(value, pd.Series) else value) for value in (row.n, row.seeds))
    return f"{counted(n, problem)}{joined}{counted(seeds, 'training seed')}"


def model_bars(
    table: pd.DataFrame, planners: Sequence[str], value: str, scale: float, tell: Callable[[Any], str], legend: bool
) -> Iterator[go.Bar]:
    """Plotly's bars of each model, in groups of ``planners``; ``tell`` returns the hover text of a row."""
    for model in shown(table.model, MODELS):
        rows = table[table.model == model].set_index("planner").reindex(planners).dropna(subset=value).reset_index()
        yield go.Bar(
            x=[LABELS[planner].replace(", ", ",<br>") for planner in rows.planner],  # groups are narrow
            y=scale * rows[value],
            name=LABELS[model],
            legendgroup=model,
            hovertext=[tell(row) for row in rows.itertuples()],
            hoverinfo="text",
            showlegend=legend,
            **bar_look(MODEL_COLOURS[model], spread(rows, value, scale)),
        )


def dots(x: Any, y: Any, name: str, colour: str, texts: Sequence[str], *, size: int = 8, **errors: Any) -> go.Scatter:
    """Plotly's dots with the hover text of each and error bars (``error_x`` or ``error_y``)."""
    marker = {"color": colour, "size": size}
    return go.Scatter(
        x=x, y=y, mode="markers", name=name, marker=marker, hovertext=list(texts), hoverinfo="text", **errors
    )


def names_beside(
    x: Sequence[float], y: Sequence[float], names: Sequence[str], right: float, top: float, gap: float
) -> tuple[go.Scatter, go.Scatter]:
    """Plotly's names of the points (x, y), one above the other at x = ``right``, and thin lines to their points.

    ``gap`` is the height of a name, and ``top`` the end of the axis, in units of y. Plotly draws no text outside of
    the axes' ranges, so ``right`` has to be within; the names reach into the figure's margin.
    """
    order = sorted(range(len(names)), key=lambda i: (y[i], -x[i]))
    heights = separated([y[i] for i in order], gap, top)
    look = {"hoverinfo": "skip", "showlegend": False}
    texts = go.Scatter(
        x=[right] * len(names),
        y=heights,
        text=[f" {names[i]}" for i in order],
        mode="text",
        textposition="middle right",
        textfont={"size": 10},
        cliponaxis=False,
        **look,
    )
    lines = go.Scatter(
        x=[value for i in order for value in (x[i], right, None)],
        y=[value for i, height in zip(order, heights, strict=True) for value in (y[i], height, None)],
        mode="lines",
        line={"color": GREY, "width": 0.5},
        **look,
    )
    return texts, lines


def separated(heights: Sequence[float], gap: float, top: float) -> list[float]:
    """The ascending ``heights``, moved up and down until they are ``gap`` apart, between 0 and ``top``."""
    steps = gap * np.arange(len(heights))
    free = np.asarray(heights) - steps
    up, down = np.maximum.accumulate(free), np.minimum.accumulate(free[::-1])[::-1]
    return (((up + down) / 2).clip(0, top - gap * (len(heights) - 1)) + steps).tolist()


def bar_panels(
    titles: Sequence[str], bars: Sequence[Iterable[go.Bar]], lines: Sequence[Sequence[tuple[float, str]]], across: int
) -> go.Figure:
    """Panels of bars, ``across`` in a row; each has a title, bars, and ``lines`` given by height and dash."""
    rows = len(titles) // across
    figure = make_subplots(rows, across, shared_yaxes=True, subplot_titles=titles, vertical_spacing=0.33 / rows)
    for k, (traces, heights) in enumerate(zip(bars, lines, strict=True)):
        place = {"row": k // across + 1, "col": k % across + 1}
        for trace in traces:
            figure.add_trace(trace, **place)
        for height, dash in heights:
            figure.add_hline(height, line={"color": GREY, "dash": dash, "width": 1.5}, **place)
    figure.update_xaxes(showgrid=False, tickangle=0)
    return figure.update_layout(barmode="group")
