"""What a user has chosen: the names of the controls (also in the URL), their options, and what the URL may say."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import streamlit as st

from lab.experiments.experiment import PRESETS, TASK_GOALS
from lab.models import MODELS
from lab.planning import MODES, PLANNERS
from lab.plots.planning import SCENES
from lab.tasks import TASKS, Task, make_task

PROBLEMS = PRESETS["quick"].n  #: test problems one can choose from: those of the committed quick results
MOVES = ("start", "goal")

#: problem 23 is one on which the base model is sure to arrive and misses, while the adversarial one arrives
DEFAULTS = {"task": "wall", "model": "base", "planner": "adam", "mode": "open", "problem": 23, "click": "goal"}


@dataclass(frozen=True)
class Choice:
    """Everything that decides what the live-planning page shows; hashable, and made of validated values only."""

    task: str
    model: str
    planner: str
    goals: str
    problem: int
    mode: str
    start: tuple[tuple[str, float], ...] = ()  #: fields of the start moved by hand
    goal: tuple[tuple[str, float], ...] = ()

    @property
    def moved(self) -> bool:
        return bool(self.start or self.goal)

    def command(self) -> str:
        """The one line that plans this problem, among all of its kind, outside of the app."""
        mpc = " --mpc" if self.mode == "mpc" else ""
        return (
            f"python -m lab plan --task {self.task} --model {self.model} --planner {self.planner} "
            f"--goals {self.goals}{mpc} --problems {PROBLEMS}"
        )


def options(key: str) -> Sequence:
    """The values that the control ``key`` takes; those of ``goals`` depend on the task."""
    fixed = {"task": tuple(TASKS), "model": MODELS, "planner": PLANNERS, "mode": tuple(MODES), "click": MOVES}
    if key == "goals":
        return TASK_GOALS[st.session_state.get("task") or DEFAULTS["task"]]
    return range(PROBLEMS) if key == "problem" else fixed[key]


def arrive(page: str) -> None:
    """Note whether this run is the first on ``page``: then an address without a choice leaves it as it is."""
    st.session_state["arrived"] = page != st.session_state.get("page")
    st.session_state["page"] = page


def adopt_address(key: str, values: Sequence[str], default: str) -> None:
    """Let the address decide the choice ``key`` where it changed: a link, or the browser's back and forward."""
    said = st.query_params.get(key)
    if said is None and not st.session_state.get("arrived", True):
        said = default
    value = st.session_state.get(key)
    if said in values and said != st.session_state.get(f"address_{key}"):
        value = said
    st.session_state[key] = value if value in values else default  # set anew, so that it outlives a change of page


def write_address(key: str, value: str, default: str) -> None:
    """Keep the address in step with the choice ``key``; defaults are left out."""
    st.session_state[f"address_{key}"] = value
    if value != default:
        st.query_params[key] = value
    elif key in st.query_params:
        del st.query_params[key]


def movable(task: Task) -> dict[str, tuple[float, float]]:
    """The state fields that can be set by hand, with their ranges: positions and angles, no velocities."""
    low, high = SCENES[task.name].view
    return {
        field: (max(a, low), min(b, high))
        for field, a, b in zip(task.state_fields, task.state_low, task.state_high, strict=True)
        if not field.endswith(("vx", "vy"))
    }


def forget_moves() -> None:
    """Put start and goal back to where the problem has them."""
    for key in st.session_state:
        if str(key).startswith(("start_", "goal_")):
            st.session_state[key] = None


def complaint(url: Mapping[str, str], key: str, values: Sequence) -> list[str]:
    """A sentence if the URL asks for something else than one of ``values``."""
    known = [str(value) for value in values]
    if key not in url or url[key] in known:
        return []
    return [
        f"The address asks for the {key} “{_shortened(url[key])}”, which does not exist here; "
        f"you see the default. Known: {_listed(known)}."
    ]


def url_complaints(url: Mapping[str, str]) -> list[str]:
    """A sentence for each value in the URL that is none of a control's; Streamlit falls back to the default."""
    task = url.get("task") if url.get("task") in TASKS else DEFAULTS["task"]
    known = {key: options(key) for key in ("task", "model", "planner", "mode", "problem", "click")}
    known |= {"goals": TASK_GOALS[task], "replan": range(1, MODES["mpc"].budget + 1)}
    complaints = [text for key, values in known.items() for text in complaint(url, key, values)]
    fields = movable(make_task(task))
    for key, text in url.items():
        move, _, field = key.partition("_")
        if move in MOVES and not (field in fields and _within(text, *fields[field])):
            complaints.append(f"The address asks for {key} = “{_shortened(text)}”, which {task} cannot use.")
    return complaints


def _within(text: str, low: float, high: float) -> bool:
    try:
        return low <= float(text) <= high
    except ValueError:
        return False


def _shortened(text: str) -> str:
    return text if len(text) <= 30 else text[:30] + "…"


def _listed(values: Sequence[str]) -> str:
    return f"{values[0]} to {values[-1]}" if len(values) > 10 else ", ".join(values)
