"""Gradient-based planning with ``torch.compile``: the plans are those of `GradientPlanner` up to rounding."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor

from lab.models.protocols import Dynamics
from lab.planning.differentiate import Differentiate, by_autograd
from lab.planning.gradient import GradientPlanner
from lab.planning.objective import Objective
from lab.planning.planner import PlanRequest


@dataclass(frozen=True)
class CompiledPlanner(GradientPlanner):
    """A `GradientPlanner` whose loss and gradient are one compiled program.

    A single problem is planned twice as fast. The first plan of each size takes some ten seconds to compile.
    """

    def differentiate(self, request: PlanRequest, actions: Tensor) -> Differentiate:
        """See `GradientPlanner.differentiate`."""
        return compiled(request, actions)


def by_transform(model: Dynamics, objective: Objective, z0: Tensor, actions: Tensor) -> tuple[Tensor, Tensor]:
    """Loss (B,) of ``actions`` (B, H, A) and its gradient (B, H, A), written so that torch can compile all of it."""

    def total(actions: Tensor) -> tuple[Tensor, Tensor]:
        loss = objective(model.rollout(z0, actions), actions)
        return loss.sum(), loss

    gradient, (_, loss) = torch.func.grad_and_value(total, has_aux=True)(actions)
    return loss, gradient


@cache
def _program() -> Callable[[Dynamics, Objective, Tensor, Tensor], tuple[Tensor, Tensor]]:
    return torch.compile(by_transform, fullgraph=True)  # not earlier: the compiler takes a second to import


def by_program(request: PlanRequest, actions: Tensor) -> tuple[Tensor, Tensor]:
    """See `Differentiate`; compiles the program for arguments of new shapes."""
    return _program()(request.model, request.objective, request.z0, actions)


def compiled(request: PlanRequest, actions: Tensor) -> Differentiate:
    """The program, compiled for arguments of these shapes; where torch cannot, `by_autograd`, after a warning."""
    from torch._dynamo.exc import TorchDynamoException

    try:
        by_program(request, actions)
    except TorchDynamoException as error:
        reason = str(error).strip().partition("\n")[0]
        warnings.warn(f"Planning goes on without compiling, and takes longer: {reason}", stacklevel=2)
        return by_autograd
    return by_program
