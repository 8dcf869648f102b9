"""The action prior: it keeps plans near the data's actions, on which the world model was trained."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from lab.planning.objective import Objective
from lab.planning.planner import Plan, Planner, PlanRequest


@dataclass(frozen=True)
class ActionPrior:
    """A normal distribution fitted to the data's action blocks; the prior's loss is its negative log-likelihood."""

    mean: Tensor  #: (A,)
    whitening: Tensor  #: (A, A), the inverse of a square root of the covariance

    @classmethod
    def fit(cls, blocks: Tensor, floor: float = 0.05) -> "ActionPrior":
        """Fit the distribution to ``blocks`` (N, A); ``floor`` is the least standard deviation in any direction."""
        values, vectors = torch.linalg.eigh(blocks.double().T.cov())
        whitening = vectors / values.clamp(min=floor**2).sqrt()
        return cls(blocks.mean(0), whitening.to(blocks.dtype))

    def distance(self, actions: Tensor) -> Tensor:
        """The mean squared Mahalanobis distance (...) of ``actions`` (..., H, A); 1 on average over the data."""
        return (((actions - self.mean) @ self.whitening) ** 2).mean((-2, -1))


@dataclass(frozen=True)
class WithPrior:
    """The objective ``distance`` plus ``weight`` times the prior's distance of the actions."""

    distance: Objective
    prior: ActionPrior
    weight: float

    def __getitem__(self, rows: slice | Tensor) -> "WithPrior":
        """See `Objective`."""
        return replace(self, distance=self.distance[rows])

    @property
    def goal(self) -> Tensor:
        """See `Objective`."""
        return self.distance.goal

    def __call__(self, z: Tensor, actions: Tensor) -> Tensor:
        """See `Objective`."""
        return self.distance(z, actions) + self.weight * self.prior.distance(actions)


@dataclass(frozen=True)
class Regularised:
    """``planner`` with the prior added to the objective of each request."""

    planner: Planner
    prior: ActionPrior
    weight: float

    def plan(self, request: PlanRequest) -> Plan:
        """See `Planner.plan`; the plan's losses include the prior."""
        return self.planner.plan(replace(request, objective=WithPrior(request.objective, self.prior, self.weight)))
