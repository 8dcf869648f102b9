"""Reusable pieces of the pages: controls bound to the address, the verdict, the film strip."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal

import cached
import numpy as np
import player
import share
import streamlit as st
from state import (
    DEFAULTS,
    PROBLEMS,
    Case,
    choose,
    forget_moves,
    listed,
    movable,
    note,
    options,
    touched,
)

from lab.benchmarks import card_of
from lab.errors import LabError
from lab.evaluation.episode import Episode
from lab.files import MODELS
from lab.plots.palette import IMAGINED_COLOUR, LABELS, MODEL_COLOURS
from lab.plots.palette import label as named
from lab.plots.player import stage, usual_at
from lab.plots.uri import png_uri
from lab.tasks import make_task

LABELS_HERE = LABELS | {
    "dataset": "Near (from data)",
    "random": "Far (random)",
    "open": "Once (open loop)",
    "mpc": "Replan (MPC)",
    "start": "start",
    "goal": "goal",
    "table1_success": "Table 1: success",
    "fig2_landscape": "Figure 2: loss landscape",
    "fig3_efficiency": "Figure 3: efficiency",
    "fig4_gap": "Figure 4: train-test gap",
    "starts": "Where planning starts",
    "tuning": "Tuning",
}
HELP = {
    "model": "All four share one frozen encoder. Base: trained on data alone. Control: as many extra steps of the "
    "same training. Online: also trained on what its own plans really do. Adversarial: also on worst-case "
    "disturbances of states and actions.",
    "planner": "GD, Adam and their kin follow the gradient of the loss through the model; CEM and its kin try many "
    "plans and keep the best. Network, then Adam: Adam starts from what a small network guesses.",
    "goals": "Near: the state 25 steps later on a trajectory that was held out. Far: drawn at random.",
    "mode": "Once: plan, then execute all of it blindly. Replan: execute one block, look, plan again, 10 times.",
    "problem": f"One of {PROBLEMS} test problems, the same for every model and planner.",
}


def picker(
    key: str,
    label: str,
    values: Sequence[str] = (),
    *,
    default: str | None = None,
    labels: Mapping[str, str] = LABELS_HERE,
    help: str | None = None,
    then: Callable[[], None] | None = None,
) -> str:
    """A row of buttons for one choice among ``values``; ``then`` is called when it changes."""
    look: dict[str, Any] = {"required": True, "wrap": True, "args": (then,)}
    return _one(st.segmented_control, key, label, values, default, labels, help=help, **look)


def menu(
    key: str,
    label: str,
    values: Sequence[str],
    *,
    labels: Mapping[str, str] = LABELS_HERE,
    help: str | None = None,
    width: int = 210,
) -> str:
    """A list that opens for one choice among ``values``: for more than a row of buttons holds."""
    return _one(st.selectbox, key, label, values, None, labels, help=help, width=width)


def _one(
    control: Callable[..., str],
    key: str,
    label: str,
    values: Sequence[str],
    default: str | None,
    labels: Mapping[str, str],
    *,
    help: str | None,
    **look: Any,
) -> str:
    """One choice among ``values``.

    Streamlit's own binding would put the labels into the address; this one puts the names used everywhere there.
    """
    values = values or options(key)
    default = default or DEFAULTS.get(key, values[0])
    choose(key, default, str, lambda value: value in values, listed(values))
    value = control(
        label,
        values,
        key=key,
        persist_state="session",
        help=help or HELP.get(key),
        format_func=lambda value: labels.get(value) or LABELS.get(value, value),
        on_change=touched,
        **look,
    )
    note(key, value, default, str(value))
    return value


def several(
    key: str,
    label: str,
    values: Sequence[str],
    default: Sequence[str],
    *,
    most: int,
    labels: Mapping[str, str] = LABELS_HERE,
    help: str | None = None,
) -> list[str]:
    """Buttons of which up to ``most`` can be on; the address separates them by commas."""

    def fits(chosen: Sequence[str] | None) -> bool:
        return chosen is not None and set(chosen) <= set(values) and len(set(chosen)) == len(chosen) <= most

    choose(key, list(default), lambda text: text.split(",") if text else [], fits, listed(values))
    before = st.session_state[key]

    def limit() -> None:
        if len(st.session_state[key]) > most:
            st.session_state[key] = before
            st.toast(f"{most} at once are the most; take one out first.", icon=":material/block:")

    value = st.pills(
        label,
        values,
        selection_mode="multi",
        wrap=True,  # in a row of controls it would run out of a narrow screen
        key=key,
        persist_state="session",
        help=help or HELP.get(key),
        format_func=lambda value: labels.get(value) or LABELS.get(value, value),
        on_change=touched,
        args=(limit,),
    )
    note(key, value, list(default), ",".join(value))
    return value


def number(
    key: str,
    label: str,
    low: float,
    high: float,
    default: float,
    *,
    step: float | None = None,
    format: str | None = None,
    help: str | None = None,
    width: int = 140,
    then: Callable[[], None] | None = None,
) -> float:
    """A number field; whole numbers where ``default`` is one."""
    _choose_number(key, low, high, default)
    value = st.number_input(
        label,
        low,
        high,
        key=key,
        step=step,
        format=format,
        width=width,
        persist_state="session",
        help=help or HELP.get(key),
        on_change=touched,
        args=(then,),
    )
    note(key, value, default, str(value))
    return value


def slider(
    key: str,
    label: str,
    low: float,
    high: float,
    default: float,
    *,
    step: float | None = None,
    format: str | None = None,
    help: str | None = None,
    width: int | Literal["stretch"] = "stretch",
) -> float:
    """A slider; whole numbers where ``default`` is one."""
    _choose_number(key, low, high, default)
    value = st.slider(
        label,
        low,
        high,
        key=key,
        step=step,
        format=format,
        persist_state="session",
        help=help or HELP.get(key),
        on_change=touched,
        width=width,
    )
    note(key, value, default, str(value))
    return value


def toggle(key: str, label: str, default: bool = False, *, help: str | None = None) -> bool:
    """A switch; the address writes it as 1 or 0."""
    choose(key, default, lambda text: {"1": True, "0": False}.get(text), lambda value: value in (True, False), "")
    value = st.toggle(label, key=key, persist_state="session", help=help or HELP.get(key), on_change=touched)
    note(key, value, default, str(int(value)))
    return value


def _choose_number(key: str, low: float, high: float, default: float) -> None:
    known = f"Known: {low:g} to {high:g}."
    choose(key, default, type(default), lambda value: value is not None and low <= value <= high, known)


def task_picker() -> str:
    """The control that chooses the task."""
    tasks = options("task")
    labels = {name: named(name) for name in tasks}
    about = " ".join(f"{label}: {text}." for name, label in labels.items() if (text := card_of(name).about))
    return picker("task", "Task", tasks, labels=labels, help=about, then=forget_moves)


def case_controls() -> Case:
    """The controls that choose the problem, for the row at the top of a page: task, goals, problem, moves."""
    return problem_controls(task_picker())


def problem_controls(task: str) -> Case:
    """The same, but for the task."""
    goals = picker("goals", "Goals", then=forget_moves)
    problem = number("problem", "Problem", 0, PROBLEMS - 1, card_of(task).problem, then=forget_moves)
    if not movable(make_task(task)):
        return Case(task, goals, problem)
    with st.popover("Move start and goal", icon=":material/open_with:"):
        starts, ends = cached.problem_arrays(task, goals)
        st.caption("Empty fields mean: as the problem has it. You can also click on the scene of Live planning.")
        st.markdown("**Start**")
        start = _moved("start", task, starts[problem])
        st.markdown("**Goal**")
        goal = _moved("goal", task, ends[problem])
        st.button("Put both back", on_click=forget_moves, disabled=not (start or goal))
    return Case(task, goals, problem, start, goal)


def _moved(which: str, task_name: str, state: np.ndarray) -> tuple[tuple[str, float], ...]:
    """Number fields for the positions in the start or goal; an empty field keeps the problem's value (``state``)."""
    task, moved = make_task(task_name), []
    fields = movable(task)
    for column, (field, (low, high)) in zip(st.columns(len(fields)), fields.items(), strict=True):
        now = float(state[task.state_fields.index(field)])
        unit = "rad" if field.endswith("angle") else card_of(task_name).scene.unit
        key = f"{which}_{field}"
        choose(key, None, float, lambda value, a=low, b=high: value is None or a <= value <= b, "")
        value = column.number_input(
            f"{field.replace('agent', 'pusher').replace('_', ' ')} ({unit})",
            low,
            high,
            None,
            key=key,
            placeholder=f"{now:.2f}",
            step=(high - low) / 100,
            format="%.2f",
            persist_state="session",
            on_change=touched,
        )
        note(key, value, None, f"{value}")
        if value is not None:
            moved.append((field, value))
    return tuple(moved)


def row() -> st.delta_generator.DeltaGenerator:
    """The container for a page's controls: side by side, wrapping where the window is narrow."""
    return st.container(horizontal=True, vertical_alignment="bottom", gap="medium")


def more(label: str = "More") -> st.delta_generator.DeltaGenerator:
    """The container for the rarer controls of a page, opened by a button: the picture is on the first screen."""
    return st.popover(label, icon=":material/tune:")


def command(line: str) -> None:
    """A command to copy. It has one colour: the light theme's highlighting is too faint to read."""
    st.code(line, language=None, wrap_lines=True)


def offer_other_model(task: str, error: LabError) -> None:
    """Say what is missing, and offer a model that is there."""
    st.error(str(error), icon=":material/search_off:")
    for model in MODELS:
        try:
            cached.stamp(task, model)
        except LabError:
            continue
        st.button(f"Use the {model} model", on_click=_use_model, args=(model,))
        return
    st.info(f"There is no world model of {named(task)} yet. Choose another task, or train one as said above.")


def _use_model(model: str) -> None:
    st.session_state["model"] = model
    touched()


def verdict(episode: Episode, method: str) -> None:
    """Say whether the goal was reached, and by what margin."""
    step, closest = episode.reached(), episode.closest()
    if step is not None:
        off = episode.distance["full"][step]
        text = f"**{method} reached the goal** at step {step}: {off:.2f} success radii from it, {1 - off:.2f} to spare."
        st.success(text, icon=":material/check_circle:")
        return
    text = f"**{method} missed the goal**: {closest:.2f} success radii away at best, {closest - 1:.2f} too far."
    imagined = episode.imagined_distance
    if episode.mode == "open" and imagined is not None and imagined[-1] < 1:
        text += f" The model was sure to arrive: it imagined ending only {imagined[-1]:.2f} away."
    if "block" in episode.distance and episode.reached("block") is not None:
        text += " The block is in place; only the pusher is not."
    st.warning(text, icon=":material/cancel:")


def play(key: str, case: Case, lanes: Sequence[dict[str, Any]], about: str, **options: Any) -> None:
    """Play ``lanes`` on the case's scene (see `player.play`), if the task has a drawable one."""
    if card_of(case.task).scene.drawable:
        problem = cached.problem(case)
        player.play(key, stage(case.task, problem.starts[0], problem.goals[0]), lanes, about, **options)


def film_strips(task: str, strips: Sequence[tuple[str, Episode, str]]) -> None:
    """Film strips of (heading, episode, model): the first alone, or all where no player shows the others.

    Whoever shares the page gets all of them.
    """
    share.offer(strips)
    for heading, episode, model in strips[: 1 if card_of(task).scene.drawable else None]:
        st.markdown(f"**{heading}**")
        film_strip(episode, model)


def film_strip(episode: Episode, model: str) -> None:
    """Imagined above true frames at the block boundaries, with the model error and the distance to the goal."""
    task = episode.environment
    steps = episode.blocks
    true = task.render(episode.states[steps], 128)
    distance = episode.distance["full"][steps]
    usual = usual_at(episode, cached.usual_error(task.name, model, cached.stamp(task.name, model)))
    columns = [
        _column(f"step {t}", episode.imagined_frames[k], true[k], float(episode.error[k]), usual[k], distance[k], model)
        for k, t in enumerate(steps)
    ]
    goal = _frame(png_uri(task.render(episode.goal[None], 128)[0]), "The goal")
    columns.append(_stacked(_cell("goal"), _cell(""), goal))
    _strip("Film strip: imagined above true frames", [_labels(), *columns], first="90px")


def pictures(frames: np.ndarray, captions: Iterable[str], about: str) -> None:
    """Pictures (N, H, W, 3) in a row, each above its caption."""
    cells = zip(frames, captions, strict=True)
    _strip(about, [f"<div>{_frame(png_uri(frame), f'{about}: {text}')}{_cell(text)}</div>" for frame, text in cells])


def _strip(about: str, columns: Sequence[str], first: str = "minmax(62px,110px)") -> None:
    """``columns`` side by side, which scroll where the window is narrow; ``first`` is the width of the first."""
    st.html(
        f'<div tabindex="0" role="group" aria-label="{about}" style="display:grid;grid-auto-flow:column;'
        f"grid-template-columns:{first};grid-auto-columns:minmax(62px,110px);gap:5px;"
        f'overflow-x:auto;padding:4px;font-size:0.8rem">{"".join(columns)}</div>'
    )


def _labels() -> str:
    imagined = f'<span style="border-bottom:3px dotted {IMAGINED_COLOUR}">imagined</span>'
    return _stacked(
        *(_cell(text, "left") for text in ("", imagined, "true", "model error<br>(mark: usual)", "radii to goal"))
    )


def _column(
    title: str, imagined: np.ndarray, true: np.ndarray, error: float, usual: float, distance: float, model: str
) -> str:
    width = 25 * min(max(np.log10(error / usual) + 2, 0), 4) if error and usual else 0  # as in `errorScale` of pages
    bar = (
        '<div style="height:8px;border-radius:4px;position:relative;background:rgba(128,128,128,.25)">'
        '<i style="position:absolute;left:50%;top:-2px;height:12px;border-left:2px solid"></i>'
        f'<div style="height:8px;border-radius:4px;width:{width:.0f}%;'
        f'background:{MODEL_COLOURS[model]}"></div></div><div style="text-align:center">{error:.2g}</div>'
    )
    reached = f"<b>{distance:.2f} ✓</b>" if distance < 1 else f"{distance:.2f}"
    frames = _frame(png_uri(imagined), f"Imagined at {title}"), _frame(png_uri(true), f"True at {title}")
    return _stacked(_cell(title), *frames, f"<div>{bar}</div>", _cell(reached))


def _stacked(*cells: str) -> str:
    """One column of the strip; its rows line up with those of the others."""
    style = "display:grid;grid-template-rows:subgrid;grid-row:1 / span 5;row-gap:4px"
    return f'<div style="{style}">{"".join(cells)}</div>'


def _cell(content: str, align: str = "center") -> str:
    return f'<div style="text-align:{align};align-self:center;white-space:nowrap">{content}</div>'


def _frame(uri: str, alt: str) -> str:
    return f'<img src="{uri}" alt="{alt}" style="width:100%;aspect-ratio:1;border-radius:4px">'
