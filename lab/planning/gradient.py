"""Gradient-based planning (GBP): descend the goal distance through the unrolled world model (the paper's algorithm)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from lab.errors import LabError
from lab.models.world_model import Dynamics
from lab.planning.differentiate import Differentiate, by_autograd
from lab.planning.objective import Objective
from lab.planning.optimisers import Optimiser, check_optimiser
from lab.planning.planner import Callback, Plan, generators, in_chunks, normal
from lab.planning.restarts import best_of


@dataclass(frozen=True)
class GradientPlanner:
    """``a <- a - lr * grad_a L`` for ``iterations`` steps, with SGD (the paper's GD) or another first-order optimiser.

    Gradients are taken for the actions alone, so that no weight ever collects one.
    """

    optimiser: str = "adam"  #: sgd, momentum, adam or adamw
    lr: float = 0.3
    iterations: int = 300
    noise: float = 0.003  #: standard deviation of what is added to the actions after each step (reference: gd.py)
    start: float = 1.0  #: standard deviation of the initial actions
    bound: float | None = None  #: largest absolute action, in standard deviations of the data's
    chunk: int = 256  #: problems (with restarts: starts) descended together
    restarts: int = 1  #: starts of each problem, of which the plan with the least predicted loss is kept

    def __post_init__(self) -> None:
        check_optimiser(self.optimiser)
        if self.restarts < 1:
            raise LabError(f"A problem needs at least 1 start, got {self.restarts} restarts.")

    def plan(
        self,
        model: Dynamics,
        z0: Tensor,
        objective: Objective,
        init: Tensor,
        seeds: Sequence[int],
        callback: Callback | None = None,
    ) -> Plan:
        """See `Planner.plan`."""
        if self.restarts > 1:
            once = replace(self, restarts=1)
            together = max(1, self.chunk // self.restarts)
            return in_chunks(best_of(self.restarts, once._chunk), together, model, z0, objective, init, seeds, callback)
        return in_chunks(self._chunk, self.chunk, model, z0, objective, init, seeds, callback)

    def differentiate(self, model: Dynamics, objective: Objective, z0: Tensor, actions: Tensor) -> Differentiate:
        """What gives loss and gradient for arguments like these."""
        return by_autograd

    def _chunk(self, model, z0, objective, init, seeds, callback) -> Plan:
        rngs = generators(seeds, z0.device)
        init = init.to(z0.device)
        actions = torch.where(init.isnan(), self.start * normal(rngs, init.shape[1:]), init)
        noise = self.noise * normal(rngs, (self.iterations, *init.shape[1:]))
        optimiser = Optimiser(self.optimiser, self.lr, actions)
        differentiate = self.differentiate(model, objective, z0, actions)
        history = []
        for i in range(self.iterations):
            loss, gradient = differentiate(model, objective, z0, actions)
            history.append(loss)
            if callback:
                callback(i, actions, history[-1])
            actions = actions - optimiser.step(actions, gradient) + noise[:, i]
            if self.bound is not None:
                actions = actions.clamp(-self.bound, self.bound)
        with torch.no_grad():
            loss = objective(model.rollout(z0, actions), actions)
        return Plan(actions, loss, torch.stack(history))
