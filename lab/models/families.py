"""Further families of frozen encoders, for comparison alone: no shipped model has one.

Both are, like `Pyramid`, principal components of fixed features, but of features whose distance soon stops growing:
two dots that do not overlap are about as far from each other wherever they are.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from lab.models.encoders import FeaturePoints, Pyramid, to_channels


class Pixels(Pyramid):
    """The picture at a quarter of its size: components of pixels are what the best linear autoencoder keeps."""

    kind = "pixels"
    sigmas = (2.0,)
    grid = 16


class RandomConvolutions(Pyramid):
    """Two layers of random convolutions, averaged over cells of an 8x8 grid."""

    kind = "random"
    sigmas = ()
    grid = 8
    channels = 24

    def __init__(self, latent_dim: int = 64) -> None:
        torch.nn.Module.__init__(self)
        self.latent_dim = latent_dim
        features = self.channels * self.grid**2
        self.register_buffer("first", torch.randn(self.channels, 3, 5, 5) / 75**0.5)
        self.register_buffer("second", torch.randn(self.channels, self.channels, 3, 3) / (9 * self.channels) ** 0.5)
        self.register_buffer("mean", torch.zeros(features))
        self.register_buffer("components", torch.zeros(features, latent_dim))

    def features(self, images: Tensor) -> Tensor:
        """The cells' averages (B, F) before the projection."""
        x = F.conv2d(2 * to_channels(images) - 1, self.first, stride=2, padding=2).relu()
        x = F.conv2d(x, self.second, padding=1).relu()
        return F.adaptive_avg_pool2d(x, self.grid).flatten(1)


#: all families, those of the shipped models first
ENCODERS: dict[str, type[Pyramid] | type[FeaturePoints]] = {
    cls.kind: cls for cls in (Pyramid, FeaturePoints, Pixels, RandomConvolutions)
}
