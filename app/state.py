"""What a user has chosen: validated, kept across pages and in step with the address."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import streamlit as st

from lab.benchmarks import card_of
from lab.errors import LabError
from lab.files import MODELS
from lab.planning import MODES, PLANNERS
from lab.presets import PRESETS
from lab.tasks import TASKS, Task, make_task
from lab.training.initialisation import STARTED, folders

PROBLEMS = PRESETS["quick"].n  #: test problems one can choose from: those of the committed quick results
MOVES = ("start", "goal")
MENTIONED = 12  #: choices, at most, in a complaint

#: what the controls that pages share are set to at first; the problem is on the task's card
DEFAULTS = {"task": "wall", "model": "base", "planner": "adam", "mode": "open", "click": "goal"}


@dataclass(frozen=True)
class Case:
    """The problem that all pages look at; hashable, and made of validated values only."""

    task: str
    goals: str
    problem: int
    start: tuple[tuple[str, float], ...] = ()  #: fields of the start moved by hand
    goal: tuple[tuple[str, float], ...] = ()

    @property
    def moved(self) -> bool:
        return bool(self.start or self.goal)


def task_now() -> str:
    """The task chosen."""
    return st.session_state.get("task") or DEFAULTS["task"]


def tasks() -> Sequence[str]:
    """All that are known; of a plugin that cannot be loaded the page tells instead."""
    found = []
    for name in TASKS:
        try:
            found.append(card_of(name).task.name)
        except LabError as error:
            complain(str(error))
    return found


def planners() -> Sequence[str]:
    """Those that have what they need on the task chosen."""
    return (*PLANNERS, STARTED) if folders(task_now()) else PLANNERS


def options(key: str) -> Sequence[str]:
    """The values that the shared control ``key`` takes; those of ``goals`` and ``planner`` depend on the task."""
    fixed = {"task": tasks(), "model": MODELS, "planner": planners(), "mode": tuple(MODES), "click": MOVES}
    if key == "goals":
        return card_of(task_now()).goals
    return fixed[key]


def arrive(page: str) -> None:
    """Begin a run of ``page``; on the first one an address without a choice leaves the choice as it was."""
    st.session_state["arrived"] = page != st.session_state.get("page")
    st.session_state["page"] = page
    st.session_state["follow"] = not st.session_state.pop("touched", False)
    st.session_state["complaints"] = []


def touched(then: Callable[[], None] | None = None) -> None:
    """Note that the user has just changed a control: the address that came along is older than that."""
    st.session_state["touched"] = True
    if then:
        then()


def answered() -> None:
    """End a fragment's run, in which `arrive` has no part: what the user changed is in the address now."""
    st.session_state.pop("touched", None)


def choose(key: str, default: Any, read: Callable[[str], Any], fits: Callable[[Any], bool], known: str) -> None:
    """Set the choice ``key`` for its control, which comes next: from the address where that changed, else as it was.

    ``read`` turns the address's text into a value or raises ValueError; what does not ``fits`` becomes the default,
    and the user is told so, and what is ``known``.
    """
    value = st.session_state.get(key, default)
    text = st.query_params.get(key)
    absent = text is None and st.session_state.get("arrived", True)
    follow = st.session_state.get("follow", True) and not st.session_state.get("touched", False)
    if follow and not absent and text != st.session_state.get(f"address_{key}"):
        value = default if text is None else _read(key, text, read, fits, known)
    st.session_state[key] = value if fits(value) else default  # set anew, so that it outlives a change of page


def note(key: str, value: Any, default: Any, text: str) -> None:
    """Keep the address in step with the choice ``key``, there written as ``text``; defaults are left out."""
    if value == default:
        st.session_state[f"address_{key}"] = None
        if key in st.query_params:
            del st.query_params[key]
    else:
        st.session_state[f"address_{key}"] = text
        if st.query_params.get(key) != text:
            st.query_params[key] = text


def _read(key: str, text: str, read: Callable[[str], Any], fits: Callable[[Any], bool], known: str) -> Any:
    """The value that ``text`` stands for, or None, with a complaint, where there is none."""
    try:
        value = read(text)
    except ValueError:
        value = None
    if value is None or not fits(value):
        asked = f"The address asks for {key} = `{_shortened(text)}`, which is not there; you see the default."
        complain(f"{asked} {known}".strip())
        return None
    return value


def complain(sentence: str) -> None:
    """Show ``sentence`` above the page."""
    st.session_state.setdefault("complaints", []).append(sentence)


def listed(values: Sequence[Any]) -> str:
    """What one can choose from, as a sentence."""
    more = f" and {len(values) - MENTIONED} more" if len(values) > MENTIONED else ""
    return f"Known: {', '.join(map(str, values[:MENTIONED]))}{more}."


def movable(task: Task) -> dict[str, tuple[float, float]]:
    """The state fields that can be set by hand, with their ranges: positions and angles, no velocities.

    None where nothing is singled out in the scene: nobody sets a hundred grains by hand.
    """
    scene = card_of(task.name).scene
    if not scene.bodies:
        return {}
    low, high = scene.view
    return {
        field: (max(a, low), min(b, high))
        for field, a, b in zip(task.state_fields, task.state_low, task.state_high, strict=True)
        if not field.endswith(("vx", "vy"))
    }


def move(task_name: str, which: str, values: Mapping[str, float]) -> None:
    """Put fields of the start or goal (``which``) where the user pointed, as near as they can be; for callbacks."""
    fields = movable(make_task(task_name))
    for field, value in values.items():
        low, high = fields[field]
        st.session_state[f"{which}_{field}"] = round(min(max(float(value), low), high), 2)
    touched()


def forget_moves() -> None:
    """Put start and goal back to where the problem has them; for callbacks."""
    for key in st.session_state:
        if str(key).startswith(("start_", "goal_")):
            st.session_state[key] = None
    touched()


def _shortened(text: str) -> str:
    text = text.replace("`", "'")
    return text if len(text) <= 30 else text[:30] + "…"
