"""Results: every stored table and figure with its provenance, and two methods compared problem by problem."""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import cached
import numpy as np
import pandas as pd
import plotly.graph_objects as go
import sentences
import streamlit as st
import widgets
from state import MOVES, PROBLEMS, choose, forget_moves, movable, note, touched
from streamlit.delta_generator import DeltaGenerator

from lab.data import Problems, sample_problems
from lab.errors import LabError
from lab.evaluation.compare import OUTCOMES, outcomes, paired
from lab.evaluation.episode import place
from lab.leaderboard.table import SUBMIT, leaderboard
from lab.plots.page import unframed
from lab.plots.pairwise import pairwise_figure
from lab.plots.palette import LABELS, label
from lab.plots.save import drawing
from lab.presets import PRESETS as lab_presets
from lab.results import Result, load_result, load_table, table_text
from lab.studies.registry import MEASURED, STUDIES, figures_of

PRESETS = tuple(reversed(lab_presets))  #: the largest first
PAIRED = "table1_success"  #: the experiment whose problems are compared one by one
SECTIONS = {"figures": "Tables and figures", "pairs": "Problem by problem", "board": "Leaderboard"}
SIZES = {name: preset.label for name, preset in lab_presets.items()}
SIZE_HELP = (
    "Full: 300 problems and three training seeds; fewer of either where the table says so. "
    "Quick: 20 to 50 problems, one seed, minutes on a laptop."
)
WORDS = {
    "won": "The first method reached the goal, the second did not.",
    "lost": "The second method reached the goal, the first did not.",
    "both": "Both reached the goal.",
    "neither": "Neither reached the goal.",
}


def ordered(names: Iterable[str], first: Iterable[str]) -> list[str]:
    """``names`` without repetition, those in ``first`` in front."""
    rank = {name: i for i, name in enumerate(first)}
    return sorted(set(names), key=lambda name: (rank.get(name, len(rank)), name))


# --- Tables and figures


@st.cache_resource(max_entries=32, show_spinner=False)
def drawn(folder: Path, stamp: int) -> tuple[go.Figure, str]:
    """The interactive figure of a result, and its small print. All sessions share it: never change it.

    Raises LabError if the tables are those of another version.
    """
    try:
        return unframed(figures_of(folder.parent.name).interactive(cached.result(folder)))
    except (KeyError, AttributeError, IndexError) as error:
        raise LabError(f"The tables in {folder} are not those of this version ({error}); make them again.") from error


def show_claims(preset: str) -> None:
    """What all results of the preset say about the paper's claims."""
    if path := cached.claims_file(preset):
        with st.expander("What these results say about the paper's claims", icon=":material/fact_check:"):
            st.dataframe(load_table(path), hide_index=True, alt="The paper's claims with their verdicts")


def show_figure(folder: Path, experiment: str) -> None:
    """The interactive figure, and its files to download, which are drawn on demand."""
    if experiment not in MEASURED:
        return
    figure, small = drawn(folder, cached.made(folder))
    alt = f"{widgets.LABELS_HERE.get(experiment, experiment)} on {label(folder.name)}. {small}"
    st.plotly_chart(figure, key="figure", config={"displaylogo": False}, alt=alt)
    st.caption(small)
    with st.container(horizontal=True):
        for kind in ("png", "pdf", "html"):
            st.download_button(
                kind.upper(),
                partial(figure_file, folder, experiment, kind),
                f"{experiment}-{folder.name}.{kind}",
                key=f"file_{kind}",
                icon=":material/download:",
                on_click="ignore",
            )


def figure_file(folder: Path, experiment: str, kind: str) -> bytes:
    """The figure of the result in ``folder``: PNG or PDF for print, or HTML."""
    result, draw = load_result(folder), figures_of(experiment)
    if kind == "html":
        return draw.interactive(result).to_html(include_plotlyjs="cdn", div_id=experiment).encode()
    return drawing(draw.print_figure(result), kind)


def show_tables(result: Result, folder: Path, experiment: str) -> None:
    names = list(result.tables)
    st.markdown("**Tables** (the columns low and high bound a 95% interval)")
    for tab, name in zip(st.tabs(names), names, strict=True):
        with tab:
            table = result.tables[name]
            st.dataframe(table, hide_index=True, height=300, alt=f"Table {name} with {len(table)} rows")
            st.download_button(
                f"Download {name}.csv",
                table_text(folder, name),
                f"{experiment}-{folder.name}-{name}.csv",
                "text/csv",
                key=f"csv_{name}",
                icon=":material/download:",
                on_click="ignore",
            )


def averaged(result: Result) -> str:
    """How many training seeds the rows of the tables average over; empty where no table says it."""
    counts = sorted({int(n) for table in result.tables.values() if "seeds" in table for n in table.seeds.dropna()})
    return f"; training seeds averaged: {' or '.join(map(str, counts))}" if counts else ""


def show_origin(result: Result, experiment: str) -> None:
    """The protocol, the command and the provenance."""
    for protocol in result.meta.get("protocols", []):
        st.markdown(f"**Protocol.** {protocol['text']}")
    if experiment in STUDIES:
        st.caption("Make it again:")
        widgets.command(f"python -m lab reproduce --preset {result.preset} --only {experiment} --task {result.task}")
    about = result.meta
    if "commit" in about:
        st.caption(
            f"Made at commit {about['commit']} in {about['wall_seconds']:.0f} s on {about['machine']}, "
            f"{about['device']}{averaged(result)}; torch {about['versions']['torch']}."
        )
    with st.expander("All that is known of where the numbers come from", icon=":material/history:"):
        st.json(about)


def show_results(controls: DeltaGenerator, folders: dict[tuple[str, str, str], Path], preset: str) -> None:
    """The result of the preset that further controls choose."""
    here = [key for key in folders if key[0] == preset]
    experiments = ordered((key[1] for key in here), STUDIES)
    with controls:
        experiment = widgets.menu("experiment", "Experiment", experiments)
        task = widgets.task_picker()
    folder = folders.get((preset, experiment, task))
    if folder is None:
        others = ", ".join(label(key[2]) for key in here if key[1] == experiment)
        st.info(f"This result is not there for {label(task)} yet, but for {others}.", icon=":material/info:")
        return
    result = cached.result(folder)
    show_figure(folder, experiment)
    with suppress(KeyError, AttributeError, IndexError):  # of tables of another version
        st.markdown(sentences.result(experiment, result))
    show_claims(preset)
    show_tables(result, folder, experiment)
    show_origin(result, experiment)


# --- Problem by problem


@dataclass(frozen=True)
class Side:
    """One of the two compared methods."""

    model: str
    planner: str

    @property
    def name(self) -> str:
        return f"{LABELS[self.planner]} on {LABELS[self.model]}"

    def of(self, pairs: pd.DataFrame) -> pd.DataFrame:
        """The rows of this method."""
        return pairs[(pairs.model == self.model) & (pairs.planner == self.planner)]


def side(pairs: pd.DataFrame, which: str, label: str, model: str) -> Side:
    """The controls that choose one method among those in ``pairs``."""
    methods = pairs[pairs.model != "none"][["model", "planner"]].drop_duplicates()
    models = ordered(methods.model, ("base", "control", "online", "adversarial"))
    planners = ordered(methods.planner, ("gd", "adam", "cem"))
    chosen = widgets.picker(f"{which}_model", f"{label}: world model", models, default=model)
    planner = widgets.picker(f"{which}_planner", f"{label}: planner", planners, default="adam")
    return Side(chosen, planner)


def show_pairs(controls: DeltaGenerator, folders: dict[tuple[str, str, str], Path], preset: str) -> None:
    """Two methods on the same problems: the outcomes that changed, the paired difference, and each problem."""
    with controls:
        task = widgets.task_picker()
    folder = folders.get((preset, PAIRED, task))
    if folder is None:
        st.info(f"There is no result of this size for {label(task)} yet.", icon=":material/info:")
        return
    result = cached.result(folder)
    pairs = result.tables["pairs"]
    with controls, widgets.more("Goals and methods"):
        goals = widgets.picker("goals", "Goals", then=forget_moves)
        mode = widgets.picker("mode", "Plan", list(pairs["mode"].unique()))
        pairs = pairs[(pairs.goals == goals) & (pairs["mode"] == mode) & (pairs.criterion == "full")]
        ours = side(pairs, "first", "First", "adversarial")
        theirs = side(pairs, "second", "Second", "base")
    mine, other = ours.of(pairs), theirs.of(pairs)
    if mine.empty or other.empty:
        lacking = (ours if mine.empty else theirs).name
        st.info(
            f"{lacking} was not run under these conditions; choose another planner or plan.", icon=":material/info:"
        )
        return
    conditions = f"{widgets.LABELS_HERE[goals]}, {widgets.LABELS_HERE.get(mode, mode)}"
    show_comparison(result, ours, theirs, mine, other, conditions)


def show_comparison(
    result: Result, ours: Side, theirs: Side, mine: pd.DataFrame, other: pd.DataFrame, conditions: str
) -> None:
    """The grid of problems, rates, and the paired difference."""
    shared = set(mine.train_seed) & set(other.train_seed)
    common, seeds = [rows[rows.train_seed.isin(shared)] for rows in (mine, other)], sorted(shared)
    difference = paired(*common, "success", "pair")
    first_seed = [rows[rows.train_seed == seeds[0]] for rows in common]
    table = outcomes(*first_seed)
    counts = table.outcome.value_counts()
    st.markdown(f"**{ours.name}** against **{theirs.name}**, {conditions}. Click a mark, or choose below.")
    figure = pairwise_figure(table)
    alt = ", ".join(f"{name}: {counts.get(name, 0)}" for name in OUTCOMES) + f" of {len(table)} problems."
    st.plotly_chart(
        figure, key="grid", on_select=clicked, selection_mode="points", config={"displaylogo": False}, alt=alt
    )
    with st.container(horizontal=True):
        for rows, method in zip(common, (ours, theirs), strict=True):
            st.metric(method.name, f"{rows.success.mean():.1%}")
        st.metric(
            "Difference in points",
            f"{100 * difference.difference:+.1f}",
            help="Mean over the same problems and training seeds.",
        )
        st.metric(
            "95% interval",
            f"{100 * difference.low:+.1f} to {100 * difference.high:+.1f}",
            help="Bootstrap over problems" + (" and training seeds." if len(seeds) > 1 else "."),
        )
    st.markdown(sentences.pairs(ours.name, theirs.name, counts, difference.low, difference.high))
    st.caption(
        f"n = {mine['pair'].nunique()} problems, {len(seeds)} training seed{'s' * (len(seeds) > 1)} averaged; the "
        f"picture is of the models of training seed {seeds[0]}. Both methods get the same problems, so that they can "
        "be compared one by one: a difference of a few points may hide many problems won and as many lost."
    )
    show_problem(result, ours, theirs, table)


def clicked() -> None:
    """Choose the problem of the clicked mark; for callbacks."""
    points = st.session_state["grid"].selection.points
    if points:
        number = points[0]["customdata"]
        st.session_state["pick"] = int(number[0] if isinstance(number, list) else number)
        touched()


def show_problem(result: Result, ours: Side, theirs: Side, table: pd.DataFrame) -> None:
    """The chosen problem, and the ways to watch it."""
    outcome_of = dict(zip(table.problem, table.outcome, strict=True))
    changed = [number for number, outcome in outcome_of.items() if outcome == "won"]
    numbers = sorted(outcome_of)
    default = int((changed or numbers)[0])
    choose("pick", default, int, lambda value: value in outcome_of, f"Known: 0 to {max(numbers)}.")
    number = st.selectbox(
        "Problem",
        numbers,
        key="pick",
        width=240,
        on_change=touched,
        persist_state="session",
        format_func=lambda value: f"{value}: {outcome_of[value]}",
    )
    note("pick", number, default, str(number))
    st.markdown(f"**Problem {number}.** {WORDS[outcome_of[number]]}")
    goals, mode = st.session_state["goals"], st.session_state["mode"]
    protocol = next(entry for entry in result.meta["protocols"] if entry["goals"] == goals)
    problems = protocol_problems(result.task, goals, protocol["n"], protocol["split"], protocol["seed"])
    where = in_live_planning(problems, goals, number)
    if where is not None:
        settings = {"model": ours.model, "planner": ours.planner, "rivals": [f"{theirs.planner}-{theirs.model}"]}
        watch = "Watch both plan for it in Live planning"
        if st.button(watch, icon=":material/route:", on_click=prepare, args=(settings | where,)):
            st.switch_page("views/plan.py")
        if len(where) > 1:
            st.caption("There they start with other random numbers, so that a close call may end the other way.")
    mpc = " --mpc" if mode == "mpc" else ""
    st.caption("The same plans on the command line:")
    for method in (ours, theirs):
        widgets.command(
            f"python -m lab plan --task {result.task} --model {method.model} --planner {method.planner} --goals {goals}"
            f"{mpc} --problems {protocol['n']} --problem {number}"
        )


def prepare(settings: dict) -> None:
    """Set the controls of Live planning; for callbacks."""
    forget_moves()
    for key, value in settings.items():
        st.session_state[key] = value


@st.cache_data(max_entries=16, show_spinner=False)
def protocol_problems(task: str, goals: str, n: int, split: str, seed: int) -> Problems:
    return sample_problems(task, goals, n, split, seed)


def in_live_planning(problems: Problems, kind: str, number: int) -> dict[str, float] | None:
    """The settings of Live planning's controls that give the problem; None where no settings do."""
    start, goal = problems.starts[number], problems.goals[number]
    starts, goals = cached.problem_arrays(problems.environment.name, kind)
    if number < PROBLEMS and np.array_equal(starts[number], start) and np.array_equal(goals[number], goal):
        return {"problem": number}
    task = problems.environment
    fields, settings = movable(task), {"problem": 0}
    for which, target, current in ((MOVES[0], start, starts[0]), (MOVES[1], goal, goals[0])):
        values = {field: float(target[task.state_fields.index(field)]) for field in fields}
        if not np.allclose(place(task, current, values), target, atol=1e-3):
            return None
        settings |= {f"{which}_{field}": value for field, value in values.items()}
    return settings


# --- Leaderboard


def show_board() -> None:
    """All entries of the open benchmark, and how to make one more."""
    table = leaderboard(cached.FIGURES / "reference" / "leaderboard")
    st.markdown("World models of anybody's on the same frozen problems, planned for with the same settings.")
    st.dataframe(table, hide_index=True, alt=f"The leaderboard with {len(table)} entries")
    st.caption("Success in % and differences in points have 95% intervals. An entry of yours:")
    widgets.command(SUBMIT)


def page() -> None:
    folders, controls = cached.results(), widgets.row()
    with controls:
        section = widgets.picker("view", "What to see", tuple(SECTIONS), labels=SECTIONS)
    try:
        if section == "board":
            show_board()
            return
        if not folders:
            st.info("There are no results yet. Make them with this command; it takes minutes.", icon=":material/info:")
            widgets.command("python -m lab reproduce --preset quick")
            return
        with controls:
            presets = ordered((key[0] for key in folders), PRESETS)
            preset = widgets.menu("preset", "Size", presets, labels=SIZES, help=SIZE_HELP, width=110)
        show = show_pairs if section == "pairs" else show_results
        show(controls, folders, preset)
    except LabError as error:
        st.error(str(error), icon=":material/error:")


page()
