"""Teacher forcing: E || f(Phi(o_t), a_t) - Phi(o_{t+1}) ||^2 on the offline data (base model and control)."""

from dataclasses import dataclass

import torch
from torch import Tensor

from lab.errors import LabError
from lab.models import Trainable
from lab.models.protocols import picture_numbers
from lab.training.latents import LatentData, check_data
from lab.training.loop import Method, Schedule


def prediction_loss(model: Trainable, z: Tensor, action: Tensor, z_next: Tensor) -> dict[str, Tensor]:
    """Mean squared one-step error of picture latent (``latent``) and proprioception (``proprio``); ``loss``: their sum.

    ``z`` (B, K, Z), ``action`` (B, K, A) and ``z_next`` (B, K, Z) are windows of consecutive transitions, see
    `LatentData.batch`. Raises LabError where the model cannot be asked, and where it does not predict one next state
    for each.
    """
    try:
        predicted = model.predict(z, action)
    except RuntimeError as problem:  # such as weights of another width than the latents
        failure = f"{type(model).__name__}.predict fails on z {tuple(z.shape)} and actions {tuple(action.shape)}"
        raise LabError(f"{failure}: {str(problem).splitlines()[0].rstrip('.')}.") from problem
    if predicted.shape != z_next.shape:
        raise LabError(
            f"{type(model).__name__}.predict should return z {tuple(z_next.shape)}, the next of each, got "
            f"{tuple(predicted.shape)}."
        )
    error, split = (predicted - z_next) ** 2, picture_numbers(model, z)
    latent = error[..., :split].mean()
    if split == error.shape[-1]:
        return {"loss": latent, "latent": latent}
    proprio = error[..., split:].mean()
    return {"loss": latent + proprio, "latent": latent, "proprio": proprio}


@dataclass
class TeacherForcing(Method):
    """One-step prediction on batches of the offline data. Raises LabError for ``data`` that have none."""

    data: LatentData

    def __post_init__(self) -> None:
        check_data(self.data)

    def loss(self, model: Trainable, step: int, schedule: Schedule, rng: torch.Generator) -> dict[str, Tensor]:
        """See `Method.loss`."""
        return prediction_loss(model, *self.data.batch(schedule.batch, rng))
