"""Train-test gap: model errors along the data and along the models' own plans, and where they arise."""

from collections.abc import Mapping, Sequence

import cached
import numpy as np
import pandas as pd
import progress
import sentences
import streamlit as st
import widgets
from glossary import prose
from state import Case, touched
from turns import heavy

from lab.benchmarks import card_of
from lab.data import sample_problems
from lab.errors import LabError
from lab.evaluation.episode import Episode, run_episode, unfold
from lab.evaluation.gap import Gap, expert_error, planned_error
from lab.evaluation.statistics import bootstrap_mean, wilson
from lab.evaluation.success import evaluate
from lab.files import MODELS
from lab.planning import Constant
from lab.plots.gap import Plans, map_figure, spread_figure, steps_figure
from lab.plots.palette import LABELS, MODEL_COLOURS, label, shown_models
from lab.plots.player import empty_scene, lane
from lab.tasks import make_task

INTRO = (
    "A [[world model]] is trained along the data, but asked about plans. Planning looks for actions that the model "
    "likes, and may find those that it is wrong about. The [[model error]] along plans minus that along an expert's "
    "actions is the [[train-test gap]]; the [[Online]] and [[Adversarial]] models are to close it, and the [[Control]] "
    "shows what more of the same training would do. A gap also falls where the error along the expert's actions rises."
)
MANY = ("10", "25", "50")


def chosen() -> tuple[Case, str, str, int]:
    """The controls: the case, and behind a button the model on the map, the planner, the number of problems."""
    with widgets.row():
        case = widgets.case_controls()
        with widgets.more("Planner and model"):
            planner = widgets.picker("planner", "Planner")
            model = widgets.picker("model", "World model on the map")
            many = widgets.picker(
                "many",
                "Test problems",
                MANY,
                default="10",
                labels={},
                help="The first so many of the protocol's. More take longer, and say more.",
            )
    return case, model, planner, int(many)


@heavy(32)
def along_experts(task: str, model: str, many: int, stamp: str) -> np.ndarray:
    """The model's errors (many, H) along the expert's actions on the near problems."""
    problems = sample_problems(task, "dataset", cached.PROBLEMS)[:many]
    return expert_error(cached.world_model(task, model, stamp), problems)


@heavy(32)
def along_plans(task: str, goals: str, model: str, planner: str, many: int, stamp: str) -> Plans:
    """The states, model errors and successes of the plans on the first ``many`` problems."""
    through, settings = cached.world_model(task, model, stamp), card_of(task).settings
    problems = sample_problems(task, goals, cached.PROBLEMS)[:many]
    outcome = evaluate(
        through, cached.planner_of(planner, "open", through), problems, proprio=settings.proprio, decay=settings.decay
    )
    return Plans(outcome.states, planned_error(through, outcome), outcome.success["full"])


@heavy(32)
def along_expert(case: Case, model: str, stamp: str) -> tuple[dict, Episode]:
    """The expert's actions on a near problem: as a lane for the player, and as an episode."""
    through, settings = cached.world_model(case.task, model, stamp), card_of(case.task).settings
    expert = sample_problems(case.task, "dataset", cached.PROBLEMS).expert[case.problem]
    weights = {"proprio": settings.proprio, "decay": settings.decay}
    episode = run_episode(through, Constant(through.normalise_actions(expert)), cached.problem(case), **weights)
    usual = cached.usual_error(case.task, model, stamp)
    return lane(through, episode, [unfold(through, episode, **weights)], usual), episode


def show_figures(planned: Mapping[str, np.ndarray], expert: Mapping[str, np.ndarray], waiting: Sequence[str]) -> None:
    """Model errors by step and as distributions."""
    left, right = st.columns(2, gap="large")
    ends = ", ".join(f"{LABELS[model]} {error[:, -1].mean():.2g}" for model, error in planned.items())
    with left:
        st.markdown("**Error by imagined step**: solid along plans, dotted along experts")
        alt = f"Mean model error by imagined step. Along plans, after the last: {ends or 'not planned yet'}."
        st.plotly_chart(steps_figure(planned, expert), key="steps", config={"displaylogo": False}, alt=alt)
    with right:
        st.markdown("**Error of each trajectory**, averaged over its steps: hollow along experts, full along plans")
        means = ", ".join(f"{LABELS[model]} {error.mean():.2g}" for model, error in planned.items())
        alt = f"Distributions of model error. Mean along plans: {means or 'not planned yet'}."
        st.plotly_chart(spread_figure(planned, expert), key="spread", config={"displaylogo": False}, alt=alt)
    now = f"Planning on {', '.join(LABELS[model] for model in waiting)} …" if waiting else ""
    st.caption(now or "Bars: 95% bootstrap intervals over problems. Both scales are logarithmic.")


def show_table(planned: Mapping[str, Plans], expert: Mapping[str, np.ndarray], near: bool) -> None:
    """The table of errors, gaps and success rates by model."""
    rows = []
    for model, plans in planned.items():
        ours, theirs = plans.error.mean(1), expert[model].mean(1)
        rate = wilson(int(plans.success.sum()), len(plans.success))
        row = {"Model": LABELS[model], "Along experts": f"{theirs.mean():.3g}", "Along plans": f"{ours.mean():.3g}"}
        if near:
            gap = Gap(plans.error, expert[model]).interval()
            row["Gap"] = f"{gap.value:+.3g} [{gap.low:+.3g}, {gap.high:+.3g}]"
        else:
            interval = bootstrap_mean(ours)
            row["Along plans"] += f" [{interval.low:.3g}, {interval.high:.3g}]"
        row["Reached"] = f"{rate.value:.0%} [{rate.low:.0%}, {rate.high:.0%}]"
        rows.append(row)
    if rows:
        st.table(pd.DataFrame(rows).set_index("Model"))
        n = len(next(iter(planned.values())).success)
        pairs = "" if near else " Far problems have no expert: the experts' errors are those of the near ones."
        st.caption(
            f"n = {n} problems, numbers 0 to {n - 1}; 95% intervals (gaps: bootstrap over pairs, rates: Wilson).{pairs}"
        )


def show_map(case: Case, model: str, planned: Plans | None) -> None:
    """The map of the data and of the plans; a click picks a trajectory."""
    st.subheader("Where the data were, and where planning goes")
    st.caption(
        f"Blue: where the {card_of(case.task).scene.body_name} was in the training data, darker for more often. "
        f"Dots: where the plans on the {LABELS[model]} model really took it, block by block, coloured by the model's "
        "error then. The map shows the place alone, not velocities or actions: a bright dot on blue ground was reached "
        "in an unusual way. "
        "Click a dot, or type its number into Problem above, to see that trajectory."
    )
    data = np.asarray(cached.data_dots(case.task))
    figure = map_figure(case.task, empty_scene(case.task), data, planned, case.problem)
    worst = "" if planned is None else f" The largest error is {planned.error.max():.2g}."
    alt = f"Map of the training data and of the plans on the {LABELS[model]} model.{worst}"
    with st.container(horizontal_alignment="center"):
        st.plotly_chart(
            figure,
            key="map",
            config={"displaylogo": False},
            alt=alt,
            width=640,
            theme=None,
            on_select=picked,
            selection_mode="points",
        )


def picked() -> None:
    """Choose the problem of the clicked dot; for callbacks."""
    points = [point for point in st.session_state["map"].selection.points if point.get("customdata")]
    if points:
        st.session_state["problem"] = int(points[0]["customdata"][0])
    touched()


def show_pictures(case: Case, model: str, planned: Plans | None) -> None:
    """Pictures instead of a map: states of the data, and the planned states with the largest model errors."""
    task, many = make_task(case.task), 8
    st.subheader("What the data show, and where planning goes")
    st.caption(
        f"The state of {label(case.task)} names no place, so there is no map. Above: states of the data policy. Below: "
        f"states that plans on the {LABELS[model]} model really reached, by problem, with its largest errors first. "
        "Type a problem's number into Problem above to see that trajectory."
    )
    states = cached.held_out(case.task)[0].reshape(-1, len(task.state_fields))
    data = states[:: len(states) // many][:many]
    widgets.pictures(task.render(data, 128), map(str, range(1, many + 1)), "States of the data policy")
    if planned is not None:
        problems = np.argsort(-planned.error.max(1))[:many]
        worst = planned.error[problems].argmax(1)
        errors = planned.error[problems, worst]
        captions = [f"{problem}: {error:.2g}" for problem, error in zip(problems, errors, strict=True)]
        widgets.pictures(
            task.render(planned.states[problems, worst + 1], 128), captions, "States that plans reached, problem: error"
        )


def show_pick(case: Case, model: str, planner: str, stamp: str) -> None:
    """The picked trajectory, imagined and true, beside the expert's."""
    lanes = [
        cached.lane(case, model, planner, "open", stamp)
        | {
            "title": f"{LABELS[planner]}'s plan",
            "colour": MODEL_COLOURS[model],
            "show": "go",
            "text": f"Problem {case.problem}, planned on the {LABELS[model]} model.",
        }
    ]
    strips = [(lanes[0]["title"], cached.episode(case, model, planner, "open", stamp), model)]
    if case.goals == "dataset" and not case.moved:
        expert, episode = along_expert(case, model, stamp)
        lanes.append(
            expert
            | {
                "title": "The expert's actions",
                "colour": "#555555",
                "show": "go",
                "text": f"What the data did, as the {LABELS[model]} model imagines it.",
            }
        )
        strips.append((lanes[1]["title"], episode, model))
    st.subheader("One trajectory, imagined and true")
    about = f"Problem {case.problem}: what the model imagines and what happens"
    widgets.play("pick", case, lanes, about, charts=False)
    widgets.film_strips(case.task, strips)


def page() -> None:
    case, model, planner, many = chosen()
    try:
        order = [model, *(name for name in MODELS if name != model)]
        stamps = {name: cached.stamp(case.task, name) for name in order}
        if not cached.shares_encoder(case.task, model):
            raise LabError(
                f"{LABELS[model]} has an encoder of its own: its errors cannot be compared with the others'."
            )
    except LabError as error:
        widgets.offer_other_model(case.task, error)
        return
    key = case.task, case.goals, model, planner, many, tuple(stamps.values())
    now = progress.stage("gap", key)
    expert = {name: along_experts(case.task, name, many, stamps[name]) for name in shown_models(order)}
    planned = {
        name: along_plans(case.task, case.goals, name, planner, many, stamps[name])
        for name in shown_models(order[:now])
    }
    errors = {name: plans.error for name, plans in planned.items()}
    show_figures(errors, expert, order[now:])
    st.markdown(sentences.gap(errors, expert, case.goals == "dataset"))
    show_table(planned, expert, case.goals == "dataset")
    prose(INTRO)
    show_places = show_map if card_of(case.task).scene.drawable else show_pictures
    show_places(case, model, planned.get(model))
    if now:
        show_pick(case, model, planner, stamps[model])
    if now < len(order):
        along_plans(case.task, case.goals, order[now], planner, many, stamps[order[now]])
        progress.go_on("gap", key, now + 1)


page()
