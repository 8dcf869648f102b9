"""The loss of plans and its gradient for their actions."""

from typing import Protocol

import torch
from torch import Tensor

from lab.models.protocols import gradient
from lab.planning.planner import PlanRequest


class Differentiate(Protocol):
    def __call__(self, request: PlanRequest, actions: Tensor) -> tuple[Tensor, Tensor]:
        """The loss (B, ...) of ``actions`` (B, ..., H, A), and its gradient for them, in their shape."""
        ...


def by_autograd(request: PlanRequest, actions: Tensor) -> tuple[Tensor, Tensor]:
    """See `Differentiate`; works under ``torch.no_grad``, and no weight collects a gradient.

    Raises LabError where the model gives no gradient.
    """
    with torch.enable_grad():
        actions = actions.detach().requires_grad_(True)
        loss = request.loss(actions)
        descent = gradient(loss.sum(), actions, request.model)
    return loss.detach(), descent
