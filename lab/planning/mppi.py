"""Model-predictive path integral control (MPPI; Williams et al. 2017): weigh noise by its cost, and move."""

from dataclasses import dataclass

import torch

from lab.errors import LabError
from lab.planning.planner import Plan, PlanRequest, generators, in_chunks, normal


@dataclass(frozen=True)
class MPPI:
    """Every sample counts, by ``exp(-cost / temperature)``; the deviation of the noise never changes.

    The cost of a sample is its loss and the control term ``temperature * u Sigma^-1 noise``, which corrects for
    sampling around the present mean u.
    """

    samples: int = 300
    iterations: int = 10  #: the paper makes one at each step of MPC
    std: float = 0.5  #: standard deviation of the noise
    temperature: float = 0.01  #: lambda, in units of the loss
    bound: float | None = None  #: largest absolute action, in standard deviations of the data's
    chunk: int = 5  #: problems sampled together

    def __post_init__(self) -> None:
        if self.samples < 2 or self.std <= 0 or self.temperature <= 0:
            raise LabError(f"MPPI needs 2 samples, a deviation and a temperature above 0, got {self}.")

    @torch.no_grad()
    def plan(self, request: PlanRequest) -> Plan:
        """See `Planner.plan`."""
        return in_chunks(self._chunk, self.chunk, request)

    def _chunk(self, request: PlanRequest) -> Plan:
        rngs = generators(request.seeds, request.z0.device)
        mean = request.init.to(request.z0.device).nan_to_num(0.0)
        history = []
        for i in range(self.iterations):
            # Sample; the mean itself is the first candidate
            noise = self.std * normal(rngs, (self.samples, *mean.shape[1:]))
            noise[:, 0] = 0
            actions = mean[:, None] + noise
            if self.bound is not None:
                actions = actions.clamp(-self.bound, self.bound)
                noise = actions - mean[:, None]
            # Weigh by cost
            loss = request.loss(actions)
            control = self.temperature * (mean[:, None] * noise).sum((-2, -1)) / self.std**2
            weights = torch.softmax(-(loss + control) / self.temperature, dim=1)
            # Move the mean
            mean = mean + (weights[..., None, None] * noise).sum(1)
            history.append(loss.amin(1))
            if request.callback:
                request.callback(i, mean, history[-1])
        return Plan(mean, request.loss(mean), torch.stack(history))
