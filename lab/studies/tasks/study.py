"""Figure 5: what each task looks like, what its data are, and where success begins."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from lab.data import HORIZON, DataSpec
from lab.data.dataset import collect_states
from lab.presets import PRESETS
from lab.tasks import TASKS, make_task

NAME = "tasks"
EPISODES = 20  #: at most; a preset with fewer problems has as many episodes as problems
SIZE = 128  #: pixels of the pictures
COVERED = 200  #: pictures that the map of the data is made of


@dataclass(frozen=True)
class Sample:
    """One task in pictures (…, SIZE, SIZE, 3) uint8."""

    task: str
    criterion: str  #: the paper's, in words
    steps: np.ndarray  #: (T,) environment steps of the episode's pictures
    episode: np.ndarray  #: (T, …) one of the data, from a start to the goal
    coverage: np.ndarray  #: (SIZE, SIZE) 0 to 1: how often the data have something at each pixel
    inside: np.ndarray  #: the state of the data that is barely a success, with the goal shining through
    outside: np.ndarray  #: the state that barely fails, with the goal shining through
    margins: tuple[float, float]  #: distances of ``inside`` and ``outside`` to the goal, in success radii


def sample(name: str, seed: int = 0, preset: str = "quick") -> Sample:
    """Pictures of the task ``name``, from data-policy episodes of the test split."""
    task = make_task(name)
    episodes = min(EPISODES, PRESETS[preset].n)
    states = collect_states(DataSpec(name, "test", episodes, seed, pixels=False)).states
    steps = np.arange(0, HORIZON * task.frameskip + 1, task.frameskip)
    goal = states[0, steps[-1]]
    inside, outside, margins = _barely(task, states.reshape(-1, states.shape[-1]), goal)
    rng = np.random.default_rng(seed)
    states_drawn = rng.choice(states.reshape(-1, states.shape[-1]), COVERED)
    return Sample(
        task=name,
        criterion=task.criteria["full"],
        steps=steps,
        episode=task.render(states[0, steps], SIZE),
        coverage=_coverage(task.render(states_drawn, SIZE)),
        inside=_overlaid(task.render(np.stack([inside, goal]), SIZE)),
        outside=_overlaid(task.render(np.stack([outside, goal]), SIZE)),
        margins=margins,
    )


def facts() -> pd.DataFrame:
    """A row for each registered task: the numbers of a state, of proprioception and of an action, and step counts."""
    rows = []
    for task in map(make_task, TASKS):
        fields = map(_short, (task.state_fields, task.proprio_fields, task.action_fields))
        rows.append([task.name, *fields, task.frameskip, task.episode_steps])
    columns = ["task", "state", "proprioception", "action", "steps in a block", "steps in an episode"]
    return pd.DataFrame(rows, columns=columns).set_index("task")


def _short(fields: tuple[str, ...], most: int = 8) -> str:
    """All names; of more than ``most``, the first four and the count."""
    return ", ".join(fields) if len(fields) <= most else f"{', '.join(fields[:4])}, … ({len(fields)} numbers)"


def _barely(task, states: np.ndarray, goal: np.ndarray) -> tuple[np.ndarray, np.ndarray, tuple[float, float]]:
    """The states (S,) with the largest distance below 1 and the smallest from 1 on, and these two distances."""
    distance = task.distance(states, np.broadcast_to(goal, states.shape))
    inside = int(np.where(distance < 1, distance, -np.inf).argmax())
    outside = int(np.where(distance >= 1, distance, np.inf).argmin())
    return states[inside], states[outside], (float(distance[inside]), float(distance[outside]))


def _coverage(frames: np.ndarray) -> np.ndarray:
    """Mean absolute difference (SIZE, SIZE) of ``frames`` to the median of each pixel, scaled to at most 1."""
    difference = np.abs(frames - np.median(frames, 0)).max(-1).mean(0)
    return difference / max(difference.max(), 1e-9)


def _overlaid(frames: np.ndarray) -> np.ndarray:
    """Two ``frames`` (2, SIZE, SIZE, 3) laid over each other, the second fainter."""
    return (0.65 * frames[0] + 0.35 * frames[1]).astype(np.uint8)
