"""Figure 1: the training data of a world model, where planning leads it, and the two remedies, in one plane.

The plane is that of the first two principal components of the data's picture latents.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch

from lab.data import DataSpec, Problems
from lab.data.dataset import collect_states
from lab.evaluation.imagination import imagined
from lab.models import WorldModel
from lab.studies.common.config import Config
from lab.studies.common.protocol import Protocol
from lab.tasks import Task, make_task

NAME = "overview"
EPISODES = 100  #: of the data
PLANS = 30  #: at most
CORNERS = 72  #: of the outline of a shadow


@dataclass(frozen=True)
class Overview:
    """Points in the plane. ``K`` is the number of latent states of a data episode, ``H`` of planned blocks."""

    task: str
    model: str
    planner: str
    problem: int  #: index of the plan that is drawn as imagined and as executed
    explained: float  #: share of the latents' variance that the plane shows
    radius: float  #: lambda
    data: np.ndarray  #: (episodes, K, 2)
    expert: np.ndarray  #: (H + 1, 2)
    imagined: np.ndarray  #: (H + 1, 2) the plan as the model imagines it
    corrected: np.ndarray  #: (plans, H + 1, 2) the plans as the simulator executes them
    goal: np.ndarray  #: (2,)
    shadow: np.ndarray  #: (CORNERS, 2) outline of the perturbation box around 0, as seen in the plane
    distance: float  #: success radii between the end of the plan and the goal


@dataclass(frozen=True)
class Plans:
    """Plans for the first test problems with data-set goals, in picture latents of D numbers."""

    model: WorldModel
    problems: Problems
    imagined: np.ndarray  #: (plans, H + 1, D)
    true: np.ndarray  #: (plans, H + 1, D) as the simulator executes them
    distance: np.ndarray  #: (plans,) success radii between the ends and the goals


def overview(
    config: Config,
    problem: int | None = None,
    model_name: str = "base",
    planner: str = "adam",
    radius: float | None = None,
) -> Overview:
    """Plan for the first `PLANS` test problems with data-set goals, and project everything on the plane.

    ``problem`` is the one whose plan is drawn as imagined and as executed (default: the one that `most_promised`
    names). ``radius`` is the multiple lambda of the perturbation box (default: the recipe's).
    """
    radius = config.recipe.radii.latent if radius is None else radius
    plans, task = _plans(config, model_name, planner), make_task(config.task)
    data = _latents(plans.model, task, _data_states(config.task))
    goals = _latents(plans.model, task, plans.problems.goals)
    centre, axes, explained = _plane(data)
    if problem is None:
        problem = most_promised(plans.imagined[:, -1], plans.true[:, -1], goals)

    def flat(latents: np.ndarray) -> np.ndarray:
        return (latents - centre) @ axes.T

    return Overview(
        task=config.task,
        model=model_name,
        planner=planner,
        problem=problem,
        explained=explained,
        radius=radius,
        data=flat(data),
        expert=flat(_latents(plans.model, task, _expert(task, plans.problems, problem))),
        imagined=flat(plans.imagined[problem]),
        corrected=flat(plans.true),
        goal=flat(goals[problem]),
        shadow=_shadow(axes, radius * data.std()),
        distance=float(plans.distance[problem]),
    )


def most_promised(imagined: np.ndarray, true: np.ndarray, goals: np.ndarray) -> int:
    """The row of ``imagined``, ``true`` and ``goals`` (plans, D) where the true end falls short most.

    That is where its distance to the goal exceeds that of the imagined end most.
    """
    short = np.linalg.norm(true - goals, axis=-1) - np.linalg.norm(imagined - goals, axis=-1)
    return int(short.argmax())


@lru_cache(maxsize=8)  # controls of a picture ask for the same plans again
def _plans(config: Config, model_name: str, planner: str) -> Plans:
    model = config.model(model_name, config.size.seeds[0])
    problems = Protocol(config.task, "dataset", min(PLANS, config.size.n), seed=config.seed).problems()
    outcome = config.evaluate(model, config.planner(planner), problems)
    dreams, real = (z.numpy(force=True)[..., : model.latent_dim] for z in (imagined(model, outcome), outcome.latents))
    distance = make_task(config.task).distance(outcome.trajectory[:, -1], problems.goals)
    return Plans(model, problems, dreams, real, distance)


def _data_states(task: str) -> np.ndarray:
    """States (EPISODES, K, S) of the training data at the block boundaries."""
    states = collect_states(DataSpec(task, "train", EPISODES, pixels=False)).states
    return states[:, :: make_task(task).frameskip]


def _expert(task: Task, problems: Problems, problem: int) -> np.ndarray:
    """States (H + 1, S) along the expert's actions, at the block boundaries."""
    assert problems.expert is not None
    rows = slice(problem, problem + 1)
    return task.simulate(problems.starts[rows], problems.expert[rows])[0, :: task.frameskip]


@torch.no_grad()
def _latents(model: WorldModel, task: Task, states: np.ndarray) -> np.ndarray:
    """Picture latents (..., D) of true states (..., S)."""
    return model.observe(task.observe(states)).numpy(force=True)[..., : model.latent_dim]


def _plane(latents: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    """Centre (D,), the two orthonormal axes (2, D) of largest variance, and their share of the variance."""
    flat = latents.reshape(-1, latents.shape[-1])
    centre = flat.mean(0)
    _, sizes, directions = np.linalg.svd(flat - centre, full_matrices=False)
    return centre, directions[:2], float((sizes[:2] ** 2).sum() / (sizes**2).sum())


def _shadow(axes: np.ndarray, epsilon: float) -> np.ndarray:
    """Outline (CORNERS, 2) of the box [-epsilon, epsilon]^D, projected on the plane of ``axes`` (2, D)."""
    angles = np.linspace(0, 2 * np.pi, CORNERS)
    directions = np.stack([np.cos(angles), np.sin(angles)], -1) @ axes
    return epsilon * np.sign(directions) @ axes.T
