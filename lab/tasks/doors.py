"""The doors of a task: what is given to its methods is checked before the physics, which would broadcast it.

`guard` puts the checks around the methods that a class defines, so that no task repeats them. Pictures go out by the
door of ``render`` in the task's hue, light and noise, see `lab.tasks.variation`.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from functools import wraps
from typing import Any, Protocol

import numpy as np

from lab.errors import LabError, is_whole
from lab.tasks.variation import Seen, seen

LARGEST = 4096  #: side of a picture, in pixels
FARTHEST = 1e9  #: number of a state that is drawn: the squares of larger ones leave single precision
DRAWING: ContextVar[object] = ContextVar("DRAWING", default=None)  #: the task whose ``render`` is at work


class Sized(Seen, Protocol):
    """What the doors know of a task."""

    name: str
    state_fields: tuple[str, ...]
    action_dim: int


def guard(task: type) -> None:
    """Check the arguments of ``step``, ``render``, ``distance``, ``random_states`` and ``collect`` of a ``task``."""
    for name, door in DOORS.items():
        if name in task.__dict__:
            setattr(task, name, door(task.__dict__[name]))


def _step(step: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(step)
    def checked(self: Sized, states: Any, actions: Any) -> Any:
        shapes = np.shape(states), np.shape(actions)
        if shapes != ((*shapes[0][:1], len(self.state_fields)), (*shapes[0][:1], self.action_dim)):
            raise LabError(
                f"{self.name}: expected states (B, {len(self.state_fields)}) and actions (B, {self.action_dim}) of the "
                f"same B problems, got {shapes[0]} and {shapes[1]}."
            )
        return step(self, states, actions)

    return checked


def _render(render: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(render)
    def checked(self: Sized, states: Any, size: int) -> Any:
        check_size(size)
        if np.shape(states)[1:] != (len(self.state_fields),) or not (np.abs(states) <= FARTHEST).all():  # nor NaN
            raise LabError(
                f"{self.name}: to draw, expected states (B, {len(self.state_fields)}) of numbers up to {FARTHEST:g}, "
                f"got {np.shape(states)}."
            )
        if not len(states):
            return np.zeros((0, size, size, 3), np.uint8)
        if DRAWING.get() is self:  # of the class that is extended: the whole picture changes once, at the end
            return render(self, states, size)
        token = DRAWING.set(self)
        try:
            pictures = render(self, states, size)
        finally:
            DRAWING.reset(token)
        return seen(self, pictures, states)

    return checked


def _distance(distance: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(distance)
    def checked(self: Sized, states: Any, goals: Any, criterion: str = "full") -> Any:
        shapes = np.shape(states), np.shape(goals)
        if shapes[0] != shapes[1] or shapes[0][-1:] != (len(self.state_fields),):
            raise LabError(
                f"{self.name}: expected states and goals of one shape (B, {len(self.state_fields)}), got {shapes[0]} "
                f"and {shapes[1]}."
            )
        return distance(self, states, goals, criterion)

    return checked


def _drawn(draw: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(draw)
    def checked(self: Sized, rng: np.random.Generator, *counts: int, **named: int) -> Any:
        numbers = [*counts, *named.values()]
        if not all(is_whole(number, 1) for number in numbers):
            raise LabError(f"{self.name}: expected whole numbers from 1 of states and steps, got {numbers}.")
        return draw(self, rng, *counts, **named)

    return checked


def check_size(size: int) -> None:
    """Raise LabError unless pictures can have that side, in pixels."""
    if not is_whole(size, 1, LARGEST):
        raise LabError(f"The size of a picture is 1 to {LARGEST} pixels, got {size}.")


DOORS = {"step": _step, "render": _render, "distance": _distance, "random_states": _drawn, "collect": _drawn}
