"""Figure 1: the training data of a world model, where planning leads it, and the two remedies, in one plane.

The plane is that of the first two principal components of the data's picture latents.
"""

from dataclasses import dataclass

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
PLANS = 12  #: at most, for the panel of corrected trajectories
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


def overview(
    config: Config,
    problem: int | None = None,
    model_name: str = "base",
    planner: str = "adam",
    radius: float | None = None,
) -> Overview:
    """Plan for the first `PLANS` test problems with data-set goals, and project everything on the plane.

    ``problem`` is the one whose plan is drawn as imagined and as executed (default: the one whose imagined and true end
    are farthest from each other). ``radius`` is the multiple lambda of the perturbation box (default: the recipe's).
    """
    radius = config.recipe.radii.latent if radius is None else radius
    model = config.model(model_name, config.size.seeds[0])
    problems = Protocol(config.task, "dataset", min(PLANS, config.size.n), seed=config.seed).problems()
    outcome = config.evaluate(model, config.planner(planner), problems)
    task = make_task(config.task)
    data = _latents(model, task, _data_states(config.task))
    centre, axes, explained = _plane(data)
    dreams = imagined(model, outcome).numpy(force=True)[..., : model.latent_dim]
    real = outcome.latents.numpy(force=True)[..., : model.latent_dim]
    if problem is None:
        problem = int(((dreams - real)[:, -1] ** 2).sum(-1).argmax())
    distance = task.distance(outcome.trajectory[problem, -1:], problems.goals[problem : problem + 1])

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
        expert=flat(_latents(model, task, _expert(task, problems, problem))),
        imagined=flat(dreams[problem]),
        corrected=flat(real),
        goal=flat(_latents(model, task, problems.goals[problem])),
        shadow=_shadow(axes, radius * data.std()),
        distance=float(distance[0]),
    )


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
