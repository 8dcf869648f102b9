"""What an encoder is: a frozen map Phi from pictures to latents whose Euclidean distance planning minimises."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor, nn

from lab.models.encoders.fitting import Frames

SIZE = 64  #: side, in pixels, of the pictures that a `VectorEncoder` sees


class Encoder(nn.Module, ABC):
    """Pictures (B, H, W, 3) uint8 -> latents (B, D), by ``forward``.

    Its parameters and buffers are stored with the world model, and neither planning nor finetuning changes them.
    """

    kind: ClassVar[str]  #: its name in recipes and files
    place: ClassVar[int]  #: of those that shipped models have: of tensors that fit several kinds, the first is meant
    most_frames: ClassVar[int] = 4000  #: pictures, at most, from which statistics of the latents are taken
    slow: ClassVar[bool] = False  #: the decoder then learns from these pictures alone, which are encoded once

    @abstractmethod
    def forward(self, images: Tensor) -> Tensor:
        """Latents (B, D) of pictures (B, H, W, 3) uint8."""

    def fit(self, frames: Frames, steps: int, progress: bool = True) -> None:
        """Fit to pictures of the offline data, in ``steps`` steps if it learns by steps. Default: nothing to fit."""


class VectorEncoder(Encoder):
    """One that sees pictures of `SIZE` pixels a side as one vector, of as many numbers as it is asked for."""

    def __init__(self, latent_dim: int) -> None:
        super().__init__()
        self.latent_dim = latent_dim


@dataclass(frozen=True)
class Patches:
    """How a pretrained network divides a picture, and which weights it has."""

    count: int  #: of patches in a picture, a square number
    channels: int  #: of each patch
    source: str  #: of the weights: a name on the hub, or a folder
    digest: str  #: the start of a SHA-256 of all that decides the latents


class PatchEncoder(Encoder):
    """A pretrained one, whose latents are the tokens of a picture's patches, row by row.

    Its weights stay outside of the world model's file. They are those of ``source``; raises LabError where these are
    missing, or are others than those of ``digest``.
    """

    @abstractmethod
    def __init__(self, source: str, digest: str) -> None:
        super().__init__()

    @classmethod
    @abstractmethod
    def patches(cls, size: int) -> Patches:
        """How a new model sees pictures of ``size`` pixels a side.

        Raises LabError where the weights are missing, or do not fit the size.
        """
