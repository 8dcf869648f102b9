"""Gradient-based planning (GBP): descend the goal distance through the unrolled world model (the paper's algorithm)."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from lab.errors import LabError
from lab.models.world_model import Dynamics
from lab.planning.objective import GoalDistance
from lab.planning.planner import Callback, Plan, concatenate, generators, normal

OPTIMISERS = ("sgd", "adam")


@dataclass(frozen=True)
class GradientPlanner:
    """``a <- a - lr * grad_a L`` for ``iterations`` steps, with SGD (the paper's GD) or Adam.

    Gradients are taken for the actions alone, so that no weight ever collects one.
    """

    optimiser: str = "adam"
    lr: float = 0.3
    iterations: int = 300
    noise: float = 0.003  #: standard deviation of what is added to the actions after each step (reference: gd.py)
    start: float = 1.0  #: standard deviation of the initial actions
    bound: float | None = None  #: largest absolute action, in standard deviations of the data's
    chunk: int = 256  #: problems descended together

    def __post_init__(self) -> None:
        if self.optimiser not in OPTIMISERS:
            raise LabError(f"Unknown optimiser '{self.optimiser}': choose one of {', '.join(OPTIMISERS)}.")

    def plan(
        self,
        model: Dynamics,
        z0: Tensor,
        objective: GoalDistance,
        init: Tensor,
        seeds: Sequence[int],
        callback: Callback | None = None,
    ) -> Plan:
        """See `Planner.plan`."""
        rows = [slice(first, first + self.chunk) for first in range(0, len(z0), self.chunk)]
        return concatenate([self._chunk(model, z0[r], objective[r], init[r], seeds[r], callback) for r in rows])

    def _chunk(self, model, z0, objective, init, seeds, callback) -> Plan:
        rngs = generators(seeds, z0.device)
        init = init.to(z0.device)
        actions = torch.where(init.isnan(), self.start * normal(rngs, init.shape[1:]), init)
        noise = self.noise * normal(rngs, (self.iterations, *init.shape[1:]))
        moments = (torch.zeros_like(actions), torch.zeros_like(actions))
        history = []
        for i in range(self.iterations):
            actions.requires_grad_(True)
            loss = objective(model.rollout(z0, actions), actions)
            (gradient,) = torch.autograd.grad(loss.sum(), actions)
            history.append(loss.detach())
            if callback:
                callback(i, actions.detach(), history[-1])
            actions = actions.detach() - self._step(gradient, moments, i + 1) + noise[:, i]
            if self.bound is not None:
                actions = actions.clamp(-self.bound, self.bound)
        with torch.no_grad():
            loss = objective(model.rollout(z0, actions), actions)
        return Plan(actions, loss, torch.stack(history))

    def _step(self, gradient: Tensor, moments: tuple[Tensor, Tensor], t: int) -> Tensor:
        """The step of iteration ``t`` = 1, 2, …; Adam's moments are updated in place."""
        if self.optimiser == "sgd":
            return self.lr * gradient
        first, second = moments
        first.lerp_(gradient, 0.1)
        second.lerp_(gradient**2, 0.001)
        return self.lr * (first / (1 - 0.9**t)) / ((second / (1 - 0.999**t)).sqrt() + 1e-8)
