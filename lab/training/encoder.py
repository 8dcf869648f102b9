"""Fitting a frozen encoder, its normalisation statistics and the decoder on the frames of the offline data."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from tqdm.auto import tqdm

from lab.data import Dataset
from lab.models import ModelSpec, WorldModel
from lab.models.encoders import FeaturePoints, Pyramid, to_channels


def fit_encoder(
    spec: ModelSpec, data: Dataset, steps: int, decoder_steps: int, seed: int, progress: bool = True
) -> WorldModel:
    """A world model whose encoder, statistics and decoder are ready and whose predictor is still untrained."""
    frames = _Frames(data, seed)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = WorldModel(spec)
        way = WAYS.get(spec.encoder, PROJECTED)
        way.fit(model.encoder, frames, steps, progress)
        images = frames.batch(min(way.frames, len(frames.pixels)))
        latents = _encoded(model.encoder, images)
        _set_statistics(model, data, latents)
        shown = _Kept(images, latents, frames.rng) if way.once else _Fresh(model.encoder, frames)
        _train_decoder(model, frames, shown, decoder_steps, progress)
    return model.eval().requires_grad_(False)


class _Frames:
    """Random frames of a data set, and how much each of their pixels matters."""

    def __init__(self, data: Dataset, seed: int) -> None:
        assert data.pixels is not None
        self.pixels = data.pixels.reshape(-1, *data.pixels.shape[2:])
        self.rng = torch.Generator().manual_seed(seed)
        self.background = self.batch(512).float().median(0).values

    def batch(self, size: int) -> Tensor:
        rows = torch.randint(len(self.pixels), (size,), generator=self.rng)
        return torch.from_numpy(self.pixels[rows.sort().values.numpy()])

    def error(self, drawn: Tensor, images: Tensor) -> Tensor:
        """Squared error of ``drawn`` (B, 3, H, W), 11 times heavier where a picture differs from the background."""
        foreground = ((images.float() - self.background).abs().amax(-1) > 20).float()[:, None]
        weight = F.adaptive_avg_pool2d(1 + 10 * foreground, drawn.shape[-2:])
        target = F.adaptive_avg_pool2d(to_channels(images), drawn.shape[-2:])
        return (weight * (drawn - target) ** 2).mean()


@dataclass(frozen=True)
class _Fresh:
    """Pictures to draw, other ones each time."""

    encoder: nn.Module
    frames: _Frames

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


class _BlobDecoder(nn.Module):
    """Draws feature points as Gaussian blobs on a 16x16 grid and paints from these; forces points to be positions."""

    def __init__(self, points: int) -> None:
        super().__init__()
        self.register_buffer("axis", torch.linspace(-1, 1, 16))
        self.paint = nn.Sequential(
            nn.Conv2d(points, 48, 3, padding=1), nn.ReLU(),
            nn.ConvTranspose2d(48, 32, 4, stride=2, padding=1), nn.ReLU(),
            nn.Conv2d(32, 3, 3, padding=1),
        )  # fmt: skip
        self.background = nn.Parameter(torch.zeros(3, 32, 32))

    def forward(self, latents: Tensor) -> Tensor:
        x, y = latents.chunk(2, -1)
        columns, rows = (torch.exp(-0.5 * ((self.axis - p[..., None]) / 0.12) ** 2) for p in (x, y))
        return self.background + self.paint(rows[..., :, None] * columns[..., None, :])


def _fit_projection(encoder: Pyramid, frames: _Frames, steps: int, progress: bool) -> None:
    encoder.fit(frames.batch(min(PROJECTED.frames, len(frames.pixels))))


def _train_points(encoder: FeaturePoints, frames: _Frames, steps: int, progress: bool) -> None:
    painter = _BlobDecoder(encoder.latent_dim // 2)
    with torch.no_grad():
        encoder.background.copy_(to_channels(frames.background[None])[0])
        painter.background.copy_(F.adaptive_avg_pool2d(encoder.background, 32))
    parameters = [*encoder.parameters(), *painter.parameters()]

    def loss() -> Tensor:
        images = frames.batch(64)
        with torch.autocast("cpu", torch.bfloat16):
            drawn = painter(encoder(images))
        return frames.error(drawn.float(), images)

    _minimise(loss, parameters, steps, 2e-3, "training encoder", progress)


def _keep_pretrained(encoder: nn.Module, frames: _Frames, steps: int, progress: bool) -> None:
    """There is nothing to fit."""


@dataclass(frozen=True)
class Way:
    """How a kind of encoder comes about."""

    fit: Callable[..., None]  #: (encoder, frames, steps, progress)
    frames: int = 4000  #: pictures, at most, that statistics are taken from
    once: bool = False  #: encode no others for the decoder: it takes too long


PROJECTED = Way(_fit_projection)  #: of all kinds that are not in `WAYS`
WAYS = {"points": Way(_train_points), "dino": Way(_keep_pretrained, frames=512, once=True)}


def _train_decoder(model: WorldModel, frames: _Frames, shown: _Fresh | _Kept, steps: int, progress: bool) -> None:
    with torch.no_grad():
        background = to_channels(frames.background[None])
        model.decoder.background.copy_(F.adaptive_avg_pool2d(background, model.decoder.background.shape[-2:])[0])

    def loss() -> Tensor:
        images, latents = shown.batch(64)
        with torch.autocast("cpu", torch.bfloat16):
            drawn = model.decoder((latents - model.latent_mean) / model.latent_std)
        return frames.error(drawn.float(), images)

    _minimise(loss, list(model.decoder.parameters()), steps, 2e-3, "training decoder", progress)


def _minimise(
    loss: Callable[[], Tensor], parameters: list[nn.Parameter], steps: int, lr: float, what: str, progress: bool
) -> None:
    optimiser = torch.optim.Adam(parameters, lr)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, lr, steps)
    for _ in tqdm(range(steps), desc=what, delay=2, disable=not progress):
        optimiser.zero_grad()
        loss().backward()
        optimiser.step()
        schedule.step()


@torch.no_grad()
def _encoded(encoder: nn.Module, images: Tensor) -> Tensor:
    return torch.cat([encoder(chunk) for chunk in images.split(256)])


@torch.no_grad()
def _set_statistics(model: WorldModel, data: Dataset, latents: Tensor) -> None:
    """Means and deviations of the data; one scale for all latent numbers, so that the encoder's distance is kept."""
    model.latent_mean.copy_(latents.mean(0))
    model.latent_std.fill_((latents - latents.mean(0)).pow(2).mean().sqrt())
    proprio = torch.from_numpy(data.task.proprio(data.states)).flatten(0, 1)
    actions = torch.from_numpy(np.array(data.actions)).flatten(0, 1)
    for name, values in (("proprio", proprio), ("action", actions)):
        if values.shape[1]:  # some tasks sense nothing besides the picture
            getattr(model, f"{name}_mean").copy_(values.mean(0))
            getattr(model, f"{name}_std").copy_(values.std(0))
