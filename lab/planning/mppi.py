"""Model-predictive path integral control (MPPI; Williams et al. 2017): the mean moves by cost-weighted noise."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from lab.errors import LabError
from lab.planning.options import check_options
from lab.planning.planner import PlanRequest
from lab.planning.sampling import Belief, Sampler


@dataclass(frozen=True)
class MPPI(Sampler):
    """Every sample has the weight ``exp(-cost / temperature)``; the standard deviations of the noise are constant.

    The cost of a sample is the sum of its loss and the control term ``temperature * u Sigma^-1 noise``, which corrects
    for sampling around the current mean u.
    """

    samples: int = 300
    iterations: int = 10  #: one per replan in Williams et al. and in the authors' ``planning/mppi.py``
    std: float = 0.5  #: standard deviation of the noise
    temperature: float = 0.01  #: lambda, in units of the loss
    bound: float | None = None  #: largest absolute action, in standard deviations of the data's
    chunk: int = 5  #: problems sampled together

    def __post_init__(self) -> None:
        check_options(self)
        if self.samples < 2:
            raise LabError(f"MPPI needs at least 2 samples, got {self.samples}.")

    def improve(self, belief: Belief, request: PlanRequest, rngs: Sequence[torch.Generator], iteration: int) -> Belief:
        """See `Sampler.improve`."""
        # Sample
        mean, std = belief.mean[:, None], belief.std[:, None]
        noise = std * self.noise(rngs, belief.mean.shape[1:], iteration)
        actions = self.bounded(mean + noise)
        if self.bound is not None:
            noise = actions - mean
        # Weigh by cost
        loss = request.loss(actions)
        share = std / self.std  # 1 without a prior
        control = self.temperature * (mean * noise / share**2).sum((-2, -1)) / self.std**2
        weights = torch.softmax(-(loss + control) / self.temperature, dim=1)
        # Move the mean
        moved = belief.mean + (weights[..., None, None] * noise).sum(1)
        return Belief(moved, belief.std, loss.amin(1))
