"""The training data as the predictor sees it: every frame encoded once, actions standardised."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from tqdm.auto import tqdm

from lab.data import Dataset
from lab.models import WorldModel
from lab.tasks import make_task


@dataclass(frozen=True)
class LatentData:
    """``z`` (N, T + 1, Z) at every environment step, ``actions`` (N, T, a) standardised."""

    z: Tensor
    actions: Tensor
    frameskip: int

    def batch(self, size: int, rng: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
        """``size`` transitions at any offset: z (B, Z), action blocks (B, A), next z (B, Z)."""
        n, steps, _ = self.actions.shape
        episode = torch.randint(n, (size,), generator=rng)
        first = torch.randint(steps - self.frameskip + 1, (size,), generator=rng)
        window = first[:, None] + torch.arange(self.frameskip)
        actions = self.actions[episode[:, None], window].flatten(1)
        return self.z[episode, first], actions, self.z[episode, first + self.frameskip]


def encode_dataset(model: WorldModel, data: Dataset, progress: bool = True) -> LatentData:
    """Encode all frames of ``data`` with the model's encoder and standardise its actions."""
    assert data.pixels is not None
    proprio = make_task(data.spec.task).proprio(data.states)
    chunks = []
    bar = tqdm(range(0, len(data.states), 20), desc="encoding frames", delay=2, disable=not progress)
    for first in bar:
        rows = slice(first, first + 20)
        pixels = torch.from_numpy(np.array(data.pixels[rows]))
        z = model.encode(pixels.flatten(0, 1), proprio[rows].reshape(-1, proprio.shape[-1]))
        chunks.append(z.view(*pixels.shape[:2], -1))
    actions = (torch.from_numpy(np.array(data.actions)).float().to(model.device) - model.action_mean) / model.action_std
    return LatentData(torch.cat(chunks), actions, model.spec.frameskip)
