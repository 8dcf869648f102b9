"""Film strips: one problem as the expert solves it, as it is planned, as that really goes, and as it is imagined."""

from dataclasses import dataclass

import numpy as np

from lab.evaluation.episode import run_episode
from lab.studies.common.config import Config
from lab.studies.common.protocol import Protocol
from lab.tasks import make_task

NAME = "rollouts"
SIZE = 64  #: pixels of all pictures: what the model sees, and what its decoder draws


@dataclass(frozen=True)
class Film:
    """One trajectory at the ``T`` block boundaries of a plan."""

    name: str
    frames: np.ndarray  #: (T, SIZE, SIZE, 3) uint8
    distance: np.ndarray | None  #: (T,) success radii to the goal; None where the state is imagined


@dataclass(frozen=True)
class Films:
    """All films of one ``problem`` with a data-set goal."""

    task: str
    planner: str
    problem: int
    steps: np.ndarray  #: (T,) environment steps
    goal: np.ndarray  #: (SIZE, SIZE, 3) uint8
    films: tuple[Film, ...]


def films(
    config: Config, problem: int = 0, planner: str = "adam", models: tuple[str, ...] = ("base", "adversarial")
) -> Films:
    """The expert's film, and of each model the plan's true and imagined ones, open loop; all of the test split."""
    task = make_task(config.task)
    problems = Protocol(config.task, "dataset", max(problem + 1, config.size.slices), seed=config.seed).problems()
    one = problems[problem : problem + 1]
    assert one.expert is not None
    steps = np.arange(0, one.expert.shape[1] + 1, task.frameskip)
    found = [_true(config.task, "expert", task.simulate(one.starts, one.expert)[0, steps], one.goals[0])]
    for name in models:
        model = config.model(name, config.size.seeds[0])
        episode = run_episode(model, config.planner(planner), one, seed=config.seed, index=problem, **config.objective)
        assert episode.imagined_frames is not None
        found.append(_true(config.task, f"{name}, true", episode.states[steps], one.goals[0]))
        found.append(Film(f"{name}, imagined", episode.imagined_frames, None))
    return Films(config.task, planner, problem, steps, task.render(one.goals, SIZE)[0], tuple(found))


def _true(task_name: str, name: str, states: np.ndarray, goal: np.ndarray) -> Film:
    task = make_task(task_name)
    distance = task.distance(states, np.broadcast_to(goal, states.shape))
    return Film(name, task.render(states, SIZE), distance)
