"""What `lab.studies.overview.movie` shows: a plan that leaves the data and one that does not.

The problem is chosen by a rule, to show the effect. The first test problems with random goals are candidates if the
finetuned model reaches the goal and the base model misses it. The one on which the base model imagines itself farthest
from all training data is chosen.
"""

from dataclasses import dataclass

import numpy as np

from lab.benchmarks import card_of
from lab.data import DataSpec, Problems
from lab.data.dataset import collect_states
from lab.evaluation.episode import run_episode, unfold
from lab.evaluation.imagination import imagined
from lab.models import WorldModel
from lab.studies.common.config import Config
from lab.studies.common.protocol import Protocol
from lab.tasks import make_task

TASK, PLANNER, SHOWN = "point_maze", "adam", ("base", "adversarial")
PROBLEMS = 100  #: of the test split, among which one is chosen
EPISODES = 200  #: of the training data
SNAPSHOTS = 45  #: of a plan while it is optimised


@dataclass(frozen=True)
class Making:
    """``M`` snapshots of a plan while it is optimised, each of ``H`` blocks of ``F`` environment steps.

    Places are x and y.
    """

    model: str
    iterations: np.ndarray  #: (M,) of the snapshots; the last is the finished plan
    imagined: np.ndarray  #: (M, H + 1, 2) places that the model imagines for each snapshot
    true: np.ndarray  #: (M, H * F + 1, 2) places that the simulator reaches
    distance: float  #: success radii between the end of the finished plan and the goal


@dataclass(frozen=True)
class Movie:
    """The same problem, planned through each model; places are x and y."""

    task: str
    planner: str
    problem: int  #: its number in the test split
    data: np.ndarray  #: (n, 2) places of the training data
    goal: np.ndarray  #: (2,)
    makings: tuple[Making, ...]


def movie_of(config: Config, candidates: int = PROBLEMS, snapshots: int = SNAPSHOTS) -> Movie:
    """Choose the problem among the first ``candidates`` of the test split and keep ``snapshots`` of each plan."""
    problems = Protocol(config.task, "random", candidates, seed=config.seed).problems()
    data = data_places(config.task)
    models = {name: config.model(name, config.size.seeds[0]) for name in SHOWN}
    outcomes = {name: config.evaluate(model, config.planner(PLANNER), problems) for name, model in models.items()}
    base, finetuned = (outcomes[name].success["full"] for name in SHOWN)
    differ = np.flatnonzero(finetuned & ~base)
    rows = differ if len(differ) else np.arange(candidates)
    paths = models["base"].decode_proprio(imagined(models["base"], outcomes["base"]))[rows, :, :2]
    chosen = int(rows[farthest(paths, data)])
    makings = [_making(config, name, model, problems, chosen, snapshots) for name, model in models.items()]
    goal = config.card.scene.place(problems.goals[chosen])
    return Movie(config.task, PLANNER, chosen, data, goal, tuple(makings))


def data_places(task: str) -> np.ndarray:
    """The places (n, 2) that the training data visit."""
    states = collect_states(DataSpec(task, "train", EPISODES, pixels=False)).states
    return card_of(task).scene.place(states).reshape(-1, 2)


def farthest(paths: np.ndarray, data: np.ndarray) -> int:
    """The index of the path in ``paths`` (B, K, 2) that goes farthest from its nearest point of ``data`` (n, 2)."""
    return int(np.argmax([distances(path, data).max() for path in paths]))


def distances(places: np.ndarray, data: np.ndarray) -> np.ndarray:
    """The distance (K,) from each of ``places`` (K, 2) to the nearest point of ``data`` (n, 2)."""
    return np.linalg.norm(places[:, None] - data, axis=-1).min(1)


def _making(config: Config, name: str, model: WorldModel, problems: Problems, chosen: int, snapshots: int) -> Making:
    """The plan that `evaluate` makes for the ``chosen`` problem, with its snapshots executed in the simulator."""
    problem, planner, options = problems[chosen : chosen + 1], config.planner(PLANNER), config.objective
    episode = run_episode(model, planner, problem, seed=config.seed, index=chosen, snapshots=snapshots, **options)
    stages = unfold(model, episode, **options)
    assert stages.imagined_proprio is not None
    return Making(
        model=name,
        iterations=episode.attempts[0].iterations,
        imagined=stages.imagined_proprio[..., :2],
        true=config.card.scene.place(stages.states),
        distance=float(make_task(config.task).distance(stages.states[-1, -1:], problem.goals)[0]),
    )
