"""Film strips of one problem: the expert's trajectory, and for each model the plan as executed and as imagined."""

from dataclasses import dataclass

import numpy as np

from lab.evaluation.episode import run_episode
from lab.studies.common.config import Config
from lab.studies.common.protocol import Protocol
from lab.tasks import make_task

NAME = "rollouts"
SIZE = 64  #: pixels along each side of all pictures, as of the model's inputs and the decoder's outputs


@dataclass(frozen=True)
class Trajectory:
    """A trajectory in pictures, at the ``T`` block boundaries of a plan."""

    name: str
    frames: np.ndarray  #: (T, SIZE, SIZE, 3) uint8
    distance: np.ndarray | None  #: (T,) success radii to the goal; None where the state is imagined


@dataclass(frozen=True)
class Rollouts:
    """All trajectories of one ``problem`` with a data-set goal."""

    task: str
    planner: str
    problem: int
    steps: np.ndarray  #: (T,) environment steps
    goal: np.ndarray  #: (SIZE, SIZE, 3) uint8
    trajectories: tuple[Trajectory, ...]


def rollouts(
    config: Config, problem: int = 0, planner: str = "adam", models: tuple[str, ...] = ("base", "adversarial")
) -> Rollouts:
    """The expert's trajectory of a test problem, and the true and imagined ones of each model's open-loop plan."""
    task = make_task(config.task)
    problems = Protocol(config.task, "dataset", max(problem + 1, config.size.slices), seed=config.seed).problems()
    chosen = problems[problem : problem + 1]
    assert chosen.expert is not None
    steps = np.arange(0, chosen.expert.shape[1] + 1, task.frameskip)
    shown = [_true(config.task, "expert", task.simulate(chosen.starts, chosen.expert)[0, steps], chosen.goals[0])]
    for name in models:
        model = config.model(name, config.size.seeds[0])
        episode = run_episode(
            model, config.planner(planner), chosen, seed=config.seed, index=problem, **config.objective
        )
        assert episode.imagined_frames is not None
        shown.append(_true(config.task, f"{name}, true", episode.states[steps], chosen.goals[0]))
        shown.append(Trajectory(f"{name}, imagined", episode.imagined_frames, None))
    return Rollouts(config.task, planner, problem, steps, task.render(chosen.goals, SIZE)[0], tuple(shown))


def _true(task_name: str, name: str, states: np.ndarray, goal: np.ndarray) -> Trajectory:
    task = make_task(task_name)
    distance = task.distance(states, np.broadcast_to(goal, states.shape))
    return Trajectory(name, task.render(states, SIZE), distance)
