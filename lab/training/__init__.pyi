from .own import Own
from .pipeline import finetune, train
from .recipes import RECIPES, Recipe, recipe

__all__ = ["RECIPES", "Own", "Recipe", "finetune", "recipe", "train"]
