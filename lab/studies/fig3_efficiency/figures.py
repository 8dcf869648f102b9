"""Figure 3: success against planning time, a panel for each model and clock."""

import pandas as pd
import plotly.graph_objects as go
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter
from plotly.subplots import make_subplots

from lab.files import MODELS
from lab.plots.marks import LINE, dots, hover, intervals, legend_of
from lab.plots.page import in_page
from lab.plots.palette import (
    GREY,
    LABELS,
    MODEL_COLOURS,
    PLANNER_COLOURS,
    PLANNER_MARKERS,
    SYMBOLS,
    label,
    shown,
    shown_models,
)
from lab.plots.style import annotate, in_style, neutral, spread
from lab.plots.words import counted, percent, points
from lab.results import Result

PLANNERS = ("gd", "adam", "restarts", "raced", "network+adam", "cem")
CLOCKS = {
    "seconds_per_problem": "time per problem, all planned together",
    "seconds_single": "time of one plan made alone",
    "seconds_compiled": "the same, its loop one compiled program",  # where it was measured
}
DASHES = {
    "gd": "dot",
    "adam": "solid",
    "restarts": "longdash",
    "raced": "longdashdot",
    "network+adam": "dashdot",
    "cem": "dash",
}


@in_style
def print_figure(result: Result) -> Figure:
    """A row for each clock, a column for each model, a point for each number of iterations."""
    curves = result.tables["curves"]
    models = shown(curves.model, MODELS)
    clocks = _clocks(curves)
    figure = Figure(figsize=(11, 3.2 * len(clocks)), layout="constrained")
    panels = figure.subplots(len(clocks), len(models), sharey=True, sharex="row", squeeze=False)
    for axes, (clock, text) in zip(panels, clocks.items(), strict=True):
        for ax, model in zip(axes, models, strict=True):
            _draw(ax, curves[curves.model == model], clock)
            ax.set_xlabel(text, fontsize=8)
        _name_times(axes[0])
        axes[0].set_ylabel("success rate (%)")
    for ax, model in zip(panels[0], models, strict=True):
        ax.set_title(LABELS[model])
    panels[0, 0].set(ylim=(-5, 103), yticks=range(0, 101, 20))
    legend_of(figure, panels[0, 0], ncols=4, fontsize=8, columnspacing=1, handlelength=1.6)
    annotate(figure, _title(result), _caption(result) + " Numbers at the points: iterations.")
    return figure


def interactive(result: Result) -> go.Figure:
    """The same panels; hovering shows iterations, times and intervals."""
    curves = result.tables["curves"]
    models = shown(curves.model, MODELS)
    clocks = _clocks(curves)
    titles = [LABELS[model] for model in models] * len(clocks)
    options = {
        "shared_yaxes": True,
        "shared_xaxes": "rows",
        "subplot_titles": titles,
        "vertical_spacing": 0.4 / len(clocks),
    }
    figure = make_subplots(len(clocks), len(models), **options)
    for i, (clock, text) in enumerate(clocks.items()):
        for j, model in enumerate(models):
            place = {"row": i + 1, "col": j + 1}
            rows = curves[curves.model == model]
            for planner in shown(rows.planner, PLANNERS):
                its = rows[(rows.planner == planner) & rows[clock].notna()]
                trace = _trace(its, planner, clock, legend=i == j == 0)
                figure.add_trace(trace, **place)
            target = _cem(rows)
            figure.add_vline(target[clock] / 10, line={"color": GREY, "dash": "dot", "width": 1}, **place)
            figure.add_hline(100 * target.rate, line={"color": GREY, "dash": "dash", "width": 1}, **place)
            figure.update_xaxes(type="log", title={"text": text, "font": {"size": 10}}, **_ticks(clock), **place)
    figure.update_yaxes(range=[0, 103], ticksuffix="%")
    return neutral(figure, _title(result), 400 * len(clocks), _caption(result))


@in_style
def budget_figure(curves: pd.DataFrame, ms: float) -> Figure:
    """Success against the time per problem, a panel for each model; marked is the best within ``ms`` milliseconds."""
    models = shown(curves.model, MODELS)
    figure = Figure(figsize=(11, 3.2), layout="constrained")
    panels = figure.subplots(1, len(models), sharey=True, sharex=True, squeeze=False)[0]
    for ax, model in zip(panels, models, strict=True):
        rows = curves[curves.model == model]
        _draw(ax, rows, "seconds_per_problem")
        ax.axvspan(ms / 1000, 2 * curves.seconds_per_problem.max(), color=GREY, alpha=0.25)
        ax.set_title(f"{LABELS[model]}: too little time")
        if len(within := rows[rows.seconds_per_problem <= ms / 1000]):
            best = within.loc[within.rate.idxmax()]
            ax.plot(best.seconds_per_problem, 100 * best.rate, "o", mfc="none", color=LINE, markersize=16)
            ax.set_title(f"{LABELS[model]}: {LABELS[best.planner]}, {best.rate:.0%}")
    _name_times(panels[0])
    panels[0].set(ylabel="success rate (%)", ylim=(-5, 103))
    legend_of(figure, panels[0], fontsize=8.5, columnspacing=1.2)
    return figure


def models_in_one_panel(curves: pd.DataFrame, clock: str) -> go.Figure:
    """All ``curves`` in one panel, for the app: a colour for each model, a dash and a symbol for each planner."""
    figure = go.Figure()
    planners = shown(curves.planner, PLANNERS)
    for model in shown_models(curves.model):
        rows = curves[curves.model == model]
        figure.add_trace(_key(LABELS[model], MODEL_COLOURS[model], "lines", {"width": 4}))
        for planner in shown(rows.planner, PLANNERS):
            trace = _trace(rows[rows.planner == planner], planner, clock, legend=False)
            trace.hovertext = [f"{LABELS[model]}, {text}" for text in trace.hovertext]
            colour = {"color": MODEL_COLOURS[model]}
            figure.add_trace(trace.update(legendgroup=None, line=colour | {"dash": DASHES[planner]}, marker=colour))
    for planner in planners:
        figure.add_trace(
            _key(LABELS[planner], GREY, "lines+markers", {"dash": DASHES[planner]}, PLANNER_MARKERS[planner])
        )
    if "cem" in planners:
        _mark_cem(figure, curves, clock)
    figure.update_xaxes(type="log", title=CLOCKS[clock], **_ticks(clock))
    figure.update_yaxes(range=[0, 103], ticksuffix="%", title="success")
    return in_page(figure, 480)


def _mark_cem(figure: go.Figure, curves: pd.DataFrame, clock: str) -> None:
    """Lines at CEM's rate on the first model shown, and at a tenth of its time."""
    model = shown_models(curves[curves.planner == "cem"].model)[0]
    target = _cem(curves[curves.model == model])
    line = {"color": GREY, "width": 1}
    figure.add_hline(100 * target.rate, line=line | {"dash": "dash"})
    figure.add_vline(target[clock] / 10, line=line | {"dash": "dot"})


def _key(name: str, colour: str, mode: str, line: dict, marker: str = "o") -> go.Scatter:
    """An entry of the legend without data: a coloured line, or a planner's symbol and dash."""
    look = {"symbol": SYMBOLS[marker], "size": 8, "color": colour}
    return go.Scatter(x=[None], y=[None], mode=mode, name=name, line=line | {"color": colour}, marker=look)


def answers(ratios: pd.DataFrame, clock: str) -> pd.DataFrame:
    """Whether gradient planning is as good as CEM on the same model, in words, and its success in a tenth of the time.

    ``clock`` is batch or single.
    """
    same_model = ratios[(ratios.clock == clock) & (ratios.model == ratios.reference)]
    rows = []
    for (model, planner), both in same_model.groupby(["model", "planner"], sort=False):
        full, tenth = (both[both.rule == rule].iloc[0] for rule in ("as good", "a tenth"))
        as_good = f"yes, in {full.ratio:.2g} of its time" if full.met else f"no: {_rate(full)}"
        quick = _rate(tenth) if tenth.met else f"takes {tenth.ratio:.2g} at least"
        rows.append([LABELS[model], LABELS[planner], f"{full.reference_rate:.0%}", as_good, quick])
    return pd.DataFrame(rows, columns=["Model", "Planner", "CEM", "As good as CEM?", "In a tenth of CEM's time"])


def _rate(row: pd.Series) -> str:
    """The rate, and its difference to CEM's in points."""
    return f"{row.rate:.0%}, {points(row, 0)}"


def _ticks(clock: str) -> dict:
    """Ticks of plotly's logarithmic axis, in milliseconds and seconds; more for the second clock, which spans less."""
    digits = (1,) if clock == "seconds_per_problem" else (1, 3)
    values = [digit * 10.0**power for power in range(-5, 4) for digit in digits]
    return {"tickvals": values, "ticktext": [_seconds(value) for value in values]}


def _seconds(x: float) -> str:
    return f"{x:.3g} s" if x > 0.9 else f"{1000 * x:.3g} ms"


def _cem(curves: pd.DataFrame) -> pd.Series:
    """CEM at its tuned number of iterations."""
    cem = curves[curves.planner == "cem"]
    return cem.loc[cem.iterations.idxmax()]


def _draw(ax: Axes, curves: pd.DataFrame, clock: str) -> None:
    for planner in shown(curves.planner, PLANNERS):
        rows = curves[(curves.planner == planner) & curves[clock].notna()].sort_values("iterations")
        colour, label = PLANNER_COLOURS[planner], LABELS[planner]
        look = {"marker": PLANNER_MARKERS[planner], "markersize": 4.5, "linewidth": 1.4, "elinewidth": 0.9}
        intervals(ax, rows[clock], rows, "rate", 100, color=colour, label=label, **look)
        for x, y, count in zip(rows[clock], 100 * rows.rate, rows.iterations, strict=True):
            ax.annotate(f"{count}", (x, y), (4, -7), textcoords="offset points", fontsize=5.5, color=colour)
    target = _cem(curves)
    ax.axhline(100 * target.rate, color=LINE, linestyle="--", linewidth=0.8, label="CEM's rate")
    ax.axvline(target[clock] / 10, color=LINE, linestyle=":", linewidth=1, label="10% of CEM's time")
    ax.set_xscale("log")
    ax.margins(x=0.1)


def _name_times(ax: Axes) -> None:
    """Label the logarithmic axis in milliseconds and seconds, with more ticks where it is short."""
    low, high = ax.get_xlim()
    ax.xaxis.set_major_locator(LogLocator(subs=(1, 3) if high < 200 * low else (1,)))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda x, _: _seconds(x)))
    ax.xaxis.set_minor_formatter(NullFormatter())


def _trace(rows: pd.DataFrame, planner: str, clock: str, legend: bool) -> go.Scatter:
    rows = rows.sort_values("iterations")
    text = [
        hover(
            f"{LABELS[planner]}, {counted(row.iterations, 'iteration')}",
            f"{percent(row, digits=1, unit='%')}, n = {row.n}",
            f"{1000 * getattr(row, clock):.2g} ms",
        )
        for row in rows.itertuples()
    ]
    errors, symbol = spread(rows, "rate", 100) | {"thickness": 1, "width": 3}, SYMBOLS[PLANNER_MARKERS[planner]]
    trace = dots(rows[clock], 100 * rows.rate, LABELS[planner], PLANNER_COLOURS[planner], text, error_y=errors)
    trace.update(line={"color": PLANNER_COLOURS[planner]}, marker={"symbol": symbol})
    return trace.update(mode="lines+markers", legendgroup=planner, showlegend=legend)


def _clocks(curves: pd.DataFrame) -> dict[str, str]:
    """Those of `CLOCKS` that were measured."""
    return {clock: text for clock, text in CLOCKS.items() if clock in curves}


def _title(result: Result) -> str:
    return f"{label(result.task)}: success against planning time"


def _caption(result: Result) -> str:
    curves = result.tables["curves"]
    return (
        f"Open loop, data-set goals; n = {counted(int(curves.n.max()), 'problem')} a point, one training seed. "
        "Error bars: 95% Wilson intervals. Dashed: CEM's rate at its tuned iterations on the same model; "
        f"dotted: a tenth of its time. Times: median over models, alone the least of {result.meta['singles']}; "
        f"{result.meta['machine']}, "
        f"{counted(result.meta['threads'], 'thread')}, load {result.meta['load_average']}. Preset {result.preset}."
    )
