"""The training data as the predictor sees it: every frame encoded once, actions standardised."""

import hashlib
from contextlib import suppress
from dataclasses import dataclass

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor
from tqdm.auto import tqdm

from lab.data import Dataset
from lab.files import cache_root, replacing
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
    """All frames of ``data`` through the model's encoder, or from the cache if that was done before; actions too."""
    path = cache_root() / "latents" / f"{data.fingerprint}-{encoder_hash(model)}.safetensors"
    z = None
    with suppress(FileNotFoundError, SafetensorError):
        z = load_file(path, device=str(model.device))["z"]
    if z is None:
        z = _encode(model, data, progress)
        with replacing(path) as temporary:
            save_file({"z": z}, temporary)
    actions = (torch.from_numpy(np.array(data.actions)).float().to(model.device) - model.action_mean) / model.action_std
    return LatentData(z, actions, model.spec.frameskip)


def encoder_hash(model: WorldModel) -> str:
    """Changes with anything that an encoded frame depends on."""
    digest = hashlib.sha256()
    for name, tensor in model.state_dict().items():
        if not name.startswith(("predictor.", "decoder.")):
            digest.update(tensor.cpu().numpy().tobytes())
    return digest.hexdigest()[:16]


def _encode(model: WorldModel, data: Dataset, progress: bool) -> Tensor:
    """z (N, T + 1, Z) of all frames."""
    assert data.pixels is not None
    proprio = make_task(data.spec.task).proprio(data.states)
    chunks = []
    for first in tqdm(range(0, len(data.states), 20), desc="encoding frames", delay=2, disable=not progress):
        rows = slice(first, first + 20)
        pixels = torch.from_numpy(np.array(data.pixels[rows]))
        frames = pixels.flatten(0, 1)
        z = model.encode(frames, proprio[rows].reshape(len(frames), proprio.shape[-1]))
        chunks.append(z.view(*pixels.shape[:2], -1))
    return torch.cat(chunks)
