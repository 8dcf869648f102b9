"""What notebooks show in their cells: interactive figures, pictures that controls move, tables and sentences.

Each output holds what JupyterLab shows, and what a page without a kernel shows instead.
"""

import base64
import json
import textwrap
from collections.abc import Callable
from typing import Any

import pandas as pd
import plotly.graph_objects as go
from IPython.display import display
from ipywidgets import HTML, Image, VBox, interactive
from matplotlib.figure import Figure

from lab.plots.save import drawing

PLOTLY = "application/vnd.plotly.v1+json"
WIDGET = "application/vnd.jupyter.widget-view+json"
WIDTH = 100  #: characters of a printed line


def show(figure: go.Figure) -> None:
    """Show an interactive figure: by JupyterLab's extension, which works offline, or as HTML on an exported page."""
    display(bundle(figure), raw=True)


def bundle(figure: go.Figure) -> dict[str, Any]:
    """The ``figure`` by MIME type. Its HTML loads plotly from the web; `lab.repro.pages` puts it beside its pages."""
    html = figure.to_html(full_html=False, include_plotlyjs="cdn", auto_play=False)
    return {PLOTLY: json.loads(figure.to_json()), "text/html": html}


class Moved:
    """A picture that controls move. While it is drawn, it says so; without a kernel it stays as it is."""

    def __init__(self, draw: Callable[..., Figure], width: int = 1000, **controls: Any) -> None:
        """``draw`` makes the figure from the values of ``controls``, which are those of `ipywidgets.interactive`."""
        self.picture, self.busy = Image(width=width), HTML()

        def redraw(**values: Any) -> None:
            self.busy.value = "<i>Computing…</i>"
            try:
                self.picture.value = drawing(draw(**values))
            finally:
                self.busy.value = ""

        self.controls = interactive(redraw, **controls)  # draws, and shows an error where another cell would raise it
        if not self.picture.value:
            redraw(**self.controls.kwargs)
        self.box = VBox([self.controls, self.busy, self.picture])

    def _repr_mimebundle_(self, **options: Any) -> dict[str, Any]:
        names = ", ".join(control.description for control in self.controls.children[:-1])
        picture = base64.b64encode(self.picture.value).decode()
        still = (
            f'<figure><img style="width: 100%; max-width: {self.picture.width}px; background: white" '
            f'alt="a picture that controls move" src="data:image/png;base64,{picture}">'
            f"<figcaption>In JupyterLab, controls move this picture: {names}.</figcaption></figure>"
        )
        return {WIDGET: self.box._repr_mimebundle_()[WIDGET], "text/html": still, "text/plain": "a moved picture"}


def show_table(frame: pd.DataFrame, decimals: int = 3) -> None:
    """Show ``frame``: all numbers that are not whole have the same decimals, and what is missing is a dash."""
    display(frame.style.format(precision=decimals, na_rep="–"))


def say(text: str) -> None:
    """Print ``text`` in lines that end between words."""
    for line in text.splitlines():
        print(textwrap.fill(line, WIDTH, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False))
