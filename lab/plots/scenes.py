"""How the tasks are laid out on paper and screen: what is seen, what moves in it, and where success is."""

import base64
import io
from dataclasses import dataclass

import numpy as np
from PIL import Image

from lab.tasks import granular, point_maze, push_t, wall
from lab.tasks.particles_render import VIEW
from lab.tasks.rope import RODS, ROPE_RADIUS, Rope

GOAL_COLOUR = "#009E73"
IMAGINED_COLOUR = "#A259C4"  #: dotted: what the model imagines; solid in the model's colour: what really happens


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
    shapes: tuple[Shape, ...]
    unit: str

    @property
    def followed(self) -> str:
        """What `place` is the place of."""
        return self.bodies[0][0] if self.bodies else "middle of the particles"

    def place(self, states: np.ndarray) -> np.ndarray:
        """Where that is (…, 2) in states (…, S)."""
        if self.bodies:
            return states[..., list(self.bodies[0][1:])]
        xy = [[shape.x, shape.y] for shape in self.shapes]
        return states[..., xy].mean(-2)

    def outline(self, state: np.ndarray) -> np.ndarray:
        """The movable things of one state (S,) as a line (n, 2), NaN between them."""
        return _joined([shape.outline(state) for shape in self.shapes])


def _disc(radius: float, first: int = 0, points: int = 49) -> Shape:
    """A disc at two numbers of the state, the ``first`` and the one after."""
    angle = np.linspace(0, 2 * np.pi, points)
    return Shape(first, first + 1, None, radius * np.stack([np.cos(angle), np.sin(angle)], -1))


_CORNERS = [(-60, 0), (60, 0), (60, 30), (15, 30), (15, 120), (-15, 120), (-15, 30), (-60, 30), (-60, 0)]
_T = Shape(2, 3, 4, np.array(_CORNERS))
_NODES = tuple(_disc(ROPE_RADIUS, 2 * i, 13) for i in range(RODS + 1))
_GRAINS = tuple(Shape(3 * i, 3 * i + 1, 3 * i + 2, corners) for i, corners in enumerate(granular.SHAPES))

SCENES = {
    "wall": Scene(wall.VIEW, (("dot", 0, 1),), wall.Wall.radius, (_disc(2 * wall.DOT_STD),), "px"),
    "point_maze": Scene(
        point_maze.VIEW, (("ball", 0, 1),), point_maze.PointMaze.radius, (_disc(point_maze.DRAWN_RADIUS),), "m"
    ),
    "push_t": Scene((0.0, 512.0), (("pusher", 0, 1), ("block", 2, 3)), 20.0, (_T, _disc(push_t.PUSHER_RADIUS)), "px"),
    "rope": Scene(VIEW, (), Rope.radius, _NODES, "units"),
    "granular": Scene(VIEW, (), granular.Granular.radius, _GRAINS, "units"),
}


def _joined(lines: list[np.ndarray]) -> np.ndarray:
    """Several lines as one, NaN between them."""
    gap = np.full((1, 2), np.nan)
    return np.concatenate([part for line in lines for part in (line, gap)])


def png_uri(frame: np.ndarray) -> str:
    """A picture (H, W, 3) uint8 as a data URI."""
    buffer = io.BytesIO()
    Image.fromarray(frame).save(buffer, "PNG")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()
