"""Random restarts: plan from several starts side by side, and keep the plan with the least predicted loss."""

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
