"""Live planning: up to four methods plan for one problem; the page shows each plan imagined and executed."""

from collections.abc import Sequence
from dataclasses import dataclass

import cached
import models
import pandas as pd
import sentences
import streamlit as st
import widgets
from glossary import prose
from state import PROBLEMS, Case, move, options, planners

from lab.benchmarks import card_of
from lab.errors import LabError
from lab.evaluation.episode import Episode
from lab.plots.palette import LABELS, label
from lab.plots.player import method_colours
from lab.tasks import make_task
from lab.training.initialisation import STARTED

INTRO = (
    "[[gradient-based planning|Gradient-based planning]] asks a [[world model]] what a sequence of actions would lead "
    "to, and changes the actions, iteration by iteration, until the imagined end lies close to the goal. Then the plan "
    "is executed for real: where the two paths part, the planner has been fooled by its model."
)
HINT = (
    "Press ▶ to watch{click}. The page opens on a problem picked because the models differ on it; the rates over all "
    "problems are under Results."
)
RIVALS = ("adam-adversarial",)  #: the rivals at first


def named(planner: str, model: str) -> str:
    """A method in words."""
    return f"{LABELS[planner]} · {LABELS[model]}"


@dataclass(frozen=True)
class Choice:
    """All choices that determine what this page shows."""

    case: Case
    mode: str
    methods: tuple[tuple[str, str], ...]  #: (planner, model)

    def command(self, planner: str, model: str) -> str:
        """The command that makes the same plan outside of the app."""
        mpc = " --mpc" if self.mode == "mpc" else ""
        planner = "adam --start network" if planner == STARTED else planner
        through = models.option(self.case.task, model)
        return (
            f"python -m lab plan --task {self.case.task} {through} --planner {planner} "
            f"--goals {self.case.goals}{mpc} --problems {PROBLEMS} --problem {self.case.problem}"
        )


def chosen() -> Choice:
    """The controls: the case, and behind a button the method, its mode, and the rivals."""
    with widgets.row():
        case = widgets.case_controls()
        methods = {f"{p}-{m}": named(p, m) for m in options("model") for p in planners()}
        with widgets.more("Planner, model, race"):
            planner = widgets.picker("planner", "Planner")
            model = widgets.picker("model", "World model")
            mode = widgets.picker("mode", "Plan")
            if bodies := card_of(case.task).scene.bodies:
                widgets.picker("click", f"A click moves the {bodies[0][0]}'s")
            rivals = widgets.several(
                "rivals",
                "Race against up to three other methods",
                tuple(methods),
                RIVALS,
                most=3,
                labels=methods,
                help="Each plans alone, one after another, so that the clocks can be compared.",
            )
    others = [tuple(rival.split("-", 1)) for rival in rivals]
    return Choice(case, mode, tuple(dict.fromkeys([(planner, model), *others])))


def clicked() -> None:
    """Move the start or the goal to the clicked point of a scene; for callbacks."""
    point = st.session_state["race"].click
    if point:
        task = make_task(st.session_state["task"])
        _, x, y = card_of(task.name).scene.bodies[0]
        values = {task.state_fields[x]: point["x"], task.state_fields[y]: point["y"]}
        move(task.name, st.session_state["click"], values)


def show_race(choice: Choice, lanes: Sequence[dict]) -> None:
    """The player of all methods; a click on a scene moves the start or the goal."""
    colours = method_colours(choice.methods)
    titled = [
        lane | {"title": named(*method), "colour": colour}
        for lane, method, colour in zip(lanes, choice.methods, colours, strict=True)
    ]
    about = f"{len(titled)} methods plan for one problem of {label(choice.case.task)}"
    moves = st.session_state["click"] if card_of(choice.case.task).scene.bodies else None
    widgets.play("race", choice.case, titled, about, moves=moves, on_click=clicked)


def show_table(choice: Choice, episodes: Sequence[Episode], lanes: Sequence[dict]) -> None:
    """The table of outcomes by method."""
    rows = [
        {
            "Method": named(*method),
            "Reached": "no" if episode.reached() is None else f"at step {episode.reached()}",
            "Closest (radii)": f"{episode.closest():.2f}",
            "Planning time (s)": f"{episode.seconds:.2f}",
            "Loss as imagined": f"{lane['plans'][-1]['loss'][-1]:.3f}",
            "True loss": f"{lane['plans'][-1]['trueLoss'][-1]:.3f}",
            "Largest model error": f"{episode.error.max():.2g}",
        }
        for method, episode, lane in zip(choice.methods, episodes, lanes, strict=True)
    ]
    st.table(pd.DataFrame(rows).set_index("Method"))


def show_strips(choice: Choice, episodes: Sequence[Episode]) -> None:
    """Film strips of the first method, or of all where no player shows the others."""
    strips = [
        (named(planner, model), episode, model)
        for (planner, model), episode in zip(choice.methods, episodes, strict=True)
    ]
    widgets.film_strips(choice.case.task, strips)


def show_commands(choice: Choice) -> None:
    if choice.case.moved:
        st.caption("Start or goal were moved by hand; the address of this page holds all of it, so share that.")
        return
    lines = [choice.command(*method) for method in choice.methods if not method[1].startswith("file.")]
    if lines:
        st.caption("The same plans on the command line. In a table, among others, they may differ by rounding:")
        widgets.command("\n".join(lines))


def page() -> None:
    choice = chosen()
    slot = st.empty()
    slot.skeleton(height=560)
    try:
        plans = [(choice.case, m, p, choice.mode, cached.stamp(choice.case.task, m)) for p, m in choice.methods]
        lanes = [cached.lane(*plan) for plan in plans]
        episodes = [cached.episode(*plan) for plan in plans]
    except LabError as error:
        slot.empty()
        widgets.offer_other_model(choice.case.task, error)
        return
    with slot.container():
        show_race(choice, lanes)
    steered = card_of(choice.case.task).scene.bodies
    st.caption(HINT.format(click=", click on a scene to move the goal" if steered else ""))
    prose(INTRO)
    widgets.verdict(episodes[0], named(*choice.methods[0]))
    st.markdown(sentences.race([named(*method) for method in choice.methods], episodes))
    show_table(choice, episodes, lanes)
    show_strips(choice, episodes)
    show_commands(choice)


page()
