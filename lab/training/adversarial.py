"""Adversarial World Modeling: teacher forcing on worst-case latents and actions.

min_f max_{|d_z| <= eps_z, |d_a| <= eps_a} || f(z + d_z, a + d_a) - z' ||^2, the inner maximum by one FGSM step of
length 1.25 eps from a uniform random start; the target z' is the clean next latent (reference: train.py, section 3.3).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from lab.models import WorldModel
from lab.training.latents import LatentData
from lab.training.teacher_forcing import prediction_loss


@dataclass(frozen=True)
class Radii:
    """Perturbation radii as multiples (lambda) of the first minibatch's standard deviation, one for each group."""

    latent: float = 0.2
    proprio: float = 0.2
    action: float = 0.2


@dataclass
class Adversarial:
    """Every batch is perturbed; clean and perturbed transitions are not mixed, as in the paper."""

    data: LatentData
    batch: int
    radii: Radii
    epsilon: Tensor = field(default_factory=lambda: torch.empty(0))  #: (Z + A,), fixed by the first minibatch

    def loss(self, model: WorldModel, step: int, rng: torch.Generator) -> dict[str, Tensor]:
        z, action, z_next = self.data.batch(self.batch, rng)
        if not len(self.epsilon):
            self.epsilon = self._radii(model, z, action)
        z, action = self._worst_case(model, z, action, z_next, rng)
        return prediction_loss(model, z, action, z_next)

    def _radii(self, model: WorldModel, z: Tensor, action: Tensor) -> Tensor:
        """eps = lambda * standard deviation within each group, spread over the group's numbers."""
        groups = (
            (self.radii.latent, z[:, : model.latent_dim]),
            (self.radii.proprio, z[:, model.latent_dim :]),
            (self.radii.action, action),
        )
        return torch.cat([(factor * group.std()).expand(group.shape[1]) for factor, group in groups])

    def _worst_case(
        self, model: WorldModel, z: Tensor, action: Tensor, z_next: Tensor, rng: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        """z and action, moved to where the model errs most within the radii."""
        clean = torch.cat([z, action], -1)
        # Start uniformly in the box
        delta = self.epsilon * (2 * torch.rand(clean.shape, generator=rng).to(clean.device) - 1)
        delta.requires_grad_(True)
        # One step uphill, back into the box
        loss = prediction_loss(model, *(clean + delta).split([z.shape[1], action.shape[1]], -1), z_next)["loss"]
        (gradient,) = torch.autograd.grad(loss, delta)
        delta = (delta.detach() + 1.25 * self.epsilon * gradient.sign()).clamp(-self.epsilon, self.epsilon)
        worst_z, worst_action = (clean + delta).split([z.shape[1], action.shape[1]], -1)
        return worst_z, worst_action

    def state(self) -> dict[str, Tensor]:
        return {"epsilon": self.epsilon}

    def restore(self, state: Mapping[str, Tensor]) -> None:
        self.epsilon = state["epsilon"]
