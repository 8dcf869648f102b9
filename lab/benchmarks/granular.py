"""Granular. Recipe and planner settings are Rope's, with fewer episodes, because a push of grains takes longer."""

from dataclasses import replace

from lab.benchmarks import rope
from lab.benchmarks.card import SEEN_SHIFTS, Card
from lab.benchmarks.scene import Scene, Shape
from lab.tasks.granular import SHAPES, Granular
from lab.tasks.particles_render import VIEW

_GRAINS = tuple(Shape(3 * i, 3 * i + 1, 3 * i + 2, corners) for i, corners in enumerate(SHAPES))

CARD = Card(
    Granular,
    about="a board pushes grains into place",
    problem=29,
    small=replace(rope.CARD.small, episodes=1200),
    settings=rope.CARD.settings,
    shifts=SEEN_SHIFTS | {"friction": 0.3, "board": 0.7},
    layout=Scene(VIEW, (), Granular.radius, _GRAINS, "units"),
)
