"""Figures in a page of the app, which has its own titles, small print and colours."""

import plotly.graph_objects as go


def in_page(figure: go.Figure, height: int) -> go.Figure:
    """Leave titles, small print and colours to the page; the legend lies above, and cannot be clicked by mistake."""
    legend = {"orientation": "h", "x": 0, "xref": "container", "xanchor": "left", "y": 1, "yref": "container",
              "yanchor": "top", "itemclick": False, "itemdoubleclick": False}  # fmt: skip
    return figure.update_layout(height=height, legend=legend, margin={"l": 10, "r": 10, "t": 60, "b": 10})
