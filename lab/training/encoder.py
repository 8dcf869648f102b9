"""Fitting a frozen encoder, its normalisation statistics and the decoder on the frames of the offline data."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lab.data import Dataset
from lab.errors import LabError
from lab.models import ModelSpec, WorldModel
from lab.models.encoders import Frames, minimise, to_channels


def fit_encoder(
    spec: ModelSpec,
    data: Dataset,
    steps: int,
    decoder_steps: int,
    seed: int,
    progress: bool = True,
    run: Path | None = None,
) -> WorldModel:
    """A world model whose encoder, statistics and decoder are ready and whose predictor is still untrained.

    With a folder ``run`` of its own, a stopped fit is resumed. Raises LabError for an encoder that does not tell
    pictures apart, and for a loss that is not finite.
    """
    assert data.pixels is not None
    pixels = data.pixels.reshape(-1, *data.pixels.shape[2:])
    frames = Frames(pixels, seed, run, data.pixels.shape[1], data.task.frameskip)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = WorldModel(spec)
        model.encoder.fit(frames, steps, progress)
        images = frames.sample(model.encoder.most_frames)
        latents = _encoded(model.encoder, images)
        _set_statistics(model, data, latents)
        shown = _Kept(images, latents, frames.rng) if model.encoder.slow else _Fresh(model.encoder, frames)
        _train_decoder(model, frames, shown, decoder_steps, progress)
    return model.eval().requires_grad_(False)


def fit_decoder(model: WorldModel, data: Dataset, steps: int, seed: int = 0, progress: bool = True) -> None:
    """Fit the decoder of a ``model`` whose encoder and statistics are ready, on pictures of ``data`` encoded once."""
    assert data.pixels is not None
    frames = Frames(data.pixels.reshape(-1, *data.pixels.shape[2:]), seed)
    images = frames.sample(model.encoder.most_frames)
    model.decoder.requires_grad_(True)
    _train_decoder(model, frames, _Kept(images, _encoded(model.encoder, images), frames.rng), steps, progress)
    model.decoder.requires_grad_(False)


@dataclass(frozen=True)
class _Fresh:
    """Pictures to draw, other ones each time."""

    encoder: nn.Module
    frames: Frames

    def batch(self, size: int) -> tuple[Tensor, Tensor]:
        """Pictures (B, H, W, 3) and their latents (B, D)."""
        images = self.frames.batch(size)
        with torch.no_grad():
            return images, self.encoder(images)


@dataclass(frozen=True)
class _Kept:
    """Pictures to draw, of a few that were encoded once."""

    images: Tensor
    latents: Tensor
    rng: torch.Generator

    def batch(self, size: int) -> tuple[Tensor, Tensor]:
        """See `_Fresh`."""
        rows = torch.randint(len(self.images), (size,), generator=self.rng)
        return self.images[rows], self.latents[rows]


def _train_decoder(model: WorldModel, frames: Frames, shown: _Fresh | _Kept, steps: int, progress: bool) -> None:
    with torch.no_grad():
        background = to_channels(frames.background[None])
        model.decoder.background.copy_(F.adaptive_avg_pool2d(background, model.decoder.background.shape[-2:])[0])

    def loss() -> Tensor:
        images, latents = shown.batch(64)
        with torch.autocast("cpu", torch.bfloat16):
            drawn = model.decoder((latents - model.latent_mean) / model.latent_std)
        return frames.error(drawn.float(), images)

    minimise(frames, loss, list(model.decoder.parameters()), steps, 2e-3, "training decoder", progress)


@torch.no_grad()
def _encoded(encoder: nn.Module, images: Tensor) -> Tensor:
    return torch.cat([encoder(chunk) for chunk in images.split(256)])


@torch.no_grad()
def _set_statistics(model: WorldModel, data: Dataset, latents: Tensor) -> None:
    """Means and standard deviations of the data. One scale for all latent numbers keeps the encoder's distance."""
    model.latent_mean.copy_(latents.mean(0))
    scale = (latents - latents.mean(0)).pow(2).mean().sqrt()
    if not scale > 0:
        kind = model.spec.encoder
        raise LabError(f"The encoder '{kind}' must tell pictures apart, but gives all the same latents: change it.")
    model.latent_std.fill_(scale)
    proprio = torch.from_numpy(data.task.proprio(data.states)).flatten(0, 1)
    actions = torch.from_numpy(np.array(data.actions)).flatten(0, 1)
    for name, values in (("proprio", proprio), ("action", actions)):
        if values.shape[1]:  # some tasks sense nothing besides the picture
            getattr(model, f"{name}_mean").copy_(values.mean(0))
            getattr(model, f"{name}_std").copy_(values.std(0))
