"""A small decoder from latents back to pictures. It only draws: neither training nor planning ever sees it."""

import torch
from torch import Tensor, nn


class Decoder(nn.Module):
    """Latents (B, D) -> pictures (B, 3, 64, 64) in [0, 1]."""

    def __init__(self, latent_dim: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(latent_dim, 16 * 8 * 8), nn.ReLU(), nn.Unflatten(1, (16, 8, 8)),
            nn.ConvTranspose2d(16, 24, 4, stride=2, padding=1), nn.ReLU(),
            nn.ConvTranspose2d(24, 16, 4, stride=2, padding=1), nn.ReLU(),
            nn.ConvTranspose2d(16, 3, 4, stride=2, padding=1), nn.Sigmoid(),
        )  # fmt: skip

    def forward(self, latents: Tensor) -> Tensor:
        return self.layers(latents)

    @torch.no_grad()
    def draw(self, latents: Tensor) -> Tensor:
        """uint8 pictures (B, 64, 64, 3) of ``latents`` (B, D)."""
        return (self(latents) * 255).round().byte().permute(0, 2, 3, 1)
