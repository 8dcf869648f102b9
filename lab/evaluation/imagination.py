"""What the model imagined of the plans that were executed, to be laid beside what happened."""

import numpy as np
import torch
from torch import Tensor

from lab.data import Problems
from lab.evaluation.success import Outcome
from lab.models import WorldModel
from lab.planning import MPC
from lab.tasks import make_task


@torch.no_grad()
def imagined(model: WorldModel, outcome: Outcome, mode: MPC) -> Tensor:
    """Imagined latent states (B, K + 1, Z) at the block boundaries.

    Each of the K executed blocks is imagined from what was seen when its plan was made; the first is the start.
    """
    seen = outcome.trajectory[:, :: model.spec.frameskip]
    parts = [model.observe(seen[:, :1])]
    for i, plan in enumerate(outcome.plans):
        z = model.observe(seen[:, i * mode.execute])
        parts.append(model.rollout(z, plan.actions[:, : mode.execute])[:, 1:])
    return torch.cat(parts, 1)


@torch.no_grad()
def felt(model: WorldModel, z: Tensor) -> np.ndarray:
    """The proprioception (..., P), in the task's units, that latent states ``z`` (..., Z) hold."""
    numbers = z[..., model.latent_dim :] * model.proprio_std + model.proprio_mean
    return numbers.double().numpy(force=True)


def reached_at(outcome: Outcome, problems: Problems, mode: MPC) -> np.ndarray:
    """Whether the goal counts as reached (B, K + 1) at each block boundary: only at ends of executed plans."""
    task = make_task(problems.task)
    seen = outcome.trajectory[:, :: task.frameskip]
    reached = np.zeros(seen.shape[:2], dtype=bool)
    for end in range(mode.execute, seen.shape[1], mode.execute):
        reached[:, end] = task.success(seen[:, end], problems.goals)
    return reached
