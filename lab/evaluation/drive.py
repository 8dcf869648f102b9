"""Driving a world model and the true environment side by side, block by block, each with one repeated action."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from lab.evaluation.gap import data_error, latent_error
from lab.models import Evaluable
from lab.models.protocols import actions_of, see, steps_per_block
from lab.tasks import Task
from lab.tasks.environment import Environment, simulate

LONGEST = 15  #: blocks of a drive whose usual error is known


@dataclass(frozen=True)
class Drive:
    """The trajectories of both worlds: ``T`` environment steps, ``K`` blocks. Both begin at the same start, index 0."""

    states: np.ndarray  #: (T + 1, S) true states
    dream: Tensor  #: (K + 1, Z) imagined latent states; only the first is observed
    error: np.ndarray  #: (K + 1,) mean squared distance of imagined to true picture latent


@torch.no_grad()
def begin(model: Evaluable, environment: Environment, start: np.ndarray) -> Drive:
    """A drive of no block yet, from the state ``start`` (S,)."""
    return Drive(start[None], see(model, environment, start[None]), np.zeros(1))


@torch.no_grad()
def drive(
    model: Evaluable, environment: Environment, so_far: Drive, direction: np.ndarray, strength: float = 1.0
) -> Drive:
    """One block more, in which the same action is taken at every environment step.

    The action is ``direction`` (a,), of length 1 in standard deviations of the data's actions, times ``strength``; a
    strength of 1 gives it the root mean square length of these actions.
    """
    action = strength * np.sqrt(len(direction)) * direction
    z = so_far.dream[-1:]
    block = torch.as_tensor(np.tile(action, steps_per_block(model)), dtype=torch.float32, device=z.device)
    blocks = block[None, None]
    states = simulate(environment, so_far.states[-1:], actions_of(model, blocks))[0]
    dream = model.rollout(z, blocks)[:, 1]
    error = latent_error(model, dream, see(model, environment, states[-1:]))
    return Drive(
        np.concatenate([so_far.states, states[1:]]), torch.cat([so_far.dream, dream]), np.append(so_far.error, error)
    )


def held_out(task: Task) -> tuple[np.ndarray, np.ndarray]:
    """States (n, T + 1, S) and actions (n, T, a) of held-out trajectories, `LONGEST` blocks long.

    40 of them, or 20 of a slow task.
    """
    return task.collect(np.random.default_rng([0, 4000]), 20 if task.slow else 40, LONGEST * task.frameskip)


def usual_error(model: Evaluable, task: Task) -> list[float]:
    """The 95% quantile of the model error on `held_out` trajectories, after 1 … `LONGEST` blocks."""
    return np.quantile(data_error(model, task, *held_out(task)), 0.95, axis=0).tolist()
