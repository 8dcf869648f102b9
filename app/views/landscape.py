"""Loss landscape: the planning loss on a plane through the space of plans, for several models side by side."""

from collections.abc import Sequence
from dataclasses import astuple, dataclass

import cached
import numpy as np
import pandas as pd
import player
import progress
import sentences
import streamlit as st
import torch
import widgets
from glossary import prose
from state import Case, options, touched
from torch import Tensor
from turns import heavy

from lab.benchmarks import card_of
from lab.data import sample_problems
from lab.errors import LabError
from lab.evaluation.episode import Episode, run_episode, unfold
from lab.evaluation.plane import (
    Curvature,
    Plane,
    curvature,
    curved_plane,
    first_guess,
    plane_through,
    principal_plane,
    random_plane,
    reach,
)
from lab.evaluation.slices import Slice, landscape
from lab.evaluation.success import goal_distance
from lab.models import WorldModel
from lab.models.protocols import see
from lab.planning import PAPER_PLANNERS, Constant, GoalDistance
from lab.plots.palette import LABELS, MODEL_COLOURS
from lab.plots.player import lane
from lab.plots.relief import Panel, relief_data

INTRO = (
    "Each point above is a whole plan: a sequence of actions. Its height is the [[planning loss]]: how far from the "
    "goal the [[world model]] imagines that plan will end. [[gradient-based planning|GD and Adam]] walk downhill here; "
    "[[CEM]] jumps. A smooth, broad valley is easy to descend; whether its floor is the real goal is another "
    "question: click a point and see."
)
POINTS = (13, 25, 49)  #: grid points a side, by stage
BESIDE = ("base", "online", "adversarial")
PLANNERS = PAPER_PLANNERS  #: those whose paths are drawn
FAR = 12.0  #: radius of random and curvature slices, in standardised actions
DIRECTIONS = {
    "plans": "Three plans",
    "paths": "Principal components",
    "curvature": "Gradient and curvature",
    "random": "Random",
}
ABOUT = {
    "plans": "through the centre, the random plan at which GD and Adam start, and the plan of average actions at "
    "which CEM starts (if the centre is that random plan: through CEM's own plan instead)",
    "paths": "along the two directions in which the paths of GD, Adam and CEM on the {model} model vary most",
    "curvature": "uphill along the {model} model's gradient (u), and along the sharpest curvature of its loss (v), "
    "both at the centre",
    "random": "along two random directions, as in the paper's Figure 2",
}
CENTRES = {"cem": "CEM's plan", "adam": "Adam's plan", "start": "Random start", "expert": "Data's actions"}


@dataclass(frozen=True)
class Choice:
    """All choices that determine the plane."""

    case: Case
    model: str
    centre: str
    directions: str
    seed: int
    stamp: str


def chosen() -> tuple[Choice, list[str], float]:
    """The controls: the case, and behind a button the plane, the models side by side, and the zoom."""
    with widgets.row():
        case = widgets.case_controls()
        with widgets.more("Slice and models"):
            names = options("model")
            models = widgets.several("beside", "Side by side", names, BESIDE, most=4, help="One scale, one camera.")
            model = widgets.picker("model", "Plane made with", help="The model whose plans, gradient or paths span it.")
            expert = case.goals == "dataset" and not case.moved
            centres = tuple(name for name in CENTRES if name != "expert" or expert)
            centre = widgets.picker("centre", "Centre", centres, labels=CENTRES, help="The plan at u = v = 0.")
            directions = widgets.picker("directions", "Directions", tuple(DIRECTIONS), labels=DIRECTIONS)
            seed = widgets.number("slice_seed", "Seed", 0, 999, 0) if directions == "random" else 0
            zoom = widgets.slider("zoom", "Width of the slice", 0.1, 3.0, 1.0, step=0.1, format="%.1f ×", width=300)
    choice = Choice(case, model, centre, directions, seed, cached.stamp(case.task, model))
    return choice, [name for name in names if name in models], zoom


@st.cache_data(max_entries=4, show_spinner=False)
def experts(task: str) -> np.ndarray:
    """The expert's actions for all near problems."""
    return sample_problems(task, "dataset", cached.PROBLEMS).expert


def planned(case: Case, model: str, planner: str, stamp: str) -> Tensor:
    """The plans (M, H, A) that a planner passes through."""
    return torch.as_tensor(cached.episode(case, model, planner, "open", stamp).attempts[0].blocks)


def objective(case: Case, model: WorldModel) -> tuple[Tensor, GoalDistance]:
    """The latent of the start, and the planning loss that a plan minimises."""
    problem, settings = cached.problem(case), card_of(case.task).settings
    start = see(model, problem.environment, problem.starts)
    return start, goal_distance(model, problem, settings.proprio, settings.decay)


@heavy(64)
def centre_of(choice: Choice) -> Tensor:
    """The plan (H, A) at the centre of the plane."""
    case, model = choice.case, cached.world_model(choice.case.task, choice.model, choice.stamp)
    if choice.centre == "expert":
        return model.normalise_actions(experts(case.task)[case.problem])
    if choice.centre == "start":
        return start_of(case, planned(case, choice.model, "cem", choice.stamp)[-1])
    return planned(case, choice.model, choice.centre, choice.stamp)[-1]


def start_of(case: Case, like: Tensor) -> Tensor:
    """The plan from which GD and Adam start, in the shape of ``like``; all models have the same one."""
    return first_guess(card_of(case.task).settings.planner("adam"), case.problem, tuple(like.shape))


@heavy(64)
def bent(choice: Choice, model: str, stamp: str) -> Curvature:
    """Gradient and curvature of a model's loss at the centre."""
    through = cached.world_model(choice.case.task, model, stamp)
    return curvature(through, *objective(choice.case, through), centre_of(choice))


@heavy(64)
def plane_of(choice: Choice) -> tuple[Plane, float]:
    """The plane, and the radius of the slice of it."""
    case, centre = choice.case, centre_of(choice)
    start, nothing = start_of(case, centre), torch.zeros_like(centre)
    if choice.directions == "plans":
        other = planned(case, choice.model, "cem", choice.stamp)[-1] if choice.centre == "start" else start
        plane = plane_through(centre, other, nothing)
        return plane, reach(plane, torch.stack([other, nothing]), 4.0)
    if choice.directions == "paths":
        path = torch.cat([planned(case, choice.model, planner, choice.stamp) for planner in PLANNERS])
        plane = principal_plane(centre, path)
        return plane, reach(plane, path, 4.0)
    if choice.directions == "curvature":
        return curved_plane(centre, bent(choice, choice.model, choice.stamp)), FAR
    return random_plane(centre, choice.seed), FAR


@heavy(128)
def slice_of(choice: Choice, model: str, stamp: str, zoom: float, points: int) -> Slice:
    """The model's loss on the plane."""
    through = cached.world_model(choice.case.task, model, stamp)
    plane, radius = plane_of(choice)
    spanned = plane.centre[None], plane.first[None], plane.second[None]
    return landscape(through, *objective(choice.case, through), *spanned, radius=zoom * radius, points=points)


@heavy(64)
def executed(choice: Choice, model: str, stamp: str, u: float, v: float) -> tuple[Episode, dict]:
    """The episode of the plan at (u, v), and its lane for the player."""
    case, settings = choice.case, card_of(choice.case.task).settings
    through, plan = cached.world_model(case.task, model, stamp), plane_of(choice)[0].at(u, v)
    weights = {"proprio": settings.proprio, "decay": settings.decay}
    episode = run_episode(through, Constant(plan), cached.problem(case), **weights)
    return episode, lane(
        through, episode, [unfold(through, episode, **weights)], cached.usual_error(case.task, model, stamp)
    )


def show_relief(choice: Choice, models: Sequence[str], stamps: dict, zoom: float, now: int) -> list[Slice]:
    """Show surfaces and maps in the detail of the stage ``now``. Returns the slices, by model."""
    plane, _ = plane_of(choice)
    cuts = [slice_of(choice, model, stamps[model], zoom, POINTS[min(now, len(POINTS) - 1)]) for model in models]
    known = models[: max(0, now - len(POINTS) + 1)]
    panels = [
        Panel(model, slice_, paths_of(choice.case, model, stamps[model]) if model in known else {})
        for model, slice_ in zip(models, cuts, strict=True)
    ]
    start = plane.project(start_of(choice.case, plane.centre))
    marks = {CENTRES[choice.centre]: (0.0, 0.0)}
    if choice.centre != "start" and choice.directions in ("plans", "paths"):
        marks[CENTRES["start"]] = tuple(start)
    label = (
        f"Loss landscapes of {len(models)} models. Space plays the paths; with a surface in focus the arrow keys turn "
        "all surfaces; Tab leads to the fields u and v, which execute a plan"
    )
    data = relief_data(plane, panels, marks)
    pick = st.session_state.get("u", 0.0), st.session_state.get("v", 0.0)
    player.survey("relief", data, pick, label, len(known) == len(models), picked)
    return cuts


def paths_of(case: Case, model: str, stamp: str) -> dict:
    """The attempt of each planner on a model, by planner."""
    return {name: cached.episode(case, model, name, "open", stamp).attempts[0] for name in PLANNERS}


def picked() -> None:
    """Choose the clicked point; for callbacks."""
    point = st.session_state["relief"].pick
    if point:
        st.session_state["u"], st.session_state["v"] = round(float(point["u"]), 2), round(float(point["v"]), 2)
    touched()


def show_slice(choice: Choice, models: Sequence[str], cuts: Sequence[Slice], stamps: dict) -> None:
    """Say which slice the pictures show, and tabulate its measures by model."""
    size = plane_of(choice)[0].centre.numel()
    st.info(
        f"**This is a slice**: 2 of {size} directions, {ABOUT[choice.directions].format(model=LABELS[choice.model])}. "
        "The planners' paths leave it; they are drawn where they are nearest to it, and beside each stands how much of "
        "its variance the slice shows. Their real loss may be far from the surface's.",
        icon=":material/layers:",
    )
    st.markdown(sentences.landscape(models, cuts))
    rows = []
    for model, slice_ in zip(models, cuts, strict=True):
        bend = bent(choice, model, stamps[model])
        rows.append(
            {
                "Model": LABELS[model],
                "Roughness": f"{slice_.roughness()[0]:.3f}",
                "Basin": f"{slice_.basin()[0]:.0%}",
                "Lowest point from the centre": f"{slice_.distance()[0]:.2g}",
                "Lowest loss in the slice": f"{slice_.loss.min():.3g}",
                "Slope at the centre": f"{float(bend.gradient.norm()):.3g}",
                "Sharpest curvature there": f"{float(bend.values[bend.sharpest]):.3g}",
            }
        )
    st.table(pd.DataFrame(rows).set_index("Model"))
    st.caption(
        "Roughness: mean size of the discrete Laplacian over the loss's standard deviation, lower is smoother; it "
        "depends on the grid and the width, so compare models, not slices. Basin: share of the slice from which "
        "steepest descent ends in its lowest point. Slope and curvature are of the whole space: the norm of the "
        "gradient and the Hessian's largest eigenvalue in size. One problem proves nothing: the figures over many "
        "are under Results, Figure 2."
    )


def show_pick(choice: Choice, models: Sequence[str], stamps: dict) -> None:
    """The plan at u, v in each model's imagination and in the simulator."""
    st.subheader("The plan at a point, imagined and executed")
    with widgets.row():
        u = widgets.number("u", "u", -200.0, 200.0, 0.0, step=0.5, format="%.2f")
        v = widgets.number("v", "v", -200.0, 200.0, 0.0, step=0.5, format="%.2f")
        st.caption(
            "Click on a map above, or type: where the ring is. Solid is what really happens, the same for "
            "all; dotted is what each model imagines."
        )
    shown = [executed(choice, model, stamps[model], u, v) for model in models]
    lanes = [
        player_lane
        | {
            "title": f"As {LABELS[model]} imagines it",
            "colour": MODEL_COLOURS[model],
            "show": "go",
            "text": ends(episode, player_lane),
        }
        for model, (episode, player_lane) in zip(models, shown, strict=True)
    ]
    about = f"The plan at u {u:g}, v {v:g} on {len(models)} models"
    widgets.play("pick", choice.case, lanes, about, charts=False)
    strips = [
        (f"Imagined by {LABELS[model]}", episode, model) for model, (episode, _) in zip(models, shown, strict=True)
    ]
    widgets.film_strips(choice.case.task, strips)


def ends(episode: Episode, player_lane: dict) -> str:
    """The imagined and the true end of the plan in words."""
    plan = player_lane["plans"][0]
    text = f"Imagined loss {plan['loss'][0]:.3g}, true loss {plan['trueLoss'][0]:.3g}."
    if episode.imagined_distance is not None:
        text += f" Imagined to end {episode.imagined_distance[-1]:.2f} success radii from the goal"
        return f"{text}, really {episode.distance['full'][-1]:.2f}."
    return f"{text} Really ends {episode.distance['full'][-1]:.2f} success radii from the goal."


def compute(choice: Choice, models: Sequence[str], stamps: dict, zoom: float, stage: int) -> None:
    """Compute what the next stage adds, so that it is cached."""
    if stage < len(POINTS):
        for model in models:
            slice_of(choice, model, stamps[model], zoom, POINTS[stage])
    else:
        paths_of(choice.case, (model := models[stage - len(POINTS)]), stamps[model])


def page() -> None:
    try:
        choice, models, zoom = chosen()
        stamps = {model: cached.stamp(choice.case.task, model) for model in models}
    except LabError as error:
        widgets.offer_other_model(st.session_state["task"], error)
        return
    if not models:
        st.info("Choose at least one model to see its landscape.", icon=":material/landscape:")
        return
    key = astuple(choice), tuple(models), zoom  # plain values, because each run of the page defines its classes anew
    now, last = progress.stage("landscape", key), len(POINTS) + len(models) - 1
    slot = st.empty()
    slot.skeleton(height=760)
    plane_of(choice)
    with slot.container():
        cuts = show_relief(choice, models, stamps, zoom, now)
    prose(INTRO)
    show_slice(choice, models, cuts, stamps)
    show_pick(choice, models, stamps)
    if now < last:
        compute(choice, models, stamps, zoom, now + 1)
        progress.go_on("landscape", key, now + 1)


page()
