"""One palette for every figure, page and notebook: colour-blind safe (Okabe and Ito), legible on dark and light.

Print figures are drawn and saved under `STYLE`; interactive ones end in `neutral`, which leaves the background to the
page and keeps to greys that are legible on both.
"""

from __future__ import annotations

import functools
import textwrap
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import pandas as pd

from lab.planning.catalog import CATALOG
from lab.tasks import TASKS

if TYPE_CHECKING:
    import plotly.graph_objects as go
    from matplotlib.figure import Figure

P = ParamSpec("P")
Drawn = TypeVar("Drawn")

MODEL_COLOURS = {
    "base": "#8C8C8C",
    "control": "#E69F00",
    "online": "#0090D0",
    "adversarial": "#D55E00",
    "none": "#BBBBBB",
}
PLANNER_COLOURS = {name: entry.colour for name, entry in CATALOG.items()}
PLANNER_MARKERS = {name: entry.marker for name, entry in CATALOG.items()}
#: plotly's names of matplotlib's markers
SYMBOLS = {
    "o": "circle", "v": "triangle-down", "^": "triangle-up", "<": "triangle-left", ">": "triangle-right",
    "s": "square", "p": "pentagon", "h": "hexagon", "H": "hexagon2", "D": "diamond", "d": "diamond-tall",
    "*": "star", "P": "cross", "+": "cross-thin", "x": "x-thin", "X": "x",
}  # fmt: skip
#: but for the tasks, whose classes say it; see `label`
LABELS = {
    "base": "Base", "control": "Control", "online": "Online", "adversarial": "Adversarial", "none": "No model",
    "open": "open loop", "mpc": "MPC",
} | {name: entry.label for name, entry in CATALOG.items()}  # fmt: skip

MODELS = ("base", "control", "online", "adversarial")  #: in the order in which they are drawn
GREY = "#7F7F7F"
GRID = "rgba(128, 128, 128, 0.25)"
CLEAR = "rgba(0, 0, 0, 0)"
GOAL_COLOUR = "#009E73"
LOSSES = "viridis"  #: the scale of losses and shares
IMAGINED_COLOUR = "#A259C4"  #: dotted: what the model imagines; solid in the model's colour: what really happens
TOP, BOTTOM = 115, 115  #: margins of interactive figures, in pixels
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


def in_style(draw: Callable[P, Drawn]) -> Callable[P, Drawn]:
    """Draw under `STYLE`, whatever the user has set."""

    @functools.wraps(draw)
    def styled(*args: P.args, **options: P.kwargs) -> Drawn:
        import matplotlib as mpl  # half a second that pages of the app, which only need the palette, do without

        with mpl.rc_context({**mpl.rcParamsDefault, **STYLE, "backend": mpl.rcParams["backend"]}):
            return draw(*args, **options)

    return styled


def label(*names: str) -> str:
    """Names of tasks, models, planners and modes as people write them, comma-separated."""
    return ", ".join(TASKS[name].label if name in TASKS else LABELS.get(name, name) for name in names)


def counted(n: int, what: str) -> str:
    """``3 problems``, ``1 problem``."""
    return f"{n} {what}" + ("s" if n != 1 else "")


def annotate(figure: Figure, title: str, caption: str, width: int = 170) -> None:
    """A title above, on the left (a legend fits beside it), and the small print below."""
    figure.suptitle(title, fontsize=11, x=0.01, ha="left")
    figure.supxlabel(textwrap.fill(caption, width), fontsize=7.5, color="#555555", x=0.01, ha="left")


def shown(values: Sequence[str], order: Sequence[str]) -> list[str]:
    """Those of ``order`` that are among ``values``."""
    present = set(values)
    return [name for name in order if name in present]


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
    return figure


def menu(choices: Mapping[str, Sequence[bool]], height: int) -> list[dict]:
    """A drop-down menu in the top right corner of a `neutral` figure of this height: which traces each choice shows."""
    buttons = [
        {"label": name, "method": "restyle", "args": [{"visible": list(visible)}]} for name, visible in choices.items()
    ]
    above = (TOP - 10) / (height - TOP - BOTTOM)
    look = {"bgcolor": CLEAR, "bordercolor": GREY, "font": {"color": GREY}}
    return [look | {"buttons": buttons, "x": 1, "xanchor": "right", "y": 1 + above, "yanchor": "top"}]


def faded(colour: str) -> str:
    """A hex colour, see-through."""
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
