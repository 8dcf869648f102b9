"""The training data as the predictor sees them: latent states of all frames, encoded once, and standardised actions.

The latents of a data set are a ``.npy`` memory map in the cache: the patch tokens of a few hundred episodes do not fit
into memory. Their precision is that of the model's family.
"""

import hashlib
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np
import torch
from numpy.lib.format import dtype_to_descr, write_array_header_1_0
from torch import Tensor
from tqdm.auto import tqdm

from lab.data import Dataset
from lab.data.arrays import describe_arrays, load_arrays
from lab.errors import LabError, has_methods
from lab.files import cache_root, replacing
from lab.locks import load_or_make
from lab.models import Trainable, WorldModel
from lab.models.protocols import see, steps_per_block
from lab.tasks.environment import Environment, check_environment, trajectories

EPISODES = 20  #: episodes encoded in one batch, at most
LATENT_NUMBERS = 2**24  #: of one batch while encoding, at most: this bounds the memory


@dataclass(frozen=True)
class LatentData:
    """N episodes: ``z`` (N, T + 1, Z) at every environment step and standardised ``actions`` (N, T, a).

    Raises LabError for other shapes, and for episodes that are too short to learn from.
    """

    z: Tensor
    actions: Tensor
    frameskip: int
    history: int = 1  #: consecutive transitions that the predictor sees
    states: np.ndarray | None = None  #: (N, T + 1, S) the true states, from which Online World Modeling plans

    def __post_init__(self) -> None:
        z, actions = self.z.shape, self.actions.shape
        if len(z) != 3 or len(actions) != 3 or z[0] != actions[0] or z[1] <= actions[1] or 0 in (*z, *actions):
            raise LabError(
                f"Latent data are z (N, T + 1, Z) and actions (N, T, a), got {tuple(z)} and {tuple(actions)}."
            )
        if actions[1] < self.history * self.frameskip:
            raise LabError(
                f"Episodes of {actions[1]} steps are shorter than {self.history} transitions of {self.frameskip} steps."
            )

    def at(self, episode: Tensor, step: Tensor) -> Tensor:
        """The latent states (..., Z) of ``step`` (...) in ``episode`` (...), on the device of the actions."""
        return self.z[episode, step].to(self.actions)

    def batch(self, size: int, rng: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
        """Random windows of K = ``history`` transitions: z (size, K, Z), blocks (size, K, A), next z (size, K, Z)."""
        n, steps, width = self.actions.shape
        length = self.history * self.frameskip
        episode = torch.randint(n, (size, 1), generator=rng)
        first = torch.randint(steps - length + 1, (size, 1), generator=rng)
        z = self.at(episode, first + self.frameskip * torch.arange(self.history + 1))
        blocks = self.actions[episode, first + torch.arange(length)].view(size, self.history, self.frameskip * width)
        return z[:, :-1], blocks, z[:, 1:]


def check_data(data: object) -> None:
    """Raise LabError unless ``data`` are what a training draws batches from."""
    if not has_methods(data, "batch"):
        raise LabError(f"The data of a training have a method batch, as those that encode makes, got {data!r:.80}.")


@torch.no_grad()
def encode(
    model: Trainable, environment: Environment, states: np.ndarray, actions: np.ndarray, progress: bool = True
) -> LatentData:
    """Encode trajectories of any environment, ``states`` (N, T + 1, S) under ``actions`` (N, T, a), with ``model``.

    Raises LabError for an environment that is none, where the shapes of states, actions and the model's outputs do not
    match, and for numbers that are not finite.
    """
    check_environment(environment)
    states, actions = trajectories(states, actions)
    starts = tqdm(range(0, len(states), EPISODES), desc="encoding frames", delay=2, disable=not progress)
    latents = [see(model, environment, states[first : first + EPISODES]) for first in starts]
    return _latent_data(model, torch.cat(latents), states, actions)


def encode_dataset(model: WorldModel, data: Dataset, progress: bool = True) -> LatentData:
    """``data`` as the encoder of ``model`` sees them, from the cache if they were encoded before."""
    encoder = encoder_hash(model)
    path = cache_root() / "latents" / f"{data.fingerprint}-{encoder}.npy"
    manifest, identity = path.with_suffix(".json"), {"data": data.fingerprint, "encoder": encoder}

    def make() -> None:
        with replacing(path) as temporary, open(temporary, "wb") as file:
            _encode(model, data, file, progress)
        describe_arrays(manifest, identity, [path])

    def load() -> Tensor:
        (z,) = load_arrays(manifest, identity, "c").values()
        if (z.shape, z.dtype) != _layout(model, data):
            raise LabError(f"{path} holds an array of another shape or type than its data.")
        return torch.from_numpy(z)

    return _latent_data(model, load_or_make(path, load, make), data.states, data.actions)


def _latent_data(model: Trainable, z: Tensor, states: np.ndarray, actions: np.ndarray) -> LatentData:
    """Standardise the actions; those after the last whole block are left out."""
    skip = steps_per_block(model)
    steps = actions.shape[1] // skip * skip
    if not steps:
        raise LabError(f"Episodes of {actions.shape[1]} steps are shorter than a block of {skip} steps.")
    blocks = model.normalise_actions(np.array(actions[:, :steps]))
    expected = (len(actions), steps // skip, skip * actions.shape[2])
    if z.ndim != 3 or z.shape[:2] != states.shape[:2] or blocks.shape != expected:
        raise LabError(
            f"{type(model).__name__} should make z {(*states.shape[:2], 'Z')} of the states and, of {skip} steps each, "
            f"blocks {expected} of the actions; it made {tuple(z.shape)} and {tuple(blocks.shape)}."
        )
    return LatentData(z, blocks.reshape(len(actions), steps, -1), skip, getattr(model, "history", 1), states)


def encoder_hash(model: WorldModel) -> str:
    """A hash of all weights, statistics and outside weights on which an encoded frame depends."""
    digest = hashlib.sha256("".join(model.spec.outside.values()).encode())
    for name, tensor in model.state_dict().items():
        if not name.startswith(("predictor.", "decoder.")):
            digest.update(tensor.cpu().numpy().tobytes())
    return digest.hexdigest()[:16]


def _layout(model: WorldModel, data: Dataset) -> tuple[tuple[int, ...], np.dtype]:
    """Shape (N, T + 1, Z) and type of the latents."""
    shape = (*data.states.shape[:2], model.spec.latent_dim + model.spec.proprio_dim)
    return shape, torch.empty(0, dtype=model.spec.stored).numpy().dtype


def _encode(model: WorldModel, data: Dataset, file: BinaryIO, progress: bool) -> None:
    """Write z (N, T + 1, Z) of all frames to ``file``. Unlike a memory map, plain writes report a full disk."""
    assert data.pixels is not None
    proprio = data.task.proprio(data.states)
    shape, dtype = _layout(model, data)
    n, frames, _ = shape
    write_array_header_1_0(file, {"descr": dtype_to_descr(dtype), "fortran_order": False, "shape": shape})
    episodes = max(1, min(EPISODES, LATENT_NUMBERS // (frames * shape[2])))
    for first in tqdm(range(0, n, episodes), desc="encoding frames", delay=2, disable=not progress):
        rows = slice(first, first + episodes)
        pixels = torch.from_numpy(np.array(data.pixels[rows])).flatten(0, 1)
        z = model.encode(pixels, proprio[rows].reshape(len(pixels), proprio.shape[-1]))
        file.write(z.to("cpu", model.spec.stored).numpy().tobytes())
