from .checkpoint import load_model, read_info, save_model
from .spec import ModelSpec, PatchSpec
from .world_model import Dynamics, WorldModel

__all__ = ["Dynamics", "ModelSpec", "PatchSpec", "WorldModel", "load_model", "read_info", "save_model"]
