"""Frozen encoders Phi: pictures (B, 64, 64, 3) uint8 -> latents (B, D) whose Euclidean distance planning minimises.

Both give latents with long-range, smooth distances: without that, gradients die a short way from the goal.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

SIZE = 64  #: side of the pictures all encoders here expect


def to_channels(images: Tensor) -> Tensor:
    """uint8 pictures (B, H, W, 3) as floats (B, 3, H, W) in [0, 1]."""
    return images.permute(0, 3, 1, 2).float() / 255


class Pyramid(nn.Module):
    """A Gaussian pyramid projected on its first principal components, unwhitened: a single linear map of the picture.

    Each level blurs with ``sigma`` pixels, samples an 8x8 grid and is weighted by its sigma, so that coarse levels,
    whose distance grows far from the goal, carry most of the norm.
    """

    kind = "pyramid"
    sigmas: tuple[float, ...] = (3.0, 6.0, 12.0, 20.0)
    grid = 8

    def __init__(self, latent_dim: int = 64) -> None:
        super().__init__()
        self.latent_dim = latent_dim
        features = len(self.sigmas) * self.grid**2 * 3
        self.register_buffer("mean", torch.zeros(features))
        self.register_buffer("components", torch.zeros(features, latent_dim))
        self.register_buffer("blur", torch.stack([self._blur(sigma) for sigma in self.sigmas]), persistent=False)

    def _blur(self, sigma: float) -> Tensor:
        """Rows (grid, SIZE) that blur and sample one axis, weighted so that both axes together weigh sigma."""
        centres = (torch.arange(self.grid) + 0.5) * SIZE / self.grid
        weights = torch.exp(-0.5 * ((torch.arange(SIZE) + 0.5 - centres[:, None]) / sigma) ** 2)
        return sigma**0.5 * weights / weights.sum(1, keepdim=True)

    def features(self, images: Tensor) -> Tensor:
        """The weighted pyramid (B, F) before the projection."""
        x = to_channels(images)
        return torch.einsum("lij,bcjk,lmk->blcim", self.blur, x, self.blur).flatten(1)

    def forward(self, images: Tensor) -> Tensor:
        return (self.features(images) - self.mean) @ self.components

    @torch.no_grad()
    def fit(self, images: Tensor) -> None:
        """Set the projection from ``images`` (B, 64, 64, 3): the leading principal components of their pyramids."""
        features = torch.cat([self.features(chunk) for chunk in images.split(512)]).double()
        mean = features.mean(0)
        _, vectors = torch.linalg.eigh((features - mean).T @ (features - mean))
        self.mean.copy_(mean)
        self.components.copy_(vectors.flip(1)[:, : self.latent_dim])


class FeaturePoints(nn.Module):
    """A spatial autoencoder: ``points`` expected image positions under learned attention maps, 2 numbers each.

    Position-like latents move in proportion to what they track, however far that is from the goal.
    """

    kind = "points"

    def __init__(self, latent_dim: int = 64) -> None:
        super().__init__()
        self.latent_dim = latent_dim
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
