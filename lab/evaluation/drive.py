"""Driving a world model and the true simulator side by side, one block of one held action at a time."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from lab.models import WorldModel
from lab.tasks import make_task


@dataclass(frozen=True)
class Drive:
    """Where both worlds went. ``T`` environment steps, ``K`` blocks; index 0 is the start, which both share."""

    states: np.ndarray  #: (T + 1, S) true states
    dream: Tensor  #: (K + 1, Z) imagined latent states; nothing is seen after the start
    error: np.ndarray  #: (K + 1,) mean squared distance of imagined to true picture latent


def begin(model: WorldModel, start: np.ndarray) -> Drive:
    """Both worlds at ``start`` (S,)."""
    return Drive(start[None], model.observe(start[None]), np.zeros(1))


@torch.no_grad()
def drive(model: WorldModel, so_far: Drive, direction: np.ndarray, strength: float = 1.0) -> Drive:
    """One block further: the action of ``direction`` (a,) is held for all of its environment steps.

    ``direction`` has length 1 and counts in standard deviations of the data's actions; a ``strength`` of 1 makes it as
    long as these typically are.
    """
    task = make_task(model.spec.task)
    typical = strength * np.sqrt(len(direction)) * direction
    block = torch.as_tensor(np.tile(typical, task.frameskip), dtype=torch.float32, device=model.device)[None]
    states = task.rollout(so_far.states[-1:], model.denormalise_actions(block[None]))[0]
    dream = torch.cat([so_far.dream, model.step(so_far.dream[-1:], block)])
    off = (dream[-1:] - model.observe(states[-1:]))[:, : model.latent_dim] ** 2
    error = np.append(so_far.error, off.mean().item())
    return Drive(np.concatenate([so_far.states, states[1:]]), dream, error)
