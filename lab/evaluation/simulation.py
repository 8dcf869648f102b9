"""The true environment as the world of MPC, and as a perfect model, with which planners can be tested."""

import numpy as np
import torch
from torch import Tensor

from lab.data import Problems
from lab.models import Evaluable
from lab.models.protocols import actions_of, see
from lab.tasks import Task, differentiable
from lab.tasks.environment import distances, simulate
from lab.tasks.task import Observation


class Simulation:
    """All of ``problems``, simulated side by side, and observed through ``model`` at the block boundaries.

    Nothing is simulated or observed twice: a boundary is observed when a plan starts there, or when `latents` needs it.
    """

    def __init__(self, model: Evaluable, problems: Problems) -> None:
        self.model, self.problems = model, problems
        self.trajectory = problems.starts[:, None]  #: states (B, T + 1, S) at every environment step so far
        self.boundaries = [0]  #: environment steps at which a block begins or ends
        self.plan_ends: list[int] = []  #: environment step at the end of each executed plan
        self._observed: dict[int, Tensor] = {}  #: by block boundary, z (B, Z)

    def observe(self) -> Tensor:
        """See `World.observe`."""
        now = len(self.boundaries) - 1
        if now not in self._observed:
            self._observed[now] = self._see(self.trajectory[:, -1])
        return self._observed[now]

    def execute(self, blocks: Tensor) -> None:
        """See `World.execute`. Raises LabError where the model gives the blocks no whole number of steps each."""
        actions = actions_of(self.model, blocks)
        states = simulate(self.problems.environment, self.trajectory[:, -1], actions)
        self.trajectory = np.concatenate([self.trajectory, states[:, 1:]], axis=1)
        first, steps = self.boundaries[-1], actions.shape[1] // blocks.shape[1]
        self.boundaries += [first + steps * (i + 1) for i in range(blocks.shape[1])]
        self.plan_ends.append(self.boundaries[-1])

    @property
    def states(self) -> np.ndarray:
        """True states (B, K + 1, S) at the boundaries of the K executed blocks."""
        return self.trajectory[:, self.boundaries]

    def latents(self) -> Tensor:
        """True latents (B, K + 1, Z): `states` as the model observes them."""
        unseen = [k for k in range(len(self.boundaries)) if k not in self._observed]
        if unseen:
            self._observed |= dict(zip(unseen, self._see(self.states[:, unseen]).unbind(1), strict=True))
        return torch.stack([self._observed[k] for k in range(len(self.boundaries))], 1)

    def reached(self) -> dict[str, np.ndarray]:
        """By criterion, whether each goal is reached at the end of each executed plan (B, number of plans)."""
        environment, goals = self.problems.environment, self.problems.goals
        ends = [distances(environment, self.trajectory[:, t], goals) for t in self.plan_ends]
        return {name: np.stack([end[name] < 1.0 for end in ends], axis=1) for name in ends[0]}

    def _see(self, states: np.ndarray) -> Tensor:
        return see(self.model, self.problems.environment, states)


class SimulatorDynamics:
    """The true simulator as a world model: without error, and on Wall and PointMaze with gradients.

    z (..., F + S) holds F features, in which distances are measured, and the state itself. Features are all state
    fields but velocities, standardised by the data policy's states; an angle gives its cosine and sine. Where a
    gradient is asked for, states are those of `lab.tasks.differentiable`, which are the same to rounding.
    """

    def __init__(self, task: Task) -> None:
        self.task = task
        states, actions = self.task.collect(np.random.default_rng(0), 50, self.task.episode_steps)
        self.action_mean, self.action_std = actions.mean((0, 1)), actions.std((0, 1))
        self.block_dim = self.task.action_dim * self.task.frameskip
        features = self._features(torch.from_numpy(states)).flatten(0, 1).numpy()
        self.mean, self.std = torch.from_numpy(features.mean(0)), torch.from_numpy(features.std(0))
        self.latent_dim = features.shape[-1]

    def _features(self, states: Tensor) -> Tensor:
        columns = []
        for i, field in enumerate(self.task.state_fields):
            if "angle" in field:
                columns += [states[..., i].cos(), states[..., i].sin()]
            elif not field.endswith(("vx", "vy")):
                columns.append(states[..., i])
        return torch.stack(columns, -1)

    def _z(self, states: Tensor) -> Tensor:
        return torch.cat([(self._features(states) - self.mean) / self.std, states], -1)

    def observe(self, observation: Observation) -> Tensor:
        """z (..., F + S) of observed states (..., S), in float64, so that the state in z is exact."""
        return self._z(torch.from_numpy(observation.states))

    def rollout(self, z0: Tensor, actions: Tensor) -> Tensor:
        """See `Dynamics.rollout`. Raises LabError for a gradient on a task without a differentiable simulator."""
        states = z0[..., self.latent_dim :]
        if actions.requires_grad:
            each = actions.double().unflatten(-1, (self.task.frameskip, -1)).flatten(-3, -2)
            forces = each * torch.from_numpy(self.action_std) + torch.from_numpy(self.action_mean)
            return self._z(differentiable.simulate(self.task, states, forces)[..., :: self.task.frameskip, :])
        flat = states.reshape(-1, states.shape[-1]).numpy()
        trajectory = self.task.simulate(
            flat, self.denormalise_actions(actions).reshape(len(flat), -1, self.task.action_dim)
        )
        kept = torch.from_numpy(trajectory[:, :: self.task.frameskip])
        return self._z(kept.reshape(*states.shape[:-1], *kept.shape[1:]))

    def normalise_actions(self, actions: np.ndarray) -> Tensor:
        """See `Evaluable.normalise_actions`."""
        steps = (np.asarray(actions) - self.action_mean) / self.action_std
        return torch.from_numpy(steps.reshape(*steps.shape[:-2], -1, self.block_dim))

    def denormalise_actions(self, blocks: Tensor) -> np.ndarray:
        """See `Evaluable.denormalise_actions`."""
        steps = blocks.double().numpy().reshape(*blocks.shape[:-2], -1, self.task.action_dim)
        return steps * self.action_std + self.action_mean
