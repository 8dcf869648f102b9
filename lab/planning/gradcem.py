"""GradCEM (Bharadhwaj et al. 2020): CEM whose samples take gradient steps before the elites are chosen."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from lab.planning.differentiate import by_autograd
from lab.planning.optimisers import Optimiser, check_optimiser
from lab.planning.options import check_elites, check_options
from lab.planning.planner import PlanRequest
from lab.planning.sampling import Belief, Sampler, fittest


@dataclass(frozen=True)
class GradCEM(Sampler):
    """Defaults, but for ``iterations``: those of the authors' ``planning/gdcem.py`` (an Adam step of 0.3 a sample)."""

    samples: int = 300
    elites: int = 30
    iterations: int = 10
    std: float = 1.0  #: initial standard deviation
    optimiser: str = "adam"
    lr: float = 0.3
    steps: int = 1  #: gradient steps of each sample in each iteration
    bound: float | None = None  #: largest absolute action, in standard deviations of the data's
    chunk: int = 5  #: problems sampled together

    def __post_init__(self) -> None:
        check_options(self)
        check_elites(self, self.elites, self.samples)
        check_optimiser(self.optimiser)

    def improve(self, belief: Belief, request: PlanRequest, rngs: Sequence[torch.Generator], iteration: int) -> Belief:
        """See `Sampler.improve`."""
        noise = self.noise(rngs, belief.mean.shape[1:], iteration)
        actions = self.bounded(self._after_gradient_steps(belief.mean[:, None] + belief.std[:, None] * noise, request))
        elites, least = fittest(actions, request.loss(actions), self.elites)
        return Belief(elites.mean(1), elites.std(1), least)

    def _after_gradient_steps(self, actions: Tensor, request: PlanRequest) -> Tensor:
        """``actions`` (B, samples, H, A) after ``steps`` gradient steps each."""
        optimiser = Optimiser(self.optimiser, self.lr, actions)
        for _ in range(self.steps):
            _, gradient = by_autograd(request, actions)
            actions = actions - optimiser.step(actions, gradient)
        return actions
