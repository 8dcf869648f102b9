"""Figure 4: errors of the world model along planned and expert actions, and the gap between them."""

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from plotly.subplots import make_subplots

from lab.files import MODELS
from lab.plots.marks import EXPERT, INK, intervals, legend_of, sample
from lab.plots.palette import GREY, LABELS, MODEL_COLOURS, PLANNER_COLOURS, label, shown
from lab.plots.style import annotate, bar_look, in_style, menu, neutral, spread
from lab.plots.words import GOALS, resampled
from lab.results import Result
from lab.studies.fig4_gap.study import per_problem

PLANNERS = ("gd", "adam")
ERROR = "latent error (mean squared)"
HEIGHT = 840  #: of the interactive figure, in pixels


@in_style
def print_figure(result: Result) -> Figure:
    """A row for each kind of goals; a column for each model, and one for the gaps of all models."""
    errors, gaps = result.tables["errors"], result.tables["gaps"]
    models = shown(errors.model, MODELS)
    kinds = shown(gaps.goals, tuple(GOALS))
    seeds = seed_gaps(result.tables["problems"])
    figure = Figure(figsize=(12, 2.9 * len(kinds) + 1.3), layout="constrained")
    grid = figure.add_gridspec(len(kinds), len(models) + 1, width_ratios=[1] * len(models) + [1.7])
    panels: list[Axes] = []
    for i, goals in enumerate(kinds):
        for j, model in enumerate(models):
            first = panels[0] if panels else None
            ax = figure.add_subplot(grid[i, j], sharex=first, sharey=first)
            panels.append(ax)
            _draw_errors(ax, errors[errors.model == model], goals)
            ax.set_title(f"{LABELS[model]}, {GOALS[goals]}")
            ax.tick_params(labelleft=j == 0)
            ax.set(ylabel=ERROR if j == 0 else "", xlabel="imagined step" if i == len(kinds) - 1 else "")
        _draw_gaps(figure.add_subplot(grid[i, -1]), gaps[gaps.goals == goals], seeds, goals)
    panels[0].set_ylim(bottom=0)
    legend_of(figure, panels[0])
    annotate(figure, _title(result), _caption(result))
    return figure


def interactive(result: Result) -> go.Figure:
    """Errors by step above, gaps below, and a menu for the kind of goals."""
    errors, gaps = result.tables["errors"], result.tables["gaps"]
    models = shown(errors.model, MODELS)
    kinds = shown(gaps.goals, tuple(GOALS))
    specs = [[{}] * len(models), [{"colspan": len(models)}, *[None] * (len(models) - 1)]]
    titles = [*(LABELS[model] for model in models), "Gap: planned minus expert error, averaged over steps"]
    figure = make_subplots(2, len(models), specs=specs, shared_yaxes=True, subplot_titles=titles, vertical_spacing=0.16)
    owners = []
    for goals in kinds:
        traces = [(t, 1, j + 1) for j, model in enumerate(models) for t in _lines(errors, model, goals, j == 0)]
        traces += [(trace, 2, 1) for trace in _gap_bars(gaps[gaps.goals == goals], models)]
        for trace, row, col in traces:
            figure.add_trace(trace.update(visible=goals == kinds[0]), row, col)
            owners.append(goals)
    figure.update_xaxes(title="imagined step", dtick=1, row=1)
    figure.update_yaxes(title=ERROR, rangemode="tozero", col=1)
    figure.update_xaxes(showgrid=False, row=2)
    figure.update_layout(barmode="group")
    neutral(figure, _title(result), HEIGHT, _caption(result))
    choices = {GOALS[goals]: [owner == goals for owner in owners] for goals in kinds}
    return figure.update_layout(updatemenus=menu(choices, HEIGHT) if len(kinds) > 1 else [])


def _draw_errors(ax: Axes, errors: pd.DataFrame, goals: str) -> None:
    expert = errors[errors.planner == "expert"]
    _band(ax, expert, EXPERT, "--", "expert's actions")
    for planner in PLANNERS:
        rows = errors[(errors.planner == planner) & (errors.goals == goals)]
        _band(ax, rows, PLANNER_COLOURS[planner], "-", f"planned by {LABELS[planner]}")
    ax.set_xticks(sorted(errors.step.unique()))


def _band(ax: Axes, rows: pd.DataFrame, colour: str, line: str, name: str) -> None:
    ax.plot(rows.step, rows["mean"], line, marker="o", markersize=3, color=colour, linewidth=1.5, label=name)
    ax.fill_between(rows.step, rows.low, rows.high, color=colour, alpha=0.2, linewidth=0)


@in_style
def ratio_figure(errors: pd.DataFrame, step: int) -> Figure:
    """How many times the expert error the planned error is, up to ``step``; a line for each model, data-set goals."""
    figure = Figure(figsize=(9, 3.4), layout="constrained")
    panels = figure.subplots(1, len(PLANNERS), sharey=True)
    for ax, planner in zip(panels, PLANNERS, strict=True):
        ratios = times_the_expert(errors, planner)
        for model in ratios:
            ax.plot(ratios.index, ratios[model], "o-", color=MODEL_COLOURS[model], label=LABELS[model])
            ax.annotate(f"{ratios[model][step]:.1f}", (step, ratios[model][step]), fontsize=8)
        ax.axvline(step, color=GREY, linestyle="--")
        ax.axhline(1, color=INK, linewidth=0.8)
        ax.set(title=f"planned by {LABELS[planner]}", xlabel="imagined step", yscale="log")
    panels[0].set_ylabel("planned / expert error")
    legend_of(figure, panels[0])
    return figure


def times_the_expert(errors: pd.DataFrame, planner: str) -> pd.DataFrame:
    """The planned error divided by the expert's, by step and model, for data-set goals."""
    rows = errors[errors.goals == "dataset"]
    planned, expert = (
        rows[rows.planner == name].pivot(index="step", columns="model", values="mean") for name in (planner, "expert")
    )
    return (planned / expert)[shown(errors.model, MODELS)]


def seed_gaps(problems: pd.DataFrame) -> pd.Series:
    """The mean gap of each training seed, by (model, goals, planner, train_seed)."""
    return per_problem(problems).groupby(["model", "goals", "planner", "train_seed"])["gap"].mean()


def _draw_gaps(ax: Axes, gaps: pd.DataFrame, seeds: pd.Series, goals: str) -> None:
    models = shown(gaps.model, MODELS)
    for i, planner in enumerate(PLANNERS):
        rows = gaps[(gaps.kind == "gap") & (gaps.planner == planner)].set_index("model").loc[models]
        x = np.arange(len(models)) + (i - 0.5) * 0.4
        ax.bar(x, rows["mean"], 0.38, color=PLANNER_COLOURS[planner])
        intervals(ax, x, rows, "mean", fmt="none", color=INK, linewidth=0.9)
        for where, model in zip(x, models, strict=True):
            each = seeds[model, goals, planner]
            if len(each) > 1:
                ax.plot([where] * len(each), each, ".", color=INK, markersize=3)
    ax.axhline(0, color=INK, linewidth=0.8)
    ax.set_xticks(range(len(models)), [LABELS[model] for model in models])
    ax.set(title=f"Gap, {GOALS[goals]}", ylabel="planned minus expert error")


def _lines(errors: pd.DataFrame, model: str, goals: str, legend: bool) -> list[go.Scatter]:
    errors = errors[errors.model == model]
    lines = [_line(errors[errors.planner == "expert"], GREY, "expert's actions", "dash", legend)]
    for planner in PLANNERS:
        rows = errors[(errors.planner == planner) & (errors.goals == goals)]
        lines.append(_line(rows, PLANNER_COLOURS[planner], f"planned by {LABELS[planner]}", "solid", legend))
    return lines


def _line(rows: pd.DataFrame, colour: str, name: str, dash: str, legend: bool) -> go.Scatter:
    errors = spread(rows, "mean") | {"thickness": 1, "width": 3}
    line = go.Scatter(x=rows.step, y=rows["mean"], mode="lines+markers", name=name, legendgroup=name, error_y=errors)
    hover = name + ", step %{x}<br>%{y:.4f}<extra></extra>"
    return line.update(showlegend=legend, line={"color": colour, "dash": dash}, hovertemplate=hover)


def _gap_bars(gaps: pd.DataFrame, models: list[str]) -> list[go.Bar]:
    bars = []
    for planner in PLANNERS:
        rows = gaps[(gaps.kind == "gap") & (gaps.planner == planner)].set_index("model").loc[models]
        hover = "%{x}, " + LABELS[planner]
        hover += "<br>gap %{y:.4f} [%{customdata[0]:.4f}, %{customdata[1]:.4f}]<extra></extra>"
        bar = go.Bar(x=[LABELS[model] for model in models], y=rows["mean"], name=f"gap, {LABELS[planner]}")
        bar.update(bar_look(PLANNER_COLOURS[planner], spread(rows, "mean")), showlegend=False)
        bars.append(bar.update(customdata=rows[["low", "high"]], hovertemplate=hover))
    return bars


def _title(result: Result) -> str:
    return f"{label(result.task)}: model error on planned and on expert actions"


def _caption(result: Result) -> str:
    gaps = result.tables["gaps"]
    dots = " (dots: each seed)" if gaps.seeds.max() > 1 else ""
    experts = " For random goals the experts are those of the data-set problems." if "random" in set(gaps.goals) else ""
    return (
        f"n = {sample(gaps)}{dots}; bands and error bars: 95% bootstrap "
        f"intervals over {resampled(gaps)}. Error: mean squared distance of imagined to true picture latent, when the "
        f"actions run in the true simulator; a step is 5 environment steps.{experts} Preset {result.preset}."
    )
