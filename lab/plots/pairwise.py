"""Two methods on the same problems: which of them reached which goal."""

import pandas as pd
import plotly.graph_objects as go

from lab.evaluation.compare import OUTCOMES
from lab.plots.page import in_page
from lab.plots.palette import GREY

COLUMNS = 25  #: problems in a row
LOOKS = {
    "won": ("won: only the first reached the goal", "triangle-up", "#0090D0"),
    "lost": ("lost: only the second did", "triangle-down", "#D55E00"),
    "both": ("both did", "circle", GREY),
    "neither": ("neither did", "circle-open", GREY),
}


def pairwise_figure(table: pd.DataFrame) -> go.Figure:
    """A mark for each problem of ``table`` (columns problem and outcome), `COLUMNS` in a row.

    A mark's ``customdata`` is the problem's number.
    """
    figure = go.Figure()
    for outcome in OUTCOMES:
        name, symbol, colour = LOOKS[outcome]
        numbers = table.problem[table.outcome == outcome]
        figure.add_trace(
            go.Scatter(
                x=numbers % COLUMNS,
                y=numbers // COLUMNS,
                customdata=numbers,
                mode="markers",
                name=f"{name} ({len(numbers)})",
                marker={"symbol": symbol, "color": colour, "size": 10},
                hovertemplate=f"Problem %{{customdata}}: {outcome}<extra></extra>",
            )
        )
    rows = int(table.problem.max()) // COLUMNS + 1
    figure.update_xaxes(visible=False, range=[-0.7, COLUMNS - 0.3])
    ticks = list(range(rows))
    labels = [f"{COLUMNS * row}" for row in ticks]
    figure.update_yaxes(range=[rows - 0.4, -0.6], tickvals=ticks, ticktext=labels, showgrid=False, zeroline=False)
    return in_page(figure, 26 * rows + 130)
