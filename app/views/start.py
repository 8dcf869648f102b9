"""Start: the idea in three moving pictures, and the verdicts on the paper's claims."""

import html

import cached
import pandas as pd
import share
import streamlit as st
import widgets
from glossary import prose
from pages import VIEWS
from state import DEFAULTS, Case

from lab.benchmarks import card_of
from lab.errors import LabError
from lab.evaluation.episode import Episode
from lab.plots.palette import MODEL_COLOURS, label
from lab.studies.common.claims import CLAIMS
from lab.tasks import TASKS

IDEA = (
    "A [[world model]] imagines what actions would lead to. [[gradient-based planning|Gradient-based planning]] "
    "follows the slope of that imagination to a goal, and often ends at actions on which the model is wrong. "
    "“Closing the Train-Test Gap in World Models for Gradient-Based Planning” (arXiv 2512.09929) finetunes the model "
    "until it holds up. Above, our own small models do it before your eyes, on one problem on which they differ."
)
CASE = Case(DEFAULTS["task"], "dataset", card_of(DEFAULTS["task"]).problem)
COLOURS = {"reproduced": "#009E73", "unclear": "#9A9A9A", "not reproduced": "#D55E00"}


def three_pictures() -> None:
    """Leave the data, err, fix: the base model's plan as Adam finds it and as executed, then the adversarial's."""
    stamps = {model: cached.stamp(CASE.task, model) for model in ("base", "adversarial")}
    planned = {model: cached.lane(CASE, model, "adam", "open", stamp) for model, stamp in stamps.items()}
    base, fixed = (cached.episode(CASE, model, "adam", "open", stamp) for model, stamp in stamps.items())
    lanes = [
        planned["base"]
        | {
            "title": "1. Leave the data",
            "show": "plan",
            "dots": cached.data_dots(CASE.task),
            "text": leaves(base),
            "colour": MODEL_COLOURS["base"],
        },
        planned["base"]
        | {
            "title": "2. Err",
            "show": "go",
            "after": True,
            "text": errs(base, planned["base"]),
            "colour": MODEL_COLOURS["base"],
        },
        planned["adversarial"]
        | {
            "title": "3. Fix",
            "after": True,
            "text": mends(fixed, planned["adversarial"]),
            "colour": MODEL_COLOURS["adversarial"],
        },
    ]
    about = f"Leave the data, err, fix: one problem of {label(CASE.task)} in three pictures"
    widgets.play("story", CASE, lanes, about, charts=False, loop=True)
    share.offer([("Base", base, "base"), ("Adversarial", fixed, "adversarial")])


def leaves(episode: Episode) -> str:
    end = episode.imagined_distance[-1]
    return (
        "Blue: where the data went. Adam changes the actions until the imagined path (dotted) ends "
        f"{'near the goal' if end < 1 else 'as near to the goal as it gets'}: {end:.2f} success radii from it."
    )


def errs(episode: Episode, lane: dict) -> str:
    return (
        "The same plan executed (solid), beside what the model imagined (ghost). It ends "
        f"{episode.distance['full'][-1]:.2f} radii from the goal; the error grows to {_times(episode, lane)}."
    )


def mends(episode: Episode, lane: dict) -> str:
    return (
        "The Adversarial model plans for the same problem. Its plan really ends "
        f"{episode.distance['full'][-1]:.2f} radii from the goal, its error at {_times(episode, lane)}."
    )


def _times(episode: Episode, lane: dict) -> str:
    return f"{episode.error[-1] / lane['usual'][-1]:.2g} times what is usual on data"


def claims() -> None:
    """The paper's claims, and how many of our findings speak for each."""
    findings = cached.claims()
    st.subheader("Do the paper's claims hold here?")
    if findings is None:
        st.info("There are no results yet; `python -m lab reproduce --preset quick` makes them.")
        return
    path, table = findings
    prose(
        "Each finding is a difference with its 95% interval on test problems; it speaks for the claim if the whole "
        "interval does. Open a claim to read its findings."
    )
    tasks = [task for task in TASKS if task in set(table.task)]
    rows = "".join(_claim(number, table[table.claim == number], tasks) for number in CLAIMS)
    key = " &nbsp; ".join(f'<i style="background:{colour}"></i>{name}' for name, colour in COLOURS.items())
    st.html(f"{CLAIMS_STYLE}<div class='claims'><p>{key}</p>{rows}</div>")
    where, preset = path.relative_to(cached.FIGURES.parent), path.parent.name
    st.caption(f"From {where}, made by python -m lab reproduce --preset {preset}.")


CLAIMS_STYLE = """<style>
.claims details { border: 1px solid color-mix(in srgb, currentColor 18%, transparent); border-radius: 8px;
  padding: .55em .8em; margin-bottom: .45em; }
.claims summary { cursor: pointer; display: grid; gap: .3em 1em; align-items: center;
  grid-template-columns: minmax(0, 1fr) repeat(auto-fit, minmax(88px, 110px)); grid-auto-flow: column; }
@media (max-width: 700px) { .claims summary { grid-auto-flow: row; grid-template-columns: repeat(3, 1fr); }
  .claims summary > b { grid-column: 1 / -1; } }
.claims summary b { font-weight: 500; }
.claims .task { font-size: .8rem; }
.claims .bar { display: flex; height: 9px; border-radius: 5px; overflow: hidden; gap: 1px; margin-top: 2px; }
.claims li { font-size: .85rem; margin: .15em 0; }
.claims i { display: inline-block; width: .7em; height: .7em; border-radius: 50%; margin-right: .4em; }
</style>"""


def _claim(number: int, rows: pd.DataFrame, tasks: list[str]) -> str:
    """HTML of a claim, which opens to its findings."""
    judged = [task for task in tasks if task in set(rows.task)] or tasks
    cells = "".join(_count(task, rows[rows.task == task]) for task in judged)
    items = "".join(
        f'<li><i style="background:{COLOURS[row.verdict]}"></i>{html.escape(label(row.task))}: '
        f"{html.escape(row.sentence)} ({row.verdict}, n = {row.n})</li>"
        for row in rows.itertuples()
    )
    return (
        f"<details><summary><b>{number}. {html.escape(CLAIMS[number])}</b>{cells}</summary><ul>{items}</ul></details>"
    )


def _count(task: str, rows: pd.DataFrame) -> str:
    """HTML of how many findings of a task speak for a claim, in words and as a bar."""
    parts = [(colour, int((rows.verdict == verdict).sum())) for verdict, colour in COLOURS.items()]
    bar = "".join(f'<span style="flex:{n};background:{colour}"></span>' for colour, n in parts if n)
    words = f"{parts[0][1]} of {len(rows)}" if len(rows) else "not tested"
    return f'<span class="task">{label(task)}: {words}<span class="bar">{bar}</span></span>'


def more() -> None:
    """Links to the other pages, with a line about each."""
    st.subheader("Go on")
    for view in VIEWS:
        if view.about:
            with st.container(horizontal=True, vertical_alignment="center"):
                st.page_link(view.path, icon=view.icon, width=190)
                st.markdown(view.about)


try:
    three_pictures()
except LabError as error:
    st.error(str(error), icon=":material/search_off:")
prose(IDEA)
claims()
more()
