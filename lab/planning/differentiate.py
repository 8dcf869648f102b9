"""The planning loss and its gradient with respect to the actions."""

import torch
from torch import Tensor

from lab.models.protocols import gradient
from lab.planning.planner import PlanRequest


def by_autograd(request: PlanRequest, actions: Tensor) -> tuple[Tensor, Tensor]:
    """The loss (B, ...) of ``actions`` (B, ..., H, A), and its gradient (B, ..., H, A) with respect to them alone.

    Gradients are taken even under ``torch.no_grad``. Raises LabError where the model gives no gradient.
    """
    with torch.enable_grad():
        actions = actions.detach().requires_grad_(True)
        loss = request.loss(actions)
        descent = gradient(loss.sum(), actions, request.model)
    return loss.detach(), descent
