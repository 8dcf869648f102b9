"""The action prior: plans that stay near what the data did, where the world model knows what it is talking about."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from lab.planning.objective import Objective
from lab.planning.planner import Plan, Planner, PlanRequest


@dataclass(frozen=True)
class ActionPrior:
    """The action blocks of the data as a normal distribution, whose negative log-likelihood plans should keep low."""

    mean: Tensor  #: (A,)
    whitening: Tensor  #: (A, A), the inverse of a square root of the covariance

    @classmethod
    def fit(cls, blocks: Tensor, floor: float = 0.05) -> "ActionPrior":
        """The distribution of ``blocks`` (N, A); ``floor`` is the least standard deviation in any direction."""
        values, vectors = torch.linalg.eigh(blocks.double().T.cov())
        whitening = vectors / values.clamp(min=floor**2).sqrt()
        return cls(blocks.mean(0), whitening.to(blocks.dtype))

    def distance(self, actions: Tensor) -> Tensor:
        """The mean squared Mahalanobis distance (...) of ``actions`` (..., H, A); 1 on average over the data."""
        return (((actions - self.mean) @ self.whitening) ** 2).mean((-2, -1))


@dataclass(frozen=True)
class WithPrior:
    """``distance`` to the goal plus ``weight`` times the distance of the actions to the data's."""

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
    """``planner``, with the prior as a part of whatever objective it is given."""

    planner: Planner
    prior: ActionPrior
    weight: float

    def plan(self, request: PlanRequest) -> Plan:
        """See `Planner.plan`; the plan's losses count the prior."""
        return self.planner.plan(replace(request, objective=WithPrior(request.objective, self.prior, self.weight)))
