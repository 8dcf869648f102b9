"""Random convolutions of the picture, projected. For comparison alone: no shipped model has them."""

import torch
from torch import Tensor
from torch.nn import functional as F

from lab.models.encoders.fitting import to_channels
from lab.models.encoders.projection import Projection


class RandomConvolutions(Projection):
    """Two layers of random convolutions, averaged over the cells of an 8x8 grid.

    Their distance, too, soon stops growing: see `Pixels`.
    """

    kind = "random"
    grid = 8
    channels = 24

    def __init__(self, latent_dim: int) -> None:
        super().__init__(latent_dim, self.channels * self.grid**2)
        self.register_buffer("first", torch.randn(self.channels, 3, 5, 5) / 75**0.5)
        self.register_buffer("second", torch.randn(self.channels, self.channels, 3, 3) / (9 * self.channels) ** 0.5)

    def features(self, images: Tensor) -> Tensor:
        """The cells' averages (B, F)."""
        x = F.conv2d(2 * to_channels(images) - 1, self.first, stride=2, padding=2).relu()
        x = F.conv2d(x, self.second, padding=1).relu()
        return F.adaptive_avg_pool2d(x, self.grid).flatten(1)
