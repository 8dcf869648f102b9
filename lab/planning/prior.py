"""The action prior: it keeps plans near the data's actions, on which the world model was trained."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from lab.planning.objective import Penalised, Penalty
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

    def __getitem__(self, rows: slice | Tensor) -> "ActionPrior":
        """See `Penalty`; all problems have the same prior."""
        return self

    def distance(self, z: Tensor, actions: Tensor) -> Tensor:
        """The mean squared Mahalanobis distance (...) of ``actions`` (..., H, A); 1 on average over the data."""
        return (((actions - self.mean) @ self.whitening) ** 2).mean((-2, -1))


@dataclass(frozen=True)
class Regularised:
    """``planner`` with ``weight`` times the ``penalty`` added to the objective of each request."""

    planner: Planner
    penalty: Penalty
    weight: float

    def plan(self, request: PlanRequest) -> Plan:
        """See `Planner.plan`; the plan's losses include the penalty."""
        return self.planner.plan(replace(request, objective=Penalised(request.objective, self.penalty, self.weight)))
