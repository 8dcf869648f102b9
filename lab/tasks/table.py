"""A table seen from above, with the rigid bodies on it: Chipmunk, called as pymunk's own classes call it.

Those classes take more time than the physics: on the same calls in the same order, PushT runs 2.7 times as fast here,
Rope 1.5 times, Granular 1.2 times, with the same numbers to the last bit (``tests/test_table.py`` compares them).
"""

from collections.abc import Sequence
from math import sqrt
from typing import Any, TypeAlias

from pymunk._chipmunk_cffi import lib

Point = Sequence[float]  #: x and y
Body: TypeAlias = Any  #: Chipmunk's, as are the next two
Shape: TypeAlias = Any
Joint: TypeAlias = Any
AS_IT_IS = (1.0, 0.0, 0.0, 1.0, 0.0, 0.0)  # the identity, as an affine transform
EVERYTHING = 0xFFFFFFFF


class Table:
    """What is put on the table is freed at the end of its ``with``, and nothing may be asked of it afterwards."""

    def __init__(self, damping: float, slop: float | None = None, bias: float | None = None) -> None:
        """``damping``: the share of a velocity that is left after a second.

        ``slop``: the overlap that is let be; ``bias``: the share of an overlap that is left after a second.
        """
        self._space = lib.cpSpaceNew()
        self._bodies: list[Body] = []
        self._shapes: list[Shape] = []
        self._joints: list[Joint] = []
        lib.cpSpaceSetDamping(self._space, damping)
        if slop is not None:
            lib.cpSpaceSetCollisionSlop(self._space, slop)
        if bias is not None:
            lib.cpSpaceSetCollisionBias(self._space, bias)

    def __enter__(self) -> "Table":
        return self

    def __exit__(self, *_: object) -> None:
        lib.cpSpaceFree(self._space)
        for free, things in (
            (lib.cpConstraintFree, self._joints), (lib.cpShapeFree, self._shapes), (lib.cpBodyFree, self._bodies),
        ):  # fmt: skip
            for thing in things:
                free(thing)

    # --- Bodies

    def body(self, mass: float, moment: float, position: Point, angle: float, centre: Point = (0.0, 0.0)) -> Body:
        """One that is pushed; its centre of gravity lies at ``centre`` in its own frame."""
        body = self._add(lib.cpBodyNew(mass, moment))
        lib.cpBodySetCenterOfGravity(body, centre)
        lib.cpBodySetAngle(body, angle)
        place(body, position)
        return body

    def pusher(self, position: Point, angle: float = 0.0) -> Body:
        """One that goes its way, whatever it meets."""
        body = self._add(lib.cpBodyNewKinematic())
        lib.cpBodySetAngle(body, angle)
        place(body, position)
        return body

    def ground(self) -> Body:
        """One that stays where it is."""
        return self._add(lib.cpBodyNewStatic())

    def _add(self, body: Body) -> Body:
        self._bodies.append(body)
        lib.cpSpaceAddBody(self._space, body)
        return body

    # --- Shapes

    def circle(self, body: Body, radius: float, friction: float = 0.0) -> Shape:
        return self._add_shape(lib.cpCircleShapeNew(body, radius, (0.0, 0.0)), friction)

    def segment(
        self, body: Body, ends: Sequence[Point], radius: float, friction: float = 0.0,
        kind: int = EVERYTHING, meets: int = EVERYTHING,
    ) -> Shape:  # fmt: skip
        """``kind``: the bits of what this is; ``meets``: of what does not go through it."""
        shape = lib.cpSegmentShapeNew(body, *ends, radius)
        lib.cpShapeSetFilter(shape, (0, kind, meets))
        return self._add_shape(shape, friction)

    def polygon(self, body: Body, corners: Sequence[Point], friction: float = 0.0) -> Shape:
        """A convex one, of ``corners`` in the body's own frame."""
        return self._add_shape(lib.cpPolyShapeNew(body, len(corners), corners, AS_IT_IS, 0.0), friction)

    def _add_shape(self, shape: Shape, friction: float) -> Shape:
        self._shapes.append(shape)
        lib.cpShapeSetFriction(shape, friction)
        lib.cpSpaceAddShape(self._space, shape)
        return shape

    # --- Joints

    def grip(self, ground: Body, body: Body, position: Point, force: float) -> None:
        """Dry friction: ``ground`` holds ``body`` at ``position`` with at most ``force``, and never pulls it back."""
        joint = self._add_joint(lib.cpPivotJointNew2(ground, body, position, (0.0, 0.0)))
        lib.cpConstraintSetMaxBias(joint, 0.0)
        lib.cpConstraintSetMaxForce(joint, force)

    def hinge(self, one: Body, other: Body, ends: Sequence[Point], bias: float, stiffness: float, bend: float) -> None:
        """Joins the ``ends`` of two bodies; a spring resists bending, which ends at ``bend`` rad to either side.

        ``bias``: the share of a gap that is left after a second.
        """
        joint = self._add_joint(lib.cpPivotJointNew2(one, other, *ends))
        lib.cpConstraintSetErrorBias(joint, bias)
        self._add_joint(lib.cpDampedRotarySpringNew(one, other, 0.0, stiffness, 0.0))
        self._add_joint(lib.cpRotaryLimitJointNew(one, other, -bend, bend))

    def _add_joint(self, joint: Joint) -> Joint:
        self._joints.append(joint)
        lib.cpSpaceAddConstraint(self._space, joint)
        return joint

    # --- Time

    def step(self, seconds: float, times: int = 1) -> None:
        for _ in range(times):
            lib.cpSpaceStep(self._space, seconds)

    def lift(self, pusher: Body, shape: Shape) -> None:
        """Take ``pusher``, whose only ``shape`` this is, off the table."""
        lib.cpSpaceRemoveBody(self._space, pusher)
        lib.cpSpaceRemoveShape(self._space, shape)


def place(body: Body, position: Point) -> None:
    lib.cpBodySetPosition(body, position)


def move(body: Body, velocity: Point) -> None:
    """Let ``body`` go at ``velocity`` from now on."""
    lib.cpBodySetVelocity(body, velocity)


def pose(body: Body) -> tuple[float, float, float]:
    """x, y, and angle in rad."""
    position = lib.cpBodyGetPosition(body)
    return position.x, position.y, lib.cpBodyGetAngle(body)


def speed(body: Body) -> float:
    velocity = lib.cpBodyGetVelocity(body)
    return sqrt(velocity.x * velocity.x + velocity.y * velocity.y)


def on_table(body: Body, point: Point) -> tuple[float, float]:
    """Where the ``point`` of the body's own frame is."""
    place = lib.cpBodyLocalToWorld(body, point)
    return place.x, place.y
