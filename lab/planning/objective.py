"""The planning objective: the distance of an imagined trajectory to the goal's latent."""

from dataclasses import dataclass, replace
from typing import Protocol

import torch
from torch import Tensor

from lab.errors import MAX, LabError, is_number, is_whole


class Objective(Protocol):
    """The loss that a planner minimises, batched over B problems."""

    @property
    def goal(self) -> Tensor:
        """The goals' latent states (B, Z)."""
        ...

    def __getitem__(self, rows: slice | Tensor) -> "Objective":
        """The same objective for some of the problems, chosen by a slice or by indices."""
        ...

    def __call__(self, z: Tensor, actions: Tensor) -> Tensor:
        """The loss (B, ...) of rollouts ``z`` (B, ..., H + 1, Z) under ``actions`` (B, ..., H, A)."""
        ...


class Penalty(Protocol):
    """What an objective may hold against plans, whatever their goal."""

    def __getitem__(self, rows: slice | Tensor) -> "Penalty":
        """The same penalty for some of the problems, chosen by a slice or by indices."""
        ...

    def distance(self, z: Tensor, actions: Tensor) -> Tensor:
        """The penalty (B, ...) of ``actions`` (B, ..., H, A) and their rollouts ``z`` (B, ..., H + 1, Z)."""
        ...


@dataclass(frozen=True)
class Penalised:
    """The objective ``given`` plus ``weight`` times the ``penalty``."""

    given: Objective
    penalty: Penalty
    weight: float

    def __getitem__(self, rows: slice | Tensor) -> "Penalised":
        """See `Objective`."""
        return replace(self, given=self.given[rows], penalty=self.penalty[rows])

    @property
    def goal(self) -> Tensor:
        """See `Objective`."""
        return self.given.goal

    def __call__(self, z: Tensor, actions: Tensor) -> Tensor:
        """See `Objective`; raises LabError where the penalty does."""
        return self.given(z, actions) + self.weight * self.penalty.distance(z, actions)


@dataclass(frozen=True)
class GoalDistance:
    """Mean squared distance of imagined latents to ``goal`` (B, Z), as in the authors' ``planning/objectives.py``.

    Without ``decay``, only the last state of a rollout counts: the paper's planning objective ``||z_H - z_goal||^2``.
    With it, the loss is the paper's weighted goal loss, a mean over all H + 1 states in which state i has the weight
    ``decay**i``. Raises LabError for weights that are no finite numbers from 0, for a goal
    that is no tensor, and for a ``latent_dim`` that is none of 1 to Z.
    """

    goal: Tensor
    latent_dim: int  #: size of the picture's latent, which comes first in z; proprioception follows
    proprio: float = 0.0  #: weight of the proprioceptive distance (alpha)
    decay: float | None = None  #: below 1, early states weigh most

    def __post_init__(self) -> None:
        for name, weight in (("proprio", self.proprio), ("decay", 1.0 if self.decay is None else self.decay)):
            if not is_number(weight, 0, MAX):
                raise LabError(f"The objective needs a finite number from 0 as {name}, got {weight!r}.")
        if not isinstance(self.goal, Tensor) or self.goal.ndim == 0:
            raise LabError(f"The objective needs a torch.Tensor (B, Z) as goal, got {self.goal!r}.")
        if not is_whole(self.latent_dim, 1, self.goal.shape[-1]):
            expected = f"a whole number from 1 to the goal's {self.goal.shape[-1]} as latent_dim"
            raise LabError(f"The objective needs {expected}, got {self.latent_dim!r}.")

    def __getitem__(self, rows: slice | Tensor) -> "GoalDistance":
        """The same objective for some of the problems."""
        return replace(self, goal=self.goal[rows])

    def __call__(self, z: Tensor, actions: Tensor) -> Tensor:
        """The loss (B, ...) of rollouts ``z`` (B, ..., H + 1, Z)."""
        goal = self.goal.view(len(self.goal), *[1] * (z.ndim - 2), -1)
        if self.decay is None:
            return self._distance(z[..., -1, :], goal[..., 0, :])
        weights = self.decay ** torch.arange(z.shape[-2], device=z.device)
        return (self._distance(z, goal) * weights / weights.sum()).sum(-1)

    def _distance(self, z: Tensor, goal: Tensor) -> Tensor:
        squared = (z - goal) ** 2
        latent = squared[..., : self.latent_dim].mean(-1)
        if self.proprio == 0 or squared.shape[-1] == self.latent_dim:
            return latent
        return latent + self.proprio * squared[..., self.latent_dim :].mean(-1)
