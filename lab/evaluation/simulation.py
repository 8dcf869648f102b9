"""The true simulator as MPC's world: executes standardised blocks, shows the result through the model's encoder."""

import numpy as np
from torch import Tensor

from lab.data import Problems
from lab.models import WorldModel
from lab.tasks import make_task


class Simulation:
    """All of ``problems`` run side by side; ``trajectory`` holds their states (B, T + 1, S) at every step so far."""

    def __init__(self, model: WorldModel, problems: Problems) -> None:
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
