"""The train-test gap (the paper's Figure 4): a model's error on planned actions minus its error on the expert's.

Both are executed in the true environment. The error after h imagined steps is the mean squared distance between
imagined and true latent. Only the picture's latent counts: its encoder is frozen, and the same for all models.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lab.data import Problems
from lab.errors import LabError
from lab.evaluation.simulation import Simulation
from lab.evaluation.statistics import Interval, bootstrap_mean
from lab.evaluation.success import Outcome
from lab.models import Evaluable
from lab.models.protocols import blocks_of, picture_numbers, see
from lab.tasks.environment import Environment


@dataclass(frozen=True)
class Gap:
    """Errors (B, H) after 1 … H imagined steps, on the planned and on the expert actions of as many problems.

    They are the same problems, but for goals without an expert.
    """

    planned: np.ndarray
    expert: np.ndarray

    @property
    def by_problem(self) -> np.ndarray:
        """The gap (B,) of each problem, averaged over steps."""
        return difference(self.planned, self.expert).mean(1)

    def interval(self) -> Interval:
        """The mean gap with its 95% interval over problems."""
        return bootstrap_mean(self.by_problem)


def difference(planned: Any, expert: Any) -> Any:
    """The gap: errors on planned minus errors on expert actions, problem by problem (arrays or columns)."""
    return planned - expert


def latent_error(model: Evaluable, imagined: Tensor, true: Tensor) -> np.ndarray:
    """Mean squared distance (...) between the picture latents of ``imagined`` and ``true`` z (..., Z)."""
    return ((imagined - true)[..., : picture_numbers(model, true)] ** 2).mean(-1).numpy(force=True)


@torch.no_grad()
def planned_error(model: Evaluable, outcome: Outcome) -> np.ndarray:
    """Errors (B, H) along the plans of ``outcome``, which must be open loop; raises LabError otherwise."""
    if len(outcome.plans) != 1 or outcome.mpc.execute != outcome.mpc.horizon:
        raise LabError("The gap is measured in open loop: evaluate one plan, all of which is executed (mode 'open').")
    return _rollout_error(model, outcome.latents, outcome.plans[0].actions)


@torch.no_grad()
def expert_error(model: Evaluable, problems: Problems) -> np.ndarray:
    """Errors (B, H) along the expert's actions of ``problems``.

    Raises LabError where there is no expert, and where its actions are no whole blocks of the model.
    """
    if problems.expert is None:
        raise LabError("These problems have no expert, whose actions the gap compares with: take data-set goals.")
    return executed_error(model, problems, blocks_of(model, problems.expert))


@torch.no_grad()
def executed_error(model: Evaluable, problems: Problems, blocks: Tensor) -> np.ndarray:
    """Errors (B, H) along ``blocks`` (B, H, A), which are executed from the starts of ``problems``."""
    world = Simulation(model, problems)
    world.execute(blocks)
    return _rollout_error(model, world.latents(), blocks)


@torch.no_grad()
def data_error(model: Evaluable, environment: Environment, states: np.ndarray, actions: np.ndarray) -> np.ndarray:
    """Errors (n, K) after 1 … K imagined steps along trajectories: ``states`` (n, T + 1, S), ``actions`` (n, T, a).

    Held-out trajectories of the data policy give the error on data like the training data. Raises LabError where
    actions are no whole blocks of the model.
    """
    blocks = blocks_of(model, actions)
    steps = actions.shape[1] // blocks.shape[1]
    return _rollout_error(model, see(model, environment, states[:, ::steps]), blocks)


def train_test_gap(model: Evaluable, outcome: Outcome, experts: Problems | None = None) -> Gap:
    """The gap between the plans of ``outcome`` and the expert actions of ``experts`` (default: of its own problems).

    Raises LabError as `planned_error` and `expert_error` do.
    """
    return Gap(planned_error(model, outcome), expert_error(model, experts or outcome.world.problems))


def _rollout_error(model: Evaluable, true: Tensor, blocks: Tensor) -> np.ndarray:
    """Errors (B, H) of the rollout of ``blocks`` (B, H, A), compared with the ``true`` latents (B, H + 1, Z)."""
    imagined = model.rollout(true[:, 0], blocks)
    return latent_error(model, imagined[:, 1:], true[:, 1:])
