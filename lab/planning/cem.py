"""The cross-entropy method (CEM): sample, keep the elites, refit mean and standard deviation, repeat."""

from dataclasses import dataclass

import torch

from lab.errors import LabError
from lab.planning.planner import Plan, PlanRequest, generators, in_chunks, normal


@dataclass(frozen=True)
class CEM:
    """Defaults: 300 samples, 30 elites (reference: planning/cem.py, conf/plan_*.yaml)."""

    samples: int = 300
    elites: int = 30
    iterations: int = 10
    std: float = 1.0  #: initial standard deviation
    bound: float | None = None  #: largest absolute action, in standard deviations of the data's
    chunk: int = 5  #: problems sampled together; 5 x 300 rows stay in a core's cache

    def __post_init__(self) -> None:
        if not 2 <= self.elites <= self.samples:
            raise LabError(f"CEM needs 2 <= elites <= samples, got {self.elites} elites of {self.samples} samples.")

    @torch.no_grad()
    def plan(self, request: PlanRequest) -> Plan:
        """See `Planner.plan`."""
        return in_chunks(self._chunk, self.chunk, request)

    def _chunk(self, request: PlanRequest) -> Plan:
        rngs = generators(request.seeds, request.z0.device)
        mean = request.init.to(request.z0.device).nan_to_num(0.0)
        std = torch.full_like(mean, self.std)
        history = []
        for i in range(self.iterations):
            # Sample; the mean itself is the first candidate
            noise = normal(rngs, (self.samples, *mean.shape[1:]))
            noise[:, 0] = 0
            actions = mean[:, None] + std[:, None] * noise
            if self.bound is not None:
                actions = actions.clamp(-self.bound, self.bound)
            # Keep the elites
            loss = request.loss(actions)
            best = loss.topk(self.elites, dim=1, largest=False)
            elites = actions.gather(1, best.indices[..., None, None].expand(-1, -1, *mean.shape[1:]))
            # Refit
            mean, std = elites.mean(1), elites.std(1)
            history.append(best.values[:, 0])
            if request.callback:
                request.callback(i, mean, history[-1])
        return Plan(mean, request.loss(mean), torch.stack(history))
