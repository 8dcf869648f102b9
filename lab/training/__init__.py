"""The paper's training methods, one file each, and the pipeline that runs them."""

from lab.training.own import Own
from lab.training.pipeline import finetune, train
from lab.training.recipes import RECIPES, Recipe, recipe

__all__ = ["RECIPES", "Own", "Recipe", "finetune", "recipe", "train"]
