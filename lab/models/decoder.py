"""Small decoders from latents back to pictures. They only draw: neither training nor planning ever sees them."""

from math import isqrt

import torch
from torch import Tensor, nn
from torch.nn import functional as F

POINTS = 24


class Decoder(nn.Module):
    """Latents (B, D) -> pictures (B, 3, 64, 64), about [0, 1].

    The latent places ``POINTS`` soft dots on a 32 x 32 grid, and convolutions paint the picture from these over a
    background: what moves in our tasks are positions, and drawing dots where they are is easy to learn.
    """

    def __init__(self, latent_dim: int) -> None:
        super().__init__()
        self.place = nn.Sequential(nn.Linear(latent_dim, 256), nn.GELU(), nn.Linear(256, 2 * POINTS), nn.Tanh())
        self.log_width = nn.Parameter(torch.full((POINTS,), -2.5))
        # not on the meta device, whose linspace would load SymPy
        self.register_buffer("axis", torch.linspace(-1, 1, 32, device="cpu"), persistent=False)
        self.paint = nn.Sequential(
            nn.Conv2d(POINTS, 24, 3, padding=1), nn.ReLU(),
            nn.Conv2d(24, 24, 3, padding=1), nn.ReLU(),
            nn.ConvTranspose2d(24, 3, 4, stride=2, padding=1),
        )  # fmt: skip
        self.background = nn.Parameter(torch.zeros(3, 64, 64))

    def forward(self, latents: Tensor) -> Tensor:
        x, y = self.place(latents).chunk(2, -1)
        width = self.log_width.exp()[:, None]
        columns, rows = (torch.exp(-0.5 * ((self.axis - p[..., None]) / width) ** 2) for p in (x, y))
        return self.background + self.paint(rows[..., :, None] * columns[..., None, :])


class PatchDecoder(nn.Module):
    """Patch tokens (B, P * C) -> pictures (B, 3, 64, 64), about [0, 1], painted from the square of patches."""

    def __init__(self, patches: int, channels: int) -> None:
        super().__init__()
        self.side, self.channels = isqrt(patches), channels
        self.read = nn.Conv2d(channels, 64, 1)
        self.paint = nn.Sequential(
            nn.Conv2d(64, 32, 3, padding=1), nn.ReLU(),
            nn.Conv2d(32, 24, 3, padding=1), nn.ReLU(),
            nn.ConvTranspose2d(24, 3, 4, stride=2, padding=1),
        )  # fmt: skip
        self.background = nn.Parameter(torch.zeros(3, 64, 64))

    def forward(self, latents: Tensor) -> Tensor:
        square = latents.unflatten(-1, (self.side, self.side, self.channels)).permute(0, 3, 1, 2)
        return self.background + self.paint(F.interpolate(self.read(square), (32, 32), mode="bilinear"))
