"""The world model: frozen encoder, predictor, normalisation statistics, and a decoder for drawing.

Dimensions: ``B`` problems, ``H`` latent steps, ``D`` latent numbers of the picture, ``P`` proprioceptive numbers,
``A`` numbers of one latent step's action (``frameskip`` environment actions, concatenated and standardised).
A latent state z (B, D + P) is the scaled picture latent followed by the standardised proprioception. Where that latent
is one token for each patch, D counts all of their numbers: planning and evaluation need not know.
"""

import numpy as np
import torch
from torch import Tensor, nn

from lab.errors import LabError
from lab.models.spec import ModelSpec
from lab.tasks.environment import described
from lab.tasks.task import Observation


class WorldModel(nn.Module):
    """See the module's docstring. ``proprio`` and ``action`` arguments are in the task's own units.

    It fulfils all protocols in `lab.models.protocols`.
    """

    def __init__(self, spec: ModelSpec) -> None:
        super().__init__()
        self.spec = spec
        self.latent_dim, self.history = spec.latent_dim, spec.history
        self.block_dim = spec.action_dim * spec.frameskip
        self.encoder, self.predictor, self.decoder = spec.parts()
        for name, size in (("latent", spec.latent_dim), ("proprio", spec.proprio_dim), ("action", spec.action_dim)):
            self.register_buffer(f"{name}_mean", torch.zeros(size))
            self.register_buffer(f"{name}_std", torch.ones(size))

    @property
    def device(self) -> torch.device:
        return self.latent_mean.device

    @torch.no_grad()
    def encode(self, images: np.ndarray | Tensor, proprio: np.ndarray | Tensor) -> Tensor:
        """z (B, D + P) of pictures (B, size, size, 3) uint8 and proprioception (B, P)."""
        images = torch.as_tensor(images, device=self.device)
        latent = torch.cat([self.encoder(chunk) for chunk in images.split(256)])
        proprio = torch.as_tensor(proprio, dtype=torch.float32, device=self.device)
        return torch.cat(
            [(latent - self.latent_mean) / self.latent_std, (proprio - self.proprio_mean) / self.proprio_std], -1
        )

    def observe(self, observation: Observation) -> Tensor:
        """z (..., D + P) of what is seen of true states (..., S): their pictures, encoded, and proprioception.

        Raises LabError for an observation without pictures, and where another task senses another number of them.
        """
        if not (hasattr(observation, "pictures") and hasattr(observation, "proprio")):
            raise LabError(
                f"A world model of {self.spec.task} sees pictures and proprioception, as of the lab's own tasks, got "
                f"{described(observation)}: take an environment of {self.spec.task}, or a model that observes yours."
            )
        pictures, proprio = observation.pictures(self.spec.size), observation.proprio()
        if proprio.shape[-1] != self.spec.proprio_dim:
            raise LabError(
                f"A world model of {self.spec.task} sees proprioception (…, {self.spec.proprio_dim}), got "
                f"{proprio.shape}: take a model of the same task."
            )
        flat = pictures.reshape(-1, *pictures.shape[-3:])
        return self.encode(flat, proprio.reshape(len(flat), self.spec.proprio_dim)).view(*pictures.shape[:-3], -1)

    def step(self, z: Tensor, action: Tensor) -> Tensor:
        """The next z (..., D + P) after the standardised action block (..., A), predicted without a history."""
        return self.predictor.step(z, action)

    def predict(self, z: Tensor, actions: Tensor) -> Tensor:
        """The next of each of the consecutive ``z`` (..., K, D + P) under ``actions`` (..., K, A).

        K is at most the spec's history; each is predicted from itself and those before it.
        """
        return self.predictor(z, actions)

    def rollout(self, z0: Tensor, actions: Tensor) -> Tensor:
        """See `Dynamics.rollout`."""
        return self.predictor.rollout(z0, actions)

    @torch.no_grad()
    def draw(self, z: Tensor) -> np.ndarray:
        """uint8 pictures (B, 64, 64, 3) of imagined states z (B, D + P)."""
        drawn = self.decoder(z[..., : self.latent_dim].float())
        return (drawn.clamp(0, 1) * 255).round().byte().permute(0, 2, 3, 1).cpu().numpy()

    @torch.no_grad()
    def decode_proprio(self, z: Tensor) -> np.ndarray:
        """The proprioception (..., P), in the task's units, that latent states ``z`` (..., D + P) hold."""
        numbers = z[..., self.latent_dim :] * self.proprio_std + self.proprio_mean
        return numbers.double().numpy(force=True)

    def normalise_actions(self, actions: np.ndarray) -> Tensor:
        """Environment actions (..., H * frameskip, a) as standardised blocks (..., H, A)."""
        steps = torch.as_tensor(np.asarray(actions), dtype=torch.float32, device=self.device)
        steps = (steps - self.action_mean) / self.action_std
        return steps.reshape(*steps.shape[:-2], -1, self.block_dim)

    def denormalise_actions(self, blocks: Tensor) -> np.ndarray:
        """The inverse of `normalise_actions`, as float64 (..., H * frameskip, a)."""
        steps = blocks.reshape(*blocks.shape[:-2], -1, self.spec.action_dim)
        return (steps * self.action_std + self.action_mean).double().cpu().numpy()
