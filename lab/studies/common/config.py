"""What all experiments share: their configuration, presets, models, planners and provenance."""

import os
import platform
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import psutil
import torch

from lab import __version__
from lab.benchmarks import Card, card_of
from lab.data import Problems
from lab.errors import LabError, check_known, check_seed
from lab.evaluation.success import Outcome, evaluate
from lab.files import FAMILIES, MODELS, PACKAGE, ROOT, model_folder, models_root, writable
from lab.models import WorldModel, load_model, weights_hash
from lab.planning import PLANNERS, Planner, shortened
from lab.planning.planner import IterativePlanner
from lab.presets import PRESETS, Preset, training_seeds
from lab.studies.common.fingerprint import OPTIONAL, installed, versions
from lab.studies.common.protocol import Protocol
from lab.studies.common.stored import result_folder
from lab.tasks import TASKS
from lab.training import Recipe, train
from lab.training.initialisation import NAME as INITIALISATION
from lab.training.initialisation import find_initialisation, train_initialisation


@dataclass(frozen=True)
class Config:
    """The parameters of every experiment; the notebooks' parameters cell has the same names and defaults."""

    task: str = "wall"  #: one of `lab.tasks.TASKS`
    preset: str = "quick"  #: smoke (seconds), quick (minutes) or full (hours)
    seed: int = 0  #: of the evaluation problems and of the planners' random numbers
    seeds: str = ""  #: training seeds, such as 0:10 (default: the preset's)
    family: str = "small"  #: of world models: small, or dino, the paper's
    device: str = "auto"  #: auto, cpu or cuda
    out: str = "figures"  #: folder of the results, relative to the project's root

    def __post_init__(self) -> None:
        for value, known, what in (
            (self.task, TASKS, "task"), (self.preset, PRESETS, "preset"), (self.family, FAMILIES, "family of models"),
        ):  # fmt: skip
            check_known(what, value, known)
        check_seed(self.seed)
        training_seeds(self.preset, str(self.seeds))
        pick_device(self.device)
        if not isinstance(self.out, str) or not self.out.strip() or "\0" in self.out:
            raise LabError(f"The folder out must have a name, such as figures, got {self.out!r}: choose one.")

    @property
    def card(self) -> Card:
        """What is known of the task."""
        return card_of(self.task)

    @property
    def recipe(self) -> Recipe:
        """How the task's world models are made."""
        return self.card.recipe(self.preset, self.family)

    @property
    def size(self) -> Preset:
        return replace(PRESETS[self.preset], seeds=training_seeds(self.preset, str(self.seeds)))

    def folder(self, experiment: str) -> Path:
        """Where the result of ``experiment`` goes."""
        return result_folder(experiment, self.task, self.preset, self.out, self.family)

    def writable_folder(self, experiment: str) -> Path:
        """The same folder, made; raises LabError where nothing can be written, before any work is done for it."""
        return writable(self.folder(experiment))

    def models(self, names: tuple[str, ...]) -> list[tuple[str, int, WorldModel]]:
        """(name, training seed, model) of every named model and seed; what is neither shipped nor made is trained."""
        return [(name, seed, self.model(name, seed)) for name in names for seed in self.size.seeds]

    def model(self, name: str, seed: int) -> WorldModel:
        """One world model, trained first if it is neither shipped nor made."""
        device = pick_device(self.device)
        try:
            folder = model_folder(self.task, name, seed, self.preset, self.family)
        except LabError:
            root = models_root(self.preset, self.family)
            folder = train(self.task, name, seed, self.recipe, root, device=device)
        return load_model(folder, device)

    def train_networks(self, kind: str = INITIALISATION) -> None:
        """Train a network of this ``kind`` for the encoder of every training seed that has none; all seeds have one."""
        for _, seed, base in self.models(("base",)):
            if find_initialisation(base, self.preset, kind) is None:
                options = {"kind": kind, "seed": seed, "device": pick_device(self.device)}
                train_initialisation(self.task, self.recipe, self.preset, self.family, **options)

    def protocols(self, goals: tuple[str, ...] | None = None) -> dict[str, Protocol]:
        """The protocol of each kind of goals (default: all that the task has)."""
        return {kind: Protocol(self.task, kind, self.size.n, seed=self.seed) for kind in goals or self.card.goals}

    def planner(self, name: str, mode: str = "open") -> IterativePlanner:
        """The planner as tuned for the task; the smoke preset cuts it short."""
        return shortened(self.card.settings.planner(name, mode), self.size.iterations, self.size.samples)

    @property
    def objective(self) -> dict[str, Any]:
        """The task's planning objective, as options of `evaluate` and `goal_distance`."""
        settings = self.card.settings
        return {"proprio": settings.proprio, "decay": settings.decay}

    def evaluate(self, model: WorldModel, planner: Planner, problems: Problems, mode: str = "open") -> Outcome:
        """`lab.evaluation.evaluate` with the task's objective and the seed."""
        return evaluate(model, planner, problems, mode, seed=self.seed, **self.objective)


def pick_device(name: str) -> torch.device:
    """``auto`` takes CUDA where it is; raises LabError if the named device is not there."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name not in ("cpu", "cuda") or (name == "cuda" and not torch.cuda.is_available()):
        raise LabError(
            f"Device '{name}' is not available: choose auto or cpu" + (", or cuda." if name != "cuda" else ".")
        )
    return torch.device(name)


def provenance(config: Config, started: float, times: Mapping[str, Sequence[str]] | None = None) -> dict[str, Any]:
    """What is needed to know where numbers come from and to make them again.

    ``times`` are the columns of each table that hold measured times, or follow from them: all others are the same
    whenever the experiment runs on the same machine.
    """
    return {
        "config": asdict(config),
        "train_seeds": list(config.size.seeds),
        "models": _weights(config),
        "planners": {name: config.card.settings.described(name) for name in PLANNERS},
        "objective": config.objective,
        "device": _device_name(config),
        **surroundings(),
        "times": {table: list(columns) for table, columns in (times or {}).items()},
        "wall_seconds": round(time.perf_counter() - started, 1),
    }


def surroundings() -> dict[str, Any]:
    """Code, machine and versions that are at work here."""
    return {
        "commit": _commit(),
        "machine": f"{platform.system()} {platform.machine()}, {psutil.cpu_count()} cores, "
        f"{psutil.virtual_memory().total / 2**30:.0f} GiB",
        "threads": torch.get_num_threads(),
        "load_average": round(os.getloadavg()[0], 1),
        "versions": {"lab": __version__} | versions() | {"torch": torch.__version__} | installed(OPTIONAL),
    }


def _device_name(config: Config) -> str:
    return torch.cuda.get_device_name() if pick_device(config.device).type == "cuda" else "cpu"


def _weights(config: Config) -> dict[str, str]:
    """The start of the SHA-256 of the weights of each model there is."""
    hashes = {}
    for name in MODELS:
        for seed in config.size.seeds:
            with suppress(LabError):
                folder = model_folder(config.task, name, seed, config.preset, config.family)
                hashes[f"{name}/seed{seed}"] = weights_hash(folder)[:16]
    return hashes


def _commit() -> str:
    """The checked-out commit, marked where the library differs from it; ``unknown`` outside a git checkout."""
    try:
        head = _git("rev-parse", "--short", "HEAD")
        return head + ("+changes" if _git("status", "--porcelain", "--", str(PACKAGE)) else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def _git(*args: str) -> str:
    command = ["git", "-C", str(ROOT), *args]
    return subprocess.run(command, capture_output=True, encoding="utf-8", check=True).stdout.strip()
