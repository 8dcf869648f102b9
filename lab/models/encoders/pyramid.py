"""A Gaussian pyramid of the picture, projected: a single linear map of the pixels."""

from typing import ClassVar

import torch
from torch import Tensor

from lab.models.encoders.encoder import SIZE
from lab.models.encoders.fitting import to_channels
from lab.models.encoders.projection import Projection


class Pyramid(Projection):
    """Each level blurs with ``sigma`` pixels, samples a square ``grid`` and is weighted by its sigma.

    Coarse levels, whose distance grows far from the goal, so carry most of the norm.
    """

    kind = "pyramid"
    place = 1
    sigmas: ClassVar[tuple[float, ...]] = (3.0, 6.0, 12.0, 20.0)
    grid: ClassVar[int] = 8

    def __init__(self, latent_dim: int) -> None:
        super().__init__(latent_dim, len(self.sigmas) * self.grid**2 * 3)
        self.register_buffer("blur", torch.stack([self._blur(sigma) for sigma in self.sigmas]), persistent=False)

    def _blur(self, sigma: float) -> Tensor:
        """Rows (grid, SIZE) that blur and sample one axis, weighted so that both axes together weigh sigma."""
        centres = (torch.arange(self.grid) + 0.5) * SIZE / self.grid
        weights = torch.exp(-0.5 * ((torch.arange(SIZE) + 0.5 - centres[:, None]) / sigma) ** 2)
        return sigma**0.5 * weights / weights.sum(1, keepdim=True)

    def features(self, images: Tensor) -> Tensor:
        """The weighted pyramid (B, F)."""
        x = to_channels(images)
        return torch.einsum("lij,bcjk,lmk->blcim", self.blur, x, self.blur).flatten(1)
