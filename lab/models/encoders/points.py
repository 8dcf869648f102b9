"""A spatial autoencoder, whose latents are image positions. The simplest one that is learnt."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lab.models.encoders.encoder import SIZE, VectorEncoder
from lab.models.encoders.fitting import Frames, minimise, to_channels


class FeaturePoints(VectorEncoder):
    """``points`` expected image positions under learnt attention maps, 2 numbers each.

    Position-like latents move in proportion to what they track, however far that is from the goal: without such
    long-range distances, gradients die a short way from it.
    """

    kind = "points"
    place = 0

    def __init__(self, latent_dim: int) -> None:
        super().__init__(latent_dim)
        points = latent_dim // 2
        self.maps = nn.Sequential(
            nn.Conv2d(3, 32, 5, stride=2, padding=2), nn.ReLU(),
            nn.Conv2d(32, 32, 5, padding=2), nn.ReLU(),
            nn.Conv2d(32, points, 3, padding=1),
        )  # fmt: skip
        self.log_temperature = nn.Parameter(torch.full((points,), 2.3))  # sharp enough from the start to get gradients
        self.register_buffer("background", torch.zeros(3, SIZE, SIZE))
        self.register_buffer("axis", torch.linspace(-1, 1, SIZE // 2), persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        maps = self.maps(2 * (to_channels(images) - self.background)).float()
        logits = (maps * self.log_temperature.exp()[:, None, None]).flatten(2)
        attention = F.softmax(logits, -1).view_as(maps)
        x, y = attention.sum(2) @ self.axis, attention.sum(3) @ self.axis
        return torch.cat([x, y], -1)

    def fit(self, frames: Frames, steps: int, progress: bool = True) -> None:
        """Learn to place points from which `_Painter`, learnt along and then forgotten, draws the picture."""
        painter = _Painter(self.latent_dim // 2)
        with torch.no_grad():
            self.background.copy_(to_channels(frames.background[None])[0])
            painter.background.copy_(F.adaptive_avg_pool2d(self.background, 32))

        def loss() -> Tensor:
            images = frames.batch(64)
            with torch.autocast("cpu", torch.bfloat16):
                drawn = painter(self(images))
            return frames.error(drawn.float(), images)

        minimise(frames, loss, [*self.parameters(), *painter.parameters()], steps, 2e-3, "training encoder", progress)


class _Painter(nn.Module):
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
