"""Driving a world model and the true environment side by side, one block of one held action at a time."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from lab.evaluation.gap import latent_error
from lab.models import Evaluable
from lab.models.protocols import see, steps_per_block
from lab.tasks.environment import Environment, simulate


@dataclass(frozen=True)
class Drive:
    """Where both worlds went. ``T`` environment steps, ``K`` blocks; index 0 is the start, which both share."""

    states: np.ndarray  #: (T + 1, S) true states
    dream: Tensor  #: (K + 1, Z) imagined latent states; nothing is seen after the start
    error: np.ndarray  #: (K + 1,) mean squared distance of imagined to true picture latent


@torch.no_grad()
def begin(model: Evaluable, environment: Environment, start: np.ndarray) -> Drive:
    """Both worlds at ``start`` (S,)."""
    return Drive(start[None], see(model, environment, start[None]), np.zeros(1))


@torch.no_grad()
def drive(
    model: Evaluable, environment: Environment, so_far: Drive, direction: np.ndarray, strength: float = 1.0
) -> Drive:
    """One block further: the action of ``direction`` (a,) is held for all of its environment steps.

    ``direction`` has length 1 and counts in standard deviations of the data's actions; a ``strength`` of 1 makes it as
    long as these typically are.
    """
    typical = strength * np.sqrt(len(direction)) * direction
    here = so_far.dream[-1:]
    block = torch.as_tensor(np.tile(typical, steps_per_block(model)), dtype=torch.float32, device=here.device)
    blocks = block[None, None]
    states = simulate(environment, so_far.states[-1:], model.denormalise_actions(blocks))[0]
    dream = model.rollout(here, blocks)[:, 1]
    error = latent_error(model, dream, see(model, environment, states[-1:]))
    return Drive(
        np.concatenate([so_far.states, states[1:]]), torch.cat([so_far.dream, dream]), np.append(so_far.error, error)
    )
