"""The floors every success rate is read against: random actions, and one constant action such as doing nothing."""

from dataclasses import dataclass

from torch import Tensor

from lab.errors import LabError
from lab.planning.planner import Plan, PlanRequest
from lab.planning.streams import generators, normal


@dataclass(frozen=True)
class RandomActions:
    """Independent normal actions with the data's mean and standard deviation."""

    def plan(self, request: PlanRequest) -> Plan:
        """See `Planner.plan`; neither model nor goal matter."""
        return request.answer(normal(generators(request.seeds, request.z0.device), request.init.shape[1:]))


@dataclass(frozen=True)
class Constant:
    """The same standardised ``block`` (A,) at every step, or given blocks (H, A) or (B, H, A)."""

    block: Tensor

    def plan(self, request: PlanRequest) -> Plan:
        """See `Planner.plan`; neither model nor goal matter. Raises LabError for blocks that do not fit."""
        if self.block.shape not in [request.init.shape[first:] for first in range(3)]:
            raise LabError(f"Blocks {tuple(self.block.shape)} do not fit plans {tuple(request.init.shape)}.")
        return request.answer(self.block.to(request.z0.device).expand(request.init.shape))
