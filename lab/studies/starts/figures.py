"""Success by where planning starts: a panel for each kind of goals and mode, a row for each planner."""

import itertools

import pandas as pd
import plotly.graph_objects as go
from matplotlib.figure import Figure
from plotly.subplots import make_subplots

from lab.files import MODELS
from lab.plots.marks import dots, hover, in_rows, legend_of
from lab.plots.palette import LABELS, MODEL_COLOURS, label, shown
from lab.plots.style import annotate, in_style, neutral, spread
from lab.plots.words import GOALS, MODES, counted, percent, resampled
from lab.results import Result
from lab.studies.planners.figures import success_rows

ORDER = ("cem", "adam", "network", "network+adam")


@in_style
def print_figure(result: Result) -> Figure:
    """A panel for each kind of goals and mode, a row for each planner, a dot for each model."""
    table = result.tables["success"]
    planners, places = shown(table.planner, ORDER)[::-1], panels_of(table)
    figure = Figure(figsize=(11, 3.1), layout="constrained")
    for ax, (goals, mode) in zip(figure.subplots(1, len(places), sharey=True, squeeze=False)[0], places, strict=True):
        success_rows(ax, rows_at(table, goals, mode), planners)
        ax.set_title(panel_title(goals, mode))
        ax.set_yticks(range(len(planners)), [LABELS[planner] for planner in planners])
        in_rows(ax)
    legend_of(figure, ax)
    annotate(figure, _title(result), _caption(result))
    return figure


def interactive(result: Result) -> go.Figure:
    """The same panels; hovering shows the numbers."""
    table = result.tables["success"]
    places = panels_of(table)
    figure = make_subplots(1, len(places), shared_yaxes=True, subplot_titles=[panel_title(*place) for place in places])
    for column, (goals, mode) in enumerate(places, 1):
        for model in shown(table.model, MODELS):
            rows = rows_at(table, goals, mode).query("model == @model").set_index("planner")
            rows = rows.reindex(shown(table.planner, ORDER)[::-1]).reset_index()
            names, texts = [LABELS[planner] for planner in rows.planner], [_hover(row) for row in rows.itertuples()]
            errors = {"error_x": spread(rows, "rate", 100) | {"color": MODEL_COLOURS[model], "thickness": 1}}
            trace = dots(100 * rows.rate, names, LABELS[model], MODEL_COLOURS[model], texts, size=9, **errors)
            trace.update(legendgroup=model, showlegend=column == 1)
            figure.add_trace(trace, row=1, col=column)
    figure.update_layout(scattermode="group")
    figure.update_xaxes(range=[0, 103], ticksuffix="%")
    return neutral(figure, _title(result), 480, _caption(result))


@in_style
def choice_figure(choice: pd.DataFrame, mode: str) -> Figure:
    """The tune split's success by Adam's iterations after the network's guess, in one ``mode``."""
    rows = choice[choice["mode"] == mode].sort_values("iterations")
    figure = Figure(figsize=(7, 3.2), layout="constrained")
    ax = figure.subplots()
    ax.plot(rows.iterations, 100 * rows.rate, "o-", color=MODEL_COLOURS["base"])
    ax.set(xscale="symlog", xlabel="iterations of Adam after the guess", ylabel="success rate (%)", title=label(mode))
    return figure


def panels_of(table: pd.DataFrame) -> list[tuple[str, str]]:
    """The kinds of goals and modes in ``table``, a panel for each."""
    return list(itertools.product(shown(table.goals, tuple(GOALS)), shown(table["mode"], tuple(MODES))))


def rows_at(table: pd.DataFrame, goals: str, mode: str) -> pd.DataFrame:
    """The rows of one panel."""
    return table[(table.goals == goals) & (table["mode"] == mode)]


def panel_title(goals: str, mode: str) -> str:
    """What stands above a panel."""
    return f"{GOALS[goals]}, {LABELS[mode]}"


def _hover(row) -> str:
    if pd.isna(row.rate):
        return ""
    rate, seconds = percent(row, unit="%"), f"{1000 * row.seconds:.3g} ms of planning per problem"
    return hover(label(row.planner, row.model), f"{rate}, n = {row.n:.0f}", seconds)


def _title(result: Result) -> str:
    return f"{label(result.task)}: success by where planning starts"


def _caption(result: Result) -> str:
    table, choice = result.tables["success"], result.tables["choice"]
    steps = choice[choice.chosen == 1].set_index("mode").iterations
    counts = " and ".join(f"{steps[mode]} ({LABELS[mode]})" for mode in MODES)
    n, seeds = counted(int(table.n.max()), "problem"), counted(int(table.seeds.max()), "training seed")
    return (
        f"n = {n} of each kind, {seeds}; 95% Wilson intervals over {resampled(table)}. Adam after the network: "
        f"{counts} iterations, chosen on the tune split. CEM: on the base model, one training seed. "
        f"Preset {result.preset}."
    )
