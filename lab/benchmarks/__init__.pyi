from .card import Card
from .registry import CARDS, card_of, recipe_of, register
from .scene import Scene, Shape, disc

__all__ = ["CARDS", "Card", "Scene", "Shape", "card_of", "disc", "recipe_of", "register"]
