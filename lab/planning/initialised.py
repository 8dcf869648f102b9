"""Planning from where the initialisation network says: the paper's optional start for gradient-based planning."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from lab.models.world_model import Dynamics
from lab.planning.objective import Objective
from lab.planning.planner import Callback, Plan, Planner

#: (z0 (B, Z), goal (B, Z), steps H) -> actions (B, H, A)
Propose = Callable[[Tensor, Tensor, int], Tensor]


@dataclass(frozen=True)
class Initialised:
    """``planner``, started from what the network ``propose``s wherever no warm start is given; without, that alone."""

    propose: Propose
    planner: Planner | None = None

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
        with torch.no_grad():
            start = torch.where(init.isnan(), self.propose(z0, objective.goal, init.shape[1]), init)
        if self.planner:
            return self.planner.plan(model, z0, objective, start, seeds, callback)
        with torch.no_grad():
            loss = objective(model.rollout(z0, start), start)
        if callback:
            callback(0, start, loss)
        return Plan(start, loss, loss[None])
