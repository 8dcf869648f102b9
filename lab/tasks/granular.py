"""Granular: a hundred irregular grains on a table, pushed by a flat board."""

from collections.abc import Mapping
from math import atan2
from typing import ClassVar

import numpy as np
import pymunk
import pymunk.autogeometry
from numpy.typing import NDArray

from lab.tasks.particles_render import draw_grains
from lab.tasks.pushing import TIME_STEP, Pushing, empty_table, move_pusher
from lab.tasks.table import pose
from lab.tasks.task import Floats
from lab.tasks.variation import Factor

SIDE = 10  # grains along each side of the first square
AREA = 5.0  # of that square
SPACING = AREA**0.5 / SIDE
SMALLEST, LARGEST = 0.05, 0.1  # how far corners are from a grain's middle
BOARD = (0.13, 0.51)  # half its thickness and width
FRICTION = 1.0
SETTLE = 10  # steps in which what still overlaps is set apart


def _convex(corners: Floats) -> Floats:
    """The convex hull (k, 2) of ``corners``, counter-clockwise, around its own centre of gravity."""
    hull = np.array(pymunk.autogeometry.to_convex_hull([tuple(c) for c in corners.tolist()], 0.0))[:-1]
    x, y = hull.T
    following = np.roll(hull, -1, axis=0)
    cross = x * following[:, 1] - following[:, 0] * y
    return hull - ((hull + following) * cross[:, None]).sum(0) / (3 * cross.sum())


def _shapes() -> tuple[Floats, ...]:
    """The polygons of all grains, always the same."""
    rng, shapes = np.random.default_rng(35), []
    for corners in rng.integers(5, 8, SIDE**2):
        angles = 2 * np.pi * (np.arange(corners) + rng.uniform(-0.3, 0.3, corners)) / corners
        distances = rng.uniform(SMALLEST, LARGEST, corners)
        shapes.append(_convex(distances[:, None] * np.stack([np.cos(angles), np.sin(angles)], -1)))
    return tuple(shapes)


SHAPES = _shapes()  #: corners (k, 2) of each grain in its own frame
_CORNERS = [[tuple(corner) for corner in shape.tolist()] for shape in SHAPES]
_MOMENTS = [pymunk.moment_for_poly(1.0, corners) for corners in _CORNERS]


class Granular(Pushing):
    """The authors' grains in 2-D (see `lab.tasks.pushing` for what differs): state is (x, y, angle) of each.

    Grains are quasi-static: they lose their velocity in every step. A goal counts as reached within a Chamfer
    distance of `radius`; angles do not count.
    """

    name: ClassVar[str] = "granular"
    place: ClassVar[int] = 4
    state_fields: ClassVar[tuple[str, ...]] = tuple(
        f"grain{i}_{field}" for i in range(SIDE**2) for field in ("x", "y", "angle")
    )
    state_low: ClassVar[tuple[float, ...]] = (-8.0, -8.0, 0.0) * SIDE**2
    state_high: ClassVar[tuple[float, ...]] = (8.0, 8.0, 2 * np.pi) * SIDE**2
    criteria: ClassVar[Mapping[str, str]] = {"full": f"Chamfer distance of the grains below {Pushing.radius:g}"}
    body: ClassVar[float] = float(max(np.linalg.norm(shape, axis=1).max() for shape in SHAPES))

    factors: ClassVar[Mapping[str, Factor]] = {
        "friction": Factor(FRICTION, 0.0, 2.0, "coefficient of friction of grains and board"),
        "board": Factor(BOARD[1], 0.3, 0.8, "half the board's width"),
    }
    friction: float
    board: float

    @property
    def pusher(self) -> tuple[float, float]:
        return BOARD[0], self.board

    def particles(self, states: Floats) -> Floats:
        return states.reshape(*states.shape[:-1], SIDE**2, 3)[..., :2]

    def first_states(self, rng: np.random.Generator, n: int) -> Floats:
        """A square of grains turned any way, its middle within 0.5 of the table's."""
        return _heaped(rng, rng.uniform(-0.5, 0.5, (n, 2)), np.ones(n))

    def random_goals(self, rng: np.random.Generator, n: int) -> Floats:
        """The square shrunk to 0.6 to 0.9 of its sides, shifted by up to 1 along both axes."""
        return _heaped(rng, rng.uniform(-1, 1, (n, 2)), rng.uniform(0.6, 0.9, n))

    def push(self, state: Floats, begin: Floats, end: Floats) -> Floats:
        with empty_table(0.0) as table:
            grains = []
            for (x, y, angle), corners, moment in zip(state.reshape(-1, 3).tolist(), _CORNERS, _MOMENTS, strict=True):
                grain = table.body(1.0, moment, (x, y), angle)
                table.polygon(grain, corners, self.friction)
                grains.append(grain)
            board = table.pusher(begin.tolist(), atan2(end[1] - begin[1], end[0] - begin[0]))
            thickness, width = self.pusher
            sides = ((-thickness, -width), (thickness, -width), (thickness, width), (-thickness, width))
            move_pusher(table, board, table.polygon(board, sides, self.friction), begin, end)
            table.step(TIME_STEP, SETTLE)
            after = np.array([pose(grain) for grain in grains])
        turned = after[:, 2] % (2 * np.pi)
        after[:, 2] = np.where(turned < 2 * np.pi, turned, 0.0)  # a tiny negative angle is rounded up to 2 pi
        return after.ravel()

    def render(self, states: Floats, size: int) -> NDArray[np.uint8]:
        """Brown grains on a white table; (B, size, size, 3)."""
        return draw_grains(states.reshape(len(states), -1, 3), SHAPES, size)


def _heaped(rng: np.random.Generator, middles: Floats, scales: Floats) -> Floats:
    """States (n, S): squares of grains, ``scales`` (n,) times as large as the first, around ``middles`` (n, 2)."""
    axis = (np.arange(SIDE) - (SIDE - 1) / 2) * SPACING
    square = np.stack(np.meshgrid(axis, axis), -1).reshape(-1, 2)
    positions = square * scales[:, None, None] + middles[:, None]
    angles = rng.uniform(0, 2 * np.pi, (len(middles), SIDE**2, 1))
    return np.concatenate([positions, angles], -1).reshape(len(middles), -1)
