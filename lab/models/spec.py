"""The shapes of world models, stored beside their weights: which encoder, predictor and decoder, and how large.

Whatever differs from one family of models to the next is said here, once.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from math import isqrt
from typing import Any, ClassVar

import torch
from torch import nn

from lab.errors import LabError, is_whole
from lab.files import FAMILIES
from lab.models.decoder import Decoder, PatchDecoder
from lab.models.encoders import SIZE, Encoder, PatchEncoder, VectorEncoder, encoder_class
from lab.models.patches import PatchTransformer
from lab.models.predictor import ResidualMLP


@dataclass(frozen=True)
class ModelSpec:
    """A model on one latent vector for each picture, which predicts from the present alone."""

    task: str  #: its name; nothing here depends on it
    encoder: str = "points"  #: the kind of one in `lab.models.encoders.ENCODERS`
    latent_dim: int = 64
    proprio_dim: int = 4
    action_dim: int = 2  #: of one environment step
    frameskip: int = 5
    hidden: int = 512
    layers: int = 3

    encoders: ClassVar[type[Encoder]] = VectorEncoder  #: those that such a model can have
    family: ClassVar[str] = FAMILIES[0]  #: of models, see `lab.files.FAMILIES`
    counts: ClassVar[tuple[str, ...]] = ("latent_dim", "proprio_dim", "action_dim", "frameskip", "hidden", "layers")

    def __post_init__(self) -> None:
        encoder_class(self.encoder, self.encoders)
        for name in self.counts:
            least = int(name != "proprio_dim")  # not every task senses something besides its picture
            if not is_whole(size := getattr(self, name), least):
                raise LabError(f"A world model needs a whole number from {least} as {name}, got {size!r}.")
            object.__setattr__(self, name, int(size))  # as JSON will give it back

    @property
    def size(self) -> int:
        """Side of the pictures that the encoder sees, in pixels."""
        return SIZE

    @property
    def sizes(self) -> list[int]:
        """All numbers that the shapes of weights follow from."""
        return [getattr(self, name) for name in self.counts]

    @property
    def history(self) -> int:
        """How many past frames the predictor sees at most."""
        return 1

    @property
    def stored(self) -> torch.dtype:
        """The precision in which encoded data are kept."""
        return torch.float32

    @property
    def outside(self) -> dict[str, str]:
        """What an encoded picture depends on besides the model's own weights."""
        return {}

    def parts(self) -> tuple[nn.Module, nn.Module, nn.Module]:
        """Encoder, predictor and decoder, untrained; raises LabError where weights from elsewhere are missing."""
        return encoder_class(self.encoder, VectorEncoder)(self.latent_dim), *self.predictor_and_decoder()

    def predictor_and_decoder(self) -> tuple[nn.Module, nn.Module]:
        """Both untrained."""
        block = self.action_dim * self.frameskip
        predictor = ResidualMLP(self.latent_dim + self.proprio_dim, block, self.hidden, self.layers)
        return predictor, Decoder(self.latent_dim)


@dataclass(frozen=True)
class PatchSpec(ModelSpec):
    """A model on patch tokens, like the paper's. ``latent_dim`` counts the numbers of all patches."""

    encoder: str = "dino"
    latent_dim: int = 196 * 384
    hidden: int = 2048
    layers: int = 6
    size: int = 196
    channels: int = 384  #: of a patch
    heads: int = 16
    history: int = 3
    residual: bool = True  #: the predictor gives the change of a state, else the next state, as the authors' does
    source: str = ""  #: of the encoder's weights, see `Patches`
    digest: str = ""  #: of these weights

    encoders: ClassVar[type[Encoder]] = PatchEncoder
    family: ClassVar[str] = "dino"
    counts: ClassVar[tuple[str, ...]] = (*ModelSpec.counts, "size", "channels", "heads", "history")

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(self.residual, bool):
            raise LabError(f"A predictor is residual or not (true or false), got {self.residual!r}.")
        if self.latent_dim % self.channels or isqrt(self.patches) ** 2 != self.patches:
            raise LabError(f"{self.latent_dim} numbers are not a square of patches of {self.channels} channels each.")

    @property
    def patches(self) -> int:
        """How many there are in a picture."""
        return self.latent_dim // self.channels

    @property
    def stored(self) -> torch.dtype:
        return torch.float16

    @property
    def outside(self) -> dict[str, str]:
        return {"weights": self.digest, "size": str(self.size)}

    def parts(self) -> tuple[nn.Module, nn.Module, nn.Module]:
        encoder = encoder_class(self.encoder, PatchEncoder)(self.source, self.digest)
        return encoder, *self.predictor_and_decoder()

    def predictor_and_decoder(self) -> tuple[nn.Module, nn.Module]:
        predictor = PatchTransformer(
            self.patches, self.channels, self.proprio_dim, self.action_dim * self.frameskip,
            history=self.history, layers=self.layers, heads=self.heads, hidden=self.hidden, residual=self.residual,
        )  # fmt: skip
        return predictor, PatchDecoder(self.patches, self.channels)


def read_spec(values: Mapping[str, Any]) -> ModelSpec:
    """The spec that a checkpoint's JSON holds; raises LabError if it is none."""
    if not isinstance(values, Mapping) or not all(
        isinstance(values.get(name, ""), str) for name in ("task", "encoder")
    ):
        raise LabError("Its spec is no object with the names of a task and an encoder.")
    encoder = encoder_class(values.get("encoder", ModelSpec.encoder), Encoder)
    kind = PatchSpec if issubclass(encoder, PatchEncoder) else ModelSpec
    known = {field.name for field in fields(kind)}
    if "task" not in values or not set(values) <= known:
        raise LabError(f"Its spec should have a task, and nothing besides {', '.join(sorted(known))}.")
    return kind(**values)
