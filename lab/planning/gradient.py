"""Gradient-based planning (GBP), the paper's algorithm: descent on the goal distance of the imagined rollout."""

from dataclasses import dataclass

import torch
from torch import Tensor

from lab.planning.differentiate import Differentiate, by_autograd
from lab.planning.optimisers import Optimiser, check_optimiser
from lab.planning.options import check_options
from lab.planning.planner import Plan, PlanRequest, in_chunks
from lab.planning.restarts import best_of
from lab.planning.streams import generators, normal


@dataclass(frozen=True)
class GradientPlanner:
    """``a <- a - lr * grad_a L`` for ``iterations`` steps, by SGD (the paper's GD) or another first-order optimiser.

    Gradients are taken with respect to the actions alone: the model's parameters get none.
    """

    optimiser: str = "adam"  #: sgd, momentum, adam or adamw
    lr: float = 0.3
    iterations: int = 300
    noise: float = 0.003  #: standard deviation of the noise added after each step (authors: ``planning/gd.py``)
    start: float = 1.0  #: standard deviation of the initial actions
    bound: float | None = None  #: largest absolute action, in standard deviations of the data's
    chunk: int = 256  #: problems (with restarts: starts) planned in one batch
    restarts: int = 1  #: random starts of each problem; the plan with the least predicted loss is kept

    def __post_init__(self) -> None:
        check_options(self)
        check_optimiser(self.optimiser)

    def plan(self, request: PlanRequest) -> Plan:
        """See `Planner.plan`."""
        problems = max(1, self.chunk // self.restarts)
        return in_chunks(best_of(self.restarts, self._descend), problems, request)

    def differentiate(self, request: PlanRequest, actions: Tensor) -> Differentiate:
        """The function that gives loss and gradient of plans like ``actions`` (B, H, A)."""
        return by_autograd

    def _descend(self, request: PlanRequest) -> Plan:
        rngs, init = generators(request.seeds, request.z0.device), request.init.to(request.z0.device)
        actions = torch.where(init.isnan(), self.start * normal(rngs, init.shape[1:]), init)
        noise = self.noise * normal(rngs, (self.iterations, *init.shape[1:]))
        optimiser = Optimiser(self.optimiser, self.lr, actions)
        differentiate = self.differentiate(request, actions)
        history = []
        for i in range(self.iterations):
            loss, gradient = differentiate(request, actions)
            history.append(loss)
            if request.callback:
                request.callback(i, actions, history[-1])
            actions = actions - optimiser.step(actions, gradient) + noise[:, i]
            if self.bound is not None:
                actions = actions.clamp(-self.bound, self.bound)
        return Plan(actions, request.loss(actions), torch.stack(history))
