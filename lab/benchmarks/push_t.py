"""PushT. Lengths, data and radii of the recipe were chosen by hand on the tune split, with one training seed.

The recipe stops before it is flat, because all shipped models together should take less than 90 minutes: after 6,000,
40,000 and 80,000 steps of the base model Adam reaches 25, 36 and 45 % of the goals, CEM 47, 58 and 69 %. More data are
not shown to help at half of all steps: with a quarter of the episodes Adam and CEM reach 31 and 64 % instead of 36 and
58 (64 problems of the tune split, one training seed; study ``recipe``).

Settings of planners are version 0.1's, unless another was better on this base model, see `lab.studies.tuning`.
"""

import numpy as np

from lab.benchmarks.card import SEEN_SHIFTS, Card
from lab.benchmarks.scene import Scene, Shape, disc
from lab.planning import Settings
from lab.tasks.push_t import PushT
from lab.tasks.push_t_geometry import OUTLINE, PUSHER_RADIUS, SIDE
from lab.training.adversarial import Radii
from lab.training.recipes import Recipe, long_schedule

_T = Shape(2, 3, 4, np.concatenate([OUTLINE, OUTLINE[:1]]))

CARD = Card(
    PushT,
    about="a pusher must bring a T-shaped block into a given pose",
    goals=("dataset",),  # random poses cannot be reached within one horizon
    problem=6,
    small=Recipe(
        radii=Radii(0.03, 0.03, 0.03),
        episodes=5000,
        hidden=256,
        encoder_steps=2000,
        base=long_schedule(80_000, lr=1e-3),
        finetune=long_schedule(12_000, lr=5e-4),
    ),
    settings=Settings(
        {
            "gd": {"lr": 3.0},
            "cem": {"iterations": 30},  # as in the authors' conf/plan_pusht.yaml; it is 10 on PointMaze and Wall
            "momentum": {"lr": 1.0},
            "adamw": {"lr": 0.3},
            "restarts": {"iterations": 100},
            "icem": {"beta": 0.0},
            "mppi": {"temperature": 0.001, "std": 1.0},
            "gradcem": {"lr": 0.1},
        }
    ),
    gain=0.28,
    shifts=SEEN_SHIFTS | {"pusher": 20.0, "friction": 0.7, "inertia": 6000.0, "stiffness": 60.0},
    layout=Scene((0.0, SIDE), (("pusher", 0, 1), ("block", 2, 3)), PushT.radius, (_T, disc(PUSHER_RADIUS)), "px"),
)
