"""GradCEM (Bharadhwaj et al. 2020): CEM whose samples descend the gradient before the elites are chosen."""

from dataclasses import dataclass

import torch
from torch import Tensor

from lab.errors import LabError
from lab.planning.optimisers import Optimiser, check_optimiser
from lab.planning.planner import Plan, PlanRequest, generators, in_chunks, normal


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

    def plan(self, request: PlanRequest) -> Plan:
        """See `Planner.plan`."""
        return in_chunks(self._chunk, self.chunk, request)

    def _chunk(self, request: PlanRequest) -> Plan:
        rngs = generators(request.seeds, request.z0.device)
        mean = request.init.to(request.z0.device).nan_to_num(0.0)
        std = torch.full_like(mean, self.std)
        history = []
        for i in range(self.iterations):
            # Sample, and let every sample descend; the mean itself is the first of them
            noise = normal(rngs, (self.samples, *mean.shape[1:]))
            noise[:, 0] = 0
            actions = self._descend(mean[:, None] + std[:, None] * noise, request)
            # Keep the elites
            with torch.no_grad():
                loss = request.loss(actions)
            best = loss.topk(self.elites, dim=1, largest=False)
            elites = actions.gather(1, best.indices[..., None, None].expand(-1, -1, *mean.shape[1:]))
            # Refit
            mean, std = elites.mean(1), elites.std(1)
            history.append(best.values[:, 0])
            if request.callback:
                request.callback(i, mean, history[-1])
        with torch.no_grad():
            return Plan(mean, request.loss(mean), torch.stack(history))

    def _descend(self, actions: Tensor, request: PlanRequest) -> Tensor:
        """``actions`` (B, samples, H, A) after a few gradient steps of their own."""
        optimiser = Optimiser(self.optimiser, self.lr, actions)
        for _ in range(self.steps):
            with torch.enable_grad():
                actions.requires_grad_(True)
                (gradient,) = torch.autograd.grad(request.loss(actions).sum(), actions)
            actions = actions.detach()
            actions = actions - optimiser.step(actions, gradient)
        return actions if self.bound is None else actions.clamp(-self.bound, self.bound)
