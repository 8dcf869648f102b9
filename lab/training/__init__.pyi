from .adversarial import Adversarial, Radii
from .combined import Combined
from .latents import LatentData, encode
from .loop import Schedule, fit
from .online import Online, OnlineConfig
from .own import Own
from .pipeline import finetune, train
from .recipes import RECIPES, Recipe, recipe
from .teacher_forcing import TeacherForcing

__all__ = [
    "RECIPES", "Adversarial", "Combined", "LatentData", "Online", "OnlineConfig", "Own", "Radii", "Recipe", "Schedule",
    "TeacherForcing", "encode", "finetune", "fit", "recipe", "train",
]  # fmt: skip
