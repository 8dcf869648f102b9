"""Rope: a chain of rods on a table, pushed by a thin stick."""

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
import pymunk
from numpy.typing import NDArray

from lab.tasks.particles_render import draw_ropes
from lab.tasks.pushing import TIME_STEP, Pushing, empty_space, move_pusher
from lab.tasks.task import Floats

RODS, LENGTH = 20, 2.5
ROD = LENGTH / RODS
ROPE_RADIUS = 0.08
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
    pusher: ClassVar[tuple[float, float]] = (STICK_RADIUS, STICK_RADIUS)
    body: ClassVar[float] = ROPE_RADIUS + ROD / 2

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
        space = empty_space(DAMPING)
        rods = _add_rope(space, state.reshape(-1, 2))
        stick = pymunk.Body(body_type=pymunk.Body.KINEMATIC)
        pymunk.Circle(stick, STICK_RADIUS).friction = 1.0
        move_pusher(space, stick, begin, end)
        for _ in range(SETTLE // 5):
            for _ in range(5):
                space.step(TIME_STEP)
            if max(rod.velocity.length for rod in rods) < STILL:
                break
        return _laid(np.array([[rod.angle for rod in rods]]), _middle(rods))[0]

    def render(self, states: Floats, size: int) -> NDArray[np.uint8]:
        """A brown rope on a white table; (B, size, size, 3)."""
        return draw_ropes(self.particles(states), ROPE_RADIUS, size)


def _laid(angles: Floats, middles: Floats) -> Floats:
    """States (n, S) of ropes whose rods point along ``angles`` (n, RODS), their nodes around ``middles`` (n, 2)."""
    nodes = np.zeros((len(angles), RODS + 1, 2))
    nodes[:, 1:] = np.cumsum(ROD * np.stack([np.cos(angles), np.sin(angles)], -1), axis=1)
    nodes += (middles - nodes.mean(1))[:, None]
    return nodes.reshape(len(angles), -1)


def _middle(rods: list[pymunk.Body]) -> Floats:
    """The mean (1, 2) of the nodes; where two rods do not quite meet, the node is between their ends."""
    ends = np.array([[rod.local_to_world((-ROD / 2, 0)), rod.local_to_world((ROD / 2, 0))] for rod in rods])
    nodes = np.concatenate([ends[:1, 0], (ends[:-1, 1] + ends[1:, 0]) / 2, ends[-1:, 1]])
    return nodes.mean(0, keepdims=True)


def _contacts(i: int) -> pymunk.ShapeFilter:
    """Rod ``i`` meets everything but its neighbours along the rope."""
    near = sum(1 << j for j in range(max(0, i - NEIGHBOURS), i + NEIGHBOURS + 1))
    return pymunk.ShapeFilter(categories=1 << i, mask=pymunk.ShapeFilter.ALL_MASKS() & ~near)


def _add_rope(space: pymunk.Space, nodes: Floats) -> list[pymunk.Body]:
    """The rope through ``nodes`` (N, 2), lying on the table of ``space``; returns its rods."""
    moment = pymunk.moment_for_segment(1.0, (-ROD / 2, 0), (ROD / 2, 0), ROPE_RADIUS)
    vectors, middles = np.diff(nodes, axis=0), (nodes[1:] + nodes[:-1]) / 2
    angles = np.unwrap(
        np.arctan2(vectors[:, 1], vectors[:, 0])
    )  # a jump of a whole turn would be a bend to the springs
    rods: list[pymunk.Body] = []
    for middle, angle in zip(middles.tolist(), angles.tolist(), strict=True):
        rod = pymunk.Body(1.0, moment)
        rod.position, rod.angle = tuple(middle), angle
        shape = pymunk.Segment(rod, (-ROD / 2, 0), (ROD / 2, 0), ROPE_RADIUS)
        shape.friction, shape.filter = 0.25, _contacts(len(rods))
        grip = pymunk.PivotJoint(space.static_body, rod, tuple(middle), (0, 0))
        grip.max_bias, grip.max_force = 0.0, GRIP  # no pull back to where it was: friction alone
        space.add(rod, shape, grip)
        if rods:
            joint = pymunk.PivotJoint(rods[-1], rod, (ROD / 2, 0), (-ROD / 2, 0))
            joint.error_bias = 0.5 ** (1 / TIME_STEP)
            spring = pymunk.DampedRotarySpring(rods[-1], rod, 0.0, STIFFNESS, 0.0)
            space.add(joint, spring, pymunk.RotaryLimitJoint(rods[-1], rod, -BEND, BEND))
        rods.append(rod)
    return rods
