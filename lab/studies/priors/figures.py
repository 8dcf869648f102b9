"""Success by iterations, with the prior and without, and how sure the prior is."""

import itertools
from collections.abc import Iterator

import pandas as pd
import plotly.graph_objects as go
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from plotly.subplots import make_subplots

from lab.files import MODELS
from lab.plots.marks import dots, hover, intervals, sample
from lab.plots.palette import GREY, LABELS, MODEL_COLOURS, label, shown
from lab.plots.style import annotate, in_style, neutral, spread
from lab.plots.words import GOALS, percent, resampled
from lab.results import Result
from lab.studies.priors.study import LADDER, STARTS

#: the lines of print and of plotly, by how a planner begins
LINES = {"uninformed": (":", "dot"), "prior": ("-", "solid"), "pulled": ("--", "dash"), "consistent": ("-.", "dashdot")}
SURENESS = {"std": "standard deviation (of the data's)", "within": "share of expert's numbers within it"}
RIGHT = 0.683  #: of a normal distribution within one standard deviation


@in_style
def print_figure(result: Result) -> Figure:
    """A row for each kind of goals, a column for each planner, and one for the sureness of the prior."""
    success, sureness = result.tables["success"], result.tables["sureness"]
    kinds = shown(success.goals, tuple(GOALS))
    figure = Figure(figsize=(14.5, 2.9 * len(kinds) + 1.2), layout="constrained")
    panels = figure.subplots(len(kinds), len(LADDER) + 1, squeeze=False)
    for (i, goals), (j, planner) in itertools.product(enumerate(kinds), enumerate(LADDER)):
        ax = panels[i, j]
        for model, start, rows in _lines(success, goals, planner):
            name = f"{LABELS[model]}, {STARTS[start]}"
            look = {"color": MODEL_COLOURS[model], "marker": "o", "markersize": 3.5, "elinewidth": 0.7}
            intervals(ax, rows.iterations, rows, "rate", 100, label=name, linestyle=LINES[start][0], **look)
        ax.set(title=f"{LABELS[planner]}, {GOALS[goals]}", xscale="log", xlabel="iterations", ylim=(-3, 103))
        ticks = sorted(success[success.planner == planner].iterations.unique())
        ax.set_xticks(ticks, [f"{tick}" for tick in ticks])
        ax.minorticks_off()
        ax.set_ylabel("" if j else "success (%)")
    _draw_sureness(panels[0, -1], sureness)
    for ax in panels[1:, -1]:
        ax.set_axis_off()
    handles, names = panels[0, len(LADDER) - 1].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside upper right", ncols=3)
    annotate(figure, _title(result), _caption(result))
    return figure


def interactive(result: Result) -> go.Figure:
    """The same panels; hovering shows the numbers."""
    success, sureness = result.tables["success"], result.tables["sureness"]
    kinds, across = shown(success.goals, tuple(GOALS)), len(LADDER) + 1
    titles = [
        text
        for i, goals in enumerate(kinds)
        for text in (*(f"{LABELS[planner]}, {GOALS[goals]}" for planner in LADDER), "" if i else "how sure it is")
    ]
    figure = make_subplots(len(kinds), across, subplot_titles=titles, vertical_spacing=0.16)
    for (i, goals), (j, planner) in itertools.product(enumerate(kinds, 1), enumerate(LADDER, 1)):
        for model, start, rows in _lines(success, goals, planner):
            name = f"{LABELS[model]}, {STARTS[start]}"
            texts = [_hover(f"{LABELS[planner]}, {name}", row) for row in rows.itertuples()]
            errors = {"error_y": spread(rows, "rate", 100) | {"thickness": 1}}
            trace = dots(rows.iterations, 100 * rows.rate, name, MODEL_COLOURS[model], texts, size=6, **errors)
            trace.update(mode="lines+markers", line={"color": MODEL_COLOURS[model], "dash": LINES[start][1]})
            trace.update(legendgroup=name, showlegend=i == 1 and planner == "adam")
            figure.add_trace(trace, i, j)
        ticks = sorted(success[success.planner == planner].iterations.unique())
        figure.update_xaxes(type="log", tickvals=ticks, title="iterations", row=i, col=j)
        figure.update_yaxes(range=[-3, 103], ticksuffix="%", row=i, col=j)
    for measure, words in SURENESS.items():
        rows = sureness[sureness.measure == measure]
        texts = [hover(words, f"block {row.block}: {row.mean:.2f}", row=row) for row in rows.itertuples()]
        figure.add_trace(
            dots(rows.block, rows["mean"], words, GREY, texts, error_y=spread(rows, "mean")).update(showlegend=False),
            1,
            across,
        )
    return neutral(figure, _title(result), 330 * len(kinds) + 200, _caption(result))


@in_style
def iterations_figure(success: pd.DataFrame, planner: str, goals: str) -> Figure:
    """Success of one planner by iterations, on every model, with the prior and without."""
    figure = Figure(figsize=(7, 3.6), layout="constrained")
    ax = figure.subplots()
    for model, start, rows in _lines(success, goals, planner):
        name = f"{LABELS[model]}, {STARTS[start]}"
        look = {"color": MODEL_COLOURS[model], "marker": "o", "markersize": 4, "linestyle": LINES[start][0]}
        intervals(ax, rows.iterations, rows, "rate", 100, label=name, **look)
    ax.set(xscale="log", xlabel="iterations", ylabel="success (%)", ylim=(-3, 103), title=LABELS[planner])
    ax.legend(fontsize=7)
    return figure


def _lines(success: pd.DataFrame, goals: str, planner: str) -> Iterator[tuple[str, str, pd.DataFrame]]:
    rows = success[(success.goals == goals) & (success.planner == planner)]
    for model, start in itertools.product(shown(rows.model, MODELS), shown(rows.start, tuple(STARTS))):
        yield model, start, rows[(rows.model == model) & (rows.start == start)].sort_values("iterations")


def _draw_sureness(ax: Axes, sureness: pd.DataFrame) -> None:
    for (measure, words), line in zip(SURENESS.items(), ("-", "--"), strict=True):
        rows = sureness[sureness.measure == measure]
        intervals(ax, rows.block, rows, "mean", 1, label=words, color=GREY, marker="o", markersize=3.5, linestyle=line)
    ax.axhline(RIGHT, color=GREY, linewidth=0.7, linestyle=":")
    ax.set(title="How sure the prior is", xlabel="block", ylim=(0, 1.3))
    ax.set_xticks(sorted(sureness.block.unique()))
    ax.legend(fontsize=7)


def _hover(name: str, row) -> str:
    return hover(name, f"{row.iterations} iterations: {percent(row, unit='%')}", f"{row.seconds:.3g} s", row=row)


def _title(result: Result) -> str:
    return f"{label(result.task)}: plans that begin with a prior, and without"


def _caption(result: Result) -> str:
    success = result.tables["success"]
    return (
        f"{sample(success)} of each kind of goals, open loop; 95% intervals over {resampled(success)}. The prior is a "
        "network that knows start and goal; planners begin with the product of its normal distribution and theirs. "
        f"Pulled: the objective gains {result.meta['weight']:g} times the squared distance to the prior's mean, in its "
        "standard deviations; consistent: the same for the actions that the network infers from each imagined step. "
        f"Dotted, right: 0.683, for a distribution that is right. Preset {result.preset}."
    )
