"""PushT. Recipe and planner settings were chosen for the base model on the tune split, see `lab.studies.tuning`."""

import numpy as np

from lab.benchmarks.card import Card
from lab.benchmarks.scene import Scene, Shape, disc
from lab.planning import CEM, ICEM, MPPI, GradCEM, GradientPlanner, Settings
from lab.tasks.push_t import PUSHER_RADIUS, PushT
from lab.training.adversarial import Radii
from lab.training.recipes import Recipe

_CORNERS = [(-60, 0), (60, 0), (60, 30), (15, 30), (15, 120), (-15, 120), (-15, 30), (-60, 30), (-60, 0)]
_T = Shape(2, 3, 4, np.array(_CORNERS))

CARD = Card(
    PushT,
    about="a pusher must bring a T-shaped block into a given pose",
    goals=("dataset",),  # random poses cannot be reached within one horizon
    small=Recipe(radii=Radii(0.05, 0.05, 0.05), episodes=2000, hidden=256, encoder_steps=2000),
    settings=Settings(
        gd=GradientPlanner("sgd", lr=3.0, iterations=300),
        adam=GradientPlanner("adam", lr=0.1, iterations=100),
        cem=CEM(iterations=30),  # the authors' number; it is 10 on PointMaze and Wall (reference: 4.3)
        momentum=GradientPlanner("momentum", lr=1.0),
        adamw=GradientPlanner("adamw", lr=0.1, iterations=100),
        restarts=GradientPlanner("adam", lr=0.1, iterations=100, restarts=8),
        icem=ICEM(beta=0.0),
        mppi=MPPI(temperature=0.001, std=1.0),
        gradcem=GradCEM(samples=100, elites=10, chunk=15, lr=0.1),
    ),
    gain=0.18,
    layout=Scene((0.0, 512.0), (("pusher", 0, 1), ("block", 2, 3)), PushT.radius, (_T, disc(PUSHER_RADIUS)), "px"),
)
