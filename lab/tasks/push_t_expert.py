"""The scripted expert that makes PushT's data: walk to a point on the block's outline, push along its normal."""

from collections.abc import Callable

import numpy as np

from lab.tasks.push_t_geometry import CENTRE, OUTLINE, PUSHER_RADIUS, REACH
from lab.tasks.task import Floats

CIRCLE = 115.0  # px around the centre of gravity: walking there never touches the block
NOISE = 0.05  # standard deviation of each action number
MAX_PUSH_STEPS = 14


def expert(
    step: Callable[[Floats, Floats], Floats], states: Floats, rng: np.random.Generator, steps: int
) -> tuple[Floats, Floats]:
    """Run ``steps`` actions from ``states`` (B, 7): states (B, steps + 1, 7) and actions (B, steps, 2)."""
    plan = _Pushes(len(states))
    plan.choose(np.arange(len(states)), states, rng)
    trajectory, actions = [states], []
    for _ in range(steps):
        actions.append(plan.action(trajectory[-1], rng))
        trajectory.append(step(trajectory[-1], actions[-1]))
        plan.choose(plan.finished(trajectory[-1]), trajectory[-1], rng)
    return np.stack(trajectory, 1), np.stack(actions, 1)


class _Pushes:
    """The push each of B experts is busy with: where it begins, where it ends, how fast, for how long already."""

    def __init__(self, n: int) -> None:
        self.begin, self.end = np.zeros((n, 2)), np.zeros((n, 2))
        self.speed = np.zeros(n)
        self.pushing = np.zeros(n, dtype=bool)
        self.age = np.zeros(n, dtype=int)

    def choose(self, rows: np.ndarray, states: Floats, rng: np.random.Generator) -> None:
        """Give the experts ``rows`` a new push of their block as it lies now."""
        n = len(rows)
        edges = np.roll(OUTLINE, -1, 0) - OUTLINE
        lengths = np.linalg.norm(edges, axis=1)
        edge = rng.choice(len(edges), n, p=lengths / lengths.sum())
        point = OUTLINE[edge] + rng.uniform(0.1, 0.9, (n, 1)) * edges[edge]
        # The outline goes clockwise on the screen: (dy, -dx) points outwards
        outward = np.stack([edges[edge, 1], -edges[edge, 0]], -1) / lengths[edge, None]
        angle = states[rows, 4]
        point, outward = _turn(point, angle) + states[rows, 2:4], _turn(outward, angle)
        gap = PUSHER_RADIUS + rng.uniform(8, 20, (n, 1))
        along = _turn(-outward, rng.normal(0, 0.25, n))
        self.begin[rows] = np.clip(point + gap * outward, 20, 492)
        self.end[rows] = np.clip(self.begin[rows] + along * (gap + rng.uniform(30, 110, (n, 1))), 40, 472)
        self.speed[rows] = rng.uniform(0.2, 0.5, n)
        self.pushing[rows] = False
        self.age[rows] = 0

    def action(self, states: Floats, rng: np.random.Generator) -> Floats:
        """The next action (B, 2) of every expert: towards the waypoint at its speed, with noise."""
        waypoint = np.where(self.pushing[:, None], self.end, self._approach(states))
        ahead = (waypoint - states[:, :2]) / REACH
        length = np.linalg.norm(ahead, axis=1, keepdims=True)
        action = ahead * np.minimum(1.0, self.speed[:, None] / np.maximum(length, 1e-9))
        return action + rng.normal(0, NOISE, action.shape)

    def _approach(self, states: Floats) -> Floats:
        """Straight to the push's beginning if it is on this side of the block, else round the circle."""
        centre = states[:, 2:4] + _turn(np.broadcast_to(CENTRE, (len(states), 2)), states[:, 4])
        angle_now, angle_then = (np.arctan2(*(p - centre).T[::-1]) for p in (states[:, :2], self.begin))
        turn = (angle_then - angle_now + np.pi) % (2 * np.pi) - np.pi
        next_angle = angle_now + np.clip(turn, -0.6, 0.6)
        circle = np.clip(centre + CIRCLE * np.stack([np.cos(next_angle), np.sin(next_angle)], -1), 15, 497)
        return np.where(np.abs(turn)[:, None] < 0.5, self.begin, circle)

    def finished(self, states: Floats) -> np.ndarray:
        """Move on from walking to pushing; return the experts (rows) whose push is over."""
        self.age += 1
        arrived = ~self.pushing & (np.linalg.norm(states[:, :2] - self.begin, axis=1) < 12)
        self.pushing |= arrived
        self.age[arrived] = 0
        arrived_at_end = self.pushing & (np.linalg.norm(states[:, :2] - self.end, axis=1) < 10)
        tired = self.age > np.where(self.pushing, MAX_PUSH_STEPS, 40)
        return np.flatnonzero(arrived_at_end | tired)


def _turn(vectors: Floats, angle: Floats) -> Floats:
    """``vectors`` (B, 2) rotated by ``angle`` (B,)."""
    cos, sin = np.cos(angle), np.sin(angle)
    return np.stack([cos * vectors[:, 0] - sin * vectors[:, 1], sin * vectors[:, 0] + cos * vectors[:, 1]], -1)
