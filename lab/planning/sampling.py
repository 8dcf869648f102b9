"""What sampling planners share: the loop, its distribution over plans, and the choice of the best samples."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from lab.planning.planner import Plan, PlanRequest, in_chunks
from lab.planning.streams import generators, normal


@dataclass(frozen=True)
class Belief:
    """The sampling distribution: independent normals with ``mean`` and standard deviation ``std`` (B, H, A)."""

    mean: Tensor
    std: Tensor
    least: Tensor | None = None  #: loss (B,) of the best sample; None before the first iteration
    elites: Tensor | None = None  #: (B, E, H, A) samples that compete again, best first; the first is then the plan

    @property
    def plan(self) -> Tensor:
        """The plan (B, H, A): the best elite where elites are kept, else the mean."""
        return self.mean if self.elites is None else self.elites[:, 0]


class Sampler(ABC):
    """The loop of CEM and its relatives; a subclass defines one iteration, `improve`."""

    samples: int
    iterations: int
    std: float
    bound: float | None
    chunk: int

    @abstractmethod
    def improve(self, belief: Belief, request: PlanRequest, rngs: Sequence[torch.Generator], iteration: int) -> Belief:
        """One iteration: sample plans from ``belief``, and refit it to their losses.

        ``rngs`` has a generator for each problem.
        """

    def plan(self, request: PlanRequest) -> Plan:
        """See `Planner.plan`."""
        return in_chunks(self._search, self.chunk, request)

    def _search(self, request: PlanRequest) -> Plan:
        rngs = generators(request.seeds, request.z0.device)
        first = request.informed(request.init.to(request.z0.device).nan_to_num(0.0), self.std)
        belief, history = Belief(first.mean, first.std), []
        for i in range(self.iterations):
            belief = self.improve(belief, request, rngs, i)
            history.append(belief.least)
            if request.callback:
                request.callback(i, belief.plan, belief.least)
        loss = request.loss(belief.plan) if belief.elites is None else belief.least
        return Plan(belief.plan, loss, torch.stack(history))

    def noise(self, rngs: Sequence[torch.Generator], shape: tuple[int, int], iteration: int) -> Tensor:
        """Standard normal noise (B, N, H, A) of an iteration's samples, for plans of ``shape`` (H, A).

        The first sample's is 0, so that the mean itself is a candidate.
        """
        noise = normal(rngs, (self.samples, *shape))
        noise[:, 0] = 0
        return noise

    def draw(self, request: PlanRequest, rngs: Sequence[torch.Generator]) -> list[Tensor]:
        """The noise of all iterations."""
        return [self.noise(rngs, request.init.shape[1:], i) for i in range(self.iterations)]

    def bounded(self, actions: Tensor) -> Tensor:
        """``actions`` clipped to the bound."""
        return actions if self.bound is None else actions.clamp(-self.bound, self.bound)


def fittest(actions: Tensor, loss: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """The ``count`` of ``actions`` (B, N, H, A) with the least ``loss`` (B, N), best first, and the least loss (B,)."""
    best = loss.topk(count, dim=1, largest=False)
    rows = best.indices[..., None, None].expand(-1, -1, *actions.shape[2:])
    return actions.gather(1, rows), best.values[:, 0]
