"""Simulators in torch, so that the true future has a gradient with respect to the actions.

They do what `Task.simulate` does, up to rounding. At a contact the gradient is that of the case that happened: which
obstacle is met has none. The simulator of a task in ``<module>`` is the function ``step`` in ``<module>_torch``; Wall
and PointMaze have one. Dimensions: ``T`` environment steps, ``S`` state numbers, ``a`` action numbers.
"""

from importlib import import_module
from importlib.util import find_spec
from typing import TypeGuard

import torch
from torch import Tensor

from lab.errors import LabError
from lab.tasks.task import Task


def differentiable(task: object) -> TypeGuard[Task]:
    """Whether `simulate` knows the physics of ``task``."""
    return find_spec(_module(task)) is not None


def simulate(task: Task, starts: Tensor, actions: Tensor) -> Tensor:
    """States (..., T + 1, S) under ``actions`` (..., T, a) from ``starts`` (..., S), in the precision of ``starts``.

    Raises LabError for a task without a simulator in torch.
    """
    if not differentiable(task):
        raise LabError(f"{task.name} has no simulator in torch, so no gradient: take wall, point_maze, or a sampler.")
    step = import_module(_module(task)).step
    states = [starts]
    for action in actions.to(starts.dtype).unbind(-2):
        states.append(step(task, states[-1], action))
    return torch.stack(states, -2)


def _module(task: object) -> str:
    return f"{type(task).__module__}_torch"
