"""Random restarts: plan from several starts side by side, and keep the plan with the least predicted loss.

In a race, the worse half of the starts is dropped again and again, which costs less than to descend from all.
"""

from dataclasses import replace

import torch
from torch import Tensor

from lab.planning.adaptation import for_rows
from lab.planning.planner import Callback, Plan, PlanChunk, PlanRequest
from lab.planning.streams import child


def best_of(count: int, plan: PlanChunk) -> PlanChunk:
    """``plan`` from ``count`` starts for each problem, keeping the one with the least predicted loss.

    The first start is that of a single plan: the seed's own, or the warm start. All other starts are random.
    Callback and history show the start with the least loss at each iteration. A start that diverges is never chosen.
    """

    def best(request: PlanRequest) -> Plan:
        plans = plan(from_starts(request, count))
        rows = _best_rows(plans.loss, count)
        history = _or_infinite(plans.history).view(len(plans.history), -1, count).amin(-1)
        return Plan(plans.actions[rows], plans.loss[rows], history)

    return best if count > 1 else plan


def from_starts(request: PlanRequest, count: int) -> PlanRequest:
    """Every problem ``count`` times in a row, each time with another random stream; `best_of` plans for these.

    The first ``k`` starts of a problem are the same for every ``count``.
    """
    rows = torch.arange(len(request.z0)).repeat_interleave(count)
    init = torch.full_like(request.init[rows], torch.nan)
    init[::count] = request.init
    return replace(
        request,
        model=for_rows(request.model, rows),
        z0=request.z0[rows],
        objective=request.objective[rows],
        init=init,
        seeds=[child(seed, start) if start else seed for seed in request.seeds for start in range(count)],
        prior=request.prior and request.prior[rows],
        callback=request.callback and _best_so_far(count, request.callback),
    )


class Field:
    """The starts that still run, of ``actions`` (B * count, H, A); those that were dropped keep their last actions."""

    def __init__(self, actions: Tensor, count: int) -> None:
        self.rows, self.left, self.dropped = torch.arange(len(actions), device=actions.device), count, actions

    def halve(self, actions: Tensor, loss: Tensor) -> Tensor:
        """Drop the half of each problem's starts with the larger ``loss``, and return what is kept, as rows of it."""
        self.dropped = self.all_actions(actions)
        losses = _or_infinite(loss).view(-1, self.left)
        best = losses.topk((self.left + 1) // 2, largest=False).indices.sort().values
        kept = (best + torch.arange(0, len(loss), self.left, device=loss.device)[:, None]).flatten()
        self.rows, self.left = self.rows[kept], best.shape[1]
        return kept

    def all_actions(self, actions: Tensor) -> Tensor:
        """``actions`` of the starts that run, among those of all."""
        return actions if len(actions) == len(self.dropped) else self.dropped.index_copy(0, self.rows, actions)

    def all_losses(self, loss: Tensor) -> Tensor:
        """``loss`` of the starts that run, among those of all: infinite, where a start was dropped."""
        if len(loss) == len(self.dropped):
            return loss
        return loss.new_full((len(self.dropped),), torch.inf).index_copy(0, self.rows, loss)


def _best_rows(loss: Tensor, count: int) -> Tensor:
    """The rows (B,) of the least ``loss`` (B * count,) of each problem."""
    return _or_infinite(loss).view(-1, count).argmin(1) + torch.arange(0, len(loss), count, device=loss.device)


def _or_infinite(loss: Tensor) -> Tensor:
    return loss.nan_to_num(torch.inf, torch.inf)


def _best_so_far(count: int, callback: Callback) -> Callback:
    """A callback that shows ``callback`` the best start of each problem."""

    def watch(i: int, actions: Tensor, loss: Tensor) -> None:
        rows = _best_rows(loss, count)
        callback(i, actions[rows], loss[rows])

    return watch
