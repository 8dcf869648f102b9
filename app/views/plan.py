"""Live planning: one problem, a plan made at once, and what becomes of it in imagination and in the simulator."""

import cached
import streamlit as st
import widgets
from state import Choice, forget_moves, movable

from lab.errors import LabError
from lab.evaluation.episode import Episode, Unfolded
from lab.models import MODELS
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


def chosen() -> Choice:
    """The controls in a row."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        task = widgets.picker("task", "Task", moves=True)
        model = widgets.picker("model", "World model")
        planner = widgets.picker("planner", "Planner")
        goals = widgets.picker("goals", "Goals", moves=True)
        mode = widgets.picker("mode", "Plan")
        problem = widgets.problem_picker()
        mover = st.popover("Move start and goal", icon=":material/open_with:")
    starts, ends = cached.problem_arrays(task, goals)
    with mover:
        st.caption("Empty fields mean: as the problem has it. You can also click on the scene.")
        st.markdown("**Start**")
        start = widgets.moved_fields("start", task, starts[problem])
        st.markdown("**Goal**")
        goal = widgets.moved_fields("goal", task, ends[problem])
        st.button("Put both back", on_click=forget_moves, disabled=not (start or goal))
    return Choice(task, model, planner, goals, problem, mode, start, goal)


def clicked() -> None:
    """Move the start or the goal to where the scene was clicked."""
    points = st.session_state["scene"].selection.points
    if points:
        task = make_task(st.session_state["task"])
        _, x, y = SCENES[task.name].bodies[0]
        fields = movable(task)
        for i, value in ((x, points[0]["x"]), (y, points[0]["y"])):
            field = task.state_fields[i]
            low, high = fields[field]
            st.session_state[f"{st.session_state['click']}_{field}"] = round(min(max(float(value), low), high), 2)


def shown_attempt(episode: Episode) -> int:
    """Which of the plans to show in the making: there are several under MPC."""
    plans = len(episode.attempts)
    if plans == 1:
        return 0
    return st.slider("Replan shown below", 1, plans, 1, key="replan", bind="query-params") - 1


def show_plan(choice: Choice, episode: Episode, unfolded: Unfolded, attempt: int) -> None:
    """The animated scene and the loss."""
    figure = plan_figure(episode, unfolded, attempt, choice.model)
    task = LABELS[choice.task]
    alt = (
        f"{task} scene with start, goal and the paths of the plan, and below it the loss over iterations: imagined "
        f"{unfolded.loss[-1]:.3g}, true {unfolded.true_loss[-1]:.3g} at the end."
    )
    st.plotly_chart(
        figure, key="scene", on_select=clicked, selection_mode="points", config={"displayModeBar": False}, alt=alt
    )
    widgets.picker("click", f"A click on the scene moves the {SCENES[choice.task].bodies[0][0]}'s")


def show_outcome(choice: Choice, episode: Episode, unfolded: Unfolded) -> None:
    """Verdict, time taken, losses, film strip."""
    widgets.verdict(episode, choice)
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
    if choice.moved:
        st.caption("Start or goal were moved by hand; the address of this page holds all of it, so share that.")
        return
    st.caption(f"The same plan on the command line, as problem {choice.problem} of all:")
    st.code(choice.command(), language="bash", wrap_lines=True)


def offer_other_model(choice: Choice, error: LabError) -> None:
    """Say what is missing, and lead on to a model that is there."""
    st.error(str(error), icon=":material/search_off:")
    for model in MODELS:
        try:
            cached.stamp(choice.task, model)
        except LabError:
            continue
        st.button(f"Use the {model} model", on_click=st.session_state.update, args=({"model": model},))
        return
    st.info(f"There is no world model of {LABELS[choice.task]} yet. Choose another task, or train one as said above.")


st.markdown(INTRO)
st.caption(HINT)
choice = chosen()
try:
    stamp = cached.stamp(choice.task, choice.model)
    episode = cached.episode(choice, stamp)
except LabError as error:
    offer_other_model(choice, error)
else:
    left, right = st.columns([6, 7], gap="large")
    with left:
        attempt = shown_attempt(episode)
    unfolded = cached.unfolded(choice, attempt, stamp)
    with right:  # first, because the film strip is there at once, while the browser still loads Plotly
        show_outcome(choice, episode, unfolded)
    with left:
        show_plan(choice, episode, unfolded, attempt)
    with right:
        show_distance(choice, episode)
    show_command(choice)
