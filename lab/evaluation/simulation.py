"""The true simulator as MPC's world, and, to prove planners before a learned model is used, as their model too."""

import numpy as np
import torch
from torch import Tensor

from lab.data import Problems
from lab.models import WorldModel
from lab.tasks import make_task


class SimulatorDynamics:
    """The true simulator behind the planner's contract: a world model without error, and without gradients.

    z (..., F + S) is what the goal distance looks at, followed by the state itself. The F features are all fields
    but velocities, standardised by the data policy's; an angle counts as its cosine and sine.
    """

    def __init__(self, task: str) -> None:
        self.task = make_task(task)
        states, actions = self.task.collect(np.random.default_rng(0), 50, self.task.episode_steps)
        self.action_mean, self.action_std = actions.mean((0, 1)), actions.std((0, 1))
        self.block_dim = self.task.action_dim * self.task.frameskip
        features = self._features(states).reshape(-1, self._features(states).shape[-1])
        self.mean, self.std = features.mean(0), features.std(0)
        self.latent_dim = features.shape[-1]

    def _features(self, states: np.ndarray) -> np.ndarray:
        columns = []
        for i, field in enumerate(self.task.state_fields):
            if "angle" in field:
                columns += [np.cos(states[..., i]), np.sin(states[..., i])]
            elif not field.endswith(("vx", "vy")):
                columns.append(states[..., i])
        return np.stack(columns, -1)

    def observe(self, states: np.ndarray) -> Tensor:
        """z (..., F + S) of true states (..., S), in float64: the state within is exact."""
        return torch.from_numpy(np.concatenate([(self._features(states) - self.mean) / self.std, states], -1))

    def rollout(self, z0: Tensor, actions: Tensor) -> Tensor:
        """See `Dynamics.rollout`."""
        states = z0[..., self.latent_dim :].reshape(-1, z0.shape[-1] - self.latent_dim).numpy()
        steps = self.denormalise_actions(actions).reshape(len(states), -1, self.task.action_dim)
        trajectory = self.task.rollout(states, steps)[:, :: self.task.frameskip]
        return self.observe(trajectory.reshape(*z0.shape[:-1], *trajectory.shape[1:]))

    def normalise_actions(self, actions: np.ndarray) -> Tensor:
        """See `WorldModel.normalise_actions`."""
        steps = (np.asarray(actions) - self.action_mean) / self.action_std
        return torch.from_numpy(steps.reshape(*steps.shape[:-2], -1, self.block_dim))

    def denormalise_actions(self, blocks: Tensor) -> np.ndarray:
        """See `WorldModel.denormalise_actions`."""
        steps = blocks.double().numpy().reshape(*blocks.shape[:-2], -1, self.task.action_dim)
        return steps * self.action_std + self.action_mean


class Simulation:
    """All of ``problems`` run side by side; ``trajectory`` holds their states (B, T + 1, S) at every step so far."""

    def __init__(self, model: WorldModel | SimulatorDynamics, problems: Problems) -> None:
        self.model = model
        self.task = make_task(problems.task)
        self.problems = problems
        self.trajectory = problems.starts[:, None]
        self.block_ends = [0]  #: environment step at the end of each executed plan

    def observe(self) -> Tensor:
        """See `World.observe`."""
        return self.model.observe(self.trajectory[:, -1])

    def execute(self, blocks: Tensor) -> None:
        """See `World.execute`."""
        states = self.task.rollout(self.trajectory[:, -1], self.model.denormalise_actions(blocks))
        self.trajectory = np.concatenate([self.trajectory, states[:, 1:]], axis=1)
        self.block_ends.append(self.trajectory.shape[1] - 1)

    def successes(self, criterion: str) -> np.ndarray:
        """Whether each problem (B,) fulfils its goal at the end of each executed plan (B, number of plans)."""
        ends = self.block_ends[1:]
        reached = [self.task.success(self.trajectory[:, t], self.problems.goals, criterion) for t in ends]
        return np.stack(reached, axis=1)
