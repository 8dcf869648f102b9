"""The loss of plans and its gradient for their actions."""

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
    with torch.enable_grad():
        actions = actions.detach().requires_grad_(True)
        loss = objective(model.rollout(z0, actions), actions)
        (gradient,) = torch.autograd.grad(loss.sum(), actions)
    return loss.detach(), gradient
