"""PointMaze. Recipe and planner settings were chosen for the base model on the tune split, see `lab.studies.tuning`."""

from lab.benchmarks.card import Card
from lab.benchmarks.scene import Scene, disc
from lab.planning import ICEM, MPPI, GradCEM, GradientPlanner, Settings
from lab.tasks.point_maze import DRAWN_RADIUS, VIEW, PointMaze
from lab.training.adversarial import Radii
from lab.training.recipes import Recipe

CARD = Card(
    PointMaze,
    about="a ball with inertia in a U-shaped maze",
    small=Recipe(encoder="pyramid", hidden=256, radii=Radii(0.3, 0.3, 0.3)),
    settings=Settings(
        adamw=GradientPlanner("adamw", lr=0.1, iterations=100),
        icem=ICEM(beta=1.0),
        mppi=MPPI(temperature=0.01, std=0.5),
        gradcem=GradCEM(samples=100, elites=10, chunk=15, lr=0.3),
    ),
    gain=0.20,
    layout=Scene(VIEW, (("ball", 0, 1),), PointMaze.radius, (disc(DRAWN_RADIUS),), "m"),
)
