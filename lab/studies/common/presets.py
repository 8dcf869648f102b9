"""How large experiments are, over which training seeds they average, and where results go. Loads without torch."""

import re
from dataclasses import dataclass
from pathlib import Path

from lab.errors import LabError
from lab.files import CHECKOUT, ROOT, of_family


@dataclass(frozen=True)
class Preset:
    """How large an experiment is."""

    n: int  #: problems for each task and kind of goals
    seeds: tuple[int, ...]  #: training seeds
    slices: int  #: problems whose landscape is drawn out
    points: int  #: grid points along each side of a landscape
    iterations: int | None = None  #: of any planner at most; None: as tuned
    samples: int | None = None  #: of CEM; None: as tuned
    longest: tuple[str, ...] = (
        "base",
        "control",
        "online",
        "adversarial",
    )  #: models that CEM has under MPC, in Table 1


PRESETS = {
    "smoke": Preset(n=4, seeds=(0,), slices=2, points=9, iterations=3, samples=20),
    "quick": Preset(n=50, seeds=(0,), slices=20, points=31, longest=("base",)),
    "full": Preset(n=300, seeds=(0, 1, 2), slices=100, points=41),
}


def training_seeds(preset: str, text: str = "") -> tuple[int, ...]:
    """``0:10`` is 0 to 9, ``3`` is 3 alone, and nothing is what the preset says. Raises LabError for anything else."""
    if not text:
        return PRESETS[preset].seeds
    match = re.fullmatch(r"(\d+)(?::(\d+))?", text)
    first, last = (int(match[1]), int(match[2] or int(match[1]) + 1)) if match else (0, 0)
    if first >= last:
        raise LabError(f"Training seeds are written as 3 or as 0:10 (0 to 9), got '{text}'.")
    return tuple(range(first, last))


def preset_folder(preset: str, out: str, family: str = "small") -> Path:
    """Where all results of ``preset`` go: in ``out``, which counts from the checkout, or else the working folder."""
    return (ROOT if CHECKOUT else Path.cwd()) / out / of_family(preset, family)


def result_folder(name: str, task: str, preset: str, out: str, family: str = "small") -> Path:
    """Where the results of experiment (or notebook) ``name`` go; those of a notebook without a task: one level up."""
    return preset_folder(preset, out, family) / name / task
