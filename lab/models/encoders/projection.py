"""What encoders share that project fixed features of a picture."""

from abc import abstractmethod

import torch
from torch import Tensor

from lab.models.encoders.encoder import VectorEncoder
from lab.models.encoders.fitting import Frames


class Projection(VectorEncoder):
    """The first principal components, unwhitened, of the ``features`` numbers that a subclass makes of a picture."""

    def __init__(self, latent_dim: int, features: int) -> None:
        super().__init__(latent_dim)
        self.register_buffer("mean", torch.zeros(features))
        self.register_buffer("components", torch.zeros(features, latent_dim))

    @abstractmethod
    def features(self, images: Tensor) -> Tensor:
        """The features (B, F) of pictures (B, H, W, 3) uint8."""

    def forward(self, images: Tensor) -> Tensor:
        return (self.features(images) - self.mean) @ self.components

    @torch.no_grad()
    def fit(self, frames: Frames, steps: int, progress: bool = True) -> None:
        """Set the projection at once; ``steps`` are not needed."""
        images = frames.sample(self.most_frames)
        features = torch.cat([self.features(chunk) for chunk in images.split(512)]).double()
        mean = features.mean(0)
        _, vectors = torch.linalg.eigh((features - mean).T @ (features - mean))
        self.mean.copy_(mean)
        self.components.copy_(vectors.flip(1)[:, : self.latent_dim])
