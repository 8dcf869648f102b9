"""The floors every success rate is read against: random actions, and one constant action such as doing nothing."""

from dataclasses import dataclass

import torch
from torch import Tensor

from lab.planning.planner import Plan, PlanRequest, generators, normal


@dataclass(frozen=True)
class RandomActions:
    """Independent normal actions with the data's mean and deviation."""

    def plan(self, request: PlanRequest) -> Plan:
        """See `Planner.plan`; neither model nor goal matter."""
        return _unchecked(normal(generators(request.seeds, request.z0.device), request.init.shape[1:]))


@dataclass(frozen=True)
class Constant:
    """The same standardised ``block`` (A,) at every step."""

    block: Tensor

    def plan(self, request: PlanRequest) -> Plan:
        """See `Planner.plan`; neither model nor goal matter."""
        return _unchecked(self.block.expand(request.init.shape))


def _unchecked(actions: Tensor) -> Plan:
    """A plan whose loss nobody asked for."""
    unknown = torch.full(actions.shape[:1], torch.nan)
    return Plan(actions, unknown, unknown[None])
