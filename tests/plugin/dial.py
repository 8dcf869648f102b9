"""A task from outside of the lab whose state names no place: the hand of a dial, turned to an angle."""

import numpy as np

from lab.tasks import Task


class Dial(Task):
    """State (angle, velocity) in rad and rad per step; an action is a push in rad per step, added to the velocity."""

    name = "dial"
    state_fields = proprio_fields = ("angle", "velocity")
    action_fields = ("push",)
    action_limit = 0.2
    state_low, state_high = (-10.0, -1.0), (10.0, 1.0)
    radius = 0.3
    criteria = {"full": f"hand within {radius:g} rad"}  # noqa: RUF012

    def step(self, states, actions):
        velocity = 0.8 * states[:, 1:] + actions
        return np.concatenate([states[:, :1] + velocity, velocity], 1)

    def render(self, states, size):
        axis = (np.arange(size) + 0.5) / size
        places = 0.5 + 0.35 * np.stack([np.cos(states[:, 0]), np.sin(states[:, 0])], 1)
        x, y = (np.exp(-(((axis - places[:, i, None]) / 0.08) ** 2)) for i in (0, 1))
        return np.repeat((255 * (1 - y[:, :, None, None] * x[:, None, :, None])).astype(np.uint8), 3, axis=3)

    def random_states(self, rng, n):
        return tuple(np.stack([rng.uniform(-3, 3, n), np.zeros(n)], 1) for _ in range(2))

    def collect(self, rng, n, steps):
        actions = np.repeat(rng.uniform(-0.2, 0.2, (n, -(-steps // 5), 1)), 5, axis=1)[:, :steps]
        return self.simulate(self.random_states(rng, n)[0], actions), actions

    def distance(self, states, goals, criterion="full"):
        turn = (states - goals)[..., 0]
        return np.abs(np.arctan2(np.sin(turn), np.cos(turn))) / self.radius
