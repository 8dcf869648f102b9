"""Reusable pieces of the pages: pickers bound to the URL, the verdict, the film strip."""

from collections.abc import Sequence

import numpy as np
import streamlit as st
from state import DEFAULTS, PROBLEMS, Choice, adopt_address, forget_moves, movable, options, write_address

from lab.evaluation.episode import Episode
from lab.plots.planning import IMAGINED_COLOUR, SCENES, png_uri
from lab.plots.style import LABELS, MODEL_COLOURS
from lab.tasks import make_task

LABELS_HERE = LABELS | {"dataset": "Near (from data)", "random": "Far (random)", "open": "Once (open loop)",
                        "mpc": "Replan (MPC)", "start": "start", "goal": "goal",
                        "table1_success": "Table 1: success", "fig2_landscape": "Figure 2: loss landscape",
                        "fig3_efficiency": "Figure 3: efficiency", "fig4_gap": "Figure 4: train-test gap",
                        "tuning": "Tuning"}  # fmt: skip
HELP = {
    "task": "Wall: a dot must get through a door. PointMaze: a ball with inertia in a U-shaped maze. "
    "PushT: a pusher must bring a T-shaped block into a given pose.",
    "model": "All four share one frozen encoder. Base: trained on data alone. Control: as many extra steps of the "
    "same training. Online: also trained on what its own plans really do. Adversarial: also on worst-case "
    "disturbances of states and actions.",
    "planner": "GD and Adam follow the gradient of the loss through the model; CEM tries many plans, keeps the best.",
    "goals": "Near: the state 25 steps later on a trajectory that was held out. Far: drawn at random.",
    "mode": "Once: plan, then execute all of it blindly. Replan: execute one block, look, plan again, 10 times.",
    "problem": f"One of {PROBLEMS} test problems, the same for every model and planner.",
}


def picker(key: str, label: str, values: Sequence[str] = (), *, moves: bool = False) -> str:
    """A row of buttons for one choice; with ``moves``, choosing puts start and goal back to the problem's own.

    Streamlit's own binding would put the labels into the address; there the names are those used everywhere.
    """
    values = values or options(key)
    default = DEFAULTS.get(key, values[0])
    adopt_address(key, values, default)
    value = st.segmented_control(
        label, values, required=True, key=key, persist_state="session", help=HELP.get(key),
        format_func=lambda value: LABELS_HERE.get(value, value), on_change=forget_moves if moves else None,
    )  # fmt: skip
    write_address(key, value, default)
    return value


def problem_picker() -> int:
    return st.number_input(
        "Problem", 0, PROBLEMS - 1, DEFAULTS["problem"], key="problem", bind="query-params", help=HELP["problem"],
        on_change=forget_moves, width=140,
    )  # fmt: skip


def moved_fields(which: str, task_name: str, state: np.ndarray) -> tuple[tuple[str, float], ...]:
    """Number inputs for the positions in the start or goal; empty ones mean what the problem says (``state``)."""
    task, moved = make_task(task_name), []
    fields = movable(task)
    for column, (field, (low, high)) in zip(st.columns(len(fields)), fields.items(), strict=True):
        now = float(state[task.state_fields.index(field)])
        unit = "rad" if field.endswith("angle") else SCENES[task_name].unit
        value = column.number_input(
            f"{field.replace('agent', 'pusher').replace('_', ' ')} ({unit})", low, high, None, key=f"{which}_{field}",
            bind="query-params", placeholder=f"{now:.2f}", step=(high - low) / 100, format="%.2f",
        )  # fmt: skip
        if value is not None:
            moved.append((field, value))
    return tuple(moved)


def verdict(episode: Episode, choice: Choice) -> None:
    """Whether the goal was reached, and by what margin."""
    step, closest = episode.reached(), episode.closest()
    if step is not None:
        off = episode.distance["full"][step]
        text = f"**Reached the goal** at step {step}: {off:.2f} success radii from it, {1 - off:.2f} to spare."
        st.success(text, icon=":material/check_circle:")
        return
    text = f"**Missed the goal**: {closest:.2f} success radii away at best, {closest - 1:.2f} too far."
    imagined = episode.imagined_distance
    if choice.mode == "open" and imagined is not None and imagined[-1] < 1:
        text += f" The model was sure to arrive: it imagined ending only {imagined[-1]:.2f} away."
    if "block" in episode.distance and episode.reached("block") is not None:
        text += " The block is in place; only the pusher is not."
    st.warning(text, icon=":material/cancel:")


def film_strip(episode: Episode, model: str) -> None:
    """Imagined above true frames at the block boundaries, with the model's error and the distance to the goal."""
    task = make_task(episode.task)
    steps = episode.blocks
    true = task.render(episode.states[steps], 128)
    distance = episode.distance["full"][steps]
    largest = max(float(episode.error.max()), 1e-9)
    columns = [_labels()]
    columns += [
        _column(f"step {t}", episode.imagined_frames[k], true[k], float(episode.error[k]), largest, distance[k], model)
        for k, t in enumerate(steps)
    ]
    goal = _frame(png_uri(task.render(episode.goal[None], 128)[0]), "The goal")
    columns.append(_stacked(_cell("goal"), _cell(""), goal))
    st.html(
        '<div tabindex="0" role="group" aria-label="Film strip: imagined above true frames" style="display:grid;'
        "grid-auto-flow:column;grid-template-columns:auto;grid-auto-columns:minmax(62px,110px);gap:5px;"
        f'overflow-x:auto;padding:4px;font-size:0.8rem">{"".join(columns)}</div>'
    )


def _labels() -> str:
    imagined = f'<span style="border-bottom:3px dotted {IMAGINED_COLOUR}">imagined</span>'
    return _stacked(*(_cell(text, "left") for text in ("", imagined, "true", "model error", "radii to goal")))


def _column(
    title: str, imagined: np.ndarray, true: np.ndarray, error: float, largest: float, distance: float, model: str
) -> str:
    bar = (
        f'<div style="height:8px;border-radius:4px;background:rgba(128,128,128,.25)">'
        f'<div style="height:8px;border-radius:4px;width:{100 * error / largest:.0f}%;'
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
