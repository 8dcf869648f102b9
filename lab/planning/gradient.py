"""Gradient-based planning (GBP): descend the goal distance through the unrolled world model (the paper's algorithm)."""

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
    """``a <- a - lr * grad_a L`` for ``iterations`` steps, with SGD (the paper's GD) or another first-order optimiser.

    Gradients are taken for the actions alone, so that no weight ever collects one.
    """

    optimiser: str = "adam"  #: sgd, momentum, adam or adamw
    lr: float = 0.3
    iterations: int = 300
    noise: float = (
        0.003  #: standard deviation of what is added to the actions after each step, as in the authors' gd.py
    )
    start: float = 1.0  #: standard deviation of the initial actions
    bound: float | None = None  #: largest absolute action, in standard deviations of the data's
    chunk: int = 256  #: problems (with restarts: starts) descended together
    restarts: int = 1  #: starts of each problem, of which the plan with the least predicted loss is kept

    def __post_init__(self) -> None:
        check_options(self)
        check_optimiser(self.optimiser)

    def plan(self, request: PlanRequest) -> Plan:
        """See `Planner.plan`."""
        together = max(1, self.chunk // self.restarts)
        return in_chunks(best_of(self.restarts, self._descend), together, request)

    def differentiate(self, request: PlanRequest, actions: Tensor) -> Differentiate:
        """What gives loss and gradient for arguments like these."""
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
