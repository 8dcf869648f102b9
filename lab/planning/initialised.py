"""Planning from the initialisation network's proposal: the paper's optional start of gradient-based planning."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from lab.planning.planner import Plan, Planner, PlanRequest

#: (z0 (B, Z), goal (B, Z), steps H) -> actions (B, H, A)
Propose = Callable[[Tensor, Tensor, int], Tensor]


@dataclass(frozen=True)
class Initialised:
    """``planner``, started from the network's proposal wherever there is no warm start.

    Without a planner, the proposal itself is the plan.
    """

    propose: Propose
    planner: Planner | None = None

    def plan(self, request: PlanRequest) -> Plan:
        """See `Planner.plan`."""
        with torch.no_grad():
            proposed = self.propose(request.z0, request.objective.goal, request.init.shape[1])
            init = request.init.to(proposed)  # MPC makes it on the CPU
            request = replace(request, init=torch.where(init.isnan(), proposed, init))
        return self.planner.plan(request) if self.planner else request.answer(request.init)
