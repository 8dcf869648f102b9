"""A task from outside of the lab: a puck on ice, pushed over a square rink. All that a plugin needs is in this file."""

import numpy as np

from lab.tasks import Task


class Slide(Task):
    """State (x, y, vx, vy) in m and m/s on a rink of 10 m; an action is a push in m/s per step, clipped to its box."""

    name = "slide"
    state_fields = proprio_fields = ("x", "y", "vx", "vy")
    action_fields = ("push_x", "push_y")
    action_limit = 0.2
    state_low, state_high = (0.0, 0.0, -2.0, -2.0), (10.0, 10.0, 2.0, 2.0)
    radius = 1.0
    criteria = {"full": f"puck within {radius:g} m"}  # noqa: RUF012

    def step(self, states, actions):
        velocity = 0.95 * states[:, 2:] + self.executed(actions)
        place = states[:, :2] + velocity
        return np.concatenate([place.clip(0, 10), np.where(place == place.clip(0, 10), velocity, 0)], 1)

    def executed(self, actions):
        return np.clip(actions, -self.action_limit, self.action_limit)

    def render(self, states, size):
        pixels = (np.arange(size) + 0.5) * 10 / size
        x, y = (np.exp(-(((pixels - states[:, i, None]) / 0.6) ** 2)) for i in (0, 1))
        return (255 * (1 - y[:, :, None, None] * x[:, None, :, None] * np.array([1.0, 1.0, 0.2]))).astype(np.uint8)

    def random_states(self, rng, n):
        return tuple(np.concatenate([rng.uniform(1, 9, (n, 2)), np.zeros((n, 2))], 1) for _ in range(2))

    def collect(self, rng, n, steps):
        actions = np.repeat(rng.uniform(-0.2, 0.2, (n, -(-steps // 5), 2)), 5, axis=1)[:, :steps]
        return self.simulate(self.random_states(rng, n)[0], actions), actions

    def distance(self, states, goals, criterion="full"):
        return np.linalg.norm((states - goals)[..., :2], axis=-1) / self.radius
