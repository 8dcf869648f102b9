"""How a task is drawn: its view, the shapes that move in it, and the radius of success."""

from dataclasses import dataclass

import numpy as np

from lab.errors import LabError
from lab.tasks import Task


@dataclass(frozen=True)
class Shape:
    """A moving shape: a closed outline whose position and angle are numbers of the state."""

    x: int  #: index of its x in a state
    y: int  #: index of its y in a state
    angle: int | None  #: index of its angle in a state; None if it does not turn
    points: np.ndarray  #: (n, 2) corners in its own frame

    def outline(self, state: np.ndarray) -> np.ndarray:
        """The corners (n, 2) in world coordinates, in ``state`` (S,)."""
        place = state[[self.x, self.y]]
        if self.angle is None:
            return self.points + place
        cos, sin = np.cos(state[self.angle]), np.sin(state[self.angle])
        return self.points @ np.array([[cos, sin], [-sin, cos]]) + place


@dataclass(frozen=True)
class Scene:
    """How a task is drawn, in world coordinates: x right, y down."""

    view: tuple[float, float]  #: range of both axes, as in the task's pictures
    #: of each body its name, and the indices of its x and y in a state; none for particles
    bodies: tuple[tuple[str, int, int], ...]
    radius: float  #: of the circle of success
    shapes: tuple[Shape, ...]  #: none if a state holds no places
    unit: str  #: of lengths

    @property
    def drawable(self) -> bool:
        """Whether states can be drawn as lines and dots; otherwise the task is shown in its own pictures only."""
        return bool(self.shapes)

    @property
    def drawn_numbers(self) -> int:
        """How many leading numbers of a state drawing needs."""
        return 1 + max((i for shape in self.shapes for i in (shape.x, shape.y, shape.angle or 0)), default=-1)

    @property
    def body_name(self) -> str:
        """The name of the body whose place `place` returns."""
        return self.bodies[0][0] if self.bodies else "middle of what moves"

    def place(self, states: np.ndarray) -> np.ndarray:
        """The x and y (…, 2) of the first body in ``states`` (…, S); without bodies, the mean of all shapes.

        Raises LabError unless the scene is `drawable`.
        """
        if not self.drawable:
            raise LabError("States of this task name no place: show its pictures, or give its card a layout.")
        if self.bodies:
            return states[..., list(self.bodies[0][1:])]
        xy = [[shape.x, shape.y] for shape in self.shapes]
        return states[..., xy].mean(-2)

    def outline(self, state: np.ndarray) -> np.ndarray:
        """The outlines of all shapes in ``state`` (S,) as one line (n, 2), separated by NaN."""
        return _joined([shape.outline(state) for shape in self.shapes])


def plain_scene(task: type[Task]) -> Scene:
    """The scene of a task whose card has none: a disc if the state begins with x and y, otherwise no shapes.

    The disc is a body, whose imagined path can be drawn too, if x and y are among the proprioception.
    """
    if task.state_fields[:2] != ("x", "y"):
        return Scene((0.0, 1.0), (), task.radius, (), "units")
    low, high = min(task.state_low[:2]), max(task.state_high[:2])
    bodies = ((task.label.lower(), 0, 1),) if {"x", "y"} <= set(task.proprio_fields) else ()
    return Scene((low, high), bodies, task.radius, (disc((high - low) / 40),), "units")


def disc(radius: float, first: int = 0, points: int = 49) -> Shape:
    """A disc whose x and y are the numbers ``first`` and ``first + 1`` of a state."""
    angle = np.linspace(0, 2 * np.pi, points)
    return Shape(first, first + 1, None, radius * np.stack([np.cos(angle), np.sin(angle)], -1))


def _joined(lines: list[np.ndarray]) -> np.ndarray:
    """``lines`` (n, 2) as one line, each followed by NaN."""
    gap = np.full((1, 2), np.nan)
    return np.concatenate([part for line in lines for part in (line, gap)])
