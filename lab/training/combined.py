"""Both of the paper's methods at once: the batches of Online World Modeling, perturbed as in Adversarial."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from lab.errors import check_made
from lab.models import Trainable
from lab.training.adversarial import Adversarial
from lab.training.loop import Schedule
from lab.training.online import Online
from lab.training.teacher_forcing import prediction_loss


@dataclass
class Combined:
    """The radii are measured on the first batch, which contains corrected plans already.

    Raises LabError for parts that are no such methods.
    """

    online: Online
    adversarial: Adversarial

    def __post_init__(self) -> None:
        check_made("The first part of Combined", self.online, Online)
        check_made("The second part of Combined", self.adversarial, Adversarial)

    @property
    def remedy(self) -> str:
        """What to do where a training is not finite, see `Method`."""
        return self.adversarial.remedy

    def loss(self, model: Trainable, step: int, schedule: Schedule, rng: torch.Generator) -> dict[str, Tensor]:
        """See `Method.loss`."""
        # A batch of data and of corrected plans
        z, action, z_next = self.online.batch_at(model, step, schedule, rng)
        # Perturb the inputs; the target stays what the simulator answered
        z, action = self.adversarial.perturbed(model, z, action, z_next, rng)
        return prediction_loss(model, z, action, z_next)

    def state(self) -> dict[str, Tensor]:
        """See `Method.state`."""
        return self.online.state() | self.adversarial.state()

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """See `Method.restore`."""
        self.online.restore(state)
        self.adversarial.restore(state)
