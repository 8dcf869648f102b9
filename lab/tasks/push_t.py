"""PushT: a pusher moves a T-shaped block on a table."""

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from lab.errors import check_known
from lab.tasks.push_t_expert import expert
from lab.tasks.push_t_geometry import (
    BAR,
    BLOCK_RADIUS,
    CENTRE,
    FLOOR,
    HULL,
    PUSHER_RADIUS,
    REACH,
    SIDE,
    STEM,
    WALL_HALF_WIDTH,
    WALL_HIGH,
    WALL_LOW,
)
from lab.tasks.push_t_render import draw
from lab.tasks.table import Table, move, on_table, place, pose
from lab.tasks.task import Floats, Task
from lab.tasks.variation import Factor

SUBSTEPS, TIME_STEP = 10, 0.01  # s
STIFFNESS, DAMPING = 100.0, 20.0  # of the pusher's PD control
MOMENT = 3000.0
MARGIN = 0.1  # px: nearer than this counts as touching; the physics engine tolerates as much overlap
_CORNERS = ((WALL_LOW, WALL_LOW), (WALL_LOW, WALL_HIGH), (WALL_HIGH, WALL_HIGH), (WALL_HIGH, WALL_LOW))
WALLS = tuple(zip(_CORNERS, (*_CORNERS[1:], _CORNERS[0]), strict=True))  # left, bottom, right, top
TABLE = (-1000.0, 1512.0)  # px: the pusher's target is kept in here


class PushT(Task):
    """The authors' PushT (``env/pusht``): positions in px of a 512 x 512 table (y down), angle in rad.

    The pusher is kinematic; an action is the displacement of its PD target in units of 100 px, held for 0.1 s. The
    block is quasi-static (it loses its velocity in every sub-step). Success, ``full``: distance of (pusher, block)
    to the goal's below 20 px in all four numbers together, and angle within pi / 9. ``block``: the same without
    the pusher.

    Repairs of their code:
    - angle differences are wrapped before they are compared (a difference beyond 2 pi always passed);
    - setting a state takes no physics step (the start moved by v * 0.01 s);
    - the state is complete: what the physics engine remembers beyond it (the block's velocity and contact impulses
      of the last 0.01 s) is dropped after each action, so that any stored state replays exactly;
    - the pusher's target stays within 1000 px of the table, where theirs runs to infinity;
    - a block that the pusher, which no wall stops, has pressed into a wall or through it is put back inside at the
      end of each action (theirs leaves the table); none is drawn overlapping a wall.
    """

    name: ClassVar[str] = "push_t"
    place: ClassVar[int] = 0
    state_fields: ClassVar[tuple[str, ...]] = (
        "agent_x", "agent_y", "block_x", "block_y", "block_angle", "agent_vx", "agent_vy",
    )  # fmt: skip
    proprio_fields: ClassVar[tuple[str, ...]] = ("agent_x", "agent_y", "agent_vx", "agent_vy")
    action_fields: ClassVar[tuple[str, ...]] = ("dx", "dy")
    action_limit: ClassVar[float] = 5.0
    state_low: ClassVar[tuple[float, ...]] = (-2000.0, -2000.0, 0.0, 0.0, 0.0, -20000.0, -20000.0)
    state_high: ClassVar[tuple[float, ...]] = (2512.0, 2512.0, SIDE, SIDE, 2 * np.pi, 20000.0, 20000.0)
    radius: ClassVar[float] = 20.0  #: px, of success
    factors: ClassVar[Mapping[str, Factor]] = {
        "pusher": Factor(PUSHER_RADIUS, 8.0, 22.0, "px, radius of the pusher"),
        "friction": Factor(0.0, 0.0, 1.0, "coefficient of friction of pusher and block"),
        "inertia": Factor(MOMENT, 1000.0, 9000.0, "moment of inertia of the block, whose mass is 1"),
        "stiffness": Factor(STIFFNESS, 20.0, 150.0, "1/s^2, of the pusher's control"),
    }
    pusher: float
    friction: float
    inertia: float
    stiffness: float
    criteria: ClassVar[Mapping[str, str]] = {
        "full": f"pusher and block within {radius:g} px (joint distance) and block angle within 20 degrees",
        "block": f"block within {radius:g} px and 20 degrees; the pusher may be anywhere",
    }

    def step(self, states: Floats, actions: Floats) -> Floats:
        """One action of 0.1 s; (B, 7) and (B, 2) to (B, 7)."""
        path, velocity = _pusher_path(states[:, :2], states[:, 5:], actions, self.stiffness)
        after = states.copy()
        after[:, :2], after[:, 5:] = path[-1], velocity[-1]
        # Touching in the last sub-step moves nothing any more
        touching = clearance(path[1:SUBSTEPS], states, self.pusher) < MARGIN
        for i in np.flatnonzero(touching.any(0)):
            first = int(touching[:, i].argmax())  # until then the block rests
            after[i, 2:5] = self._push(states[i, 2:5], path[first:, i], velocity[first:, i])
        after[:, 4] = _wrap(after[:, 4])
        after[:, 2:4] += _into_arena(after)
        return after

    def render(self, states: Floats, size: int) -> np.ndarray:
        return draw(states, size, self.pusher)

    def random_states(self, rng: np.random.Generator, n: int) -> tuple[Floats, Floats]:
        """Pusher in [50, 450)^2, block in [100, 400)^2, any angle, at rest; overlaps drawn again."""
        return _random(rng, n, self.pusher), _random(rng, n, self.pusher)

    def collect(self, rng: np.random.Generator, n: int, steps: int) -> tuple[Floats, Floats]:
        """The scripted expert of `lab.tasks.push_t_expert`."""
        return expert(self.step, _random(rng, n, self.pusher), rng, steps)

    def distance(self, states: Floats, goals: Floats, criterion: str = "full") -> Floats:
        check_known("criterion", criterion, self.criteria)
        first = 0 if criterion == "full" else 2
        position = np.linalg.norm(states[..., first:4] - goals[..., first:4], axis=-1) / self.radius
        turn = np.abs((states[..., 4] - goals[..., 4] + np.pi) % (2 * np.pi) - np.pi) / (np.pi / 9)
        return np.maximum(position, turn)

    def _push(self, before: Floats, path: Floats, velocity: Floats) -> tuple[float, float, float]:
        """Where the block at ``before`` (x, y, angle) is after the pusher has gone along ``path`` (n + 1, 2).

        The table is laid anew for every action: nothing is left on it that the state does not hold.
        """
        x, y, angle = before.tolist()
        with Table(damping=0.0) as table:
            pusher = table.pusher((0.0, 0.0))
            block = table.body(1.0, self.inertia, (x, y), angle, centre=CENTRE)
            table.circle(pusher, self.pusher, self.friction)
            for box in (BAR, STEM):
                table.polygon(block, box.corners, self.friction)
            if near := _walls_near(on_table(block, CENTRE), path):
                ground = table.ground()
                for ends in near:
                    table.segment(ground, ends, WALL_HALF_WIDTH)
            place(pusher, path[0].tolist())  # not sooner: the engine's order of contacts, which decides the last bits
            for moving in velocity[1:].tolist():
                move(pusher, moving)
                table.step(TIME_STEP)
            return pose(block)


def clearance(positions: Floats, states: Floats, radius: float = PUSHER_RADIUS) -> Floats:
    """Distance (..., B), px, of a pusher at ``positions`` (..., B, 2) from the block of ``states`` (B, 7)."""
    cos, sin = np.cos(states[:, 4]), np.sin(states[:, 4])
    x, y = positions[..., 0] - states[:, 2], positions[..., 1] - states[:, 3]
    x, y = np.abs(cos * x + sin * y), cos * y - sin * x
    bar, stem = (_to_box(x - box.half_width, np.abs(y - box.middle) - box.half_height) for box in (BAR, STEM))
    return np.minimum(bar, stem) - radius


def _to_box(x: Floats, y: Floats) -> Floats:
    """Signed distance to a box, of points ``x`` and ``y`` beyond its sides."""
    return np.hypot(np.maximum(x, 0), np.maximum(y, 0)) + np.minimum(np.maximum(x, y), 0)


def _wrap(angle: Floats) -> Floats:
    wrapped = angle % (2 * np.pi)
    return np.where(wrapped < 2 * np.pi, wrapped, 0.0)  # a tiny negative angle is rounded up to 2 pi


def _into_arena(states: Floats) -> Floats:
    """The displacement (B, 2) that brings blocks of ``states`` (B, 7) which overlap a wall back inside."""
    cos, sin = np.cos(states[:, 4, None]), np.sin(states[:, 4, None])
    x, y = HULL.T
    corners = states[:, None, 2:4] + np.stack([cos * x - sin * y, sin * x + cos * y], -1)
    low, high = FLOOR[0] - corners.min(1), corners.max(1) - FLOOR[1]
    return np.where(low > MARGIN, low, np.where(high > MARGIN, -high, 0.0))


def _random(rng: np.random.Generator, n: int, radius: float) -> Floats:
    states = np.zeros((n, 7))
    todo = np.arange(n)
    while len(todo):
        states[todo, :2] = rng.integers(50, 450, (len(todo), 2))
        states[todo, 2:4] = rng.integers(100, 400, (len(todo), 2))
        states[todo, 4] = rng.uniform(0, 2 * np.pi, len(todo))
        candidates = states[todo]
        overlapping = clearance(candidates[:, :2], candidates, radius) < MARGIN
        todo = todo[overlapping | _into_arena(candidates).any(-1)]
    return states


def _pusher_path(position: Floats, velocity: Floats, actions: Floats, stiffness: float) -> tuple[Floats, Floats]:
    """Positions and velocities (11, B, 2) of the pusher before and after each sub-step; nothing stops it."""
    target = np.clip(position + REACH * np.clip(actions, -1e6, 1e6), *TABLE)
    path, velocities = [position], [velocity]
    for _ in range(SUBSTEPS):
        acceleration = stiffness * (target - path[-1]) - DAMPING * velocities[-1]
        velocities.append(velocities[-1] + acceleration * TIME_STEP)
        path.append(path[-1] + velocities[-1] * TIME_STEP)
    return np.stack(path), np.stack(velocities)


def _walls_near(centre: tuple[float, float], path: Floats) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    """The walls that a block around ``centre`` may meet while the pusher goes along ``path``: each one takes time.

    A corner of the block moves at most 1.4 times as far as the pusher, and what overlaps is set apart besides.
    """
    reach = BLOCK_RADIUS + 2.0 * float(np.abs(np.diff(path, axis=0)).sum()) + 30.0
    x, y = centre
    room = (x - FLOOR[0], FLOOR[1] - y, FLOOR[1] - x, y - FLOOR[0])
    return [ends for ends, free in zip(WALLS, room, strict=True) if free < reach]
