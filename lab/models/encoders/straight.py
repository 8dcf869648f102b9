"""Temporal straightening: an encoder in which what moves moves straight on.

Source: Wang et al. 2026, "Temporal Straightening for Latent Planning", arXiv 2603.12231, the curvature loss.
"""

from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lab.models.encoders.encoder import VectorEncoder
from lab.models.encoders.fitting import Frames, minimise
from lab.models.encoders.pyramid import Pyramid

WIDTH = 256  #: of the hidden layers


def curvature(z: Tensor) -> Tensor:
    """1 - cos(z_2 - z_1, z_3 - z_2) of three latents in a row (..., 3, D): 0 on a straight line, 2 on the way back."""
    first, second = z.diff(dim=-2).unbind(-2)
    return 1 - F.cosine_similarity(first, second, dim=-1)


class Straight(VectorEncoder):
    """A `Pyramid` p of the picture, bent by a network: z = p + g(p).

    The loss is that of a network which undoes g, and keeps z from collapsing, plus ``weight`` times the `curvature` of
    three pictures a model's step apart. The paper instead fits encoder and predictor together, with stopped gradients,
    on features of DINOv2; here the predictor comes after, as for every encoder of the lab.
    """

    kind = "straight"
    weight: ClassVar[float] = 1.0  #: lambda of the curvature

    def __init__(self, latent_dim: int) -> None:
        super().__init__(latent_dim)
        self.pyramid = Pyramid(latent_dim)
        self.bend = _network(latent_dim)
        self.register_buffer("scale", torch.ones(()))

    def forward(self, images: Tensor) -> Tensor:
        return self._bent(self._projected(images))

    def fit(self, frames: Frames, steps: int, progress: bool = True) -> None:
        """Fit the pyramid's projection, and then the network, beside one that is forgotten and undoes it."""
        self.pyramid.fit(frames, 0)
        with torch.no_grad():
            self.scale.copy_(self.pyramid(frames.sample(self.most_frames)).square().mean().sqrt().clamp_min(1e-9))
        undo = _network(self.latent_dim)

        def loss() -> Tensor:
            walks = frames.walks(64)
            with torch.no_grad():
                p = self._projected(walks.flatten(0, 1))
            z = self._bent(p)
            kept = F.mse_loss(z + undo(z), p)
            return kept + self.weight * curvature(z.unflatten(0, walks.shape[:2])).mean()

        parameters = [*self.bend.parameters(), *undo.parameters()]
        minimise(frames, loss, parameters, steps, 2e-3, "training encoder", progress)

    def _projected(self, images: Tensor) -> Tensor:
        return self.pyramid(images) / self.scale

    def _bent(self, p: Tensor) -> Tensor:
        return p + self.bend(p)


def _network(dim: int) -> nn.Sequential:
    """A perceptron from ``dim`` to ``dim`` numbers that begins at zero."""
    last = nn.Linear(WIDTH, dim)
    nn.init.zeros_(last.weight)
    nn.init.zeros_(last.bias)
    return nn.Sequential(nn.Linear(dim, WIDTH), nn.GELU(), nn.Linear(WIDTH, WIDTH), nn.GELU(), last)
