"""One palette for every figure, page and notebook: colour-blind safe (Okabe and Ito), legible on dark and light.

Print figures are drawn and saved under `STYLE`; interactive ones end in `neutral`, which leaves the background to the
page and keeps to greys that are legible on both.
"""

import functools
import textwrap
from collections.abc import Callable, Sequence

import matplotlib as mpl
import plotly.graph_objects as go
from matplotlib.figure import Figure

from lab.results import Result

MODEL_COLOURS = {
    "base": "#8C8C8C",
    "control": "#E69F00",
    "online": "#0090D0",
    "adversarial": "#D55E00",
    "none": "#BBBBBB",
}
PLANNER_COLOURS = {"gd": "#56B4E9", "adam": "#009E73", "cem": "#CC79A7"}
PLANNER_MARKERS = {"gd": "o", "adam": "s", "cem": "D", "random": "x", "nothing": "+"}
LABELS = {
    "base": "Base", "control": "Control", "online": "Online", "adversarial": "Adversarial", "none": "No model",
    "gd": "GD", "adam": "Adam", "cem": "CEM", "random": "Random", "nothing": "Do nothing",
    "push_t": "PushT", "point_maze": "PointMaze", "wall": "Wall", "open": "open loop", "mpc": "MPC",
}  # fmt: skip

MODELS = ("base", "control", "online", "adversarial")  #: in the order in which they are drawn
INTERVALS = "Bars and bands: 95% intervals over problems"
GREY = "#7F7F7F"
GRID = "rgba(128, 128, 128, 0.25)"
CLEAR = "rgba(0, 0, 0, 0)"
#: fonttype 42 embeds TrueType fonts in the PDF, so that its text stays text
STYLE = {
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


def in_style(draw: Callable[[Result], Figure]) -> Callable[[Result], Figure]:
    """Draw under `STYLE`, whatever the user has set."""

    @functools.wraps(draw)
    def styled(result: Result) -> Figure:
        with mpl.rc_context({**mpl.rcParamsDefault, **STYLE, "backend": mpl.rcParams["backend"]}):
            return draw(result)

    return styled


def label(*names: str) -> str:
    """Names as people write them, comma-separated."""
    return ", ".join(LABELS.get(name, name) for name in names)


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


def neutral(figure: go.Figure, title: str, height: int, caption: str = "") -> go.Figure:
    """Leave the background to the page; title above, small print below."""
    axis = {"gridcolor": GRID, "zerolinecolor": GRID, "linecolor": GREY, "tickcolor": GREY}
    figure.update_layout(
        paper_bgcolor=CLEAR,
        plot_bgcolor=CLEAR,
        font={"color": GREY, "size": 12},
        title={"text": title, "x": 0.01, "xanchor": "left", "font": {"size": 16}},
        height=height,
        margin={"l": 60, "r": 20, "t": 110, "b": 110 if caption else 60},
        legend={"bgcolor": CLEAR},
        hoverlabel={"font": {"size": 12}},
    )
    figure.update_xaxes(**axis)
    figure.update_yaxes(**axis)
    if caption:
        text = "<br>".join(textwrap.wrap(caption, 140))
        small = {"size": 11, "color": GREY}
        figure.add_annotation(
            text=text, x=0, y=0, yshift=-60, xref="paper", yref="paper", xanchor="left", yanchor="top", align="left",
            showarrow=False, font=small,
        )  # fmt: skip
    return figure
