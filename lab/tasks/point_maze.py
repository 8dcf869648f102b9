"""PointMaze: a ball pushed through a U-shaped maze."""

from collections.abc import Mapping
from functools import lru_cache
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from lab.tasks.drawing import Image, box, draw_frames, pixel_centres
from lab.tasks.task import Floats, Task
from lab.tasks.variation import Factor

FORCE = 100.0  # N per unit of action
MASS = 4.18879  # kg: a ball of radius 0.1 m and density 1000 kg/m3
DAMPING = 1.0  # N s/m
TIME_STEP = 0.01  # s
SUBSTEPS = 5  # per action
SPEED_LIMIT = 5.0  # m/s per axis, imposed before each action
START_SPEED = 5.226  # m/s per axis, the range of the random starts
RADIUS = 0.1  # m, of the ball that collides
DRAWN_RADIUS = 0.2  # m
# The authors' maze, cells of 1 m, rows along x: "#####", "#GOO#", "###O#", "#OOO#", "#####". Cell (r, c)
# spans [r - 0.7, r + 0.3] x [c - 0.7, c + 0.3], so the free cells are a square less a block at its low-y side.
OUTER = (0.3, 3.3)  # m: the square, on both axes
BLOCK_X, BLOCK_TOP = (1.3, 2.3), 2.3  # m: the block, up to y = 2.3
VIEW = (-0.2, 3.8)  # m, on both axes
WALL_COLOUR, FLOOR_COLOUR, BALL_COLOUR = (179, 128, 77), (38, 64, 89), (76, 153, 76)


class PointMaze(Task):
    """The authors' PointMaze (``env/pointmaze``): state (x, y, vx, vy) in m and m/s.

    An action is a force, clipped to [-1, 1] per axis and held for 0.05 s. Success is within 0.5 m, whatever the
    velocity. Free motion is MuJoCo's Euler scheme: damping implicit, velocity before position.

    Differences from their code:
    - MuJoCo's soft contacts let the ball sink in by some mm; here a contact is a frictionless inelastic
      projection: the ball is put back on the surface and loses the velocity along its normal. In 100 episodes of
      the data policy MuJoCo 4.0 ends up 0.02 m (median) from here after 25 actions, and within 0.5 m in 95 of them;
    - the goal has no velocity, where theirs has a random one that an arrived ball cannot keep (repair);
    - drawn top-down without perspective and light: x right, y down, the ground in the mean of its two colours.
    """

    name: ClassVar[str] = "point_maze"
    place: ClassVar[int] = 1
    state_fields: ClassVar[tuple[str, ...]] = ("x", "y", "vx", "vy")
    proprio_fields: ClassVar[tuple[str, ...]] = ("x", "y", "vx", "vy")
    action_fields: ClassVar[tuple[str, ...]] = ("fx", "fy")
    action_limit: ClassVar[float] = 1.0
    # A ball enters an action with at most 5 m/s per axis; five pushes at full force make it 6.13 m/s per axis, and
    # the block's corner may turn all of that speed, 8.67 m/s, towards one axis.
    state_low: ClassVar[tuple[float, ...]] = (OUTER[0] + RADIUS, OUTER[0] + RADIUS, -8.67, -8.67)
    state_high: ClassVar[tuple[float, ...]] = (OUTER[1] - RADIUS, OUTER[1] - RADIUS, 8.67, 8.67)
    radius: ClassVar[float] = 0.5  #: m, of success
    factors: ClassVar[Mapping[str, Factor]] = {
        "mass": Factor(MASS, MASS, 20.0, "kg, of the ball"),
        "damping": Factor(DAMPING, 0.0, 20.0, "N s/m, friction of the ball"),
        "ball": Factor(DRAWN_RADIUS, 0.1, 0.35, "m, radius of the drawn ball"),
    }
    mass: float
    damping: float
    ball: float
    criteria: ClassVar[Mapping[str, str]] = {"full": f"position within {radius:g} maze units"}

    def executed(self, actions: Floats) -> Floats:
        return np.clip(actions, -self.action_limit, self.action_limit)

    def step(self, states: Floats, actions: Floats) -> Floats:
        """Push for 0.05 s; (B, 4) and (B, 2) to (B, 4)."""
        position = states[:, :2].T.copy()
        velocity = np.clip(states[:, 2:].T, -SPEED_LIMIT, SPEED_LIMIT, order="C")
        force = FORCE * self.executed(actions.T.copy())
        for _ in range(SUBSTEPS):
            velocity += TIME_STEP / (self.mass + TIME_STEP * self.damping) * (force - self.damping * velocity)
            position += TIME_STEP * velocity
            _leave_block(position, velocity)
            _leave_border(position, velocity)
        return np.concatenate([position, velocity]).T.copy()

    def render(self, states: Floats, size: int) -> NDArray[np.uint8]:
        """Brown walls, a dark floor and the ball as a green disc, seen from above; (B, size, size, 3)."""
        background = _background(size)
        to_ball = np.array(BALL_COLOUR, dtype=np.float32) - background
        centres, pixel = pixel_centres(size, *VIEW), (VIEW[1] - VIEW[0]) / size

        def draw(states: Image) -> NDArray[np.uint8]:
            dx2, dy2 = ((centres - states[:, axis, None]) ** 2 for axis in (0, 1))
            distance = np.sqrt(dy2[:, :, None] + dx2[:, None, :])
            covered = np.clip((self.ball - distance) / np.float32(pixel) + np.float32(0.5), 0, 1)
            return (background + covered[..., None] * to_ball + np.float32(0.5)).astype(np.uint8)

        return draw_frames(draw, states, size)

    def random_states(self, rng: np.random.Generator, n: int) -> tuple[Floats, Floats]:
        """Both uniform over the free cells, 0.2 m off the walls; the start moves, the goal is at rest."""
        positions = _random_positions(rng, 2 * n)
        velocities = rng.uniform(-START_SPEED, START_SPEED, (n, 2))
        starts = np.concatenate([positions[:n], velocities], axis=1)
        return starts, np.concatenate([positions[n:], np.zeros((n, 2))], axis=1)

    def collect(self, rng: np.random.Generator, n: int, steps: int) -> tuple[Floats, Floats]:
        """Random forces; each episode has its own correlation in time, from independent forces to long pushes.

        The authors' forces are all independent, which keeps the ball near its start.
        """
        states, actions = np.empty((n, steps + 1, 4)), np.empty((n, steps, 2))
        states[:, 0] = self.random_states(rng, n)[0]
        memory = rng.uniform(0.0, 0.95, (n, 1))
        push = rng.normal(size=(n, 2))
        for t in range(steps):
            actions[:, t] = np.clip(0.7 * push, -1.0, 1.0)
            states[:, t + 1] = self.step(states[:, t], actions[:, t])
            push = memory * push + np.sqrt(1 - memory**2) * rng.normal(size=(n, 2))
        return states, actions

    def recurs(self, states: Floats) -> NDArray[np.bool_]:
        """See `Task.recurs`: walls stop the ball, so that in each of the six corners all trajectories rest alike; (B,).

        Of the states of 1,000 episodes, 1 in 20 is one of these six.
        """
        return (states[:, 2:] == 0).all(axis=1)

    def distance(self, states: Floats, goals: Floats, criterion: str = "full") -> Floats:
        """Euclidean distance of the positions over 0.5 m; (B,)."""
        return np.sqrt(((states - goals)[..., :2] ** 2).sum(axis=-1)) / self.radius


def _leave_border(position: Floats, velocity: Floats) -> None:
    """Put balls (2, B) back into the square and stop them at its sides, in place."""
    low, high = OUTER[0] + RADIUS, OUTER[1] - RADIUS
    beyond = np.nonzero((position < low) | (position > high))
    speed = velocity[beyond]
    velocity[beyond] = np.where(position[beyond] < low, np.maximum(speed, 0.0), np.minimum(speed, 0.0))
    np.clip(position, low, high, out=position)


def _leave_block(position: Floats, velocity: Floats) -> None:
    """Put balls (2, B) that touch the block back on its surface, in place; corners are exact circle against box."""
    x, y = position
    near = np.flatnonzero((y < BLOCK_TOP + 2 * RADIUS) & (x > BLOCK_X[0] - 2 * RADIUS) & (x < BLOCK_X[1] + 2 * RADIUS))
    if not len(near):
        return
    nearest = np.stack([np.clip(x[near], *BLOCK_X), np.minimum(y[near], BLOCK_TOP)])
    offset = position[:, near] - nearest
    distance = np.sqrt((offset**2).sum(axis=0))
    # A sub-step moves by at most 0.087 m, less than the radius: only a given state has its centre in the block.
    inside = distance == 0
    nearest[1, inside], offset[1, inside], distance[inside] = BLOCK_TOP, 1.0, 1.0
    touching = (distance < RADIUS) | inside
    normal, balls = offset[:, touching] / distance[touching], near[touching]
    position[:, balls] = nearest[:, touching] + RADIUS * normal
    velocity[:, balls] -= np.minimum((velocity[:, balls] * normal).sum(axis=0), 0.0) * normal


def _random_positions(rng: np.random.Generator, n: int) -> Floats:
    """Uniform positions (n, 2) at least 0.2 m from every wall, by rejection, as in the authors' code."""
    margin = 2 * RADIUS
    low, high = OUTER[0] + margin, OUTER[1] - margin
    found = np.empty((0, 2))
    while len(found) < n:
        x, y = candidates = rng.uniform(low, high, (2, 2 * n))
        free = (x <= BLOCK_X[0] - margin) | (x >= BLOCK_X[1] + margin) | (y >= BLOCK_TOP + margin)
        found = np.concatenate([found, candidates[:, free].T])
    return found[:n]


@lru_cache(maxsize=64)
def _background(size: int) -> Image:
    """The colours (size, size, 3) of maze and walls without the ball."""
    floor = box(size, *VIEW, OUTER, OUTER) - box(size, *VIEW, BLOCK_X, (OUTER[0], BLOCK_TOP))
    wall_colour, floor_colour = (np.array(colour, dtype=np.float32) for colour in (WALL_COLOUR, FLOOR_COLOUR))
    return wall_colour + floor[..., None] * (floor_colour - wall_colour)
