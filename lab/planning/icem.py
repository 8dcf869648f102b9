"""The improved cross-entropy method (iCEM; Pinneri et al. 2020): coloured noise, kept elites, decreasing samples."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from lab.errors import MAX, LabError, is_number
from lab.planning.options import check_elites, check_options
from lab.planning.planner import PlanRequest
from lab.planning.sampling import Belief, Sampler, fittest
from lab.planning.streams import normal


@dataclass(frozen=True)
class ICEM(Sampler):
    """CEM with temporally correlated samples, in which some elites of an iteration compete again in the next.

    Elites are kept within one plan; the warm start of MPC hands on the best of them to the next.
    """

    samples: int = 300
    elites: int = 30
    iterations: int = 10
    std: float = 1.0  #: initial standard deviation
    beta: float = 2.0  #: exponent of the noise's power spectrum 1 / f^beta; 0 is white noise
    gamma: float = 1.25  #: factor by which the number of samples falls from one iteration to the next
    keep: float = 0.3  #: share of the elites that compete again (at least one elite)
    alpha: float = 0.1  #: momentum of the refit: weight of the former mean and standard deviation
    bound: float | None = None  #: largest absolute action, in standard deviations of the data's
    chunk: int = 5  #: problems sampled together

    def __post_init__(self) -> None:
        check_options(self)
        check_elites(self, self.elites, self.samples)
        if not (is_number(self.gamma, 1, MAX) and is_number(self.alpha, 0, 1)):
            raise LabError(f"ICEM needs gamma >= 1 and alpha from 0 to 1, got gamma {self.gamma}, alpha {self.alpha}.")

    def candidates(self, iteration: int) -> int:
        """The number of samples of this ``iteration``."""
        return max(round(self.samples * self.gamma**-iteration), 2 * self.elites)

    def noise(self, rngs: Sequence[torch.Generator], shape: tuple[int, int], iteration: int) -> Tensor:
        """Coloured noise (B, N, H, A) of this iteration's samples."""
        return coloured(normal(rngs, (self.candidates(iteration), *shape)), self.beta)

    def improve(self, belief: Belief, request: PlanRequest, rngs: Sequence[torch.Generator], iteration: int) -> Belief:
        """See `Sampler.improve`."""
        # Sample, fewer each time; some former elites and the mean itself compete as well
        mean, std = belief.mean[:, None], belief.std[:, None]
        noise = self.noise(rngs, mean.shape[2:], iteration)
        former = mean if belief.elites is None else belief.elites[:, : max(1, round(self.keep * self.elites))]
        actions = self.bounded(torch.cat([mean + std * noise, former, mean], 1))
        # Keep the elites
        elites, least = fittest(actions, request.loss(actions), self.elites)
        # Refit, with momentum
        mean = torch.lerp(elites.mean(1), belief.mean, self.alpha)
        return Belief(mean, torch.lerp(elites.std(1), belief.std, self.alpha), least, elites)


def coloured(white: Tensor, beta: float) -> Tensor:
    """``white`` noise (..., H, A) filtered along H to a power spectrum of 1 / f^beta and unit variance."""
    steps = white.shape[-2]
    scale = torch.fft.fftfreq(steps, device=white.device, dtype=white.dtype).abs().clamp(min=1 / steps) ** (-beta / 2)
    scale = scale / (scale**2).mean().sqrt()
    return torch.fft.ifft(torch.fft.fft(white, dim=-2) * scale[:, None], dim=-2).real.contiguous()
