"""Wall's simulator in torch, see `lab.tasks.differentiable`: line by line that of `lab.tasks.wall`."""

import torch
from torch import Tensor

from lab.tasks.wall import BORDERS, DOOR_HALF_HEIGHT, KICK, MAX_MOVE, NUDGE, WALL_HALF_WIDTH, Wall

TINY = 1e-300  #: px: a shorter move meets nothing, because its gradient would overflow


def step(task: Wall, states: Tensor, actions: Tensor) -> Tensor:
    """See `Wall.step`; states (..., 2) and actions (..., 2) to (..., 2)."""
    x, y = states.unbind(-1)
    largest = actions.abs().amax(-1, keepdim=True).clamp(min=MAX_MOVE / 2)
    dx, dy = (task.stride * (actions * (MAX_MOVE / 2 / largest))).unbind(-1)
    low, high = BORDERS
    face = _meeting_time(x, dx, *task.faces)
    at_door = (y + _finite(face) * dy - task.door_y).abs() <= DOOR_HALF_HEIGHT
    vertical = torch.minimum(face.masked_fill(at_door, torch.inf), _meeting_time(x, dx, high, low))
    edge = _meeting_time(y, dy, task.door[1], task.door[0])
    beside = (x + _finite(edge) * dx - task.wall_x).abs() > WALL_HALF_WIDTH
    horizontal = torch.minimum(edge.masked_fill(beside, torch.inf), _meeting_time(y, dy, high, low))
    time = torch.minimum(vertical, horizontal)
    stopped, on_side = time <= 1, vertical < horizontal
    fraction = torch.where(stopped, time, 1.0)
    kick_x = torch.where(on_side, -KICK * dx.sign(), KICK)
    kick_y = torch.where(on_side, KICK, -KICK * dy.sign())
    new_x = x + fraction * dx + torch.where(stopped, kick_x, 0.0)
    new_y = y + fraction * dy + torch.where(stopped, kick_y, 0.0)
    return _inside(task, new_x, new_y, x < task.wall_x)


def _meeting_time(p: Tensor, d: Tensor, plane_up: float, plane_down: float) -> Tensor:
    """See the function of this name in `lab.tasks.wall`."""
    moving = d.abs() > TINY
    time = torch.where(d > 0, plane_up - p, plane_down - p) / torch.where(moving, d, 1.0)
    return torch.where(moving & (time >= 0) & (time <= 1), time, torch.inf)


def _finite(time: Tensor) -> Tensor:
    return torch.where(time <= 1, time, 0.0)


def _inside(task: Wall, x: Tensor, y: Tensor, from_left: Tensor) -> Tensor:
    """See `Wall._inside`."""
    low, high = BORDERS
    x, y = (torch.where(p <= low, low + NUDGE, torch.where(p >= high, high - NUDGE, p)) for p in (x, y))
    off_door = (y - task.door_y).abs() > DOOR_HALF_HEIGHT
    in_wall = ((x - task.wall_x).abs() <= WALL_HALF_WIDTH) & off_door
    x = torch.where(in_wall & from_left, task.faces[0] - NUDGE, x)
    return torch.stack([torch.where(in_wall & ~from_left, task.faces[1] + NUDGE, x), y], -1)
