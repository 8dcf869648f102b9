"""Adversarial World Modeling: teacher forcing on worst-case latents and actions.

The loss is min_f max_{|d_z| <= eps_z, |d_a| <= eps_a} || f(z + d_z, a + d_a) - z' ||^2, where the target z' is the
clean next latent. The inner maximum is found by sign-gradient steps from a uniform random start: one step of length
1.25 eps (FGSM, as in the paper and in the authors' ``train.py``), or K steps of length
2.5 eps / K (PGD).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from lab.errors import MAX, LabError, check_made, is_number, is_whole
from lab.models import Trainable
from lab.models.protocols import gradient, picture_numbers
from lab.training.latents import LatentData, check_data
from lab.training.loop import Schedule
from lab.training.teacher_forcing import prediction_loss


@dataclass(frozen=True)
class Radii:
    """Perturbation radii, as multiples (the paper's lambda) of the standard deviation of a minibatch.

    Each group of inputs has one: picture latent, proprioception and action. Raises LabError for a multiple that is
    negative or not finite, and for steps that are no whole number from 1.
    """

    latent: float = 0.2
    proprio: float = 0.2
    action: float = 0.2
    adaptive: bool = False  #: measure the standard deviation on every minibatch; False: on the first alone
    steps: int = 1  #: gradient steps of the inner maximum: 1 is FGSM, more are PGD

    def __post_init__(self) -> None:
        multiples = self.latent, self.proprio, self.action
        if not (all(is_number(radius, 0, MAX) for radius in multiples) and is_whole(self.steps, 1)):
            raise LabError(f"Radii need finite multiples from 0 and at least 1 step, got {self}.")

    @property
    def stride(self) -> float:
        """Length of a gradient step, as a multiple of the radius."""
        return min(1.25, 2.5 / self.steps)

    def bounds(self, model: Trainable, z: Tensor, action: Tensor) -> Tensor:
        """eps (Z + A,): lambda times the standard deviation of each group of ``z`` (..., Z) and ``action`` (..., A)."""
        split = picture_numbers(model, z)
        groups = ((self.latent, z[..., :split]), (self.proprio, z[..., split:]), (self.action, action))
        return torch.cat(
            [(factor * group.std()).expand(group.shape[-1]) for factor, group in groups if group.shape[-1]]
        )


@dataclass
class Adversarial:
    """Prediction of the next latent from perturbed inputs; as in the paper, every transition is perturbed.

    Raises LabError for ``data`` that have no batches, and for ``radii`` that are no `Radii`.
    """

    data: LatentData
    radii: Radii = field(default_factory=Radii)
    epsilon: Tensor = field(default_factory=lambda: torch.empty(0), compare=False)  #: (Z + A,)

    def __post_init__(self) -> None:
        check_data(self.data)
        check_made("The radii of a training", self.radii, Radii)

    @property
    def remedy(self) -> str:
        """What to do where a training is not finite, see `Method`."""
        return f"lower lr or {self.radii}"

    def loss(self, model: Trainable, step: int, schedule: Schedule, rng: torch.Generator) -> dict[str, Tensor]:
        """See `Method.loss`."""
        z, action, z_next = self.data.batch(schedule.batch, rng)
        z, action = self.perturbed(model, z, action, z_next, rng)
        return prediction_loss(model, z, action, z_next)

    def perturbed(
        self, model: Trainable, z: Tensor, action: Tensor, z_next: Tensor, rng: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        """`worst_case` within the radii, which are measured first where they are not fixed yet."""
        if self.radii.adaptive or not len(self.epsilon):
            self.epsilon = self.radii.bounds(model, z, action)
        return self.worst_case(model, z, action, z_next, rng)

    def worst_case(
        self, model: Trainable, z: Tensor, action: Tensor, z_next: Tensor, rng: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        """``z`` (B, K, Z) and ``action`` (B, K, A), perturbed within the radii so as to maximise the prediction loss.

        Raises LabError where the model gives no gradient for its inputs.
        """
        clean, widths = torch.cat([z, action], -1), [z.shape[-1], action.shape[-1]]
        # Start uniformly in the box
        delta = self.epsilon * (2 * torch.rand(clean.shape, generator=rng).to(clean.device) - 1)
        # Step up the gradient, and project back into the box
        for _ in range(self.radii.steps):
            delta.requires_grad_(True)
            moved_z, moved_action = (clean + delta).split(widths, -1)
            loss = prediction_loss(model, moved_z, moved_action, z_next)["loss"]
            uphill = gradient(loss, delta, model).sign()
            delta = delta.detach() + self.radii.stride * self.epsilon * uphill
            delta = delta.clamp(-self.epsilon, self.epsilon)
        worst_z, worst_action = (clean + delta).split(widths, -1)
        return worst_z, worst_action

    def state(self) -> dict[str, Tensor]:
        """See `Method.state`."""
        return {"epsilon": self.epsilon}

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """See `Method.restore`."""
        self.epsilon = state["epsilon"]
