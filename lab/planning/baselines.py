"""Baselines without planning, beside which success rates are read: random actions and a constant action."""

from dataclasses import dataclass

from torch import Tensor

from lab.errors import LabError
from lab.planning.planner import Plan, PlanRequest
from lab.planning.streams import generators, normal


@dataclass(frozen=True)
class RandomActions:
    """Independent normal actions with the mean and the standard deviation of the data's."""

    def plan(self, request: PlanRequest) -> Plan:
        """See `Planner.plan`; the plan depends on neither model nor goal."""
        return request.answer(normal(generators(request.seeds, request.z0.device), request.init.shape[1:]))


@dataclass(frozen=True)
class Constant:
    """The same standardised ``block`` (A,) at every step, or given blocks (H, A) or (B, H, A)."""

    block: Tensor

    def plan(self, request: PlanRequest) -> Plan:
        """See `Planner.plan`; it depends on neither model nor goal. Raises LabError for blocks of another shape."""
        if self.block.shape not in [request.init.shape[first:] for first in range(3)]:
            raise LabError(
                f"Blocks {tuple(self.block.shape)} do not fit plans {tuple(request.init.shape)}: give (A,), (H, A) or "
                "(B, H, A)."
            )
        return request.answer(self.block.to(request.z0.device).expand(request.init.shape))
