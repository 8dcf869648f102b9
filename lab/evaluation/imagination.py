"""The imagined trajectories of executed plans, for comparison with the true ones."""

import numpy as np
import torch
from torch import Tensor

from lab.evaluation.success import Outcome
from lab.models import Dynamics


@torch.no_grad()
def imagined(model: Dynamics, outcome: Outcome) -> Tensor:
    """Imagined latent states (B, K + 1, Z) at the block boundaries.

    Each of the K executed blocks is imagined from the latent that was observed when its plan was made. Index 0 is the
    start.
    """
    true, execute = outcome.latents, outcome.mpc.execute
    parts = [true[:, :1]]
    for i, plan in enumerate(outcome.plans):
        parts.append(model.rollout(true[:, i * execute], plan.actions[:, :execute])[:, 1:])
    return torch.cat(parts, 1)


def reached_at(outcome: Outcome, criterion: str = "full") -> np.ndarray:
    """Whether the goal counts as reached (B, K + 1) at each block boundary: only at ends of executed plans."""
    reached = np.zeros(outcome.states.shape[:2], dtype=bool)
    reached[:, outcome.mpc.execute :: outcome.mpc.execute] = outcome.reached[criterion]
    return reached
