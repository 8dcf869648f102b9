"""What all planners share: the request, the plan, and planning in chunks of problems.

Dimensions: ``B`` problems, ``Z`` numbers of a latent state, ``H`` action blocks of a plan, ``A`` numbers of a block.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import torch
from torch import Tensor

from lab.errors import LabError
from lab.models.protocols import Dynamics
from lab.planning.objective import Objective
from lab.planning.streams import Seed

#: called as (iteration, actions (B, H, A), loss (B,)) in each iteration of a chunk of problems
Callback = Callable[[int, Tensor, Tensor], None]


@dataclass(frozen=True)
class PlanRequest:
    """A request for actions (B, H, A) that lead from ``z0`` to the objective's goal, as ``model`` imagines it.

    Raises LabError where the shapes of the parts do not match, or a seed is negative.
    """

    model: Dynamics
    z0: Tensor  #: (B, Z)
    objective: Objective  #: of the same B problems
    init: Tensor  #: warm start (B, H, A), NaN wherever the planner chooses the start
    seeds: Sequence[Seed]  #: one for each problem
    callback: Callback | None = None

    def __post_init__(self) -> None:
        problems = len(self.init)
        if self.init.ndim != 3 or 0 in self.init.shape:
            raise LabError(f"A warm start needs the shape (problems, steps, numbers), none 0, got {_shape(self.init)}.")
        if self.z0.ndim != 2 or len(self.z0) != problems:
            raise LabError(f"{problems} problems need a start z0 ({problems}, Z), got {_shape(self.z0)}.")
        if self.objective.goal.shape != self.z0.shape:
            raise LabError(f"A start z0 {_shape(self.z0)} needs goals like it, got {_shape(self.objective.goal)}.")
        if not (self.z0.is_floating_point() and self.objective.goal.is_floating_point()):
            raise LabError(f"Starts and goals are real numbers, got {self.z0.dtype} and {self.objective.goal.dtype}.")
        if len(self.seeds) != problems:
            raise LabError(f"{problems} problems need a seed each, got {len(self.seeds)} seeds.")
        if negative := [seed for seed in self.seeds if isinstance(seed, int) and seed < 0]:
            raise LabError(f"Seeds are whole numbers from 0, got {negative[0]}.")

    def __getitem__(self, rows: slice) -> PlanRequest:
        """The same request for some of the problems."""
        parts = {"z0": self.z0[rows], "objective": self.objective[rows], "init": self.init[rows]}
        return replace(self, **parts, seeds=self.seeds[rows])

    def loss(self, actions: Tensor) -> Tensor:
        """The predicted loss (B, ...) of ``actions`` (B, ..., H, A). Raises LabError where the model fails on them."""
        extra = actions.shape[1:-2]  # such as the samples of each problem
        z0 = self.z0.view(len(self.z0), *[1] * len(extra), -1).expand(-1, *extra, -1)
        try:
            imagined = self.model.rollout(z0, actions)
        except RuntimeError as problem:  # such as weights of another dtype
            failure = f"{type(self.model).__name__}.rollout fails on z0 {_shape(z0)} and actions {_shape(actions)}"
            raise LabError(f"{failure}: {str(problem).splitlines()[0].rstrip('.')}.") from problem
        return self.objective(imagined, actions)

    @torch.no_grad()
    def answer(self, actions: Tensor) -> Plan:
        """``actions`` (B, H, A) as a plan of one iteration, for planners that do not search."""
        loss = self.loss(actions)
        if self.callback:
            self.callback(0, actions, loss)
        return check_finite(Plan(actions, loss, loss[None]))


@dataclass(frozen=True)
class Plan:
    """``actions`` (B, H, A), their predicted ``loss`` (B,), and the loss at every iteration ``history`` (N, B)."""

    actions: Tensor
    loss: Tensor
    history: Tensor


class Planner(Protocol):
    """Plans for a batch of problems.

    On one machine, with the same number of threads, a problem's plan depends on its own part of the request, and on how
    many problems its chunk has. It does not depend on these other problems, to the last bit. In a chunk of another
    size, such as of one problem alone, matrix products may round differently. A descent of hundreds of steps can
    amplify that: of 60 problems of PointMaze, planned alone by GD, 3 changed between success and failure.
    """

    def plan(self, request: PlanRequest) -> Plan:
        """Plan for all problems of the request. Raises LabError for plans that are not finite."""
        ...


class IterativePlanner(Planner, Protocol):
    """A planner that improves its plans iteration by iteration."""

    @property
    def iterations(self) -> int:
        """The number of iterations."""
        ...


#: `Planner.plan` for problems few enough to be planned together
PlanChunk = Callable[[PlanRequest], Plan]


def no_warm_start(problems: int, horizon: int, action_dim: int) -> Tensor:
    """NaN (problems, horizon, action_dim): the ``init`` of a request without a warm start."""
    return torch.full((problems, horizon, action_dim), torch.nan)


@torch.inference_mode(False)
@torch.no_grad()
def in_chunks(plan: PlanChunk, size: int, request: PlanRequest) -> Plan:
    """The plans of all problems as one, made by ``plan`` for ``size`` problems at a time, which bounds the memory.

    Autograd is off here, whatever the caller's mode; `lab.planning.differentiate` turns it on where it is needed.
    Raises LabError for plans that are not finite.
    """
    plans = [plan(request[first : first + size]) for first in range(0, len(request.z0), size)]
    actions, loss = torch.cat([plan.actions for plan in plans]), torch.cat([plan.loss for plan in plans])
    return check_finite(Plan(actions, loss, torch.cat([plan.history for plan in plans], dim=1)))


def check_finite(plan: Plan) -> Plan:
    """``plan`` itself; raises LabError where its actions or their loss are not finite."""
    finite = plan.actions.isfinite().all((1, 2)) & plan.loss.isfinite()
    if not finite.all():
        raise LabError(
            f"{(~finite).sum()} of {len(finite)} plans are not finite: take smaller steps, bound the actions, or "
            "look for what is not finite in the model's predictions."
        )
    return plan


def _shape(tensor: Tensor) -> str:
    return str(tuple(tensor.shape))
