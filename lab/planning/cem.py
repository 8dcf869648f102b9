"""The cross-entropy method (CEM): sample, keep the elites, refit mean and standard deviation, repeat."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from lab.planning.options import check_elites, check_options
from lab.planning.planner import PlanRequest
from lab.planning.sampling import Belief, Sampler, fittest


@dataclass(frozen=True)
class CEM(Sampler):
    """Defaults: 300 samples, 30 elites, as in the authors' ``planning/cem.py`` and ``conf/plan_*.yaml``."""

    samples: int = 300
    elites: int = 30
    iterations: int = 10
    std: float = 1.0  #: initial standard deviation
    bound: float | None = None  #: largest absolute action, in standard deviations of the data's
    chunk: int = 5  #: problems sampled together; 5 x 300 rows stay in a core's cache

    def __post_init__(self) -> None:
        check_options(self)
        check_elites(self, self.elites, self.samples)

    def improve(self, belief: Belief, request: PlanRequest, rngs: Sequence[torch.Generator], iteration: int) -> Belief:
        """See `Sampler.improve`."""
        noise = self.noise(rngs, belief.mean.shape[1:], iteration)
        actions = self.bounded(belief.mean[:, None] + belief.std[:, None] * noise)
        elites, least = fittest(actions, request.loss(actions), self.elites)
        return Belief(elites.mean(1), elites.std(1), least)
