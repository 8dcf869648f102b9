"""PointMaze. Recipe and planner settings were chosen for the base model on the tune split, see `lab.studies.tuning`."""

from lab.benchmarks.card import Card
from lab.benchmarks.scene import Scene, disc
from lab.planning import Settings
from lab.tasks.point_maze import DRAWN_RADIUS, VIEW, PointMaze
from lab.training.adversarial import Radii
from lab.training.recipes import Recipe

CARD = Card(
    PointMaze,
    about="a ball with inertia in a U-shaped maze",
    problem=1,
    small=Recipe(encoder="pyramid", hidden=256, episodes=4000, radii=Radii(0.2, 0.2, 0.2)),
    settings=Settings(
        {
            "adamw": {"iterations": 100},
            "icem": {"beta": 1.0},
            "mppi": {"temperature": 0.01, "std": 0.5},
            "gradcem": {"lr": 0.3},
        }
    ),
    gain=0.20,
    layout=Scene(VIEW, (("ball", 0, 1),), PointMaze.radius, (disc(DRAWN_RADIUS),), "m"),
)
