"""Pairs of start and goal: drawn at random, or taken from a trajectory of a held-out split, `HORIZON` blocks apart."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np

from lab.data.dataset import SPLITS, DataSpec, episodes, fingerprint
from lab.errors import LabError, check_known, check_seed, is_whole
from lab.files import cache_root
from lab.locks import load_or_make
from lab.tasks import Task, make_task
from lab.tasks.environment import Environment, check_environment, described, distances, numbers, trajectories

#: starts (n, S), goals (n, S) and the expert's actions (n, T, a)
StartsGoalsActions = tuple[np.ndarray, np.ndarray, np.ndarray]
GOALS = ("random", "dataset")  #: kinds of goals: drawn at random, or reached by a trajectory of the data
PARTS = ("starts", "goals", "expert")  #: of stored problems
MOST_PROBLEMS = 10**5  #: drawn at once
HORIZON = 5  #: latent steps from a start to its goal on a data trajectory, and the planning horizon
LONGEST = 1000  #: latent steps from a start to its goal


@dataclass(frozen=True)
class Problems:
    """``n`` problems of one ``environment``.

    Raises LabError for an environment that is none, and unless starts, goals and expert belong together.
    """

    environment: Environment
    starts: np.ndarray  #: (n, S)
    goals: np.ndarray  #: (n, S)
    expert: np.ndarray | None = None  #: (n, T, a), actions that lead from each start to its goal, if they are known

    def __post_init__(self) -> None:
        check_environment(self.environment)
        starts, goals, expert = (numbers(part) for part in (self.starts, self.goals, self.expert))
        if starts is None or goals is None or starts.ndim != 2 or starts.shape != goals.shape:
            got = f"{described(self.starts)} and {described(self.goals)}"
            raise LabError(f"Problems need starts and goals of one shape (n, S), got {got}.")
        if self.expert is not None and (expert is None or expert.ndim != 3 or len(expert) != len(starts)):
            got = described(self.expert)
            raise LabError(f"The expert's actions must be (n, T, a) with n = {len(starts)} problems, got {got}.")
        for name, part in zip(PARTS, (starts, goals, expert), strict=True):
            object.__setattr__(self, name, part)  # of lists and tensors: arrays

    def __len__(self) -> int:
        return len(self.starts)

    def __getitem__(self, rows: slice | np.ndarray) -> "Problems":
        expert = None if self.expert is None else self.expert[rows]
        return Problems(self.environment, self.starts[rows], self.goals[rows], expert)


def sample_problems(
    task: str,
    goals: str,
    n: int,
    split: str = "test",
    seed: int = 0,
    horizon: int = HORIZON,
    variation: Mapping[str, float] | None = None,
) -> Problems:
    """Draw ``n`` problems of ``split``; every start is outside its goal, and none is a state that recurs in the data.

    A data-set goal is ``horizon`` latent steps after its start. Where the data's episodes are shorter than that, the
    data policy runs on: longer episodes of the same random streams, which no model was trained on either. With a
    ``variation`` they are problems of the varied task, see `Task.varied`: the same starts and goals where only pictures
    vary, else others, which its physics and data policy can reach.
    Raises LabError for less than 1 problem or more than `MOST_PROBLEMS`, for a horizon of less than 1 step or more than
    `LONGEST`, for an unknown task, split or kind of goals, for a seed or variation that is none, and if the data have
    too few.
    """
    if not is_whole(n, 1, MOST_PROBLEMS):
        raise LabError(f"The number of problems must be 1 to {MOST_PROBLEMS}, got {n!r}.")
    if not is_whole(horizon, 1, LONGEST):
        raise LabError(f"A goal is 1 to {LONGEST} latent steps from its start, got {horizon!r}.")
    check_known("goals", goals, GOALS)
    simulator, spec = make_task(task).varied(variation or {}), DataSpec(task, split, max(2 * n, 50), seed, pixels=False)
    rng = np.random.default_rng([seed, 1000 + SPLITS.index(split)])
    if goals == "random":
        return Problems(simulator, *simulator.sample_problems(rng, n))
    draw = partial(_from_trajectories, simulator, rng, n, spec, horizon)
    kept = simulator.slow and not variation
    return Problems(simulator, *(_load_or_draw(spec, n, horizon, simulator, draw) if kept else draw()))


def _load_or_draw(
    spec: DataSpec, n: int, horizon: int, task: Task, draw: Callable[[], StartsGoalsActions]
) -> StartsGoalsActions:
    """The problems from the cache; they are drawn and stored if they are missing or have been changed."""
    import torch  # not above: the command line, which knows the kinds of goals from here, loads without it

    from lab.tensors import load_tensors, save_tensors

    further = "" if horizon == HORIZON else f"-{horizon}"
    drawn = f"{fingerprint(spec)}-{task.episode_steps}-{task.chunk}-{task.radius:g}"
    name = f"{spec.split}-{drawn}-{n}{further}.safetensors"
    path = cache_root() / "problems" / task.name / name

    def load() -> StartsGoalsActions:
        tensors, about = load_tensors(path)
        if about != {"problems": name} or set(tensors) != set(PARTS):
            raise LabError(f"{path} does not hold these problems.")
        starts, goals, expert = (tensors[part].numpy() for part in PARTS)
        return starts, goals, expert

    def make() -> None:
        arrays = zip(PARTS, draw(), strict=True)
        save_tensors(path, {part: torch.from_numpy(array) for part, array in arrays}, problems=name)

    return load_or_make(path, load, make)


def problems_along(
    environment: Environment, states: np.ndarray, actions: np.ndarray, n: int, steps: int, seed: int = 0
) -> Problems:
    """``n`` problems from trajectories that no model was trained on, at most one from each trajectory.

    Trajectories are ``states`` (N, T + 1, S) and ``actions`` (N, T, a). A start is a state drawn at random, its goal is
    the state ``steps`` later, and the actions between them are the expert's. No start is inside its goal.
    Raises LabError if the trajectories are too few, too short, or none at all, and for numbers that are not whole.
    """
    states, actions = trajectories(states, actions)
    if not is_whole(n, 1):
        raise LabError(f"The number of problems must be at least 1, got {n!r}.")
    check_seed(seed)
    if not is_whole(steps, 1, actions.shape[1]):
        raise LabError(f"A goal is 1 to {actions.shape[1]} steps from its start on these trajectories, got {steps!r}.")

    def start_outside_goal(starts: np.ndarray, goals: np.ndarray) -> np.ndarray:
        radii = distances(environment, starts, goals).values()
        return np.all([radius >= 1 for radius in radii], axis=0) if radii else np.ones(len(starts), dtype=bool)

    rng = np.random.default_rng(seed)
    segments = _segments(zip(states, actions, strict=True), start_outside_goal, rng, n, steps)
    if len(segments) < n:
        raise LabError(f"Only {len(segments)} of {n} problems found in {len(states)} trajectories.")
    starts, goals, expert = (np.array(part) for part in zip(*segments, strict=True))
    return Problems(environment, starts, goals, expert)


def _from_trajectories(
    task: Task, rng: np.random.Generator, n: int, spec: DataSpec, horizon: int
) -> StartsGoalsActions:
    """One problem of ``horizon`` latent steps from each of ``n`` episodes of ``spec``."""
    steps = horizon * task.frameskip

    def eligible(starts: np.ndarray, goals: np.ndarray) -> np.ndarray:
        return task.start_outside_goal(starts, goals) & ~task.recurs(starts) & ~task.recurs(goals)

    trajectories = episodes(spec, max(steps, task.episode_steps), task)
    segments = _segments(trajectories, eligible, rng, n, steps)
    if len(segments) < n:
        raise LabError(
            f"Only {len(segments)} of {n} problems found in {spec.episodes} {spec.split} episodes of {task.name}."
        )
    starts, goals, expert = (np.array(part) for part in zip(*segments, strict=True))
    return starts, goals, expert


def _segments(
    trajectories: Iterable[tuple[np.ndarray, np.ndarray]],
    eligible: Callable[[np.ndarray, np.ndarray], np.ndarray],
    rng: np.random.Generator,
    n: int,
    steps: int,
) -> list[StartsGoalsActions]:
    """Up to ``n`` tuples of start (S,), goal (S,) and the actions (steps, a) between them, at most one per trajectory.

    ``eligible`` takes starts and goals (m, S) and returns which of these pairs may be problems, (m,) bool.
    """
    segments: list[StartsGoalsActions] = []
    for states, actions in trajectories:
        offsets = rng.permutation(len(actions) - steps + 1)
        suits = eligible(states[offsets], states[offsets + steps])
        if suits.any():
            first = offsets[suits.argmax()]
            segments.append((states[first], states[first + steps], actions[first : first + steps]))
        if len(segments) == n:
            break
    return segments
