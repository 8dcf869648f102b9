"""GradCEM (Bharadhwaj et al. 2020): CEM whose samples descend the gradient before the elites are chosen."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from lab.errors import LabError
from lab.models.world_model import Dynamics
from lab.planning.objective import Objective
from lab.planning.optimisers import Optimiser, check_optimiser
from lab.planning.planner import Callback, Plan, generators, in_chunks, normal


@dataclass(frozen=True)
class GradCEM:
    """Defaults but for the iterations: the authors' one Adam step of 0.3 a sample (reference: planning/gdcem.py)."""

    samples: int = 300
    elites: int = 30
    iterations: int = 10
    std: float = 1.0  #: initial standard deviation
    optimiser: str = "adam"
    lr: float = 0.3
    steps: int = 1  #: of the optimiser, for each sample and iteration
    bound: float | None = None  #: largest absolute action, in standard deviations of the data's
    chunk: int = 5  #: problems sampled together

    def __post_init__(self) -> None:
        check_optimiser(self.optimiser)
        if not 2 <= self.elites <= self.samples or self.steps < 1:
            raise LabError(f"GradCEM needs 2 <= elites <= samples and at least 1 step, got {self}.")

    def plan(
        self,
        model: Dynamics,
        z0: Tensor,
        objective: Objective,
        init: Tensor,
        seeds: Sequence[int],
        callback: Callback | None = None,
    ) -> Plan:
        """See `Planner.plan`."""
        return in_chunks(self._chunk, self.chunk, model, z0, objective, init, seeds, callback)

    def _chunk(self, model, z0, objective, init, seeds, callback) -> Plan:
        rngs = generators(seeds, z0.device)
        mean = init.to(z0.device).nan_to_num(0.0)
        std = torch.full_like(mean, self.std)
        z0_samples = z0[:, None].expand(-1, self.samples, -1)
        history = []
        for i in range(self.iterations):
            # Sample, and let every sample descend; the mean itself is the first of them
            noise = normal(rngs, (self.samples, *mean.shape[1:]))
            noise[:, 0] = 0
            actions = self._descend(mean[:, None] + std[:, None] * noise, model, z0_samples, objective)
            # Keep the elites
            with torch.no_grad():
                loss = objective(model.rollout(z0_samples, actions), actions)
            best = loss.topk(self.elites, dim=1, largest=False)
            elites = actions.gather(1, best.indices[..., None, None].expand(-1, -1, *mean.shape[1:]))
            # Refit
            mean, std = elites.mean(1), elites.std(1)
            history.append(best.values[:, 0])
            if callback:
                callback(i, mean, history[-1])
        with torch.no_grad():
            return Plan(mean, objective(model.rollout(z0, mean), mean), torch.stack(history))

    def _descend(self, actions: Tensor, model: Dynamics, z0: Tensor, objective: Objective) -> Tensor:
        """``actions`` (B, samples, H, A) after a few gradient steps of their own."""
        optimiser = Optimiser(self.optimiser, self.lr, actions)
        for _ in range(self.steps):
            actions.requires_grad_(True)
            (gradient,) = torch.autograd.grad(objective(model.rollout(z0, actions), actions).sum(), actions)
            actions = actions.detach()
            actions = actions - optimiser.step(actions, gradient)
        return actions if self.bound is None else actions.clamp(-self.bound, self.bound)
