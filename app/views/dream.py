"""Drive the dream: steer world models and the true simulator at once, until they part.

The browser computes the drive where it can, through all models side by side; else the server does, through one.
"""

import re

import cached
import player
import streamlit as st
import widgets
from glossary import prose
from state import Case, answered, choose, note, touched
from streamlit.delta_generator import DeltaGenerator

from lab.benchmarks import card_of
from lab.errors import LabError
from lab.plots.palette import MODEL_COLOURS, label
from lab.plots.player import drive_data, stage

ALL = (
    "You steer the true simulator and all four [[world model]]s with the same actions, until they part. A strength "
    "above 1 leaves the data, as planners do."
)
ONE = (
    "You steer the true simulator and a [[world model]] with the same actions. The model saw the start and nothing "
    "since: it dreams on from its own dreams. Drive until the two part; then see how far another model would have "
    "dreamt on. A strength above 1 leaves the data, as planners do."
)
HOW = (
    "Arrow keys steer once you have clicked into the picture, and so does each click; Backspace undoes, Home wakes up. "
    "Filled: what is true; dotted: what is dreamt. Where the dream leaves the dashed ring, the two have parted."
)
LETTERS = re.compile(rf"[a-p]{{0,{cached.LONGEST}}}")


def chosen(task: str) -> tuple[Case, str, float]:
    """The further controls: the case, and behind a button the model and the strength of the actions."""
    case = widgets.problem_controls(task)
    with widgets.more("Model and strength"):
        model = widgets.picker("model", "World model")
        strength = widgets.slider(
            "strength",
            "Strength of the actions",
            0.25,
            4.0,
            1.0,
            step=0.25,
            format="%.2f ×",
            width=320,
            help="1: as long as the data's actions typically are. Applies to the whole drive, which is made again.",
        )
    return case, model, strength


def acted() -> None:
    """Lengthen, shorten or forget the drive, as the user acted; for callbacks."""
    act, letters = st.session_state["dream"].act, st.session_state["drive"]
    if act and "go" in act:
        letters += str(act["go"])
    elif act:
        letters = "" if "reset" in act else letters[:-1]
    if LETTERS.fullmatch(letters):
        st.session_state["drive"] = letters
    touched()


def read(text: str) -> str:
    """The drive in the address. Raises ValueError if ``text`` is none."""
    if not LETTERS.fullmatch(text):
        raise ValueError(text)
    return text


def status_of(data: dict, letters: str, body: str) -> tuple[str, bool]:
    """The status of the drive in words, and whether the two worlds have parted."""
    parted = next((k for k, separation in enumerate(data["separation"]) if separation >= 1), None)
    if not letters:
        return "Both are at the start. Press an arrow key.", False
    now = f"The dreamt {body} is {data['separation'][-1]:.2f} success radii from the true one"
    if parted is not None:
        return f"Parted after {parted} blocks. {now}.", True
    full = " That is as far as this drive goes." if len(letters) == cached.LONGEST else ""
    return f"Together for {len(letters)} blocks. {now}; at 1 they have parted.{full}", False


@st.fragment
def worlds(case: Case, model: str, strength: float, stamp: str) -> None:
    """Both worlds after the drive in the address. A fragment, so that the page answers a key quickly."""
    choose("drive", "", read, lambda letters: isinstance(letters, str), "Known: up to 15 letters from a to p.")
    letters = st.session_state["drive"]
    note("drive", letters, "", letters)
    through = cached.world_model(case.task, model, stamp)
    drive = cached.driven(case, model, letters, strength, stamp)
    data = drive_data(case.task, through, drive, cached.usual_error(case.task, model, stamp))
    status, parted = status_of(data, letters, card_of(case.task).scene.body_name)
    problem = cached.problem(case)
    data |= {
        "letters": letters,
        "most": cached.LONGEST,
        "colour": MODEL_COLOURS[model],
        "status": status,
        "parted": parted,
        "label": f"Drive the dream. {HOW}",
    }
    player.steer("dream", stage(case.task, problem.starts[0], problem.goals[0]), data, acted)
    answered()


def served(task: str, controls: DeltaGenerator) -> None:
    """A drive that the server computes, through one model; what can be chosen joins the ``controls``."""
    if not card_of(task).scene.bodies:
        st.info(f"{label(task)} has no single thing at a place: there is nothing that arrow keys could steer.")
        return
    with controls:
        case, model, strength = chosen(task)
    try:
        worlds(case, model, strength, cached.stamp(task, model))
    except LabError as error:
        widgets.offer_other_model(task, error)
    st.caption(HOW)
    prose(ONE)


def page() -> None:
    controls = widgets.row()
    with controls:
        task = widgets.task_picker()
    try:
        source = cached.for_browser(task)
    except LabError:  # it has no simulator of the task, or these models are not for it
        served(task, controls)
    else:
        player.dreams("dreams", {task: source}, task)
        prose(ALL)


page()
