from .encoder import SIZE, Encoder, PatchEncoder, Patches, VectorEncoder
from .fitting import Frames, minimise, to_channels
from .registry import ENCODERS, encoder_class, register

__all__ = [
    "ENCODERS",
    "SIZE",
    "Encoder",
    "Frames",
    "PatchEncoder",
    "Patches",
    "VectorEncoder",
    "encoder_class",
    "minimise",
    "register",
    "to_channels",
]
