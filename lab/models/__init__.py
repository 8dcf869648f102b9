"""Encoders, predictor, world model and checkpoints."""

from lab.files import MODELS, model_folder
from lab.models import families as families  # makes its encoders known
from lab.models.checkpoint import load_model, read_info, save_model
from lab.models.spec import ModelSpec, PatchSpec
from lab.models.world_model import Dynamics, WorldModel

__all__ = [
    "MODELS", "Dynamics", "ModelSpec", "PatchSpec", "WorldModel", "load_model", "model_folder", "read_info",
    "save_model",
]  # fmt: skip
