"""The animation of plans as plain data for a browser: a stage (the scene) with a lane for each compared method.

Everything is in world coordinates and ready for JSON; the player (``app/components/player.js``) only draws. Dimensions
are those of `lab.evaluation.episode`. Of a state, the data hold only the ``C`` leading numbers that drawing needs.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import torch

from lab.benchmarks import card_of
from lab.errors import LabError
from lab.evaluation.drive import Drive
from lab.evaluation.episode import Episode, Unfolded
from lab.models import WorldModel
from lab.models.encoders import SIZE
from lab.plots.palette import MODEL_COLOURS, PLANNER_COLOURS
from lab.plots.uri import png_uri
from lab.tasks import Task, make_task
from lab.tasks.pushing import Pushing

PICTURE = 320  #: pixels of the background


def stage(task_name: str, start: np.ndarray, goal: np.ndarray) -> dict[str, Any]:
    """The part that all lanes share: empty scene, moving shapes, ``start`` and ``goal`` (S,), and success radius."""
    scene = card_of(task_name).scene
    return {
        "task": task_name,
        "view": scene.view,
        "unit": scene.unit,
        "background": empty_scene(task_name),
        "shapes": [
            {"at": [shape.x, shape.y], "angle": shape.angle, "points": np.round(shape.points, 3).tolist()}
            for shape in scene.shapes
        ],
        "bodies": [{"name": name, "at": [x, y]} for name, x, y in scene.bodies],
        "radius": scene.radius,
        "start": _rounded_states(task_name, start),
        "goal": _rounded_states(task_name, goal),
    }


def lane(
    model: WorldModel, episode: Episode, stages: Sequence[Unfolded], usual_error: Sequence[float] = ()
) -> dict[str, Any]:
    """The lane of one method, without ``title`` and ``colour``; ``stages`` are the unfolded attempts of ``episode``.

    ``usual_error`` (H,) is the usual model error after 1 … H imagined blocks, if known. Raises LabError for a ``model``
    that cannot decode its latents, and for an environment that is no task.
    """
    name, frames = _task(episode).name, episode.imagined_frames
    if frames is None or episode.imagined_proprio is None:
        raise LabError("The player draws what a model imagines: take one that decodes its latents.")
    return {
        "seconds": round(episode.seconds, 4),
        "plans": [
            {
                "step": attempt.step,
                "clock": _numbers(attempt.clock, 4),
                "iterations": attempt.iterations.tolist(),
                "loss": _significant(stage.loss),
                "trueLoss": _significant(stage.true_loss),
                "true": _rounded_states(name, stage.states),
                "imagined": _imagined(name, np.asarray(stage.imagined_proprio)),
            }
            for attempt, stage in zip(episode.attempts, stages, strict=True)
        ],
        "states": _rounded_states(name, episode.states),
        "pushes": _pushes(model, episode),
        "blocks": episode.blocks.tolist(),
        "error": _significant(episode.error),
        "usual": usual_at(episode, usual_error),
        "distance": _numbers(episode.distance["full"], 3),
        "imaginedDistance": None if episode.imagined_distance is None else _numbers(episode.imagined_distance, 3),
        "ends": episode.ends.tolist(),
        "frames": png_uri(np.concatenate(list(frames), axis=1)),
        "reached": episode.reached(),
        "closest": round(episode.closest(), 3),
    }


def drive_data(task_name: str, model: WorldModel, drive: Drive, usual_error: Sequence[float]) -> dict[str, Any]:
    """The true and the imagined states of a ``drive``, for the component that steers them.

    ``separation`` is the distance between the true and the imagined place of the first body, in success radii.
    """
    task, scene = make_task(task_name), card_of(task_name).scene
    ghost = model.decode_proprio(drive.dream)[:, _sensed(task_name)]
    true = scene.place(drive.states[:: task.frameskip])
    return {
        "states": _rounded_states(task_name, drive.states),
        "ghost": _rounded_states(task_name, ghost),
        "block": task.frameskip,
        "error": _significant(drive.error),
        "usual": _significant(np.asarray(usual_error, dtype=float)),
        "separation": _numbers(np.linalg.norm(ghost - true, axis=1) / scene.radius, 3),
        "camera": png_uri(task.render(drive.states[-1:], SIZE)[0]),
        "dream": png_uri(model.draw(drive.dream[-1:])[0]),
    }


def method_colours(methods: Sequence[tuple[str, str]]) -> list[str]:
    """A colour for each (planner, model): the model's, or the planner's if all share one model."""
    planners = [planner for planner, _ in methods]
    if len(methods) > 1 and len({model for _, model in methods}) == 1 and set(planners) <= set(PLANNER_COLOURS):
        return [PLANNER_COLOURS[planner] for planner in planners]
    return [MODEL_COLOURS[model] for _, model in methods]


@lru_cache(maxsize=8)
def empty_scene(task_name: str) -> str:
    """The task's scene without moving bodies, as a data URI: the median of pictures of random states.

    Nine are enough for single bodies; particles cover the middle in many.
    """
    task = make_task(task_name)
    states = task.random_states(np.random.default_rng(0), 9 if card_of(task_name).scene.bodies else 45)[0]
    return png_uri(np.median(task.render(states, PICTURE), axis=0).astype(np.uint8))


def _pushes(model: WorldModel, episode: Episode) -> list[list[float]]:
    """From where (x, y) to where each executed action pushes; empty where an action is no push."""
    if not isinstance(task := _task(episode), Pushing):
        return []
    until = [*(attempt.step for attempt in episode.attempts[1:]), len(episode.states) - 1]
    plans = (model.denormalise_actions(torch.as_tensor(attempt.blocks[-1])) for attempt in episode.attempts)
    steps = zip(plans, episode.attempts, until, strict=True)
    pushes = np.concatenate([plan[: end - attempt.step] for plan, attempt, end in steps])
    return np.round(task.executed(pushes), 2).tolist()


def _imagined(task_name: str, proprio: np.ndarray) -> list:
    """The imagined paths of the first body, from proprioception (M, T, P); empty paths for a scene without bodies."""
    if not card_of(task_name).scene.bodies:
        return [[] for _ in proprio]
    return _rounded_states(task_name, proprio[..., _sensed(task_name)])


def _sensed(task_name: str) -> list[int]:
    """The indices of the first body's x and y among the numbers of proprioception."""
    task = make_task(task_name)
    return [task.proprio_fields.index(task.state_fields[i]) for i in card_of(task_name).scene.bodies[0][1:]]


def _rounded_states(task_name: str, states: np.ndarray) -> list:
    """The first C numbers of states (..., S), rounded to the precision that a drawing shows."""
    scene = card_of(task_name).scene
    low, high = scene.view
    return np.round(states[..., : scene.drawn_numbers], max(2, 4 - round(np.log10(high - low)))).tolist()


def _task(episode: Episode) -> Task:
    if not isinstance(episode.environment, Task):
        raise LabError(f"The player draws tasks alone, and {type(episode.environment).__name__} is none.")
    return episode.environment


def usual_at(episode: Episode, usual_error: Sequence[float]) -> list[float]:
    """The usual error (K + 1,) at each block boundary, counted from the latest replan; empty if unknown."""
    begun = np.array([attempt.step for attempt in episode.attempts])
    ages = [int((t - begun[begun < t].max(initial=0)) / _task(episode).frameskip) for t in episode.blocks]
    return [0.0, *_significant(np.array([usual_error[age - 1] for age in ages[1:]]))] if len(usual_error) else []


def _numbers(values: np.ndarray, digits: int) -> list[float]:
    return np.round(np.asarray(values, dtype=float), digits).tolist()


def _significant(values: np.ndarray) -> list[float]:
    return [float(f"{value:.4g}") for value in values]
