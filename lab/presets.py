"""The presets: how large studies are, and over which training seeds they average. Loads without torch."""

import re
from dataclasses import dataclass

from lab.errors import LabError

MOST_SEEDS = 1000  #: to average over


@dataclass(frozen=True)
class Preset:
    """How large a study is."""

    label: str
    n: int  #: problems for each task and kind of goals
    seeds: tuple[int, ...]  #: training seeds
    slices: int  #: problems whose landscape is drawn out
    points: int  #: grid points along each side of a landscape
    tune: int  #: problems of the tune split, for each kind of goals, in the recipe's study
    timed_steps: int  #: training steps that are timed at once
    train_seconds: float  #: rough, of one model
    strong: int  #: problems that are planned from many starts, and by CEM, in the study of optimisation power
    shifted: int  #: problems for each factor of variation, in the study of shift
    far: int  #: problems of each horizon, in the study of horizons
    authors: int  #: problems for each kind of goals that are also planned as the authors do, in Table 1; 0: none
    iterations: int | None = None  #: of any planner at most; None: as tuned
    samples: int | None = None  #: of CEM; None: as tuned
    toy: bool = False  #: its models are toys, trained in seconds to show that every part runs, and kept apart
    brief: bool = False  #: studies that take long are made only if they are named


PRESETS = {
    "smoke": Preset(
        "Smoke",
        n=4,
        seeds=(0,),
        slices=2,
        points=9,
        tune=4,
        timed_steps=2,
        train_seconds=10,
        strong=4,
        shifted=4,
        far=4,
        authors=4,
        iterations=3,
        samples=20,
        toy=True,
    ),
    "quick": Preset(
        "Quick",
        n=50,
        seeds=(0,),
        slices=20,
        points=31,
        tune=32,
        timed_steps=10,
        train_seconds=300,
        strong=20,
        shifted=32,
        far=25,
        authors=0,
        brief=True,
    ),
    "full": Preset(
        "Full",
        n=300,
        seeds=(0, 1, 2),
        slices=100,
        points=41,
        tune=64,
        timed_steps=20,
        train_seconds=300,
        strong=50,
        shifted=300,
        far=100,
        authors=50,  # as many as the paper and the authors' configuration plan
    ),
}


def training_seeds(name: str, text: str = "") -> tuple[int, ...]:
    """The seeds in ``text``: ``0:10`` is 0 to 9, ``3`` is 3 alone; empty: the preset's. Raises LabError otherwise."""
    if not text:
        return PRESETS[name].seeds
    match = re.fullmatch(r"(\d{1,18})(?::(\d{1,18}))?", text)
    first, last = (int(match[1]), int(match[2] or int(match[1]) + 1)) if match else (0, 0)
    if not first < last <= first + MOST_SEEDS:
        raise LabError(f"Training seeds are written as 3 or as 0:10 (0 to 9), at most {MOST_SEEDS}, got '{text}'.")
    return tuple(range(first, last))
