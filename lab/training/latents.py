"""The training data as the predictor sees it: every frame encoded once, actions standardised.

Encoded frames are kept as one ``.npy`` memory map, in the precision that the model's family asks for, and read from
there: patch tokens of a few hundred episodes are more than a memory holds.
"""

import hashlib
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import torch
from numpy.lib.format import dtype_to_descr, write_array_header_1_0
from torch import Tensor
from tqdm.auto import tqdm

from lab.data import Dataset
from lab.errors import LabError
from lab.files import cache_root, replacing
from lab.models import Trainable, WorldModel
from lab.models.protocols import see, steps_per_block
from lab.tasks.environment import Environment

EPISODES = 20  #: encoded together
TOGETHER = 2**24  #: latent numbers, at most, that are in memory while encoding


@dataclass(frozen=True)
class LatentData:
    """``z`` (N, T + 1, Z) at every environment step, in memory or on disk; ``actions`` (N, T, a) standardised."""

    z: Tensor
    actions: Tensor
    frameskip: int
    history: int = 1  #: transitions in a row that a predictor sees
    states: np.ndarray | None = None  #: (N, T + 1, S) the true states, from which Online World Modeling plans

    def at(self, episode: Tensor, step: Tensor) -> Tensor:
        """The latent states (..., Z) of ``step`` (...) in ``episode`` (...), where the actions are."""
        return self.z[episode, step].to(self.actions)

    def batch(self, size: int, rng: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
        """``size`` windows of K = ``history`` transitions at any offset: z (B, K, Z), blocks (B, K, A), next z."""
        n, steps, _ = self.actions.shape
        length = self.history * self.frameskip
        episode = torch.randint(n, (size, 1), generator=rng)
        first = torch.randint(steps - length + 1, (size, 1), generator=rng)
        z = self.at(episode, first + self.frameskip * torch.arange(self.history + 1))
        blocks = self.actions[episode, first + torch.arange(length)].view(size, self.history, -1)
        return z[:, :-1], blocks, z[:, 1:]


@torch.no_grad()
def encode(
    model: Trainable, environment: Environment, states: np.ndarray, actions: np.ndarray, progress: bool = True
) -> LatentData:
    """Trajectories of any environment, ``states`` (N, T + 1, S) under ``actions`` (N, T, a), as ``model`` sees them.

    Raises LabError where states, actions and model do not fit each other.
    """
    if states.ndim != 3 or actions.ndim != 3 or (len(actions), actions.shape[1] + 1) != states.shape[:2]:
        raise LabError(
            f"Trajectories are states (N, T + 1, S) and actions (N, T, a), got {states.shape} and {actions.shape}."
        )
    starts = tqdm(range(0, len(states), EPISODES), desc="encoding frames", delay=2, disable=not progress)
    seen = [see(model, environment, states[first : first + EPISODES]) for first in starts]
    return _latent_data(model, torch.cat(seen), states, actions)


def encode_dataset(model: WorldModel, data: Dataset, progress: bool = True) -> LatentData:
    """All frames of ``data`` through the model's encoder, or from the cache if that was done before; actions too."""
    path = cache_root() / "latents" / f"{data.fingerprint}-{encoder_hash(model)}.npy"
    z = None
    with suppress(OSError, ValueError, EOFError):
        z = _mapped(path)
    if z is None:
        with replacing(path) as temporary, open(temporary, "wb") as file:
            _encode(model, data, file, progress)
        z = _mapped(path)
    return _latent_data(model, z, data.states, data.actions)


def _latent_data(model: Trainable, z: Tensor, states: np.ndarray, actions: np.ndarray) -> LatentData:
    """Actions standardised one by one; those after the last whole block are left out."""
    skip = steps_per_block(model)
    steps = actions.shape[1] // skip * skip
    blocks = model.normalise_actions(np.array(actions[:, :steps]))
    expected = (len(actions), steps // skip, skip * actions.shape[2])
    if not steps or z.ndim != 3 or z.shape[:2] != states.shape[:2] or blocks.shape != expected:
        raise LabError(
            f"{type(model).__name__} should make z {(*states.shape[:2], 'Z')} of the states and, of {skip} steps each, "
            f"blocks {expected} of the actions; it made {tuple(z.shape)} and {tuple(blocks.shape)}."
        )
    return LatentData(z, blocks.reshape(len(actions), steps, -1), skip, getattr(model, "history", 1), states)


def encoder_hash(model: WorldModel) -> str:
    """Changes with anything that an encoded frame depends on."""
    digest = hashlib.sha256("".join(model.spec.outside.values()).encode())
    for name, tensor in model.state_dict().items():
        if not name.startswith(("predictor.", "decoder.")):
            digest.update(tensor.cpu().numpy().tobytes())
    return digest.hexdigest()[:16]


def _mapped(path: Path) -> Tensor:
    """The array in ``path``, read from disk only where it is looked at."""
    return torch.from_numpy(np.load(path, mmap_mode="c"))  # c: torch wants to be allowed to write, if not to the file


def _encode(model: WorldModel, data: Dataset, file: BinaryIO, progress: bool) -> None:
    """Write z (N, T + 1, Z) of all frames. Plain writes, unlike a memory map, report a full disk."""
    assert data.pixels is not None
    proprio = data.task.proprio(data.states)
    n, frames = data.states.shape[:2]
    shape = (n, frames, model.spec.latent_dim + model.spec.proprio_dim)
    dtype = torch.empty(0, dtype=model.spec.stored).numpy().dtype
    write_array_header_1_0(file, {"descr": dtype_to_descr(dtype), "fortran_order": False, "shape": shape})
    together = max(1, min(EPISODES, TOGETHER // (frames * shape[2])))
    for first in tqdm(range(0, n, together), desc="encoding frames", delay=2, disable=not progress):
        rows = slice(first, first + together)
        pixels = torch.from_numpy(np.array(data.pixels[rows])).flatten(0, 1)
        z = model.encode(pixels, proprio[rows].reshape(len(pixels), proprio.shape[-1]))
        file.write(z.to("cpu", model.spec.stored).numpy().tobytes())
