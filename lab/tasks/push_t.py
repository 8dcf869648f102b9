"""PushT: a pusher moves a T-shaped block on a table."""

from typing import ClassVar

import numpy as np
import pymunk

from lab.errors import LabError
from lab.tasks.push_t_expert import expert
from lab.tasks.push_t_render import draw
from lab.tasks.task import Floats, Task

REACH = 100.0  # px of target displacement for one unit of action
SUBSTEPS, TIME_STEP = 10, 0.01  # s
STIFFNESS, DAMPING = 100.0, 20.0  # of the pusher's PD control
PUSHER_RADIUS = 15.0  # px
CENTRE_OF_GRAVITY = 45.0  # px below the block's origin, in its own frame
MOMENT = 3000.0
TOUCH = 95.0  # px: the block's farthest corner is 76.5 px from its centre of gravity, the pusher's radius is 15
STEM, BAR = ((-15, 30), (15, 30), (15, 120), (-15, 120)), ((-60, 0), (60, 0), (60, 30), (-60, 30))
ARENA = ((5, 5), (5, 506), (506, 506), (506, 5))
TABLE = (-1000.0, 1512.0)  # px: the pusher's target is kept in here


class PushT(Task):
    """The PushT task of the reference (env/pusht): positions in px of a 512 x 512 table (y down), angle in rad.

    The pusher is kinematic; an action is the displacement of its PD target in units of 100 px, held for 0.1 s. The
    block is quasi-static (it loses its velocity in every sub-step). Success, ``full``: distance of (pusher, block)
    to the goal's below 20 px in all four numbers together, and angle within pi / 9. ``block``: the same without
    the pusher.

    Repairs of the reference:
    - angle differences are wrapped before they are compared (a difference beyond 2 pi always passed);
    - setting a state takes no physics step (the start moved by v * 0.01 s);
    - the state is complete: what the physics engine remembers beyond it (the block's velocity and contact impulses
      of the last 0.01 s) is dropped after each action, so that any stored state replays exactly;
    - the pusher's target stays within 1000 px of the table, where the reference lets it run to infinity.
    """

    name: ClassVar[str] = "push_t"
    env_id: ClassVar[str] = "lab/PushT-v0"
    state_fields: ClassVar[tuple[str, ...]] = (
        "agent_x", "agent_y", "block_x", "block_y", "block_angle", "agent_vx", "agent_vy",
    )  # fmt: skip
    proprio_fields: ClassVar[tuple[str, ...]] = ("agent_x", "agent_y", "agent_vx", "agent_vy")
    action_fields: ClassVar[tuple[str, ...]] = ("dx", "dy")
    action_limit: ClassVar[float] = 5.0
    state_low: ClassVar[tuple[float, ...]] = (-2000.0, -2000.0, -100.0, -100.0, 0.0, -20000.0, -20000.0)
    state_high: ClassVar[tuple[float, ...]] = (2500.0, 2500.0, 612.0, 612.0, 2 * np.pi, 20000.0, 20000.0)
    criteria: ClassVar[tuple[str, ...]] = ("full", "block")

    def step(self, states: Floats, actions: Floats) -> Floats:
        """One action of 0.1 s; (B, 7) and (B, 2) to (B, 7)."""
        path, velocity = _pusher_path(states[:, :2], states[:, 5:], actions)
        after = states.copy()
        after[:, :2], after[:, 5:] = path[-1], velocity[-1]
        nearest = np.linalg.norm(path - centre_of_gravity(states), axis=-1).min(0)
        for i in np.flatnonzero(nearest < TOUCH):
            after[i, 2:5] = _push(states[i, 2:5], path[:, i], velocity[:, i])
        return after

    def render(self, states: Floats, size: int) -> np.ndarray:
        return draw(states, size)

    def random_states(self, rng: np.random.Generator, n: int) -> tuple[Floats, Floats]:
        """Pusher in [50, 450)^2, block in [100, 400)^2, any angle, at rest; pushers on the block drawn again."""
        return _random(rng, n), _random(rng, n)

    def collect(self, rng: np.random.Generator, n: int, steps: int) -> tuple[Floats, Floats]:
        """The scripted expert of `lab.tasks.push_t_expert`."""
        return expert(self.step, _random(rng, n), rng, steps)

    def distance(self, states: Floats, goals: Floats, criterion: str = "full") -> Floats:
        if criterion not in self.criteria:
            raise LabError(f"Unknown criterion '{criterion}': choose one of {', '.join(self.criteria)}.")
        first = 0 if criterion == "full" else 2
        position = np.linalg.norm(states[..., first:4] - goals[..., first:4], axis=-1) / 20.0
        turn = np.abs((states[..., 4] - goals[..., 4] + np.pi) % (2 * np.pi) - np.pi) / (np.pi / 9)
        return np.maximum(position, turn)


def centre_of_gravity(states: Floats) -> Floats:
    """The block's centre of gravity (B, 2) in ``states`` (B, 7)."""
    angle = states[:, 4]
    return states[:, 2:4] + CENTRE_OF_GRAVITY * np.stack([-np.sin(angle), np.cos(angle)], -1)


def _random(rng: np.random.Generator, n: int) -> Floats:
    states = np.zeros((n, 7))
    todo = np.arange(n)
    while len(todo):
        states[todo, :2] = rng.integers(50, 450, (len(todo), 2))
        states[todo, 2:4] = rng.integers(100, 400, (len(todo), 2))
        states[todo, 4] = rng.uniform(0, 2 * np.pi, len(todo))
        todo = todo[np.linalg.norm(states[todo, :2] - centre_of_gravity(states[todo]), axis=-1) < TOUCH]
    return states


def _pusher_path(position: Floats, velocity: Floats, actions: Floats) -> tuple[Floats, Floats]:
    """Positions and velocities (11, B, 2) of the pusher before and after each sub-step; nothing stops it."""
    target = np.clip(position + REACH * np.clip(actions, -1e6, 1e6), *TABLE)
    path, velocities = [position], [velocity]
    for _ in range(SUBSTEPS):
        acceleration = STIFFNESS * (target - path[-1]) - DAMPING * velocities[-1]
        velocities.append(velocities[-1] + acceleration * TIME_STEP)
        path.append(path[-1] + velocities[-1] * TIME_STEP)
    return np.stack(path), np.stack(velocities)


def _push(pose: Floats, path: Floats, velocity: Floats) -> tuple[float, float, float]:
    """Where the block at ``pose`` (x, y, angle) is after the pusher has gone along ``path`` (11, 2).

    The space is made anew for every action: nothing is left in it that the state does not hold.
    """
    space = pymunk.Space()
    space.damping = 0.0
    pusher = pymunk.Body(body_type=pymunk.Body.KINEMATIC)
    block = pymunk.Body(1.0, MOMENT)
    block.center_of_gravity = (0.0, CENTRE_OF_GRAVITY)
    block.angle = float(pose[2])
    block.position = (float(pose[0]), float(pose[1]))
    walls = [pymunk.Segment(space.static_body, a, b, 2.0) for a, b in zip(ARENA, ARENA[1:] + ARENA[:1], strict=True)]
    shapes = [pymunk.Poly(block, corners) for corners in (BAR, STEM)]
    space.add(pusher, block, pymunk.Circle(pusher, PUSHER_RADIUS), *shapes, *walls)
    for before, moving in zip(path[:-1].tolist(), velocity[1:].tolist(), strict=True):
        pusher.position, pusher.velocity = tuple(before), tuple(moving)
        space.step(TIME_STEP)
    x, y = block.position
    return x, y, block.angle % (2 * np.pi)
