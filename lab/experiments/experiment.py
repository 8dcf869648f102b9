"""What all experiments share: their configuration, presets, models, results on disk and provenance."""

import os
import platform
import subprocess
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import pandas as pd
import psutil
import torch

from lab.errors import LabError
from lab.files import PACKAGE, ROOT, read_json, replacing, write_json
from lab.models import WorldModel, load_model, model_folder
from lab.tasks import TASKS
from lab.training import train


@dataclass(frozen=True)
class Preset:
    """How large an experiment is."""

    n: int  #: problems for each task and kind of goals
    seeds: tuple[int, ...]  #: training seeds
    slices: int  #: problems whose landscape is drawn out
    points: int  #: grid points along each side of a landscape


PRESETS = {
    "smoke": Preset(n=4, seeds=(0,), slices=2, points=9),
    "quick": Preset(n=50, seeds=(0,), slices=20, points=31),
    "full": Preset(n=300, seeds=(0, 1, 2), slices=100, points=41),
}

#: kinds of goals that are evaluated: random poses of PushT cannot be reached within one horizon
TASK_GOALS = {"push_t": ("dataset",), "point_maze": ("dataset", "random"), "wall": ("dataset", "random")}


@dataclass(frozen=True)
class Config:
    """The parameters of every experiment; the notebooks' parameters cell has the same names and defaults."""

    task: str = "wall"  #: push_t, point_maze or wall
    preset: str = "quick"  #: smoke (seconds), quick (minutes) or full (hours)
    seed: int = 0  #: of the evaluation problems and of the planners' random numbers
    device: str = "auto"  #: auto, cpu or cuda
    out: str = "figures"  #: folder of the results, relative to the project's root

    def __post_init__(self) -> None:
        for value, known, what in ((self.task, TASKS, "task"), (self.preset, PRESETS, "preset")):
            if value not in known:
                raise LabError(f"Unknown {what} '{value}': choose one of {', '.join(known)}.")

    @property
    def size(self) -> Preset:
        return PRESETS[self.preset]

    def folder(self, experiment: str) -> Path:
        """Where the result of ``experiment`` goes."""
        return ROOT / self.out / self.preset / experiment / self.task

    def models(self, names: tuple[str, ...]) -> list[tuple[str, int, WorldModel]]:
        """(name, training seed, model) of every named model and seed; what is neither shipped nor made is trained."""
        return [(name, seed, self.model(name, seed)) for name in names for seed in self.size.seeds]

    def model(self, name: str, seed: int) -> WorldModel:
        try:
            folder = model_folder(self.task, name, seed)
        except LabError:
            folder = train(self.task, name, seed)
        return load_model(folder, pick_device(self.device))


@dataclass(frozen=True)
class Result:
    """Tidy tables by name, and where they come from. Loadable without torch models or simulators."""

    tables: dict[str, pd.DataFrame]
    meta: dict[str, Any]


def pick_device(name: str) -> torch.device:
    """``auto`` takes CUDA where it is; raises LabError if the named device is not there."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name not in ("cpu", "cuda") or (name == "cuda" and not torch.cuda.is_available()):
        raise LabError(
            f"Device '{name}' is not available: choose auto or cpu" + (", or cuda." if name != "cuda" else ".")
        )
    return torch.device(name)


def provenance(config: Config, started: float) -> dict[str, Any]:
    """What is needed to know where numbers come from and to make them again."""
    return {
        "config": asdict(config),
        "train_seeds": list(config.size.seeds),
        "commit": _commit(),
        "machine": f"{platform.system()} {platform.machine()}, {psutil.cpu_count()} cores, "
        f"{psutil.virtual_memory().total / 2**30:.0f} GiB",
        "threads": torch.get_num_threads(),
        "load_average": round(os.getloadavg()[0], 1),
        "versions": {"python": platform.python_version(), "torch": torch.__version__},
        "wall_seconds": round(time.perf_counter() - started, 1),
    }


def _commit() -> str:
    """The checked-out commit, marked where the library differs from it; ``unknown`` outside a git checkout."""
    try:
        head = _git("rev-parse", "--short", "HEAD")
        return head + ("+changes" if _git("status", "--porcelain", "--", str(PACKAGE)) else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def _git(*args: str) -> str:
    command = ["git", "-C", str(ROOT), *args]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def save_result(result: Result, folder: Path) -> None:
    """Write each table as CSV and the meta data as ``meta.json``, which comes last."""
    for name, table in result.tables.items():
        with replacing(folder / f"{name}.csv") as temporary:
            table.to_csv(temporary, index=False, float_format="%.6g")
    write_json(folder / "meta.json", result.meta)


def load_result(folder: Path) -> Result:
    """Read back what `save_result` wrote; raises LabError if there is nothing."""
    meta = read_json(folder / "meta.json")
    return Result({path.stem: pd.read_csv(path) for path in sorted(folder.glob("*.csv"))}, meta)


Run = Callable[[Config], Result]


def parameter_names() -> tuple[str, ...]:
    return tuple(field.name for field in fields(Config))
