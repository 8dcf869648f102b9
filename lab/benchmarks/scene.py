"""How a task is laid out on paper and screen: what is seen, what moves in it, and where success is."""

from dataclasses import dataclass

import numpy as np

from lab.errors import LabError
from lab.tasks import Task


@dataclass(frozen=True)
class Shape:
    """Something that moves: a closed line around the place that a state gives it, turned by the angle it gives."""

    x: int  #: where its x, y and, if it turns, its angle are in a state
    y: int
    angle: int | None
    points: np.ndarray  #: (n, 2) corners in its own frame

    def outline(self, state: np.ndarray) -> np.ndarray:
        """Its corners (n, 2) in the world."""
        place = state[[self.x, self.y]]
        if self.angle is None:
            return self.points + place
        cos, sin = np.cos(state[self.angle]), np.sin(state[self.angle])
        return self.points @ np.array([[cos, sin], [-sin, cos]]) + place


@dataclass(frozen=True)
class Scene:
    """How a task is laid out on paper: world coordinates, x right, y down."""

    view: tuple[float, float]  #: of both axes, as in the task's pictures
    #: name, and where its x and y are in a state; none where no single thing is followed
    bodies: tuple[tuple[str, int, int], ...]
    radius: float  #: of the circle within which success is
    shapes: tuple[Shape, ...]  #: none where a state names no place
    unit: str

    @property
    def drawable(self) -> bool:
        """Whether states can be drawn as lines and dots; the task is shown in its own pictures alone if not."""
        return bool(self.shapes)

    @property
    def drawn(self) -> int:
        """How many numbers of a state, from the first, are needed for drawing."""
        return 1 + max((i for shape in self.shapes for i in (shape.x, shape.y, shape.angle or 0)), default=-1)

    @property
    def followed(self) -> str:
        """What `place` is the place of."""
        return self.bodies[0][0] if self.bodies else "middle of what moves"

    def place(self, states: np.ndarray) -> np.ndarray:
        """Where that is (…, 2) in states (…, S). Raises LabError unless the scene is `drawable`."""
        if not self.drawable:
            raise LabError("States of this task name no place: show its pictures, or give its card a layout.")
        if self.bodies:
            return states[..., list(self.bodies[0][1:])]
        xy = [[shape.x, shape.y] for shape in self.shapes]
        return states[..., xy].mean(-2)

    def outline(self, state: np.ndarray) -> np.ndarray:
        """The movable things of one state (S,) as a line (n, 2), NaN between them."""
        return _joined([shape.outline(state) for shape in self.shapes])


def plain_scene(task: type[Task]) -> Scene:
    """The scene of a task that brings none: a disc where the state begins with x and y, and else no shapes.

    The disc is a body, which can be followed in imagination too, if x and y are sensed.
    """
    if task.state_fields[:2] != ("x", "y"):
        return Scene((0.0, 1.0), (), task.radius, (), "units")
    low, high = min(task.state_low[:2]), max(task.state_high[:2])
    bodies = ((task.label.lower(), 0, 1),) if {"x", "y"} <= set(task.proprio_fields) else ()
    return Scene((low, high), bodies, task.radius, (disc((high - low) / 40),), "units")


def disc(radius: float, first: int = 0, points: int = 49) -> Shape:
    """A disc at two numbers of the state, the ``first`` and the one after."""
    angle = np.linspace(0, 2 * np.pi, points)
    return Shape(first, first + 1, None, radius * np.stack([np.cos(angle), np.sin(angle)], -1))


def _joined(lines: list[np.ndarray]) -> np.ndarray:
    """Several lines as one, NaN between them."""
    gap = np.full((1, 2), np.nan)
    return np.concatenate([part for line in lines for part in (line, gap)])
