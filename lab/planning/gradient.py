"""Gradient-based planning (GBP), the paper's algorithm: descent on the goal distance of the imagined rollout."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from lab.planning.differentiate import by_autograd
from lab.planning.optimisers import Optimiser, check_optimiser
from lab.planning.options import check_options
from lab.planning.planner import Plan, PlanRequest, in_chunks
from lab.planning.restarts import Field, best_of
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
    restarts: int = 1  #: descents of each problem, from as many starts; the plan of least predicted loss is kept
    candidates: int = 1  #: random actions drawn for each start, which is the candidate of least predicted loss
    cooling: float = 1.0  #: the last step's lr, as a share of the first's; it changes linearly in between
    #: share of the iterations after which the half of the starts with the larger predicted loss is dropped, and again
    #: after 3, 7, 15, ... times as many, until one is left (successive halving, Karnin et al. 2013); 0: none is dropped
    race: float = 0.0

    def __post_init__(self) -> None:
        check_options(self)
        check_optimiser(self.optimiser)

    def plan(self, request: PlanRequest) -> Plan:
        """See `Planner.plan`."""
        problems = max(1, self.chunk // self.restarts)
        return in_chunks(best_of(self.restarts, self._descend), problems, request)

    def _descend(self, request: PlanRequest) -> Plan:
        rngs = generators(request.seeds, request.z0.device)
        drawn, noise = self.draw(request, rngs)
        actions = self._first(request, drawn)
        shares = torch.linspace(1, self.cooling, self.iterations).tolist()
        optimiser = Optimiser(self.optimiser, self.lr, actions)
        field, halvings, history = Field(actions, self.restarts), self._halvings(), []
        for i in range(self.iterations):
            loss, gradient = by_autograd(request, actions)
            history.append(field.all_losses(loss))
            if request.callback:
                request.callback(i, field.all_actions(actions), history[-1])
            actions = actions - shares[i] * optimiser.step(actions, gradient) + noise[:, i]
            if self.bound is not None:
                actions = actions.clamp(-self.bound, self.bound)
            if i + 1 in halvings:
                kept = field.halve(actions, loss)
                request, actions, noise = request[kept], actions[kept], noise[kept]
                optimiser.keep(kept)
        return Plan(field.all_actions(actions), field.all_losses(request.loss(actions)), torch.stack(history))

    def _halvings(self) -> set[int]:
        """The numbers of iterations after which half of the starts is dropped."""
        rounds = (self.restarts - 1).bit_length() if self.race else 0
        return {max(k + 1, round(self.race * self.iterations * (2 ** (k + 1) - 1))) for k in range(rounds)}

    def draw(self, request: PlanRequest, rngs: Sequence[torch.Generator]) -> tuple[Tensor, Tensor]:
        """The random candidates (B, C, H, A) for the start, and the noise (B, iterations, H, A) of the steps."""
        shape = request.init.shape[1:]
        first = request.informed(torch.zeros_like(request.init, device=request.z0.device), self.start)
        drawn = first.mean[:, None] + first.std[:, None] * normal(rngs, (self.candidates, *shape))
        return drawn, self.noise * normal(rngs, (self.iterations, *shape))

    def _first(self, request: PlanRequest, drawn: Tensor) -> Tensor:
        """The actions (B, H, A) to descend from: the warm start, completed by the best of those ``drawn``."""
        init = request.init.to(request.z0.device)[:, None]
        candidates = torch.where(init.isnan(), drawn, init)
        if self.candidates == 1 or not init.isnan().any():
            return candidates[:, 0]
        best = request.loss(candidates).nan_to_num(torch.inf).argmin(1)
        return candidates[torch.arange(len(best), device=best.device), best]
