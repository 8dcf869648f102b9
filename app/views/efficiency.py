"""Efficiency: success against planning time, from stored results and measured on this machine."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import cached
import models as models_here
import pandas as pd
import plotly.graph_objects as go
import runs
import sentences
import streamlit as st
import widgets
from state import options

from lab import variables
from lab.errors import LabError
from lab.files import MODELS
from lab.plots.page import unframed
from lab.plots.palette import LABELS, label
from lab.repro.processes import Status
from lab.results import Result
from lab.studies.common import claims
from lab.studies.common.judge import MARGIN
from lab.studies.fig3_efficiency import study as fig3_efficiency
from lab.studies.fig3_efficiency.figures import PLANNERS, answers, models_in_one_panel
from lab.studies.fig3_efficiency.live import command, live_folder
from lab.studies.planners import study as planners
from lab.studies.planners.figures import interactive as all_planners

INTRO = (
    "Gradient planning follows one plan downhill; CEM tries hundreds of plans and keeps the best. The paper says that "
    "on a model trained for it, gradient planning is **as good in a tenth of the time**. Up and to the left is better: "
    "every point is a planner cut off after so many iterations."
)
CLOCK_LABELS = {"batch": "All problems together", "single": "One plan alone"}
CLOCK_HELP = (
    "Together: the time per problem when all are planned at once, which suits gradient planning. Alone: the time of "
    "one plan made by itself, as a robot would wait for it. Time to render, encode and simulate is on neither clock."
)
FEWEST_PROBLEMS = ("5", "10", "25", "50")
BARS = (
    "Bars: 95% Wilson intervals. Hover over a point for iterations, rate and time. "
    "Where CEM is shown, dashed: its success on the first model; dotted: a tenth of its time."
)


def kept(task: str, experiment: str) -> Path | None:
    """The folder of the result of the largest preset, or None."""
    results = cached.results()
    folders = (results.get((preset, experiment, task)) for preset in ("full", "quick"))
    return next((folder for folder in folders if folder), None)


@st.cache_resource(max_entries=32, show_spinner=False)
def drawn(folder: Path, stamp: int, clock: str, models: tuple[str, ...], compared: tuple[str, ...]) -> go.Figure | None:
    """The chart of the chosen curves, or None where there are none. All sessions share it: never change it."""
    curves = chosen_curves(cached.result(folder), models, compared)
    return models_in_one_panel(curves, fig3_efficiency.CLOCKS[clock]) if len(curves) else None


def chosen_curves(result: Result, models: Sequence[str], compared: Sequence[str]) -> pd.DataFrame:
    curves = result.tables["curves"]
    return curves[curves.model.isin(models) & curves.planner.isin(compared)]


def show_curves(folder: Path, clock: str, models: Sequence[str], compared: Sequence[str], key: str) -> None:
    """One chart of the chosen curves."""
    figure = drawn(folder, cached.made(folder), clock, tuple(models), tuple(compared))
    if figure is None:
        return
    curves = chosen_curves(cached.result(folder), models, compared)
    best = curves.loc[curves.rate.idxmax()]
    alt = (
        f"Success against planning time, {len(curves)} points. The highest is {best.rate:.0%} by "
        f"{LABELS[best.planner]} on the {LABELS[best.model]} model."
    )
    st.plotly_chart(figure, key=key, config={"displaylogo": False}, alt=alt)


def show_kept(folder: Path, clock: str, models: list[str], compared: list[str]) -> None:
    """The stored result: the chart, the answers, and the verdicts on the claim."""
    result = cached.result(folder)
    curves, meta = result.tables["curves"], result.meta
    show_curves(folder, clock, models, compared, "kept")
    st.caption(
        f"n = {curves.n.max()} test problems a point, the same for all; one training seed, goals from the data, open "
        f"loop. {BARS} Measured on {meta['machine']}, {meta['device'].upper()}, one thread. Preset {result.preset}."
    )
    ratios = result.tables["ratios"]
    ratios = ratios[ratios.model.isin(models) & ratios.planner.isin(compared)]
    st.markdown(sentences.efficiency(ratios, clock))
    if len(ratios):
        st.markdown("**Is gradient planning as good as CEM, and how fast?**")
        st.table(answers(ratios, clock).set_index("Model"))
    findings = claims.verdicts({fig3_efficiency.NAME: result})
    counts = findings.verdict.value_counts()
    verdict_counts = ", ".join(
        f"{counts[verdict]} {verdict}" for verdict in ("reproduced", "unclear", "not reproduced") if verdict in counts
    )
    st.markdown(
        f"Of {len(findings)} comparisons on {label(result.task)} that bear on the claim (gradient planners from "
        "noise on Online and Adversarial against CEM on Base, and on Base and Adversarial against CEM on the same "
        "model; both clocks): "
        f"**{verdict_counts}**. Differences are paired over the same problems, with 95% bootstrap "
        f"intervals; as good means no more than {100 * MARGIN:.0f} points below CEM."
    )
    widgets.command(
        f"python -m lab reproduce --preset {result.preset} --only {fig3_efficiency.NAME} --task {result.task}"
    )


@st.cache_resource(max_entries=16, show_spinner=False)
def drawn_all(folder: Path, stamp: int, models: tuple[str, ...]) -> tuple[go.Figure, str]:
    """The chart of all planners on the chosen models, and its small print. All sessions share it: never change it."""
    result = cached.result(folder)
    table = result.tables["planners"]
    return unframed(all_planners(replace(result, tables={"planners": table[table.model.isin(models)]}), visible=models))


def show_all(folder: Path, models: list[str]) -> None:
    """All planners and the variants of Adam: each is one point, at its tuned settings."""
    st.subheader("Every planner")
    table = cached.result(folder).tables["planners"]
    best = table.loc[table[table.model.isin(models)].rate.idxmax()]
    alt = f"Success against seconds per plan. The highest is {best.rate:.0%} by {LABELS[best.planner]}."
    figure, small_print = drawn_all(folder, cached.made(folder), tuple(models))
    st.plotly_chart(figure, key="all", config={"displaylogo": False}, alt=alt)
    st.caption(small_print)
    result = cached.result(folder)
    widgets.command(f"python -m lab reproduce --preset {result.preset} --only {planners.NAME} --task {result.task}")


def show_live(task: str, clock: str, models: list[str], compared: list[str]) -> None:
    """Start, watch and cancel the measurement on this machine."""
    st.subheader("Measured here")
    st.markdown(
        "The same measurement on the machine that serves this page, with few problems: the times are this machine's, "
        "the intervals wide."
    )
    problems = int(widgets.picker("problems", "Problems", FEWEST_PROBLEMS, default="10"))
    family = variables.family()
    own = [f"{model}={models_here.folder_of(task, model)}" for model in sorted(models) if model not in MODELS]
    folder = live_folder(task, problems, family, own)
    name = f"efficiency {folder.name}"
    if not runs.stop_button(name, "Cancel"):
        st.button(
            "Measure on this machine",
            icon=":material/timer:",
            on_click=runs.start,
            args=(name, command(task, problems, family, own)),
        )

    def draw(status: Status | None) -> None:
        result = None
        with suppress(LabError):
            result = cached.result(folder)
        if status is not None and status.running:
            show_progress(status, result)
        elif status is not None and status.stopped:
            st.caption("Cancelled. What had been measured by then is below.")
        if result is not None:
            with suppress(LabError):
                show_curves(folder, clock, models, compared, "live")
            st.caption(f"n = {result.tables['curves'].n.max()} problems a point. {BARS} {_conditions(result)}")

    runs.watch(name, draw)


def show_progress(status: Status, result: Result | None) -> None:
    """The progress of the measurement, and the time that it still needs."""
    progress = (result.meta if result else {}).get("progress")
    if progress is None or progress["seconds"] > status.seconds + 1:  # the progress of an earlier measurement
        st.progress(0.0, f"Loading the models and timing single plans first … {status.seconds:.0f} s")
        return
    left = max(0.0, progress["left"] - (status.seconds - progress["seconds"]))
    st.progress(progress["share"], f"{progress['share']:.0%}, about {runs.minutes(left)} left")


def _conditions(result: Result) -> str:
    """The machine and the load of a finished measurement; empty for an unfinished one."""
    if "progress" in result.meta:
        return ""
    return f"{result.meta['machine']}, load {result.meta['load_average']}: a busy machine makes all times longer."


def page() -> None:
    with widgets.row():
        task = widgets.task_picker()
        clock = widgets.picker("clock", "Clock", tuple(CLOCK_LABELS), labels=CLOCK_LABELS, help=CLOCK_HELP)
    with widgets.row():
        models = widgets.several("models", "World models", options("model"), ("base", "adversarial"), most=6)
        compared = widgets.several("planners", "Planners", PLANNERS, PLANNERS, most=len(PLANNERS))
    if not models or not compared:
        st.info("Choose at least one model and one planner.", icon=":material/info:")
        return
    folder, everything = kept(task, fig3_efficiency.NAME), kept(task, planners.NAME)
    if folder is None:
        st.info(f"No result is kept for {label(task)} yet. Make it with this command:", icon=":material/info:")
        widgets.command(f"python -m lab reproduce --only {fig3_efficiency.NAME} --task {task}")
    else:
        show_kept(folder, clock, models, compared)
    st.markdown(INTRO)
    if everything is not None and set(models) & set(MODELS):
        show_all(everything, models)
    if not variables.read_only():
        show_live(task, clock, models, compared)


page()
