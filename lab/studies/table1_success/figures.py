"""Table 1 as bars: success of every model under every planner, and the success that is reached without planning."""

from typing import Any

import pandas as pd
import plotly.graph_objects as go
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lab.files import MODELS
from lab.planning.catalog import COMPARED as PLANNERS
from lab.plots.marks import INK, LINE, WIDTH, bar_panels, hover, legend_of, model_bars
from lab.plots.palette import LABELS, MODEL_COLOURS, label, shown
from lab.plots.style import annotate, in_style, neutral
from lab.plots.words import AUTHORS_MODES, GOALS, MODES, counted, horizons, percent, resampled
from lab.results import Result

FLOORS = {"random": ("--", "dash"), "nothing": (":", "dot")}


@in_style
def print_figure(result: Result) -> Figure:
    """A panel for each kind of goals (or criterion) and mode; a group of bars for each planner."""
    rates, rows, modes = result.tables["rates"], _rows(result), _modes(result)
    figure = Figure(figsize=(5.25 * len(modes), 2.6 * len(rows) + 1.5), layout="constrained")
    panels = figure.subplots(len(rows), len(modes), sharex=True, sharey=True, squeeze=False)
    for axes, (goals, criterion) in zip(panels, rows, strict=True):
        for ax, mode in zip(axes, modes, strict=True):
            panel = _select(rates, goals=goals, criterion=criterion, mode=mode)
            seeds = _select(result.tables["success"], goals=goals, criterion=criterion, mode=mode)
            _bars(ax, panel, seeds)
            ax.set_title(_panel_title(panel, goals, criterion, mode, len(rows)))
        axes[0].set_ylabel("success rate (%)")
    panels[0, 0].set(ylim=(0, 108), yticks=range(0, 101, 20))
    legend_of(figure, panels[0, 0])
    annotate(figure, _title(result), _caption(result, " (dots: each one)"))
    return figure


def interactive(result: Result) -> go.Figure:
    """The same panels; hovering shows counts and intervals."""
    rates, rows, modes = result.tables["rates"], _rows(result), _modes(result)
    cases = [(goals, criterion, mode) for goals, criterion in rows for mode in modes]
    panels = [_select(rates, goals=goals, criterion=criterion, mode=mode) for goals, criterion, mode in cases]
    titles = [_panel_title(panel, *case, len(rows)) for panel, case in zip(panels, cases, strict=True)]
    titles = [title.replace(", ", ",<br>", 1) for title in titles]  # panels are narrow where the authors' rows are
    bars = [model_bars(panel, PLANNERS, "rate", 100, _hover, legend=k == 0) for k, panel in enumerate(panels)]
    floors = [
        [(100 * rate, dash) for name, (_, dash) in FLOORS.items() for rate in panel[panel.planner == name].rate]
        for panel in panels
    ]
    figure = bar_panels(titles, bars, floors, len(modes)).update_annotations(font_size=13)
    figure.update_yaxes(range=[0, 105], ticksuffix="%")
    caption = _caption(result) + " Dashed line: random actions; dotted: doing nothing."
    return neutral(figure, _title(result), 260 * len(rows) + 260, caption)


@in_style
def growing_figure(differences: pd.DataFrame, n: int) -> Figure:
    """A difference in success as problems are added, with its interval; marked are the first ``n``."""
    figure = Figure(figsize=(8, 3.6), layout="constrained")
    ax = figure.subplots()
    rows = 100 * differences
    ax.fill_between(rows.index, rows.low, rows.high, color=MODEL_COLOURS["adversarial"], alpha=0.2, linewidth=0)
    ax.plot(rows.index, rows.difference, "o-", color=MODEL_COLOURS["adversarial"])
    ax.axhline(0, color=INK, linewidth=0.8)
    ax.axvline(n, color=LINE, linestyle="--")
    ax.set(xscale="log", xlabel="problems", ylabel="adversarial minus control (points)")
    return figure


def _rows(result: Result) -> list[tuple[str, str]]:
    """(goals, criterion) of each row of panels."""
    return list(result.tables["rates"].groupby(["goals", "criterion"], sort=False).groups)


def _modes(result: Result) -> list[str]:
    """The modes of the columns of panels; version 0.1 had ours alone."""
    return shown(result.tables["rates"]["mode"], (*MODES, *AUTHORS_MODES))


def _select(table: pd.DataFrame, **filters: str) -> pd.DataFrame:
    for column, value in filters.items():
        table = table[table[column] == value]
    return table


def _panel_title(rates: pd.DataFrame, goals: str, criterion: str, mode: str, rows: int) -> str:
    also = {"full": "", "block": ", block only"}[criterion] if rows > 1 else ""
    return f"{GOALS[goals]}{also}, {LABELS[mode]} (n = {rates.n.max()})"


def _bars(ax: Axes, rates: pd.DataFrame, seeds: pd.DataFrame) -> None:
    for j, model in enumerate(shown(rates.model, MODELS)):
        for i, planner in enumerate(PLANNERS):
            x = i + (j - 1.5) * WIDTH
            row = _select(rates, model=model, planner=planner)
            if row.empty:
                note: dict[str, Any] = {"ha": "center", "va": "bottom", "fontsize": 6, "color": "#777777"}
                ax.text(x, 2, "not run", rotation=90, bbox={"color": "white", "pad": 0.5}, **note)
                continue
            rate, low, high = (100 * row[name].item() for name in ("rate", "low", "high"))
            ax.bar(x, rate, WIDTH * 0.92, color=MODEL_COLOURS[model], label=LABELS[model] if i == 0 else None)
            ax.errorbar(x, rate, [[rate - low], [high - rate]], color=INK, linewidth=0.9)
            each = 100 * _select(seeds, model=model, planner=planner).rate
            if len(each) > 1:
                ax.plot([x + 0.3 * WIDTH] * len(each), each, ".", color=INK, markersize=2.5)
            ax.text(x, max(high, each.max()) + 1, f"{rate:.0f}", ha="center", va="bottom", fontsize=6.5)
    for planner, (line, _) in FLOORS.items():
        for rate in rates[rates.planner == planner].rate:
            ax.axhline(100 * rate, color=LINE, linestyle=line, linewidth=1, label=LABELS[planner])
    ax.set_xticks(range(len(PLANNERS)), [LABELS[planner] for planner in PLANNERS])
    ax.tick_params(axis="x", length=0)


def _hover(row) -> str:
    return hover(label(row.model, row.planner), percent(row, digits=1, unit="%"), row=row)


def _title(result: Result) -> str:
    return f"{label(result.task)}: success by model and planner"


def _caption(result: Result, dots: str = "") -> str:
    rates = result.tables["rates"]
    seeds = int(rates.seeds.max())
    text = f"n: problems behind each bar, the same for all bars of a panel. {counted(seeds, 'training seed')}"
    finetuned = rates[(rates.planner == "cem") & (rates["mode"] == "open") & (rates.model != "base")]
    one = "CEM under MPC" + (" and on finetuned models" if finetuned.seeds.max() == 1 else "")
    one += ", and as the authors" if len(_modes(result)) > len(MODES) else ""
    text += f" averaged{dots}, one for {one}" if seeds > 1 else ""
    over = resampled(rates)
    return f"{text}. {horizons(_modes(result))}. Error bars: 95% Wilson intervals over {over}. Preset {result.preset}."
