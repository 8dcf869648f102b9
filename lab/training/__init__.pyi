from .adversarial import Adversarial, Radii
from .combined import Combined
from .latents import LatentData, encode
from .loop import Schedule, fit
from .online import Online, OnlineConfig
from .pipeline import finetune, train
from .recipes import Recipe
from .teacher_forcing import TeacherForcing

__all__ = [
    "Adversarial", "Combined", "LatentData", "Online", "OnlineConfig", "Radii", "Recipe", "Schedule",
    "TeacherForcing", "encode", "finetune", "fit", "train",
]  # fmt: skip
