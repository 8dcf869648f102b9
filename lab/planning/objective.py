"""What a plan should minimise: the distance of an imagined trajectory to the goal's latent, and strange actions."""

from dataclasses import dataclass, replace
from typing import Protocol

import torch
from torch import Tensor


class Objective(Protocol):
    """Batched over problems, like planners."""

    @property
    def goal(self) -> Tensor:
        """Where plans should lead (B, Z)."""
        ...

    def __getitem__(self, rows: slice | Tensor) -> "Objective":
        """The same objective for some of the problems, by a slice or by their numbers."""
        ...

    def __call__(self, z: Tensor, actions: Tensor) -> Tensor:
        """The loss (B, ...) of rollouts ``z`` (B, ..., H + 1, Z) under ``actions`` (B, ..., H, A)."""
        ...


@dataclass(frozen=True)
class GoalDistance:
    """Weighted squared distance to ``goal`` (B, Z), averaged over the latent's numbers (reference: objectives.py).

    ``steps`` weighs the H + 1 states of a rollout: None counts the last one only (the paper's planning objective), a
    base b weighs state i with b**i, normalised (the weighted goal loss; early states heaviest for b < 1).
    """

    goal: Tensor
    latent_dim: int  #: the first so many numbers of z are the picture's latent, the rest proprioception
    proprio: float = 0.0  #: weight of the proprioceptive distance (alpha)
    base: float | None = None

    def __getitem__(self, rows: slice | Tensor) -> "GoalDistance":
        """The same objective for some of the problems."""
        return replace(self, goal=self.goal[rows])

    def __call__(self, z: Tensor, actions: Tensor) -> Tensor:
        """The loss (B, ...) of rollouts ``z`` (B, ..., H + 1, Z)."""
        goal = self.goal.view(len(self.goal), *[1] * (z.ndim - 2), -1)
        if self.base is None:
            return self._distance(z[..., -1, :], goal[..., 0, :])
        weights = self.base ** torch.arange(z.shape[-2], device=z.device)
        return (self._distance(z, goal) * weights / weights.sum()).sum(-1)

    def _distance(self, z: Tensor, goal: Tensor) -> Tensor:
        squared = (z - goal) ** 2
        latent = squared[..., : self.latent_dim].mean(-1)
        if self.proprio == 0 or squared.shape[-1] == self.latent_dim:
            return latent
        return latent + self.proprio * squared[..., self.latent_dim :].mean(-1)


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
