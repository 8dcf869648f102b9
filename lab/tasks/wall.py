"""Wall: a dot in two rooms that are joined by one door."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from lab.errors import LabError
from lab.tasks.drawing import Image, box, draw_frames, pixel_centres
from lab.tasks.task import Floats, Task
from lab.tasks.variation import Factor, check_variation

BORDERS = (4.0, 60.0)  # px: the dot stays between these lines on both axes
WALL_HALF_WIDTH = 3.0  # px
DOOR_HALF_HEIGHT = 4.0  # px
KICK = 0.5  # px: a blocked dot is put this far off the plane, and moved this far along it
NUDGE = 0.3  # px: a dot on or beyond a plane is put this far inside
PADDING = 3.4  # px: random states keep this far from borders and wall, two standard deviations of the drawn dot
DOT_STD = 1.7  # px
VIEW = (-0.5, 64.5)  # px: the 65 x 65 world, pixel k centred at coordinate k
MAX_MOVE = 1000.0  # px: longer moves leave the world in any direction, so shortening them changes nothing
APPROACH = 6.0  # px from the wall's centre: the data policy walks to here before, and after, the door


@dataclass(frozen=True, eq=False, repr=False)
class Wall(Task):
    """The authors' Wall (``env/wall``): state (x, y) in px of a 65 x 65 world, x right, y down.

    An action moves the dot by twice itself (``stride``), and is not bounded: ``action_limit`` only declares a box. The
    first plane that the straight move meets (border, face of the wall, floor or ceiling of the door) stops it there,
    0.5 px off the plane and 0.5 px along it towards larger x or y, as in the authors' code. Success is within 4.5 px.

    Repairs of their code:
    - a move parallel to an axis into a border gave NaN (division by zero); it now stops there like any other;
    - the edges of the wall that bound the random states were those of the default wall; they follow ``wall_x``;
    - the door's floor and ceiling were tested before the wall's faces, so that long moves entered the door through
      the wall, and the far border was not tested for moves through the door; the first plane met now counts.

    The frame of borders is drawn without the lines' continuation beyond the corners.
    """

    name: ClassVar[str] = "wall"
    place: ClassVar[int] = 2
    state_fields: ClassVar[tuple[str, ...]] = ("x", "y")
    proprio_fields: ClassVar[tuple[str, ...]] = ("x", "y")
    action_fields: ClassVar[tuple[str, ...]] = ("dx", "dy")
    action_limit: ClassVar[float] = 2.0
    state_low: ClassVar[tuple[float, ...]] = (BORDERS[0], BORDERS[0])
    state_high: ClassVar[tuple[float, ...]] = (BORDERS[1], BORDERS[1])
    radius: ClassVar[float] = 4.5  #: px, of success
    criteria: ClassVar[Mapping[str, str]] = {"full": f"position within {radius:g} px"}

    factors: ClassVar[Mapping[str, Factor]] = {
        "wall_x": Factor(32.0, 16.0, 48.0, "px, centre of the wall"),
        "door_y": Factor(30.0, 10.0, 54.0, "px, centre of the door"),
        "stride": Factor(2.0, 0.5, 4.0, "px that a unit of action moves the dot"),
        "dot": Factor(DOT_STD, 1.0, 4.0, "px, standard deviation of the drawn dot"),
    }
    wall_x: float = factors["wall_x"].usual
    door_y: float = factors["door_y"].usual
    stride: float = factors["stride"].usual
    dot: float = factors["dot"].usual

    def __post_init__(self) -> None:
        check_variation(self.name, self.factors, {name: getattr(self, name) for name in type(self).factors})

    def __eq__(self, other: object) -> bool:
        """By all factors: hue, light and noise are no fields."""
        return type(other) is type(self) and other.variation == self.variation

    def __hash__(self) -> int:
        return hash((type(self), *self.variation.items()))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in self.variation.items())})"

    @property
    def faces(self) -> tuple[float, float]:
        """The x of the wall's left and right face, px."""
        return self.wall_x - WALL_HALF_WIDTH, self.wall_x + WALL_HALF_WIDTH

    @property
    def door(self) -> tuple[float, float]:
        """The smallest and largest y of the door, px."""
        return self.door_y - DOOR_HALF_HEIGHT, self.door_y + DOOR_HALF_HEIGHT

    def step(self, states: Floats, actions: Floats) -> Floats:
        """Move by ``stride`` times the action up to the first plane met; (B, 2) and (B, 2) to (B, 2)."""
        x, y = states.T
        largest = np.maximum(np.abs(actions).max(axis=1), MAX_MOVE / 2)
        # Shortened first, then doubled: the double of a huge finite action is infinite. A factor of 1 changes no bit.
        dx, dy = self.stride * (actions.T * (MAX_MOVE / 2 / largest))
        with np.errstate(over="ignore"):  # a denormal move meets every plane at time infinity, which is right
            vertical, horizontal = self._vertical_contact(x, y, dx, dy), self._horizontal_contact(x, y, dx, dy)
        time = np.minimum(vertical, horizontal)
        stopped = time <= 1.0
        on_side = stopped & (vertical < horizontal)
        fraction = np.where(stopped, time, 1.0)
        kick_x = np.where(on_side, -KICK * np.sign(dx), KICK)
        kick_y = np.where(on_side, KICK, -KICK * np.sign(dy))
        new_x = x + fraction * dx + np.where(stopped, kick_x, 0.0)
        new_y = y + fraction * dy + np.where(stopped, kick_y, 0.0)
        return self._inside(new_x, new_y, x < self.wall_x)

    def _vertical_contact(self, x: Floats, y: Floats, dx: Floats, dy: Floats) -> Floats:
        """When (fraction of the move, inf for never) a border or a face of the wall stops the move along x; (B,)."""
        face = _meeting_time(x, dx, *self.faces)
        crossing = y + np.where(face <= 1.0, face, 0.0) * dy
        face[np.abs(crossing - self.door_y) <= DOOR_HALF_HEIGHT] = np.inf
        return np.minimum(face, _meeting_time(x, dx, BORDERS[1], BORDERS[0]))

    def _horizontal_contact(self, x: Floats, y: Floats, dx: Floats, dy: Floats) -> Floats:
        """When a border, or the door's floor or ceiling, stops the move along y; (B,)."""
        edge = _meeting_time(y, dy, self.door[1], self.door[0])
        crossing = x + np.where(edge <= 1.0, edge, 0.0) * dx
        edge[np.abs(crossing - self.wall_x) > WALL_HALF_WIDTH] = np.inf
        return np.minimum(edge, _meeting_time(y, dy, BORDERS[1], BORDERS[0]))

    def _inside(self, x: Floats, y: Floats, from_left: NDArray[np.bool_]) -> Floats:
        """The free positions (B, 2) nearest to x and y (B,), where a kick or rounding left the rooms."""
        low, high = BORDERS
        x, y = (np.where(p <= low, low + NUDGE, np.where(p >= high, high - NUDGE, p)) for p in (x, y))
        in_wall = (np.abs(x - self.wall_x) <= WALL_HALF_WIDTH) & (np.abs(y - self.door_y) > DOOR_HALF_HEIGHT)
        side = np.where(from_left, self.faces[0] - NUDGE, self.faces[1] + NUDGE)
        return np.stack([np.where(in_wall, side, x), y], axis=1)

    def render(self, states: Floats, size: int) -> NDArray[np.uint8]:
        """White rooms, black wall and borders, and the dot as a red Gaussian; (B, size, size, 3).

        Raises LabError where the dot is so far outside of the borders that nothing of it is in the picture.
        """
        white = _background(self, size)
        centres = pixel_centres(size, *VIEW)

        def draw(states: Image) -> NDArray[np.uint8]:
            bump_x, bump_y = (_bump(centres - states[:, axis, None], self.dot) for axis in (0, 1))
            others = white - white * bump_y[:, :, None] * bump_x[:, None, :]
            frames = np.empty((len(states), size, size, 3), dtype=np.uint8)
            frames[..., 0] = white + 0.5
            frames[..., 1] = frames[..., 2] = (others + 0.5).astype(np.uint8)
            return frames

        return draw_frames(draw, states, size)

    def random_states(self, rng: np.random.Generator, n: int) -> tuple[Floats, Floats]:
        """Start in one room and goal in the other, PADDING off the wall and 4 px more off the borders."""
        low, high = BORDERS[0] + PADDING, BORDERS[1] - PADDING
        starts, goals = np.empty((n, 2)), np.empty((n, 2))
        starts[:, 0] = rng.uniform(low, self.faces[0] - PADDING, n)
        goals[:, 0] = rng.uniform(self.faces[1] + PADDING, high, n)
        starts[:, 1], goals[:, 1] = rng.uniform(low, high, (2, n))
        swap = rng.random(n) < 0.5
        starts[swap, 0], goals[swap, 0] = goals[swap, 0], starts[swap, 0]
        return starts, goals

    def collect(self, rng: np.random.Generator, n: int, steps: int) -> tuple[Floats, Floats]:
        """Smooth random walks of about 2 px a step; half of them set out for the door at a random time."""
        states, actions = np.empty((n, steps + 1, 2)), np.empty((n, steps, 2))
        states[:, 0] = self.random_states(rng, n)[0]
        walkers = _Walkers(self, rng, n, steps)
        for t in range(steps):
            actions[:, t] = walkers.act(states[:, t], t)
            states[:, t + 1] = self.step(states[:, t], actions[:, t])
            blocked = np.abs(states[:, t + 1] - states[:, t] - self.stride * actions[:, t]).max(axis=1) > 1e-6
            walkers.turn(blocked)
        return states, actions

    def distance(self, states: Floats, goals: Floats, criterion: str = "full") -> Floats:
        """Euclidean distance over 4.5 px; (B,)."""
        return np.sqrt(((states - goals) ** 2).sum(axis=-1)) / self.radius


class _Walkers:
    """The data policy: n walkers that wander, and in half of the episodes cross the door once on purpose."""

    def __init__(self, task: Wall, rng: np.random.Generator, n: int, steps: int) -> None:
        self.task, self.rng = task, rng
        self.heading = rng.uniform(-np.pi, np.pi, n)
        departure = rng.integers(0, steps, n)
        self.departure = np.where(rng.random(n) < 0.5, departure, steps)  # steps: never
        self.leg = np.zeros(n, dtype=np.int64)  # 0 wandering, 1 walking to the door, 2 crossing it
        self.side = np.ones(n)  # of the room that is left through the door: -1 left, 1 right

    def act(self, positions: Floats, t: int) -> Floats:
        """Actions (n, 2): towards the heading, length N(1, .4) within [.2, 1.8]."""
        leaving = self.departure == t
        self.leg[leaving] = 1
        self.side[leaving] = np.where(positions[leaving, 0] < self.task.wall_x, -1.0, 1.0)
        arrived = (self.leg > 0) & ((self._vector_to_door(positions) ** 2).sum(axis=1) < 2.0**2)
        self.leg[arrived] = (self.leg[arrived] + 1) % 3
        direction = self._vector_to_door(positions)
        self.heading = np.where(self.leg > 0, np.arctan2(direction[:, 1], direction[:, 0]), self.heading)
        self.heading += self.rng.normal(0.0, 0.2, len(positions))
        length = np.clip(self.rng.normal(1.0, 0.4, len(positions)), 0.2, 1.8)
        return length[:, None] * np.stack([np.cos(self.heading), np.sin(self.heading)], axis=1)

    def turn(self, blocked: NDArray[np.bool_]) -> None:
        """Give the walkers that ran into something a new heading; ``blocked`` is (n,)."""
        self.heading = np.where(blocked, self.rng.uniform(-np.pi, np.pi, len(blocked)), self.heading)

    def _vector_to_door(self, positions: Floats) -> Floats:
        """From each walker to the near (leg 1) or far (leg 2) mouth of the door; (n, 2)."""
        offset = APPROACH * self.side * np.where(self.leg == 1, 1.0, -1.0)
        return np.stack([self.task.wall_x + offset, np.full_like(offset, self.task.door_y)], axis=1) - positions


def _meeting_time(p: Floats, d: Floats, plane_up: float, plane_down: float) -> Floats:
    """Fraction of the move ``d`` from ``p`` at which the plane of its direction is met, inf for never; all (B,)."""
    gap = np.where(d > 0, plane_up, plane_down) - p
    time = np.divide(gap, d, out=np.full_like(gap, np.inf), where=d != 0)
    time[~((time >= 0) & (time <= 1))] = np.inf
    return time


def _bump(offset: Image, std: float) -> Image:
    """A Gaussian of the offsets (b, size), scaled so that its largest sample is 1 (as the authors do)."""
    bump = np.exp(offset**2 / np.float32(-2 * std**2))
    peak = bump.max(axis=1, keepdims=True)
    if not peak.all():
        raise LabError(f"wall: to draw, expected states from {BORDERS[0]:g} to {BORDERS[1]:g}, got one far outside.")
    return bump / peak


@lru_cache(maxsize=64)
def _background(task: Wall, size: int) -> Image:
    """How white (0 to 255) the pixels (size, size) are without the dot."""
    low, high = BORDERS
    outer, inner = (low - 0.5, high + 0.5), (low + 0.5, high - 0.5)
    wall = (task.faces[0] - 0.5, task.faces[1] + 0.5)
    door = (task.door[0] - 0.5, task.door[1] + 0.5)
    frame = box(size, *VIEW, outer, outer) - box(size, *VIEW, inner, inner)
    black = frame + box(size, *VIEW, wall, (inner[0], door[0])) + box(size, *VIEW, wall, (door[1], inner[1]))
    return np.float32(255) * (1 - np.clip(black, 0, 1))
