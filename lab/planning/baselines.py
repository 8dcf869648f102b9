"""The floors every success rate is read against: random actions, and one constant action such as doing nothing."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from lab.models.world_model import Dynamics
from lab.planning.objective import Objective
from lab.planning.planner import Callback, Plan, generators, normal


@dataclass(frozen=True)
class RandomActions:
    """Independent normal actions with the data's mean and deviation."""

    def plan(
        self,
        model: Dynamics,
        z0: Tensor,
        objective: Objective,
        init: Tensor,
        seeds: Sequence[int],
        callback: Callback | None = None,
    ) -> Plan:
        """See `Planner.plan`; neither model nor goal matter."""
        return _unchecked(normal(generators(seeds, z0.device), init.shape[1:]))


@dataclass(frozen=True)
class Constant:
    """The same standardised ``block`` (A,) at every step."""

    block: Tensor

    def plan(
        self,
        model: Dynamics,
        z0: Tensor,
        objective: Objective,
        init: Tensor,
        seeds: Sequence[int],
        callback: Callback | None = None,
    ) -> Plan:
        """See `Planner.plan`; neither model nor goal matter."""
        return _unchecked(self.block.expand(init.shape))


def _unchecked(actions: Tensor) -> Plan:
    """A plan whose loss nobody asked for."""
    unknown = torch.full(actions.shape[:1], torch.nan)
    return Plan(actions, unknown, unknown[None])
