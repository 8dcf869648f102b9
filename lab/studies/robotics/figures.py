"""Rope and Granular as bars: the Chamfer distance to the goal at the end, by model and planner."""

import pandas as pd
import plotly.graph_objects as go
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lab.files import MODELS
from lab.planning.catalog import PAPER_PLANNERS as PLANNERS
from lab.plots.marks import INK, LINE, WIDTH, bar_panels, hover, intervals, legend_of, model_bars
from lab.plots.palette import LABELS, MODEL_COLOURS, label, shown
from lab.plots.style import annotate, in_style, neutral
from lab.plots.words import GOALS, MODES, counted, interval, resampled
from lab.results import Result

DISTANCE = "Chamfer distance at the end"


@in_style
def print_figure(result: Result) -> Figure:
    """A panel for each kind of goals and mode, bars for each planner and model, lines for start and random pushes."""
    table = result.tables["chamfer"]
    kinds = shown(table.goals, tuple(GOALS))
    figure = Figure(figsize=(10.5, 2.6 * len(kinds) + 1.5), layout="constrained")
    panels = figure.subplots(len(kinds), len(MODES), sharex=True, sharey="row", squeeze=False)
    for axes, goals in zip(panels, kinds, strict=True):
        for ax, mode in zip(axes, MODES, strict=True):
            panel = table[(table.goals == goals) & (table["mode"] == mode)]
            _bars(ax, panel)
            ax.set_title(_panel_title(panel, goals, mode))
        axes[0].set(ylabel=DISTANCE, ylim=(0, None))
    legend_of(figure, panels[0, 0])
    annotate(figure, _title(result), _caption(result))
    return figure


def interactive(result: Result) -> go.Figure:
    """The same panels; hovering shows intervals and the share of the start's distance that is removed."""
    table = result.tables["chamfer"]
    cases = [(goals, mode) for goals in shown(table.goals, tuple(GOALS)) for mode in MODES]
    panels = [table[(table.goals == goals) & (table["mode"] == mode)] for goals, mode in cases]
    titles = [_panel_title(panel, *case) for panel, case in zip(panels, cases, strict=True)]
    bars = [model_bars(panel, PLANNERS, "mean", 1, _hover, legend=k == 0) for k, panel in enumerate(panels)]
    lines = [[(panel["start"].iloc[0], "dot"), (_chance(panel), "dash")] for panel in panels]
    figure = bar_panels(titles, bars, lines, len(MODES))
    figure.update_yaxes(rangemode="tozero")
    caption = _caption(result) + " Dashed line: random pushes; dotted: the start."
    return neutral(figure, _title(result), 260 * (len(cases) // len(MODES)) + 260, caption)


def _panel_title(panel: pd.DataFrame, goals: str, mode: str) -> str:
    return f"{GOALS[goals]}, {LABELS[mode]} (n = {panel.n.max()})"


def _chance(panel: pd.DataFrame) -> float:
    return panel[panel.planner == "random"]["mean"].item()


def _bars(ax: Axes, panel: pd.DataFrame) -> None:
    for j, model in enumerate(shown(panel.model, MODELS)):
        rows = panel[panel.model == model].set_index("planner").reindex(PLANNERS)
        x = [i + (j - 1.5) * WIDTH for i in range(len(PLANNERS))]
        ax.bar(x, rows["mean"], WIDTH * 0.92, color=MODEL_COLOURS[model], label=LABELS[model])
        intervals(ax, x, rows, "mean", fmt="none", color=INK, linewidth=0.9)
    ax.axhline(panel["start"].iloc[0], color=LINE, linestyle=":", linewidth=1, label="start")
    ax.axhline(_chance(panel), color=LINE, linestyle="--", linewidth=1, label="random pushes")
    ax.set_xticks(range(len(PLANNERS)), [LABELS[planner] for planner in PLANNERS])
    ax.tick_params(axis="x", length=0)


def _hover(row) -> str:
    removed = f"{100 * row.removed:.0f}% of the start's distance removed"
    return hover(label(row.model, row.planner), interval(row, "mean", digits=".3f"), removed, row=row)


def _title(result: Result) -> str:
    return f"{label(result.task)}: final distance to the goal"


def _caption(result: Result) -> str:
    table = result.tables["chamfer"]
    return (
        "Symmetric Chamfer distance between the particles and the goal's (lower is better), at the end of 5 pushes "
        "open loop, of 10 under MPC. n: problems behind each bar. Averaged over "
        f"{counted(int(table.seeds.max()), 'training seed')}; CEM under MPC, slower, has the base model alone. "
        f"Error bars: 95% bootstrap intervals over {resampled(table)}. Preset {result.preset}."
    )
