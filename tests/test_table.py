"""The table calls Chipmunk as pymunk's classes do: the same numbers, to the last bit."""

import numpy as np
import pymunk
import pytest

from lab.tasks.table import EVERYTHING, Table, move, on_table, place, pose, speed

SQUARE = ((-10.0, -10.0), (10.0, -10.0), (10.0, 10.0), (-10.0, 10.0))
TIP = ((10.0, -4.0), (10.0, 4.0), (24.0, 0.0))
WALL = ((60.0, -90.0), (70.0, 90.0))
ENDS = ((-5.0, 0.0), (5.0, 0.0))
RODS, STEPS = 6, 120


def block_by_classes(start: float) -> list[float]:
    space = pymunk.Space()
    space.damping = 0.1
    pusher, block = pymunk.Body(body_type=pymunk.Body.KINEMATIC), pymunk.Body(1.0, 90.0)
    block.center_of_gravity, block.angle, block.position = (2.0, 1.0), start, (0.0, 0.0)
    shapes = [pymunk.Circle(pusher, 6.0), *(pymunk.Poly(block, corners) for corners in (SQUARE, TIP))]
    space.add(pusher, block, *shapes, pymunk.Segment(space.static_body, *WALL, 2.0))
    for shape in shapes:
        shape.friction = 0.7
    pusher.position, pusher.velocity = (-40.0, start), (100.0, 5.0)
    for _ in range(STEPS):
        space.step(0.01)
    return [*block.position, block.angle, block.velocity.length, *block.local_to_world((3.0, 4.0))]


def block_on_table(start: float) -> list[float]:
    with Table(damping=0.1) as table:
        pusher, block = table.pusher((0.0, 0.0)), table.body(1.0, 90.0, (0.0, 0.0), start, centre=(2.0, 1.0))
        table.circle(pusher, 6.0, 0.7)
        for corners in (SQUARE, TIP):
            table.polygon(block, corners, 0.7)
        table.segment(table.ground(), WALL, 2.0)
        place(pusher, (-40.0, start))
        move(pusher, (100.0, 5.0))
        table.step(0.01, STEPS)
        return [*pose(block), speed(block), *on_table(block, (3.0, 4.0))]


def chain_by_classes(start: float) -> list[float]:
    space = pymunk.Space()
    space.damping, space.collision_slop, space.collision_bias = 0.2, 0.01, 0.05
    rods: list[pymunk.Body] = []
    for i in range(RODS):
        rod = pymunk.Body(1.0, 20.0)
        rod.position = middle = (10.0 * i, start)
        shape = pymunk.Segment(rod, *ENDS, 2.0)
        shape.friction, shape.filter = 0.4, pymunk.ShapeFilter(categories=1 << i, mask=EVERYTHING & ~(7 << i >> 1))
        grip = pymunk.PivotJoint(space.static_body, rod, middle, (0.0, 0.0))
        grip.max_bias, grip.max_force = 0.0, 30.0
        space.add(rod, shape, grip)
        if rods:
            joint = pymunk.PivotJoint(rods[-1], rod, *ENDS[::-1])
            joint.error_bias = 0.3
            spring = pymunk.DampedRotarySpring(rods[-1], rod, 0.0, 50.0, 0.0)
            space.add(joint, spring, pymunk.RotaryLimitJoint(rods[-1], rod, -0.5, 0.5))
        rods.append(rod)
    pusher = pymunk.Body(body_type=pymunk.Body.KINEMATIC)
    pusher.position, pusher.angle, pusher.velocity = (22.0, -30.0), 0.3, (0.0, 60.0)
    space.add(pusher, pymunk.Poly(pusher, SQUARE))
    for _ in range(STEPS):
        space.step(0.01)
    space.remove(pusher, *pusher.shapes)
    for _ in range(STEPS):
        space.step(0.01)
    return [number for rod in rods for number in (*rod.position, rod.angle, rod.velocity.length)]


def chain_on_table(start: float) -> list[float]:
    with Table(damping=0.2, slop=0.01, bias=0.05) as table:
        ground, rods = table.ground(), []
        for i in range(RODS):
            middle = (10.0 * i, start)
            rod = table.body(1.0, 20.0, middle, 0.0)
            table.segment(rod, ENDS, 2.0, 0.4, kind=1 << i, meets=EVERYTHING & ~(7 << i >> 1))
            table.grip(ground, rod, middle, 30.0)
            if rods:
                table.hinge(rods[-1], rod, ENDS[::-1], bias=0.3, stiffness=50.0, bend=0.5)
            rods.append(rod)
        pusher = table.pusher((22.0, -30.0), 0.3)
        shape = table.polygon(pusher, SQUARE)
        move(pusher, (0.0, 60.0))
        table.step(0.01, STEPS)
        table.lift(pusher, shape)
        table.step(0.01, STEPS)
        return [number for rod in rods for number in (*pose(rod), speed(rod))]


@pytest.mark.parametrize(
    "scenes", [(block_by_classes, block_on_table), (chain_by_classes, chain_on_table)], ids=["block", "chain"]
)
def test_the_numbers_are_those_of_pymunks_classes(scenes):
    starts = np.random.default_rng(0).uniform(-8, 8, 20).tolist()
    ours, theirs = ([scene(start) for start in starts] for scene in scenes)
    assert ours == theirs
    assert np.isfinite(ours).all() and (np.std(ours, axis=0) > 0).sum() >= 6  # something was pushed
