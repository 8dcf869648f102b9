"""Fitting a frozen encoder, its normalisation statistics and the decoder on the frames of the offline data."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from tqdm.auto import tqdm

from lab.data import Dataset
from lab.models import ModelSpec, WorldModel
from lab.models.encoders import FeaturePoints, Pyramid, to_channels
from lab.tasks import make_task


def fit_encoder(
    spec: ModelSpec, data: Dataset, steps: int, decoder_steps: int, seed: int, progress: bool = True
) -> WorldModel:
    """A world model whose encoder, statistics and decoder are ready and whose predictor is still untrained."""
    frames = _Frames(data, seed)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = WorldModel(spec)
        if isinstance(model.encoder, Pyramid):
            model.encoder.fit(frames.many())
        else:
            _train_points(model.encoder, frames, steps, progress)
        _set_statistics(model, data, frames)
        _train_decoder(model, frames, decoder_steps, progress)
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

    def many(self) -> Tensor:
        """Enough pictures for statistics."""
        return self.batch(min(4000, len(self.pixels)))

    def error(self, drawn: Tensor, images: Tensor) -> Tensor:
        """Squared error of ``drawn`` (B, 3, H, W), 11 times heavier where a picture differs from the background."""
        foreground = ((images.float() - self.background).abs().amax(-1) > 20).float()[:, None]
        weight = F.adaptive_avg_pool2d(1 + 10 * foreground, drawn.shape[-2:])
        target = F.adaptive_avg_pool2d(to_channels(images), drawn.shape[-2:])
        return (weight * (drawn - target) ** 2).mean()


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


def _train_decoder(model: WorldModel, frames: _Frames, steps: int, progress: bool) -> None:
    with torch.no_grad():
        model.decoder.background.copy_(to_channels(frames.background[None])[0])

    def loss() -> Tensor:
        images = frames.batch(64)
        with torch.no_grad():
            latents = (model.encoder(images) - model.latent_mean) / model.latent_std
        with torch.autocast("cpu", torch.bfloat16):
            drawn = model.decoder(latents)
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
def _set_statistics(model: WorldModel, data: Dataset, frames: _Frames) -> None:
    """Means and deviations of the data; one scale for all latent numbers, so that the encoder's distance is kept."""
    latents = torch.cat([model.encoder(chunk) for chunk in frames.many().split(256)])
    model.latent_mean.copy_(latents.mean(0))
    model.latent_std.fill_((latents - latents.mean(0)).pow(2).mean().sqrt())
    proprio = torch.from_numpy(make_task(data.spec.task).proprio(data.states)).flatten(0, 1)
    actions = torch.from_numpy(np.array(data.actions)).flatten(0, 1)
    for name, values in (("proprio", proprio), ("action", actions)):
        if values.shape[1]:  # some tasks sense nothing besides the picture
            getattr(model, f"{name}_mean").copy_(values.mean(0))
            getattr(model, f"{name}_std").copy_(values.std(0))
