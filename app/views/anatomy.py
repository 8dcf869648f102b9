"""Why plans fail: what the model predicts of plans from several starts, what is true, and what became of them."""

from dataclasses import replace

import cached
import numpy as np
import progress
import streamlit as st
import widgets
from glossary import prose
from state import touched
from turns import heavy

from lab import variables
from lab.benchmarks import card_of
from lab.data import sample_problems
from lab.errors import LabError
from lab.evaluation.anatomy import CAUSES, KINDS, Attempts, attempts, judged, known_plans
from lab.evaluation.statistics import wilson
from lab.files import MODELS
from lab.plots.anatomy import losses_figure, shares_figure
from lab.plots.palette import LABELS, MODEL_COLOURS
from lab.studies.common.config import Config
from lab.studies.power import study as power
from lab.tasks import make_task
from lab.tasks.differentiable import differentiable

GOALS = "dataset"  #: the loss at the success boundary needs an expert
PROBLEMS, STARTS = 10, 8
INTRO = (
    "A plan that misses its goal is “stuck” if the model itself predicts a miss: the search found nothing better. It "
    "is “deceived” if the model predicts success and is wrong. It fails by its “metric” if even the true outcome looks "
    "like success to the [[planning loss]]."
)
CAUSES_INTRO = (
    "A missed problem is decided by a plan that is known to be good. The cause is the “search” if the model itself "
    "prefers the good plan, which was not found; the “cost” if even the true planning loss ranks a bad plan first; the "
    "“model” if only what the [[world model]] imagines does. It is “unknown” if no plan reaches the goal, that one "
    "neither."
)


@heavy(12, "Measuring the loss at the success boundary …")
def boundary_of(task: str, stamp: str) -> float:
    """The loss at the task's success boundary, for the encoder that all its models share."""
    return power.boundary_of(Config(task, family=variables.family()), seed=0)


@heavy(32)
def attempted(task: str, model: str, stamp: str) -> Attempts:
    """Adam's plans from `STARTS` single random starts for the first `PROBLEMS` near problems."""
    settings = card_of(task).settings
    planner = replace(settings.planner("restarts"), restarts=1, candidates=1)
    problems, through = sample_problems(task, GOALS, cached.PROBLEMS)[:PROBLEMS], cached.world_model(task, model, stamp)
    return attempts(through, planner, problems, STARTS, proprio=settings.proprio)[planner.iterations]


@heavy(12, "Planning with the exact simulator as the model …")
def good_plans(task: str) -> np.ndarray:
    """Actions (n, T, a) that are known to be good for the same problems."""
    problems = sample_problems(task, GOALS, cached.PROBLEMS)[:PROBLEMS]
    return known_plans(card_of(task).settings.planner("restarts"), problems)


@heavy(32)
def known(task: str, model: str, stamp: str) -> Attempts:
    """What the model makes of the plans that are known to be good."""
    problems, through = sample_problems(task, GOALS, cached.PROBLEMS)[:PROBLEMS], cached.world_model(task, model, stamp)
    return judged(through, problems, good_plans(task), proprio=card_of(task).settings.proprio)


def shares(found: Attempts, boundary: float) -> dict[str, float]:
    """Of the chosen plans, the share of each kind."""
    chosen = found.chosen(found.kinds(boundary))
    return {kind: float((chosen == kind).mean()) for kind in KINDS}


def show_causes(planned: dict[str, Attempts], task: str, stamps: dict[str, str]) -> None:
    st.markdown("**Why problems were missed**")
    causes = {model: found.causes(known(task, model, stamps[model])) for model, found in planned.items()}
    parts = {model: {cause: float((each == cause).mean()) for cause in CAUSES} for model, each in causes.items()}
    missed = "; ".join(
        f"{LABELS[model]}: " + ", ".join(f"{cause} {part[cause]:.0%}" for cause in CAUSES[1:])
        for model, part in parts.items()
    )
    st.plotly_chart(shares_figure(parts, "cause"), key="causes", config={"displaylogo": False}, alt=missed)
    exact = "Adam’s, with the exact simulator as its model" if differentiable(make_task(task)) else "the expert’s"
    st.caption(f"The plans that are known to be good are {exact}.")


def sentence(model: str, found: Attempts, boundary: float) -> str:
    """What became of the plans on one model."""
    share, choice = shares(found, boundary), found.choice()
    failed = {kind: value for kind, value in share.items() if kind != "ok" and value}
    rate = wilson(round(share["ok"] * PROBLEMS), PROBLEMS)
    most = f" The most common failure: **{max(failed, key=failed.__getitem__)}**." if failed else ""
    return (
        f"On **{LABELS[model]}** the chosen plans reach {share['ok']:.0%} of {PROBLEMS} goals "
        f"[{rate.low:.0%}, {rate.high:.0%}]; some start reaches {choice['any'].mean():.0%}, and the start with the "
        f"least true loss {choice['best'].mean():.0%}. Rank correlation of predicted and true loss: "
        f"{choice['correlation'].mean():+.2f}.{most}"
    )


def show_losses(found: Attempts, boundary: float, model: str, problem: int) -> None:
    st.markdown(
        f"**Every plan on {LABELS[model]}**: on the diagonal the model is right; click a dot to see its problem"
    )
    alt = (
        f"True over predicted loss of {found.success.size} plans on the {LABELS[model]} model; boundary {boundary:.2g}."
    )
    st.plotly_chart(
        losses_figure(found, boundary, problem),
        key="losses",
        config={"displaylogo": False},
        alt=alt,
        on_select=picked,
        selection_mode="points",
    )


def show_kinds(planned: dict[str, Attempts], boundary: float, waiting: list[str]) -> None:
    st.markdown("**What became of the chosen plans**")
    parts = {model: shares(found, boundary) for model, found in planned.items()}
    alt = "; ".join(f"{LABELS[model]}: {share['ok']:.0%} reach the goal" for model, share in parts.items())
    st.plotly_chart(shares_figure(parts), key="kinds", config={"displaylogo": False}, alt=alt)
    st.caption(f"Planning on {', '.join(LABELS[model] for model in waiting)} …" if waiting else "")


def picked() -> None:
    """Choose the problem of the clicked dot; for callbacks."""
    points = [point for point in st.session_state["losses"].selection.points if point.get("customdata")]
    if points:
        st.session_state["problem"] = int(points[0]["customdata"][0])
    touched()


def show_plan(case: cached.Case, model: str, stamp: str) -> None:
    """The plan that is chosen for the problem, imagined and true."""
    st.subheader("One chosen plan, imagined and true")
    lane = cached.lane(case, model, "restarts", "open", stamp)
    about = f"Problem {case.problem}: what the {LABELS[model]} model imagines and what happens"
    look = {"title": LABELS["restarts"], "colour": MODEL_COLOURS[model], "show": "go", "text": about}
    widgets.play("picked", case, [lane | look], about, charts=False)
    strip = cached.episode(case, model, "restarts", "open", stamp)
    widgets.film_strips(case.task, [(LABELS["restarts"], strip, model)])


def page() -> None:
    with widgets.row():
        task = widgets.task_picker()
        model = widgets.picker("model", "World model")
        problem = widgets.number("problem", "Problem", 0, cached.PROBLEMS - 1, card_of(task).problem)
    try:
        order = [model, *(name for name in MODELS if name != model)]
        stamps = {name: cached.stamp(task, name) for name in order}
        if not cached.shares_encoder(task, model):
            raise LabError(
                f"{LABELS[model]} has an encoder of its own: its losses cannot be compared with the others'."
            )
    except LabError as error:
        widgets.offer_other_model(task, error)
        return
    boundary, key = boundary_of(task, stamps["base"]), (task, model, tuple(stamps.values()))
    now = 1 + progress.stage("anatomy", key)
    planned = {name: attempted(task, name, stamps[name]) for name in order[:now]}
    left, right = st.columns([3, 2], gap="large")
    with left:
        show_losses(planned[model], boundary, model, problem)
        show_causes(planned, task, stamps)
    with right:
        show_kinds(planned, boundary, order[now:])
        st.markdown(sentence(model, planned[model], boundary))
        st.caption(
            f"The first {PROBLEMS} near test problems, {STARTS} starts each, open loop. Full dots: the start "
            "with the least predicted loss, which is chosen. Dashed: the loss at the success boundary."
        )
        prose(INTRO)
        prose(CAUSES_INTRO)
    show_plan(cached.Case(task, GOALS, problem), model, stamps[model])
    if now < len(order):
        attempted(task, order[now], stamps[order[now]])
        progress.go_on("anatomy", key, now)


page()
