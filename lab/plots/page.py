"""Figures in a page of the app, which has its own titles, small print and colours."""

import numpy as np
import plotly.graph_objects as go

from lab.plots.style import BOTTOM, written_out

TITLE = 32  #: pixels that a title takes
SMALL = 60  #: margin below, without small print
SUBTITLE = 11  #: size of a panel's title
SCREEN = 490  #: a figure up to twice as high is pressed to this height


def in_page(figure: go.Figure, height: int) -> go.Figure:
    """``figure`` without title, small print and colours of its own; its legend is above and ignores clicks."""
    legend = {
        "orientation": "h",
        "x": 0,
        "xref": "container",
        "xanchor": "left",
        "y": 1,
        "yref": "container",
        "yanchor": "top",
        "itemclick": False,
        "itemdoubleclick": False,
    }
    figure.update_layout(height=height, legend=legend, margin={"l": 10, "r": 10, "t": 60, "b": 10})
    return written_out(figure)


def unframed(figure: go.Figure) -> tuple[go.Figure, str]:
    """A `lab.plots.style.neutral` figure without title and small print, and the text of the small print.

    It is pressed so that it fits on one screen, unless it has too many rows for that.
    """
    *others, small = figure.layout.annotations
    text = small.text.replace("<br>", " ")
    full, top = figure.layout.height - TITLE - BOTTOM + SMALL, figure.layout.margin.t - TITLE
    height = min(full, SCREEN) if full <= 2 * SCREEN else full
    figure.update_layout(title=None, height=height, margin={"t": top, "b": SMALL}, legend={"y": 1 - 12 / height})
    figure.layout.annotations = others
    _press(figure.update_annotations(font_size=SUBTITLE), (full - top - SMALL) / (height - top - SMALL))
    return figure, text


def _press(figure: go.Figure, factor: float) -> None:
    """Keep the gaps between rows of panels, and so what is written there, in a plot ``factor`` times less high."""
    edges = sorted({edge for axis in figure.select_yaxes() for edge in axis.domain or (0.0, 1.0)})
    sizes = np.diff(edges)
    sizes[1::2] *= factor
    sizes[::2] *= (1 - sizes[1::2].sum()) / sizes[::2].sum()
    to = np.concatenate([[0.0], np.cumsum(sizes)])

    def moved(y: float) -> float:
        return float(np.interp(y, edges, to)) if 0 <= y <= 1 else y

    for axis in figure.select_yaxes(lambda axis: axis.domain):
        axis.domain = tuple(map(moved, axis.domain))
    for note in figure.select_annotations({"yref": "paper"}):
        note.y = moved(note.y)
    for line in figure.select_shapes({"yref": "paper"}):
        line.y0, line.y1 = moved(line.y0), moved(line.y1)
