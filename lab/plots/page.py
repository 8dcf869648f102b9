"""Figures in a page of the app, which has its own titles, small print and colours."""

import plotly.graph_objects as go

from lab.plots.style import BOTTOM

TITLE = 32  #: pixels that a title takes
SMALL = 60  #: margin below, without small print


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
    return figure.update_layout(height=height, legend=legend, margin={"l": 10, "r": 10, "t": 60, "b": 10})


def unframed(figure: go.Figure) -> tuple[go.Figure, str]:
    """A `lab.plots.style.neutral` figure without title and small print, and the text of the small print."""
    *others, small = figure.layout.annotations
    text = small.text.replace("<br>", " ")
    height = figure.layout.height - TITLE - BOTTOM + SMALL
    margin = {"t": figure.layout.margin.t - TITLE, "b": SMALL}
    figure.update_layout(title=None, height=height, margin=margin, legend={"y": 1 - 12 / height})
    figure.layout.annotations = others
    return figure, text
