"""The improved cross-entropy method (iCEM; Pinneri et al. 2020): coloured noise, kept elites, ever fewer samples."""

from dataclasses import dataclass

import torch
from torch import Tensor

from lab.errors import LabError
from lab.planning.planner import Plan, PlanRequest, generators, in_chunks, normal


@dataclass(frozen=True)
class ICEM:
    """CEM with smooth samples. Elites are kept within a plan; MPC hands on the best one, shifted by what was done."""

    samples: int = 300
    elites: int = 30
    iterations: int = 10
    std: float = 1.0  #: initial standard deviation
    beta: float = 2.0  #: the noise's power falls as 1 / f^beta; 0 is white
    gamma: float = 1.25  #: each iteration draws so many times fewer samples than the one before
    keep: float = 0.3  #: share of the elites (at least one) that compete again
    alpha: float = 0.1  #: share of mean and deviation that a refit leaves
    bound: float | None = None  #: largest absolute action, in standard deviations of the data's
    chunk: int = 5  #: problems sampled together

    def __post_init__(self) -> None:
        if not 2 <= self.elites <= self.samples or self.gamma < 1:
            raise LabError(f"iCEM needs 2 <= elites <= samples and gamma >= 1, got {self}.")

    @torch.no_grad()
    def plan(self, request: PlanRequest) -> Plan:
        """See `Planner.plan`."""
        return in_chunks(self._chunk, self.chunk, request)

    def candidates(self, iteration: int) -> int:
        """How many are drawn at this ``iteration``."""
        return max(round(self.samples * self.gamma**-iteration), 2 * self.elites)

    def _chunk(self, request: PlanRequest) -> Plan:
        rngs, history = generators(request.seeds, request.z0.device), []
        mean = request.init.to(request.z0.device).nan_to_num(0.0)
        std, elites = torch.full_like(mean, self.std), mean[:, None]
        for i in range(self.iterations):
            # Sample, fewer each time; some elites and the mean itself compete, too
            noise = coloured(normal(rngs, (self.candidates(i), *mean.shape[1:])), self.beta)
            kept = elites[:, : max(1, round(self.keep * self.elites))]
            actions = torch.cat([mean[:, None] + std[:, None] * noise, kept, mean[:, None]], 1)
            if self.bound is not None:
                actions = actions.clamp(-self.bound, self.bound)
            # Keep the elites, best first
            loss = request.loss(actions)
            best = loss.topk(self.elites, dim=1, largest=False)
            elites = actions.gather(1, best.indices[..., None, None].expand(-1, -1, *mean.shape[1:]))
            # Refit, with momentum
            mean, std = torch.lerp(elites.mean(1), mean, self.alpha), torch.lerp(elites.std(1), std, self.alpha)
            history.append(best.values[:, 0])
            if request.callback:
                request.callback(i, elites[:, 0], history[-1])
        return Plan(elites[:, 0], history[-1], torch.stack(history))


def coloured(white: Tensor, beta: float) -> Tensor:
    """Noise whose power falls as 1 / f^beta along the steps, of unit variance, from ``white`` noise (..., H, A)."""
    steps = white.shape[-2]
    scale = torch.fft.fftfreq(steps, device=white.device, dtype=white.dtype).abs().clamp(min=1 / steps) ** (-beta / 2)
    scale = scale / (scale**2).mean().sqrt()
    return torch.fft.ifft(torch.fft.fft(white, dim=-2) * scale[:, None], dim=-2).real.contiguous()
