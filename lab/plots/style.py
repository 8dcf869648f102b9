"""How figures are laid out.

Print figures are drawn and saved under `STYLE`. Interactive ones pass through `neutral`: it leaves the background to
the page, and its greys are legible on dark and light.
"""

from __future__ import annotations

import functools
import math
import textwrap
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import numpy as np
import pandas as pd

from lab.plots.palette import CLEAR, GREY, GRID

if TYPE_CHECKING:
    import plotly.graph_objects as go
    from matplotlib.figure import Figure

P = ParamSpec("P")
AnyFigure = TypeVar("AnyFigure")

TOP, BOTTOM = 115, 115  #: margins of interactive figures, in pixels
MOST_POWERS = 4  #: of ten, named on a logarithmic axis
#: fonttype 42 embeds TrueType fonts in the PDF, so that its text stays text
STYLE: dict[str, Any] = {
    "pdf.fonttype": 42,
    "font.size": 9,
    "axes.titlesize": 9.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.axisbelow": True,
    "grid.color": "#E3E3E3",
    "legend.frameon": False,
    "errorbar.capsize": 2,
}


def in_style(draw: Callable[P, AnyFigure]) -> Callable[P, AnyFigure]:
    """Draw under `STYLE`, independent of the user's settings."""

    @functools.wraps(draw)
    def styled(*args: P.args, **options: P.kwargs) -> AnyFigure:
        import matplotlib as mpl  # imported here: it takes half a second, and pages of the app need the palette only

        with mpl.rc_context({**mpl.rcParamsDefault, **STYLE, "backend": mpl.rcParams["backend"]}):
            return draw(*args, **options)

    return styled


def annotate(figure: Figure, title: str, caption: str, width: int = 170) -> None:
    """Add a title above, on the left (a legend fits beside it), and the caption in small print below."""
    figure.suptitle(title, fontsize=11, x=0.01, ha="left")
    figure.supxlabel(textwrap.fill(caption, width), fontsize=7.5, color="#555555", x=0.01, ha="left")


def neutral(figure: go.Figure, title: str, height: int, caption: str) -> go.Figure:
    """Leave the background to the page. From top to bottom: title, legend, panels, small print."""
    axis = {"gridcolor": GRID, "zerolinecolor": GRID, "linecolor": GREY, "tickcolor": GREY}
    left = {"xref": "container", "x": 0.01, "xanchor": "left", "yref": "container", "yanchor": "top"}
    figure.update_layout(
        paper_bgcolor=CLEAR,
        plot_bgcolor=CLEAR,
        font={"color": GREY, "size": 12},
        title=left | {"text": title, "y": 1 - 12 / height, "font": {"size": 16}},
        legend=left | {"y": 1 - 44 / height, "orientation": "h", "bgcolor": CLEAR},
        height=height,
        margin={"l": 60, "r": 20, "t": TOP, "b": BOTTOM},
    )
    figure.update_xaxes(**axis)
    figure.update_yaxes(**axis)
    figure.add_annotation(
        text="<br>".join(textwrap.wrap(caption, 140)),
        xref="paper",
        x=0,
        xanchor="left",
        yref="paper",
        y=0,
        yanchor="top",
        yshift=-58,
        align="left",
        showarrow=False,
        font={"size": 11},
    )
    return written_out(figure)


def menu(choices: Mapping[str, Sequence[bool]], height: int) -> list[dict]:
    """A drop-down menu in the top right corner of a `neutral` figure of this ``height`` (pixels).

    ``choices`` tell by name which traces are visible.
    """
    buttons = [
        {"label": name, "method": "restyle", "args": [{"visible": list(visible)}]} for name, visible in choices.items()
    ]
    above = (TOP - 10) / (height - TOP - BOTTOM)
    look = {"bgcolor": CLEAR, "bordercolor": GREY, "font": {"color": GREY}}
    return [look | {"buttons": buttons, "x": 1, "xanchor": "right", "y": 1 + above, "yanchor": "top"}]


def written_out(figure: go.Figure) -> go.Figure:
    """``figure`` with three or more ticks, written in full, on each logarithmic axis that has none of its own.

    Plotly shortens the ticks between powers of ten to one small digit, and draws a single one on short axes.
    """
    for axis in (*figure.select_xaxes(), *figure.select_yaxes()):
        if axis.type == "log" and axis.tickvals is None and axis.dtick is None:
            values = 10.0 ** np.array(axis.range) if axis.range else _drawn_on(axis, figure)
            if len(values):
                ticks = log_ticks(values.min(), values.max())
                axis.update(tickvals=ticks, ticktext=[f"{tick:g}" for tick in ticks])
    return figure


def _drawn_on(axis: Any, figure: go.Figure) -> np.ndarray:
    """The values above 0 that the ``figure`` has on one ``axis``."""
    letter, name = axis.plotly_name[0], axis.plotly_name.replace("axis", "")
    shown = [trace[letter] for trace in figure.data if (trace[f"{letter}axis"] or letter) == name]
    values = np.concatenate([np.asarray(line, float) for line in shown if line is not None] or [np.empty(0)])
    return values[values > 0]


def log_ticks(low: float, high: float) -> list[float]:
    """Powers of ten around [low, high]; where too few are within, also 2 and 5 times these; else even steps.

    Where more than `MOST_POWERS` are within, it is every second one: on a phone there is no room for more.
    """
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    if sum(low <= 10.0**power <= high for power in powers) > MOST_POWERS:
        powers = range(math.ceil(math.log10(low)) - 2, powers.stop, 2)
    for digits in ((1,), (1, 2, 5)):
        ticks = [digit * 10.0**power for power in powers for digit in digits]
        if sum(low <= tick <= high for tick in ticks) >= 3:
            return ticks
    span = high - low or high
    unit = 10.0 ** math.floor(math.log10(span))
    step = unit * (0.2 if span < 2 * unit else 0.5 if span < 5 * unit else 1)
    return [step * i for i in range(max(1, math.floor(low / step) - 1), math.ceil(high / step) + 2)]


def faded(colour: str) -> str:
    """The translucent version of a hex ``colour``."""
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red}, {green}, {blue}, 0.45)"


def spread(rows: pd.DataFrame, value: str, scale: float = 1) -> dict:
    """Plotly's error bars from ``low`` to ``high`` around the column ``value``."""
    above, below = scale * (rows.high - rows[value]), scale * (rows[value] - rows.low)
    return {"type": "data", "symmetric": False, "array": above, "arrayminus": below}


def bar_look(colour: str, errors: dict) -> dict:
    """Colours of plotly bars whose error bars show on the bar as well as above it."""
    return {
        "marker": {"color": faded(colour), "line": {"color": colour, "width": 1.5}},
        "error_y": errors | {"color": colour, "thickness": 2, "width": 4},
    }
