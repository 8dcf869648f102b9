"""What all planners share: their contract, their result, and random numbers that do not depend on the batch."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from lab.models.world_model import Dynamics
from lab.planning.objective import Objective

#: (iteration, actions (B, H, A), loss (B,)) after each iteration of a chunk of problems
Callback = Callable[[int, Tensor, Tensor], None]


@dataclass(frozen=True)
class Plan:
    """``actions`` (B, H, A), their predicted ``loss`` (B,), and the loss at every iteration ``history`` (N, B)."""

    actions: Tensor
    loss: Tensor
    history: Tensor


class Planner(Protocol):
    """Batched over problems; a problem's plan depends on its own seed only, not on the others in the batch."""

    def plan(
        self,
        model: Dynamics,
        z0: Tensor,
        objective: Objective,
        init: Tensor,
        seeds: Sequence[int],
        callback: Callback | None = None,
    ) -> Plan:
        """Actions (B, H, A) that lead from ``z0`` (B, Z) to the objective's goal.

        ``init`` (B, H, A) is the warm start, NaN wherever the planner is to start on its own.
        """
        ...


#: `Planner.plan` for problems few enough to be planned together
PlanChunk = Callable[[Dynamics, Tensor, Objective, Tensor, Sequence[int], Callback | None], Plan]


def unplanned(problems: int, horizon: int, action_dim: int) -> Tensor:
    """A warm start that warms nothing: NaN (B, H, A)."""
    return torch.full((problems, horizon, action_dim), torch.nan)


def generators(seeds: Sequence[int], device: torch.device) -> list[torch.Generator]:
    """One generator for each problem; the global random state stays untouched."""
    return [torch.Generator(device).manual_seed(int(seed)) for seed in seeds]


def normal(rngs: Sequence[torch.Generator], shape: tuple[int, ...]) -> Tensor:
    """Standard normal numbers (B, *shape), each problem's from its own generator."""
    return torch.stack([torch.randn(shape, generator=rng, device=rng.device) for rng in rngs])


def in_chunks(
    plan: PlanChunk,
    size: int,
    model: Dynamics,
    z0: Tensor,
    objective: Objective,
    init: Tensor,
    seeds: Sequence[int],
    callback: Callback | None,
) -> Plan:
    """``plan`` for ``size`` problems at a time, so that memory stays bounded; the plans of all as one."""
    rows = [slice(first, first + size) for first in range(0, len(z0), size)]
    plans = [plan(model, z0[r], objective[r], init[r], seeds[r], callback) for r in rows]
    return Plan(
        torch.cat([plan.actions for plan in plans]),
        torch.cat([plan.loss for plan in plans]),
        torch.cat([plan.history for plan in plans], dim=1),
    )
