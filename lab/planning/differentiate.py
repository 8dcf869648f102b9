"""The loss of plans and its gradient for their actions: by autograd, or as one program that torch compiles."""

import warnings
from functools import cache
from typing import Protocol

import torch
from torch import Tensor

from lab.models.world_model import Dynamics
from lab.planning.objective import Objective


class Differentiate(Protocol):
    def __call__(self, model: Dynamics, objective: Objective, z0: Tensor, actions: Tensor) -> tuple[Tensor, Tensor]:
        """The loss (B,) of ``actions`` (B, H, A) from ``z0`` (B, Z), and its gradient (B, H, A)."""
        ...


def by_autograd(model: Dynamics, objective: Objective, z0: Tensor, actions: Tensor) -> tuple[Tensor, Tensor]:
    """See `Differentiate`."""
    actions = actions.detach().requires_grad_(True)
    loss = objective(model.rollout(z0, actions), actions)
    (gradient,) = torch.autograd.grad(loss.sum(), actions)
    return loss.detach(), gradient


def by_transform(model: Dynamics, objective: Objective, z0: Tensor, actions: Tensor) -> tuple[Tensor, Tensor]:
    """See `Differentiate`: what can be compiled as a whole."""

    def total(actions: Tensor) -> tuple[Tensor, Tensor]:
        loss = objective(model.rollout(z0, actions), actions)
        return loss.sum(), loss

    gradient, (_, loss) = torch.func.grad_and_value(total, has_aux=True)(actions)
    return loss, gradient


@cache
def _program() -> Differentiate:
    return torch.compile(by_transform, fullgraph=True)  # not earlier: the compiler takes a second to import


def compiled(model: Dynamics, objective: Objective, z0: Tensor, actions: Tensor) -> Differentiate:
    """One program for arguments like these, compiled now; a warning and `by_autograd` where torch cannot.

    Compiling takes some ten seconds for each size; torch keeps the program for later processes, too.
    """
    from torch._dynamo.exc import TorchDynamoException

    try:
        _program()(model, objective, z0, actions)
    except TorchDynamoException as error:
        reason = str(error).strip().partition("\n")[0]
        warnings.warn(f"Planning goes on without compiling, and takes longer: {reason}", stacklevel=2)
        return by_autograd
    return _program()
