"""What the lab asks of a world model: little to plan, a little more to be evaluated, and to be finetuned.

`lab.models.WorldModel` is one implementation; a ``torch.nn.Module`` of your own is another with a few methods.

Dimensions: ``B`` problems, ``H`` blocks, ``Z`` numbers of a latent state z. A block of ``A`` numbers is one latent
step's action: the standardised actions of so many environment steps, one after the other. Where a model has an
attribute ``latent_dim``, so many of z's first numbers are the picture's latent, and the others proprioception;
otherwise all are the picture's.
"""

from collections.abc import Iterable
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor, nn

from lab.errors import LabError
from lab.tasks.environment import Environment


@runtime_checkable
class Dynamics(Protocol):
    """To plan: all that a planner asks of a world model."""

    def rollout(self, z0: Tensor, actions: Tensor) -> Tensor:
        """Imagine ``actions`` (..., H, A) from ``z0`` (..., Z); returns (..., H + 1, Z), the start included."""
        ...


@runtime_checkable
class Evaluable(Dynamics, Protocol):
    """To be evaluated: success, the train-test gap and the landscape, all against the true environment."""

    block_dim: int  #: A

    def observe(self, observation: Any) -> Tensor:
        """z (..., Z) of what the environment's ``observe`` returned for states (..., S)."""
        ...

    def normalise_actions(self, actions: np.ndarray) -> Tensor:
        """Environment actions (..., H * k, a) as standardised blocks (..., H, A) of k steps each, A = k * a."""
        ...

    def denormalise_actions(self, blocks: Tensor) -> np.ndarray:
        """The inverse of `normalise_actions`."""
        ...


@runtime_checkable
class Trainable(Evaluable, Protocol):
    """To be finetuned; whichever of its parameters require a gradient are trained.

    A predictor that sees several past states says how many in an attribute ``history``; without it, one.
    """

    def predict(self, z: Tensor, actions: Tensor) -> Tensor:
        """The next of each of K consecutive states ``z`` (..., K, Z) under ``actions`` (..., K, A); K = ``history``."""
        ...

    def parameters(self) -> Iterable[nn.Parameter]:
        """What may be trained."""
        ...


@torch.no_grad()
def see(model: Evaluable, environment: Environment, states: np.ndarray) -> Tensor:
    """z (..., Z): ``states`` (..., S) of the environment as the model sees them; raises LabError for another shape."""
    z = model.observe(environment.observe(states))
    if z.shape[:-1] != states.shape[:-1]:
        raise LabError(
            f"{type(model).__name__}.observe should return z {(*states.shape[:-1], 'Z')} of what is observed of states "
            f"{states.shape}, got {tuple(z.shape)}."
        )
    return z


def gradient(loss: Tensor, inputs: Tensor, model: object) -> Tensor:
    """The gradient of ``loss`` for the ``inputs`` of ``model``; raises LabError where none comes through."""
    if loss.requires_grad:
        (found,) = torch.autograd.grad(loss, inputs, allow_unused=True)
        if found is not None:
            return found
    raise LabError(
        f"{type(model).__name__} gives no gradient for its inputs: let it compute in torch, without no_grad or detach."
    )


def picture_numbers(model: object, z: Tensor) -> int:
    """How many of the first numbers of ``z`` (..., Z) are the picture's latent: ``latent_dim``, or all."""
    return getattr(model, "latent_dim", z.shape[-1])


def steps_per_block(model: Evaluable) -> int:
    """Environment steps in one block."""
    return model.denormalise_actions(torch.zeros(1, model.block_dim)).shape[-2]
