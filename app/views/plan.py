"""Live planning: one problem, a plan made at once, and what becomes of it in imagination and in the simulator."""

from dataclasses import dataclass

import cached
import streamlit as st
import widgets
from state import PROBLEMS, Case, move

from lab.errors import LabError
from lab.evaluation.episode import Episode, Unfolded
from lab.plots.planning import SCENES, distance_figure, plan_figure
from lab.plots.style import LABELS
from lab.tasks import make_task

INTRO = (
    "Gradient-based planning asks a **world model** what a sequence of actions would lead to, and changes the actions, "
    "iteration by iteration, until the *imagined* end lies close to the goal. Then the plan is executed for real: "
    "where the two paths part, the planner has been fooled by its model."
)
HINT = (
    "Press Play below the scene to watch the plan improve; then switch the world model to Adversarial. The page opens "
    "on a problem picked because the models differ on it; the rates over all problems are under Results."
)


@dataclass(frozen=True)
class Choice:
    """Everything that decides what this page shows."""

    case: Case
    model: str
    planner: str
    mode: str

    @property
    def plan(self) -> tuple[Case, str, str, str]:
        """The arguments of the cached functions."""
        return self.case, self.model, self.planner, self.mode

    def command(self) -> str:
        """The one line that plans this problem, among all of its kind, outside of the app."""
        mpc = " --mpc" if self.mode == "mpc" else ""
        return (
            f"python -m lab plan --task {self.case.task} --model {self.model} --planner {self.planner} "
            f"--goals {self.case.goals}{mpc} --problems {PROBLEMS}"
        )


def chosen() -> Choice:
    """The controls in a row."""
    with widgets.row():
        case = widgets.case_controls()
        model = widgets.picker("model", "World model")
        planner = widgets.picker("planner", "Planner")
        mode = widgets.picker("mode", "Plan")
    return Choice(case, model, planner, mode)


def clicked() -> None:
    """Move the start or the goal to where the scene was clicked."""
    points = st.session_state["scene"].selection.points
    if points:
        task = make_task(st.session_state["task"])
        _, x, y = SCENES[task.name].bodies[0]
        values = {task.state_fields[x]: points[0]["x"], task.state_fields[y]: points[0]["y"]}
        move(task.name, st.session_state["click"], values)


def shown_attempt(episode: Episode) -> int:
    """Which of the plans to show in the making: there are several under MPC."""
    plans = len(episode.attempts)
    if plans == 1:
        return 0
    return widgets.slider("replan", "Replan shown below", 1, plans, 1) - 1


def show_plan(choice: Choice, episode: Episode, unfolded: Unfolded, attempt: int) -> None:
    """The animated scene and the loss."""
    figure = plan_figure(episode, unfolded, attempt, choice.model)
    task = LABELS[choice.case.task]
    alt = (
        f"{task} scene with start, goal and the paths of the plan, and below it the loss over iterations: imagined "
        f"{unfolded.loss[-1]:.3g}, true {unfolded.true_loss[-1]:.3g} at the end."
    )
    st.plotly_chart(
        figure, key="scene", on_select=clicked, selection_mode="points", config={"displayModeBar": False}, alt=alt
    )
    widgets.picker("click", f"A click on the scene moves the {SCENES[choice.case.task].bodies[0][0]}'s")


def show_outcome(choice: Choice, episode: Episode, unfolded: Unfolded) -> None:
    """Verdict, time taken, losses, film strip."""
    widgets.verdict(episode)
    with st.container(horizontal=True):
        st.metric("Planning time", f"{episode.seconds:.2f} s")
        st.metric("Loss as imagined", f"{unfolded.loss[-1]:.3f}", help="What the planner made as small as it could.")
        st.metric("True loss", f"{unfolded.true_loss[-1]:.3f}", help="The same loss of what really happens.")
    st.markdown("**What the model imagined, and what really happened**")
    widgets.film_strip(episode, choice.model)


def show_distance(choice: Choice, episode: Episode) -> None:
    """How the distance to the goal went on the way."""
    st.markdown("**Distance to the goal** (in success radii; inside the green band is success)")
    alt = f"Distance to the goal over {len(episode.states) - 1} steps; at best {episode.closest():.2f} success radii."
    st.plotly_chart(distance_figure(episode, choice.model), key="distance", config={"displayModeBar": False}, alt=alt)


def show_command(choice: Choice) -> None:
    if choice.case.moved:
        st.caption("Start or goal were moved by hand; the address of this page holds all of it, so share that.")
        return
    st.caption(f"The same plan on the command line, as problem {choice.case.problem} of all:")
    widgets.command(choice.command())


st.markdown(INTRO)
st.caption(HINT)
choice = chosen()
try:
    stamp = cached.stamp(choice.case.task, choice.model)
    episode = cached.episode(*choice.plan, stamp)
except LabError as error:
    widgets.offer_other_model(choice.case.task, error)
else:
    left, right = st.columns([6, 7], gap="large")
    with left:
        attempt = shown_attempt(episode)
    unfolded = cached.unfolded(*choice.plan, attempt, stamp)
    with right:  # first, because the film strip is there at once, while the browser still loads Plotly
        show_outcome(choice, episode, unfolded)
    with left:
        show_plan(choice, episode, unfolded, attempt)
    with right:
        show_distance(choice, episode)
    show_command(choice)
