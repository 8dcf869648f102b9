"""The world model: frozen encoder, predictor, normalisation statistics, and a decoder for drawing.

Dimensions: ``B`` problems, ``H`` latent steps, ``D`` latent numbers of the picture, ``P`` proprioceptive numbers,
``A`` numbers of one latent step's action (``frameskip`` environment actions, concatenated and standardised).
A latent state z (B, D + P) is the scaled picture latent followed by the standardised proprioception.
"""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor, nn

from lab.errors import LabError
from lab.models import unrolled
from lab.models.decoder import Decoder
from lab.models.encoders import ENCODERS, SIZE
from lab.models.predictor import ResidualMLP
from lab.models.unrolled import may_unroll
from lab.tasks import make_task


@runtime_checkable
class Dynamics(Protocol):
    """All that a planner asks of a world model; bring your own by writing this one method."""

    def rollout(self, z0: Tensor, actions: Tensor) -> Tensor:
        """Imagine ``actions`` (..., H, A) from ``z0`` (..., Z); returns (..., H + 1, Z), the start included."""
        ...


@dataclass(frozen=True)
class ModelSpec:
    """The shape of a world model; stored beside its weights."""

    task: str
    encoder: str = "points"  #: pyramid or points
    latent_dim: int = 64
    proprio_dim: int = 4
    action_dim: int = 2  #: of one environment step
    frameskip: int = 5
    hidden: int = 512
    layers: int = 3

    def __post_init__(self) -> None:
        make_task(self.task)
        if self.encoder not in ENCODERS:
            raise LabError(f"Unknown encoder '{self.encoder}': choose one of {', '.join(ENCODERS)}.")
        for name in ("latent_dim", "proprio_dim", "action_dim", "frameskip", "hidden", "layers"):
            least = int(name != "proprio_dim")  # not every task senses something besides its picture
            if not isinstance(size := getattr(self, name), int) or size < least:
                raise LabError(f"A world model needs a whole number from {least} as {name}, got {size!r}.")


class WorldModel(nn.Module):
    """See the module's docstring. ``proprio`` and ``action`` arguments are in the task's own units."""

    def __init__(self, spec: ModelSpec) -> None:
        super().__init__()
        self.spec = spec
        self.latent_dim = spec.latent_dim
        self.block_dim = spec.action_dim * spec.frameskip
        self.encoder = ENCODERS[spec.encoder](spec.latent_dim)
        self.predictor = ResidualMLP(spec.latent_dim + spec.proprio_dim, self.block_dim, spec.hidden, spec.layers)
        self.decoder = Decoder(spec.latent_dim)
        for name, size in (("latent", spec.latent_dim), ("proprio", spec.proprio_dim), ("action", spec.action_dim)):
            self.register_buffer(f"{name}_mean", torch.zeros(size))
            self.register_buffer(f"{name}_std", torch.ones(size))

    @property
    def device(self) -> torch.device:
        return self.latent_mean.device

    @torch.no_grad()
    def encode(self, images: np.ndarray | Tensor, proprio: np.ndarray | Tensor) -> Tensor:
        """z (B, D + P) of pictures (B, 64, 64, 3) uint8 and proprioception (B, P)."""
        images = torch.as_tensor(images, device=self.device)
        latent = torch.cat([self.encoder(chunk) for chunk in images.split(256)])
        proprio = torch.as_tensor(proprio, dtype=torch.float32, device=self.device)
        return torch.cat(
            [(latent - self.latent_mean) / self.latent_std, (proprio - self.proprio_mean) / self.proprio_std], -1
        )

    def observe(self, states: np.ndarray) -> Tensor:
        """z (..., D + P) of true states (..., S) of the model's task: drawn, then encoded."""
        task = make_task(self.spec.task)
        flat = states.reshape(-1, states.shape[-1])
        return self.encode(task.render(flat, SIZE), task.proprio(flat)).view(*states.shape[:-1], -1)

    def step(self, z: Tensor, action: Tensor) -> Tensor:
        """The next z (..., D + P) after the standardised action block (..., A)."""
        return self.predictor(z, action)

    def rollout(self, z0: Tensor, actions: Tensor) -> Tensor:
        """See `Dynamics.rollout`."""
        if may_unroll(self.predictor, z0):
            return unrolled.rollout(self.predictor, z0, actions)
        trajectory = [z0]
        for action in actions.unbind(-2):
            trajectory.append(self.step(trajectory[-1], action))
        return torch.stack(trajectory, -2)

    def draw(self, z: Tensor) -> np.ndarray:
        """uint8 pictures (B, 64, 64, 3) of imagined states z (B, D + P)."""
        return self.decoder.draw(z[..., : self.latent_dim].float()).cpu().numpy()

    def normalise_actions(self, actions: np.ndarray) -> Tensor:
        """Environment actions (..., H * frameskip, a) as standardised blocks (..., H, A)."""
        steps = torch.as_tensor(np.asarray(actions), dtype=torch.float32, device=self.device)
        steps = (steps - self.action_mean) / self.action_std
        return steps.reshape(*steps.shape[:-2], -1, self.block_dim)

    def denormalise_actions(self, blocks: Tensor) -> np.ndarray:
        """The inverse of `normalise_actions`, as float64 (..., H * frameskip, a)."""
        steps = blocks.reshape(*blocks.shape[:-2], -1, self.spec.action_dim)
        return (steps * self.action_std + self.action_mean).double().cpu().numpy()
