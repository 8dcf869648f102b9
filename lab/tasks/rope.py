"""Rope: a chain of rods on a table, pushed by a thin stick."""

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
import pymunk
from numpy.typing import NDArray

from lab.tasks.particles_render import draw_ropes
from lab.tasks.pushing import TIME_STEP, Pushing, empty_table, move_pusher
from lab.tasks.table import EVERYTHING, Body, Table, on_table, pose, speed
from lab.tasks.task import Floats
from lab.tasks.variation import Factor

RODS, LENGTH = 20, 2.5
ROD = LENGTH / RODS
ROPE_RADIUS = 0.08
ENDS = ((-ROD / 2, 0.0), (ROD / 2, 0.0))  # of a rod, in its own frame
MOMENT = pymunk.moment_for_segment(1.0, *ENDS, ROPE_RADIUS)
STICK_RADIUS = 0.1
STIFFNESS = 60.0  # of the bending springs; the unit of mass is a rod
GRIP = 20.0  # of the table: the force of dry friction that each rod withstands
DAMPING = 0.3  # of the velocity is left after a step: the springs act through it
SETTLE, STILL = 100, 0.005  # steps at most, and the speed that counts as rest
BEND = 0.6  # rad: between two rods at most
NEIGHBOURS = 3  # rods to either side overlap as the rope bends, and are no obstacle


class Rope(Pushing):
    """The authors' rope in 2-D (see `lab.tasks.pushing` for what differs): state is its 21 nodes (x, y).

    Rods of equal length are joined in a chain. Springs resist bending, and dry friction with the table holds the rope
    wherever the springs are too weak to move it. A goal counts as reached within a Chamfer distance of `radius`.
    """

    name: ClassVar[str] = "rope"
    place: ClassVar[int] = 3
    state_fields: ClassVar[tuple[str, ...]] = tuple(f"node{i}_{axis}" for i in range(RODS + 1) for axis in "xy")
    state_low: ClassVar[tuple[float, ...]] = (-8.0,) * (2 * RODS + 2)
    state_high: ClassVar[tuple[float, ...]] = (8.0,) * (2 * RODS + 2)
    criteria: ClassVar[Mapping[str, str]] = {"full": f"Chamfer distance of the rope's nodes below {Pushing.radius:g}"}
    body: ClassVar[float] = ROPE_RADIUS + ROD / 2
    factors: ClassVar[Mapping[str, Factor]] = {
        "grip": Factor(GRIP, 5.0, 60.0, "dry friction of each rod with the table"),
        "stiffness": Factor(STIFFNESS, 20.0, 180.0, "of the bending springs"),
        "stick": Factor(STICK_RADIUS, 0.05, 0.2, "radius of the stick"),
    }
    grip: float
    stiffness: float
    stick: float

    @property
    def pusher(self) -> tuple[float, float]:
        return self.stick, self.stick

    def particles(self, states: Floats) -> Floats:
        return states.reshape(*states.shape[:-1], RODS + 1, 2)

    def first_states(self, rng: np.random.Generator, n: int) -> Floats:
        """Straight ropes in any direction, their middle within 0.5 of the table's."""
        angles = rng.uniform(0, 2 * np.pi, n)
        return _laid(np.repeat(angles[:, None], RODS, 1), rng.uniform(-0.5, 0.5, (n, 2)))

    def random_goals(self, rng: np.random.Generator, n: int) -> Floats:
        """Straight ropes turned by 0 to 90 degrees from the y axis, shifted by up to 1 along both axes."""
        angles = np.pi / 2 + rng.uniform(0, np.pi / 2, n)
        return _laid(np.repeat(angles[:, None], RODS, 1), rng.uniform(-1, 1, (n, 2)))

    def push(self, state: Floats, begin: Floats, end: Floats) -> Floats:
        with empty_table(DAMPING) as table:
            rods = _add_rope(table, state.reshape(-1, 2), self.grip, self.stiffness)
            stick = table.pusher(begin.tolist())
            move_pusher(table, stick, table.circle(stick, self.stick, friction=1.0), begin, end)
            for _ in range(SETTLE // 5):
                table.step(TIME_STEP, 5)
                if max(map(speed, rods)) < STILL:
                    break
            return _laid(np.array([[pose(rod)[2] for rod in rods]]), _middle(rods))[0]

    def render(self, states: Floats, size: int) -> NDArray[np.uint8]:
        """A brown rope on a white table; (B, size, size, 3)."""
        return draw_ropes(self.particles(states), ROPE_RADIUS, size)


def _laid(angles: Floats, middles: Floats) -> Floats:
    """States (n, S) of ropes whose rods point along ``angles`` (n, RODS), their nodes around ``middles`` (n, 2)."""
    nodes = np.zeros((len(angles), RODS + 1, 2))
    nodes[:, 1:] = np.cumsum(ROD * np.stack([np.cos(angles), np.sin(angles)], -1), axis=1)
    nodes += (middles - nodes.mean(1))[:, None]
    return nodes.reshape(len(angles), -1)


def _middle(rods: list[Body]) -> Floats:
    """The mean (1, 2) of the nodes; where two rods do not quite meet, the node is between their ends."""
    ends = np.array([[on_table(rod, end) for end in ENDS] for rod in rods])
    nodes = np.concatenate([ends[:1, 0], (ends[:-1, 1] + ends[1:, 0]) / 2, ends[-1:, 1]])
    return nodes.mean(0, keepdims=True)


def _neighbours(i: int) -> int:
    """The bits of rod ``i`` and its neighbours along the rope, which it does not meet."""
    return sum(1 << j for j in range(max(0, i - NEIGHBOURS), i + NEIGHBOURS + 1))


def _add_rope(table: Table, nodes: Floats, grip: float, stiffness: float) -> list[Body]:
    """The rope through ``nodes`` (N, 2), lying on ``table``; returns its rods."""
    vectors, middles = np.diff(nodes, axis=0), (nodes[1:] + nodes[:-1]) / 2
    # A jump of a whole turn would be a bend to the springs
    angles = np.unwrap(np.arctan2(vectors[:, 1], vectors[:, 0]))
    ground = table.ground()
    rods: list[Body] = []
    for i, (middle, angle) in enumerate(zip(middles.tolist(), angles.tolist(), strict=True)):
        rod = table.body(1.0, MOMENT, middle, angle)
        table.segment(rod, ENDS, ROPE_RADIUS, friction=0.25, kind=1 << i, meets=EVERYTHING & ~_neighbours(i))
        table.grip(ground, rod, middle, grip)
        if rods:
            table.hinge(rods[-1], rod, ENDS[::-1], 0.5 ** (1 / TIME_STEP), stiffness, BEND)
        rods.append(rod)
    return rods
