"""What all planners share: the request, the plan, and planning in chunks of problems.

Dimensions: ``B`` problems, ``Z`` numbers of a latent state, ``H`` action blocks of a plan, ``A`` numbers of a block.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence, Sized
from dataclasses import dataclass, replace
from typing import Protocol

import torch
from torch import Tensor

from lab.errors import LabError, failed, has_methods
from lab.models.protocols import Dynamics
from lab.planning.adaptation import for_rows
from lab.planning.normal import Normal
from lab.planning.objective import Objective
from lab.planning.streams import Seed, as_stream

#: called as (iteration, actions (B, H, A), loss (B,)) in each iteration of a chunk of problems
Callback = Callable[[int, Tensor, Tensor], None]


@dataclass(frozen=True)
class PlanRequest:
    """A request for actions (B, H, A) that lead from ``z0`` to the objective's goal, as ``model`` imagines it.

    Raises LabError where the shapes of the parts do not match, for a part that is no tensor of real numbers, for an
    infinite warm start, and for a model, an objective or a seed that is none.
    """

    model: Dynamics
    z0: Tensor  #: (B, Z)
    objective: Objective  #: of the same B problems
    init: Tensor  #: warm start (B, H, A), NaN wherever the planner chooses the start
    seeds: Sequence[Seed]  #: one for each problem
    callback: Callback | None = None
    prior: Normal | None = None  #: over these plans; its product with a planner's own distribution is where it begins

    def __post_init__(self) -> None:
        self._check_roles()
        for name, part in (("start z0", self.z0), ("goal", self.objective.goal), ("warm start init", self.init)):
            if not isinstance(part, Tensor) or not part.is_floating_point():
                raise LabError(f"The {name} of plans is a torch.Tensor of real numbers, got {_described(part)}.")
        if self.init.isinf().any():
            raise LabError("A warm start has finite numbers, or NaN where the planner chooses, got infinite ones.")
        problems = len(self.init)
        if self.init.ndim != 3 or 0 in self.init.shape:
            raise LabError(f"A warm start needs the shape (problems, steps, numbers), none 0, got {_shape(self.init)}.")
        if self.z0.ndim != 2 or len(self.z0) != problems:
            raise LabError(f"{problems} problems need a start z0 ({problems}, Z), got {_shape(self.z0)}.")
        if self.objective.goal.shape != self.z0.shape:
            raise LabError(f"A start z0 {_shape(self.z0)} needs goals like it, got {_shape(self.objective.goal)}.")
        if not isinstance(self.seeds, Sized) or len(self.seeds) != problems:
            count = f"{len(self.seeds)} seeds" if isinstance(self.seeds, Sized) else repr(self.seeds)
            raise LabError(f"{problems} problems need a seed each, got {count}.")
        for seed in self.seeds:
            as_stream(seed)  # raises LabError for what is none
        if self.prior and not self.prior.mean.shape == self.prior.std.shape == self.init.shape:
            shapes = f"{_shape(self.prior.mean)} and {_shape(self.prior.std)}"
            raise LabError(f"Plans {_shape(self.init)} need a prior like them, got mean and std of {shapes}.")

    def _check_roles(self) -> None:
        if not has_methods(self.model, "rollout"):
            raise LabError(f"A world model has a method rollout to plan with, got {self.model!r:.80}.")
        if not hasattr(self.objective, "goal"):
            raise LabError(f"An objective has a goal, as GoalDistance(goal, latent_dim), got {self.objective!r:.80}.")

    def __getitem__(self, rows: slice | Tensor) -> PlanRequest:
        """The same request for some of the problems, chosen by a slice or by indices."""
        parts = {"z0": self.z0[rows], "objective": self.objective[rows], "init": self.init[rows]}
        model, prior = for_rows(self.model, rows), self.prior and self.prior[rows]
        seeds = self.seeds[rows] if isinstance(rows, slice) else [self.seeds[row] for row in rows.tolist()]
        return replace(self, **parts, model=model, seeds=seeds, prior=prior)

    def informed(self, mean: Tensor, std: float) -> Normal:
        """A planner's own distribution, with ``mean`` (B, H, A) and one ``std``, times the prior where there is one.

        Raises LabError for a prior where ``std`` is 0: it would change nothing.
        """
        if self.prior and not std:
            raise LabError("This planner starts without noise, which no prior changes: give its start a std above 0.")
        uninformed = Normal(mean, torch.full_like(mean, std))
        return uninformed * self.prior if self.prior else uninformed

    def loss(self, actions: Tensor) -> Tensor:
        """The predicted loss (B, ...) of ``actions`` (B, ..., H, A).

        Raises LabError where the model fails on them, or imagines another shape.
        """
        extra = actions.shape[1:-2]  # such as the samples of each problem
        z0 = self.z0.view(len(self.z0), *[1] * len(extra), -1).expand(-1, *extra, -1)
        rollout = f"{type(self.model).__name__}.rollout"
        try:
            imagined = self.model.rollout(z0, actions)
        except RuntimeError as problem:  # such as weights of another dtype
            failure = f"{rollout} fails on z0 {_shape(z0)} and actions {_shape(actions)}"
            raise failed(failure, problem) from problem
        expected = (*actions.shape[:-2], actions.shape[-2] + 1, z0.shape[-1])
        if not isinstance(imagined, Tensor) or imagined.shape != expected:
            start = f"of z0 {_shape(z0)} and actions {_shape(actions)}, the start included"
            raise LabError(f"{rollout} should return z {expected} {start}, got {_described(imagined)}.")
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


def check_planner(planner: object) -> None:
    """Raise LabError unless ``planner`` is one."""
    if not has_methods(planner, "plan"):
        raise LabError(f"A planner has a method plan, as that of make_planner('adam') has, got {planner!r}.")


def _described(value: object) -> str:
    return f"{value.dtype} {_shape(value)}" if isinstance(value, Tensor) else type(value).__name__


def _shape(tensor: Tensor) -> str:
    return str(tuple(tensor.shape))
