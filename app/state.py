"""What a user has chosen: validated, kept across pages and in step with the address."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import models
import streamlit as st

from lab.benchmarks import card_of
from lab.errors import LabError
from lab.planning import MODES, PLANNERS
from lab.presets import PRESETS
from lab.tasks import TASKS, Task, make_task
from lab.training.initialisation import STARTED, folders

PROBLEMS = PRESETS["quick"].n  #: test problems to choose from: those of the committed quick results
MOVES = ("start", "goal")
MENTIONED = 12  #: choices that a complaint lists, at most

ONE_ENTRY = """<script>
if (!history.pushesPages) {
  const push = history.pushState.bind(history);
  history.pushesPages = true;
  history.pushState = (state, title, url) => {
    const page = new URL(url ?? location.href, location.href).pathname;
    if (page === location.pathname) history.replaceState(state, title, url); else push(state, title, url);
  };
}
</script>"""

#: first values of the controls that pages share; that of the problem is on the task's card
DEFAULTS = {"task": "wall", "model": "base", "planner": "adam", "mode": "open", "click": "goal"}


@dataclass(frozen=True)
class Case:
    """The problem that all pages show; hashable, and of validated values only."""

    task: str
    goals: str
    problem: int
    start: tuple[tuple[str, float], ...] = ()  #: fields of the start that the user moved
    goal: tuple[tuple[str, float], ...] = ()

    @property
    def moved(self) -> bool:
        return bool(self.start or self.goal)


def task_now() -> str:
    """The chosen task."""
    return st.session_state.get("task") or DEFAULTS["task"]


def tasks() -> Sequence[str]:
    """The names of all tasks that load; a complaint above the page names each plugin that does not."""
    names = []
    for name in TASKS:
        try:
            names.append(card_of(name).task.name)
        except LabError as error:
            complain(str(error))
    return names


def planners() -> Sequence[str]:
    """The planners that the chosen task can run: `STARTED` needs a trained initialisation network."""
    return (*PLANNERS, STARTED) if folders(task_now()) else PLANNERS


def options(key: str) -> Sequence[str]:
    """The values that the shared control ``key`` takes; but for ``task``, ``mode`` and ``click`` the task decides."""
    values: dict[str, Callable[[], Sequence[str]]] = {
        "task": tasks,
        "model": lambda: models.names(task_now(), complain),
        "planner": planners,
        "mode": lambda: tuple(MODES),
        "click": lambda: MOVES,
        "goals": lambda: card_of(task_now()).goals,
    }
    return values[key]()


CLOSE_MENU = """<script>  // %s
if (innerWidth < 768) document.querySelector("[data-testid=stSidebarCollapseButton] button")?.click();
</script>"""


def arrive(page: str) -> None:
    """Begin a run of ``page``. On its first run, a choice that the address leaves out stays as it was."""
    st.session_state["arrived"] = page != st.session_state.get("page")
    st.session_state["page"] = page
    st.session_state["follow"] = not st.session_state.pop("touched", False)
    st.session_state["complaints"] = []


def one_entry_a_page() -> None:
    """Have the browser's history keep one entry for each page change; Streamlit adds one for each choice noted."""
    st.html(ONE_ENTRY, unsafe_allow_javascript=True)


def close_menu() -> None:
    """On a page just arrived at, close the menu of pages that covers it on a phone; Streamlit leaves it open.

    The page's name is there because the browser runs no script again that has not changed.
    """
    if st.session_state["arrived"]:
        st.html(CLOSE_MENU % st.session_state["page"], unsafe_allow_javascript=True)


def touched(then: Callable[[], None] | None = None) -> None:
    """Note that the user has just changed a control, so that the address is out of date."""
    st.session_state["touched"] = True
    if then:
        then()


def answered() -> None:
    """End a fragment's run, which calls no `arrive`: the address now holds what the user changed."""
    st.session_state.pop("touched", None)


def choose(key: str, default: Any, read: Callable[[str], Any], fits: Callable[[Any], bool], known: str) -> None:
    """Set the choice ``key`` before its control is drawn: from the address if that changed, else as it was.

    ``read`` turns the address's text into a value or raises ValueError. A value that fails ``fits`` becomes the
    default; a complaint says so, and says what is ``known``.
    """
    value = st.session_state.get(key, default)
    text = st.query_params.get(key)
    absent = text is None and st.session_state.get("arrived", True)
    follow = st.session_state.get("follow", True) and not st.session_state.get("touched", False)
    if follow and not absent and text != st.session_state.get(f"address_{key}"):
        value = default if text is None else _read(key, text, read, fits, known)
    elif value != default and not fits(value):
        complain(f"{key} = '{literal(str(value))}' is not there any more, or not here; you see the default. {known}")
    st.session_state[key] = value if fits(value) else default  # set again, so that it survives a change of page


def note(key: str, value: Any, default: Any, text: str) -> None:
    """Keep the address in step with the choice ``key``, which it writes as ``text``; it leaves defaults out."""
    if value == default:
        st.session_state[f"address_{key}"] = None
        if key in st.query_params:
            del st.query_params[key]
    else:
        st.session_state[f"address_{key}"] = text
        if st.query_params.get(key) != text:
            st.query_params[key] = text


def _read(key: str, text: str, read: Callable[[str], Any], fits: Callable[[Any], bool], known: str) -> Any:
    """The value that ``text`` stands for; if it stands for none, complain and return None."""
    try:
        value = read(text)
    except ValueError:
        value = None
    if value is None or not fits(value):
        shortened = text if len(text) <= 30 else text[:30] + "…"
        refusal = f"The address asks for {key} = '{literal(shortened)}', which is not there; you see the default."
        complain(f"{refusal} {known}".strip())
        return None
    return value


def complain(sentence: str) -> None:
    """Show ``sentence`` above the page, once."""
    complaints = st.session_state.setdefault("complaints", [])
    if sentence not in complaints:
        complaints.append(sentence)


def listed(values: Sequence[Any]) -> str:
    """The values to choose from, as a sentence."""
    more = f" and {len(values) - MENTIONED} more" if len(values) > MENTIONED else ""
    return f"Known: {', '.join(map(str, values[:MENTIONED]))}{more}."


def movable(task: Task) -> dict[str, tuple[float, float]]:
    """The state fields that the user can set, with their ranges: positions and angles, no velocities.

    Empty where the scene singles out no body: nobody sets a hundred grains by hand.
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
    """Set fields of the start or goal (``which``) to ``values``, clipped to their ranges; for callbacks."""
    fields = movable(make_task(task_name))
    for field, value in values.items():
        low, high = fields[field]
        st.session_state[f"{which}_{field}"] = round(min(max(float(value), low), high), 2)
    touched()


def forget_moves() -> None:
    """Put start and goal back to the problem's own; for callbacks."""
    for key in st.session_state:
        if str(key).startswith(("start_", "goal_")):
            st.session_state[key] = None
    touched()


def literal(text: str) -> str:
    """A stranger's ``text``, so that nothing in it is Markdown and all of it is on one line."""
    shown = "".join(character if character.isprintable() else "�" for character in text)
    return re.sub(r"([\\`*_{}\[\]()<>#+!|~$:&-])", r"\\\1", shown)
