from .checkpoint import load_model, read_info, save_model, weights_hash, whole_file
from .protocols import Dynamics, Evaluable, Trainable
from .spec import ModelSpec, PatchSpec
from .world_model import WorldModel

__all__ = [
    "Dynamics",
    "Evaluable",
    "ModelSpec",
    "PatchSpec",
    "Trainable",
    "WorldModel",
    "load_model",
    "read_info",
    "save_model",
    "weights_hash",
    "whole_file",
]
