"""Teacher forcing: E || f(Phi(o_t), a_t) - Phi(o_{t+1}) ||^2 on the offline data. Base model, and the control."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from lab.models import WorldModel
from lab.training.latents import LatentData


def prediction_loss(model: WorldModel, z: Tensor, action: Tensor, z_next: Tensor) -> dict[str, Tensor]:
    """Mean squared one-step error of picture latent and proprioception, and their sum as ``loss``.

    All three are windows of consecutive transitions, see `LatentData.batch`; every step of them counts.
    """
    error = (model.predict(z, action) - z_next) ** 2
    latent = error[..., : model.latent_dim].mean()
    if not model.spec.proprio_dim:
        return {"loss": latent, "latent": latent}
    proprio = error[..., model.latent_dim :].mean()
    return {"loss": latent + proprio, "latent": latent, "proprio": proprio}


@dataclass
class TeacherForcing:
    """Plain next-state prediction on batches of the offline data."""

    data: LatentData
    batch: int

    def loss(self, model: WorldModel, step: int, rng: torch.Generator) -> dict[str, Tensor]:
        return prediction_loss(model, *self.data.batch(self.batch, rng))

    def state(self) -> dict[str, Tensor]:
        return {}

    def restore(self, state: Mapping[str, Tensor]) -> None:
        pass
