"""What encoders and the decoder are fitted with: pictures of the offline data, an error of drawing, an optimiser."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from tqdm.auto import tqdm


def to_channels(images: Tensor) -> Tensor:
    """uint8 pictures (B, H, W, 3) as floats (B, 3, H, W) in [0, 1]."""
    return images.permute(0, 3, 1, 2).float() / 255


class Frames:
    """Random ones of the pictures ``pixels`` (N, H, W, 3) uint8, and how much each of their pixels matters."""

    def __init__(self, pixels: np.ndarray, seed: int) -> None:
        self.pixels = pixels
        self.rng = torch.Generator().manual_seed(seed)
        self.background = self.batch(512).float().median(0).values  #: (H, W, 3), what most pictures show

    def batch(self, size: int) -> Tensor:
        """``size`` pictures (size, H, W, 3) uint8, some perhaps twice."""
        rows = torch.randint(len(self.pixels), (size,), generator=self.rng)
        return torch.from_numpy(self.pixels[rows.sort().values.numpy()])

    def sample(self, most: int) -> Tensor:
        """A `batch` of ``most`` pictures, or of as many as there are."""
        return self.batch(min(most, len(self.pixels)))

    def error(self, drawn: Tensor, images: Tensor) -> Tensor:
        """Squared error of ``drawn`` (B, 3, H, W), 11 times heavier where a picture differs from the background."""
        foreground = ((images.float() - self.background).abs().amax(-1) > 20).float()[:, None]
        weight = F.adaptive_avg_pool2d(1 + 10 * foreground, drawn.shape[-2:])
        target = F.adaptive_avg_pool2d(to_channels(images), drawn.shape[-2:])
        return (weight * (drawn - target) ** 2).mean()


def minimise(
    loss: Callable[[], Tensor], parameters: list[nn.Parameter], steps: int, lr: float, what: str, progress: bool
) -> None:
    """``steps`` steps of Adam down ``loss()``, whose learning rate rises to ``lr`` and falls again (one cycle)."""
    optimiser = torch.optim.Adam(parameters, lr)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, lr, steps)
    for _ in tqdm(range(steps), desc=what, delay=2, disable=not progress):
        optimiser.zero_grad()
        loss().backward()
        optimiser.step()
        schedule.step()
