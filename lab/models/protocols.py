"""What the lab requires of a world model, in three protocols: to plan, to be evaluated, and to be finetuned.

`lab.models.WorldModel` is one implementation; any ``torch.nn.Module`` with these methods is another.

Dimensions: ``B`` problems, ``H`` blocks, ``Z`` numbers of a latent state z. A block of ``A`` numbers is the action of
one latent step: the standardised actions of its environment steps, concatenated. If a model has an attribute
``latent_dim``, the first ``latent_dim`` numbers of z are the picture's latent and the others proprioception; otherwise
all are the picture's.
"""

from collections.abc import Iterable
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor, nn

from lab.errors import LabError, failed, is_whole
from lab.tasks.environment import Environment


@runtime_checkable
class Dynamics(Protocol):
    """What planning requires."""

    def rollout(self, z0: Tensor, actions: Tensor) -> Tensor:
        """Imagine ``actions`` (..., H, A) from ``z0`` (..., Z); returns (..., H + 1, Z), the start included."""
        ...


@runtime_checkable
class Evaluable(Dynamics, Protocol):
    """What evaluation in the true environment requires: success, the train-test gap and the landscape."""

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
    """What finetuning requires. The parameters that require a gradient are trained.

    A predictor that sees several states has an attribute ``history``, their number; without it, it sees one.
    """

    def predict(self, z: Tensor, actions: Tensor) -> Tensor:
        """The next of each of K consecutive states ``z`` (..., K, Z) under ``actions`` (..., K, A); K = ``history``."""
        ...

    def parameters(self) -> Iterable[nn.Parameter]:
        """The model's parameters."""
        ...


@torch.no_grad()
def see(model: Evaluable, environment: Environment, states: np.ndarray) -> Tensor:
    """z (..., Z) of the environment's ``states`` (..., S), as the model observes them.

    Raises LabError where the model fails on them, or returns another shape, or no tensor.
    """
    observation = environment.observe(states)
    try:
        z = model.observe(observation)
    except RuntimeError as problem:  # such as weights of another dtype
        failure = f"{type(model).__name__}.observe fails on what is observed of states {states.shape}"
        raise failed(failure, problem) from problem
    if not isinstance(z, Tensor) or z.shape[:-1] != states.shape[:-1]:
        raise LabError(
            f"{type(model).__name__}.observe should return z {(*states.shape[:-1], 'Z')} of what is observed of states "
            f"{states.shape}, got {tuple(z.shape) if isinstance(z, Tensor) else type(z).__name__}."
        )
    return z


def check_evaluable(model: object, what: str = "") -> None:
    """Raise LabError unless ``model``, called ``what`` (default: as its class), can be evaluated, see `Evaluable`."""
    if isinstance(model, type):
        raise LabError(f"{what or model.__name__} is a class: name a world model that is made of it.")
    what = what or type(model).__name__
    parts = ("rollout", "observe", "normalise_actions", "denormalise_actions", "block_dim")
    if missing := [name for name in parts if not hasattr(model, name)]:
        raise LabError(f"{what} is no world model: it has no {', '.join(missing)} (see lab/models/protocols.py).")
    if not is_whole(size := getattr(model, "block_dim", None), 1):
        raise LabError(f"The block_dim of {what} should be a whole number from 1, got {size!r}.")


def gradient(loss: Tensor, inputs: Tensor, model: object) -> Tensor:
    """The gradient of ``loss`` with respect to ``inputs`` of ``model``; raises LabError where there is none."""
    if loss.requires_grad:
        (result,) = torch.autograd.grad(loss, inputs, allow_unused=True)
        if result is not None:
            return result
    raise LabError(
        f"{type(model).__name__} gives no gradient for its inputs: let it compute in torch, without no_grad or detach."
    )


def picture_numbers(model: object, z: Tensor) -> int:
    """How many of the first numbers of ``z`` (..., Z) are the picture's latent: ``latent_dim``, or all."""
    return getattr(model, "latent_dim", z.shape[-1])


def steps_per_block(model: Evaluable) -> int:
    """The number of environment steps in a block. Raises LabError as `actions_of` does."""
    return actions_of(model, torch.zeros(1, model.block_dim)).shape[-2]


def actions_of(model: Evaluable, blocks: Tensor) -> np.ndarray:
    """The environment's actions (..., H * k, a) of ``blocks`` (..., H, A), k steps each.

    Raises LabError where the model returns another shape, or a number of actions that H does not divide.
    """
    actions = np.asarray(model.denormalise_actions(blocks))
    fits = actions.ndim == blocks.ndim > 1 and actions.shape[:-2] == blocks.shape[:-2]
    if not fits or not 0 < blocks.shape[-2] <= actions.shape[-2] or actions.shape[-2] % blocks.shape[-2]:
        raise LabError(
            f"{type(model).__name__}.denormalise_actions should return actions (..., H * k, a), k steps of each of the "
            f"blocks (..., H, A), got {actions.shape} of {tuple(blocks.shape)}."
        )
    return actions


def blocks_of(model: Evaluable, actions: np.ndarray) -> Tensor:
    """The standardised blocks (..., H, A) of ``actions`` (..., H * k, a). Raises LabError where a step gets lost."""
    normalise = f"{type(model).__name__}.normalise_actions"
    try:
        blocks = model.normalise_actions(actions)
    except LabError:
        raise
    except (RuntimeError, ValueError) as problem:  # such as a reshape of what is no whole number of blocks
        raise LabError(f"{normalise} fails on actions {actions.shape} ({problem}): give whole blocks.") from problem
    if (again := actions_of(model, blocks).shape) != actions.shape:
        raise LabError(
            f"{normalise} should keep every step of actions {actions.shape}, but its blocks {tuple(blocks.shape)} are "
            f"actions {again}: give whole blocks."
        )
    return blocks
