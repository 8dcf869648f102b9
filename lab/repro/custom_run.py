"""A custom run: a training with the user's settings.

The settings name its folder, so that the same settings resume a stopped run.
"""

from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd
import torch

from lab.benchmarks import recipe_of
from lab.data.imported import imported_folder
from lab.errors import LabError, check_known, check_seed, is_whole
from lab.files import (
    FAMILIES,
    MODELS,
    cache_root,
    file_status,
    model_folder,
    models_root,
    of_family,
    read_json,
    write_json,
)
from lab.options import plain
from lab.training.log import read_log
from lab.training.pipeline import finetune, finished, train, train_encoder
from lab.training.recipes import Recipe

SETTINGS = "own.json"  #: the settings, in the folder of a run
CHECKPOINT_EVERY = 100  #: steps; a stopped run loses fewer than these


@dataclass(frozen=True)
class CustomRun:
    """The settings of a training; a setting that is None is the recipe's.

    Raises LabError for an unknown method, and for settings that do not fit the method.
    """

    task: str
    method: str
    seed: int = 0
    preset: str = "quick"
    steps: int | None = None
    lr: float | None = None
    radius: float | None = None  #: of all perturbations, in standard deviations; method adversarial only
    rounds: int | None = None  #: of planning and correcting; method online only
    family: str = "small"  #: of models
    data: str | None = None  #: the name of an imported data set

    def __post_init__(self) -> None:
        check_known("method", self.method, MODELS)
        for name, method in (("radius", "adversarial"), ("rounds", "online")):
            if getattr(self, name) is not None and self.method != method:
                raise LabError(f"Only the method {method} has {name}; this is {self.method}.")
        if self.rounds is not None and not is_whole(self.rounds, 1):
            raise LabError(f"At least 1 round is needed, got {self.rounds!r}.")
        check_seed(self.seed)
        self.recipe  # noqa: B018 - raises for impossible settings

    @property
    def recipe(self) -> Recipe:
        """The recipe with these settings."""
        recipe = recipe_of(self.task, self.preset, self.family)
        stage = "base" if self.method == "base" else "finetune"
        changes = {name: value for name in ("steps", "lr") if (value := getattr(self, name)) is not None}
        recipe = replace(
            recipe, **{stage: replace(getattr(recipe, stage), checkpoint_every=CHECKPOINT_EVERY, **changes)}
        )
        if self.radius is not None:
            radii = replace(recipe.radii, latent=self.radius, proprio=self.radius, action=self.radius)
            recipe = replace(recipe, radii=radii)
        if self.rounds is not None:
            recipe = replace(recipe, online=replace(recipe.online, rounds=self.rounds))
        return replace(recipe, data_set=self.data or "")

    @property
    def total(self) -> int:
        """The total number of training steps."""
        recipe = self.recipe
        return (recipe.base if self.method == "base" else recipe.finetune).steps

    @property
    def options(self) -> dict[str, str]:
        """The settings that are not None, as text, by name."""
        names = ("steps", "lr", "radius", "rounds", "data")
        chosen = {name: str(value) for name in names if (value := getattr(self, name)) is not None}
        return chosen | {"seed": str(self.seed)} | ({"preset": self.preset} if self.preset != "quick" else {})

    @property
    def folder(self) -> Path:
        """The folder of the run, below ``own/`` of the cache."""
        name = "-".join([self.method, *(f"{name}{value}" for name, value in self.options.items())])
        return cache_root() / of_family("own", self.family) / self.task / name

    @property
    def command(self) -> tuple[str, ...]:
        """The arguments of ``python -m`` that start this run."""
        options = (word for name, value in self.options.items() for word in (f"--{name}", value))
        family = () if self.family == FAMILIES[0] else ("--family", self.family)
        return ("lab", "train", "--task", self.task, "--method", self.method, *family, *options)

    @property
    def trained(self) -> bool:
        """Whether the training is finished."""
        return finished(self.folder, self.recipe, self.method)

    @property
    def resumable(self) -> bool:
        """Whether a stopped training can be resumed."""
        return not self.trained and (self.folder / "state.safetensors").is_file()

    def train(self, progress: bool = True, device: torch.device | str = "cpu") -> Path:
        """Start or resume the training; returns the folder of the trained model.

        Method ``base`` starts from the encoder of the task's base model and an untrained predictor; all others start
        from the base model. That is the shipped one, else the one in the cache; if there is none, it is trained first.
        An imported data set has an encoder and a base model of its own, in its folder.
        """
        start = self._start(progress, device)  # before the settings: a run that is refused is none
        write_json(self.folder / SETTINGS, plain(self))
        return finetune(start, self.method, self.seed, self.recipe, self.folder, progress=progress, device=device)

    def _start(self, progress: bool, device: torch.device | str) -> Path:
        """The model to start from; of imported data, method base needs an encoder alone."""
        recipe, root = recipe_of(self.task, self.preset, self.family), models_root(self.preset, self.family)
        if self.data:
            recipe, root = replace(recipe, data_set=self.data), imported_folder(self.task, self.data) / root.name
            if self.method == "base":
                return train_encoder(self.task, recipe, root / self.task / "encoder" / "seed0", 0, progress)
        else:
            with suppress(LabError):
                return model_folder(self.task, "base", 0, self.preset, self.family)
        return train(self.task, "base", 0, recipe, root, progress=progress, device=device)


def custom_runs(task: str, family: str = "small") -> list[CustomRun]:
    """All custom runs of this task and family in the cache, the newest first."""
    notes = (cache_root() / of_family("own", family) / task).glob(f"*/{SETTINGS}")
    found = [(status.st_mtime, path) for path in notes if (status := file_status(path))]
    runs = []
    for _, path in sorted(found, reverse=True):
        with suppress(LabError, TypeError):  # of another version, or half deleted
            run = CustomRun(**read_json(path) | {"family": family})
            if run.folder == path.parent:  # its name says the settings, too: nobody has changed them
                runs.append(run)
    return runs


def training_log(folder: Path) -> pd.DataFrame:
    """The log so far, see `read_log`, with columns step, loss, latent and proprio."""
    return pd.DataFrame(read_log(folder), columns=["step", "loss", "latent", "proprio"])
