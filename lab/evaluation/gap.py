"""The train-test gap: the model's error on trajectories its planner executes minus its error on the expert's."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from lab.data import Problems
from lab.evaluation.statistics import Interval, paired_difference
from lab.models import WorldModel
from lab.tasks import make_task


@dataclass(frozen=True)
class Gap:
    """Errors (B, H) after 1 … H imagined steps, on the planned and on the expert actions of the same problems."""

    planned: np.ndarray
    expert: np.ndarray

    def interval(self) -> Interval:
        """Planned minus expert error, averaged over steps, with its interval over problems."""
        return paired_difference(self.planned, self.expert)


@dataclass(frozen=True)
class Followed:
    """Where actions really lead, and how wrong the model is about it."""

    states: np.ndarray  #: (B, H + 1, S) true states at the block boundaries
    error: np.ndarray  #: (B, H) after 1 … H imagined steps


@torch.no_grad()
def follow(model: WorldModel, starts: np.ndarray, blocks: Tensor) -> Followed:
    """Run ``blocks`` (B, H, A) from ``starts`` (B, S) in the simulator and in the model's imagination.

    The error is the mean squared distance of imagined to true latents. Only the picture's latent counts: its encoder
    is frozen and shared, so that models can be compared.
    """
    task = make_task(model.spec.task)
    states = task.rollout(starts, model.denormalise_actions(blocks))[:, :: task.frameskip]
    true = model.observe(states)
    imagined = model.rollout(true[:, 0], blocks)
    return Followed(states, ((imagined - true)[:, 1:, : model.latent_dim] ** 2).mean(-1).cpu().numpy())


def rollout_error(model: WorldModel, starts: np.ndarray, blocks: Tensor) -> np.ndarray:
    """The errors (B, H) alone, see `follow`."""
    return follow(model, starts, blocks).error


@torch.no_grad()
def data_error(model: WorldModel, states: np.ndarray, actions: np.ndarray) -> np.ndarray:
    """Errors (n, K) after 1 … K imagined steps along given ``states`` (n, T + 1, S) and ``actions`` (n, T, a).

    On trajectories of the data policy that the model was not trained on, this is what is usual.
    """
    true = model.observe(states[:, :: model.spec.frameskip])
    imagined = model.rollout(true[:, 0], model.normalise_actions(actions))
    return ((imagined - true)[:, 1:, : model.latent_dim] ** 2).mean(-1).cpu().numpy()


def train_test_gap(model: WorldModel, problems: Problems, planned: Tensor, experts: Problems | None = None) -> Gap:
    """Errors on ``planned`` blocks (B, H, A) for ``problems``, and on the actions of ``experts``.

    ``experts`` defaults to ``problems`` themselves, which then need data-set goals.
    """
    experts = experts or problems
    assert experts.expert is not None, "expert actions exist for data-set goals only"
    expert = model.normalise_actions(experts.expert)
    return Gap(rollout_error(model, problems.starts, planned), rollout_error(model, experts.starts, expert))
