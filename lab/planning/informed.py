"""Planning with a prior that knows start and goal (after PRISM, Wang et al. 2026, arXiv 2606.07974).

A network says which actions lead from the start to the goal, and how sure it is: a normal distribution over plans. Its
product with the planner's own first distribution narrows the search where the network is sure, and leaves it as it is
where it is not.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from lab.planning.normal import Normal
from lab.planning.objective import Objective, Penalised
from lab.planning.planner import Plan, Planner, PlanRequest

#: (z0 (B, Z), goal (B, Z), steps H) -> mean and standard deviation of the actions, both (B, H, A)
Believe = Callable[[Tensor, Tensor, int], tuple[Tensor, Tensor]]


@dataclass(frozen=True)
class Informed:
    """``planner`` with what a network believes of the actions as the `PlanRequest.prior`.

    Samplers (CEM, iCEM, MPPI, GradCEM) begin with the product of both; gradient planners draw their starts from it,
    wherever there is no warm start. With ``weight``, the prior is also a regulariser: the objective gains ``weight``
    times the squared distance to the prior's mean, in its standard deviations, averaged over a plan's numbers.

    PRISM's network sees the present alone and is trained on demonstrations; this one sees the goal, too, and is trained
    on the world model's data. PRISM plans with samplers, without the regulariser.
    """

    believe: Believe
    planner: Planner
    weight: float = 0.0

    def plan(self, request: PlanRequest) -> Plan:
        """See `Planner.plan`; the plan's losses include the regulariser."""
        with torch.no_grad():
            prior = Normal(*self.believe(request.z0, request.objective.goal, request.init.shape[1]))
        objective: Objective = request.objective
        if self.weight:
            objective = Penalised(objective, prior, self.weight)
        return self.planner.plan(replace(request, objective=objective, prior=prior))
