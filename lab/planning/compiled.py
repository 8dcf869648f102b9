"""Gradient-based planning with loss and gradient as one program, which torch compiles: the same up to rounding."""

import warnings
from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor

from lab.models.world_model import Dynamics
from lab.planning.differentiate import Differentiate, by_autograd
from lab.planning.gradient import GradientPlanner
from lab.planning.objective import Objective


@dataclass(frozen=True)
class CompiledPlanner(GradientPlanner):
    """Twice as fast for one problem, after a wait of some ten seconds for each size; torch keeps what it compiled."""

    def differentiate(self, model: Dynamics, objective: Objective, z0: Tensor, actions: Tensor) -> Differentiate:
        """See `GradientPlanner.differentiate`."""
        return compiled(model, objective, z0, actions)


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
    """One program for arguments like these, compiled now; a warning and `by_autograd` where torch cannot."""
    from torch._dynamo.exc import TorchDynamoException

    try:
        _program()(model, objective, z0, actions)
    except TorchDynamoException as error:
        reason = str(error).strip().partition("\n")[0]
        warnings.warn(f"Planning goes on without compiling, and takes longer: {reason}", stacklevel=2)
        return by_autograd
    return _program()
