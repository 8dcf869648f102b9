"""PointMaze's simulator in torch, see `lab.tasks.differentiable`: line by line that of `lab.tasks.point_maze`."""

import torch
from torch import Tensor

from lab.tasks.point_maze import (
    BLOCK_TOP,
    BLOCK_X,
    FORCE,
    OUTER,
    RADIUS,
    SPEED_LIMIT,
    SUBSTEPS,
    TIME_STEP,
    PointMaze,
)  # fmt: skip


def step(task: PointMaze, states: Tensor, actions: Tensor) -> Tensor:
    """See `PointMaze.step`; states (..., 4) and actions (..., 2) to (..., 4)."""
    position, velocity = states[..., :2], states[..., 2:].clamp(-SPEED_LIMIT, SPEED_LIMIT)
    force = FORCE * actions.clamp(-task.action_limit, task.action_limit)
    gain = TIME_STEP / (task.mass + TIME_STEP * task.damping)
    for _ in range(SUBSTEPS):
        velocity = velocity + gain * (force - task.damping * velocity)
        position, velocity = _leave_block(position + TIME_STEP * velocity, velocity)
        position, velocity = _leave_border(position, velocity)
    return torch.cat([position, velocity], -1)


def _leave_block(position: Tensor, velocity: Tensor) -> tuple[Tensor, Tensor]:
    """See the function of this name in `lab.tasks.point_maze`."""
    x, y = position.unbind(-1)
    nearest = torch.stack([x.clamp(*BLOCK_X), y.clamp(max=BLOCK_TOP)], -1)
    offset = position - nearest
    squared = (offset**2).sum(-1, keepdim=True)
    inside = squared == 0  # the nearest face is then the upper one
    up = position.new_tensor([0.0, 1.0])
    distance = torch.where(inside, 1.0, squared).sqrt()
    normal = torch.where(inside, up, offset / distance)
    surface = torch.where(inside, torch.stack([x, torch.full_like(y, BLOCK_TOP)], -1), nearest)
    touching = inside | (distance < RADIUS)
    inwards = (velocity * normal).sum(-1, keepdim=True).clamp(max=0.0)
    position = torch.where(touching, surface + RADIUS * normal, position)
    return position, torch.where(touching, velocity - inwards * normal, velocity)


def _leave_border(position: Tensor, velocity: Tensor) -> tuple[Tensor, Tensor]:
    """See the function of this name in `lab.tasks.point_maze`."""
    low, high = OUTER[0] + RADIUS, OUTER[1] - RADIUS
    velocity = torch.where(position < low, velocity.clamp(min=0.0), velocity)
    velocity = torch.where(position > high, velocity.clamp(max=0.0), velocity)
    return position.clamp(low, high), velocity
