"""Random restarts: descend from several starts side by side, and keep the plan that the model likes best."""

from collections.abc import Callable

import torch
from torch import Tensor

from lab.planning.planner import Plan, PlanChunk

STRIDE = 7_368_787  #: between the seeds of one problem's starts


def best_of(count: int, plan: PlanChunk) -> PlanChunk:
    """``plan`` from ``count`` starts for each problem, keeping the one with the least predicted loss.

    The first start is that of a single plan: the seed's own, or the warm start. All others are random throughout.
    Callback and history are about whichever start is best at the time.
    """

    def best(model, z0, objective, init, seeds, callback) -> Plan:
        rows = torch.arange(len(z0)).repeat_interleave(count)
        starts = torch.full_like(init[rows], torch.nan)
        starts[::count] = init
        many = [seed + STRIDE * k for seed in seeds for k in range(count)]
        watch = callback and _best_so_far(count, callback)
        plans = plan(model, z0[rows], objective[rows], starts, many, watch)
        chosen = _chosen(plans.loss, count)
        history = plans.history.view(len(plans.history), -1, count).amin(-1)
        return Plan(plans.actions[chosen], plans.loss[chosen], history)

    return best


def _chosen(loss: Tensor, count: int) -> Tensor:
    """The row (B,) of each problem's least ``loss`` (B * count,)."""
    return loss.view(-1, count).argmin(1) + torch.arange(0, len(loss), count, device=loss.device)


def _best_so_far(count: int, callback: Callable[[int, Tensor, Tensor], None]) -> Callable[[int, Tensor, Tensor], None]:
    def watch(i: int, actions: Tensor, loss: Tensor) -> None:
        chosen = _chosen(loss, count)
        callback(i, actions[chosen], loss[chosen])

    return watch
