"""The world models that pages offer of a task: its four, and one's own: trained here, uploaded, or of a package."""

import re
import shlex
import shutil
import tempfile
import threading
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import runs
import streamlit as st
from visitor import visitor

from lab import variables
from lab.benchmarks import recipe_of
from lab.checksums import sha256
from lab.errors import LabError
from lab.files import MODELS, ROOT, cache_root, model_folder, of_family
from lab.models import WorldModel, read_info, registry, save_model
from lab.models.inspect import Checkpoint
from lab.plots.palette import LABELS, name_model
from lab.repro.custom_run import CustomRun, custom_runs
from lab.tasks import make_task

SHOWN = 6  #: trained models that pages offer: the latest
EACH, ALL = 3, 24  #: files in use: of one visitor, and of all


def names(task: str, complain: Callable[[str], None] = lambda _: None) -> tuple[str, ...]:
    """The world models of the task that this visitor may use; ``complain`` is told what cannot be loaded."""
    return *MODELS, *_trained(task), *_uploaded(task), *_registered(task, complain)


def folder_of(task: str, model: str) -> Path:
    """The folder of one of `names`. Raises LabError where there is no such model; it says how to train one."""
    kind, _, name = model.partition(".")
    if kind == "own":
        return _trained_folder(task) / name
    if kind == "plugin":
        return registry.folder_of(name)
    if kind == "file":
        if (upload := _store().kept.get(model)) is None:
            raise LabError("This file is not on the server any more: upload it again, on the page Your own.")
        return upload.folder
    return model_folder(task, model, family=variables.family())


def option(task: str, model: str) -> str:
    """How a command names one of `names`, but for a file; it does not say where the server keeps its cache."""
    kind, _, name = model.partition(".")
    if kind in MODELS:
        return f"--model {model}"
    if kind == "plugin":
        return f"--checkpoint {name}"
    root = ".lab" if cache_root() == ROOT / ".lab" else '"$LAB_CACHE"'
    return f"--checkpoint {root}/{shlex.quote(folder_of(task, model).relative_to(cache_root()).as_posix())}"


# --- Trained here


def run_name(run: CustomRun) -> str:
    """The name of the run's background process."""
    return f"train {run.task} {run.folder.name}"


def of_run(run: CustomRun) -> str:
    """The name of the model that the run trains."""
    return f"own.{run.folder.name}"


def title(run: CustomRun) -> str:
    """The settings of the run in words."""
    return " · ".join(_words(run, {"steps": f"{run.total} steps", "preset smoke": "20 episodes"}))


def brief(run: CustomRun) -> str:
    """A label for the run's model, with those of the settings that are not as they are at first."""
    recipe = recipe_of(run.task, run.preset, run.family)
    lr = (recipe.base if run.method == "base" else recipe.finetune).lr
    usual = {f"lr {lr}", f"radius {recipe.radii.latent}", f"rounds {recipe.online.rounds}", "seed 0"}
    return " ".join(["My", *_words(run, {"steps": str(run.total), "preset smoke": "toy"}, usual)])


def _words(run: CustomRun, said: Mapping[str, str], left_out: Collection[str] = ()) -> list[str]:
    """The method and each setting as "name value", or as it is ``said``; ``left_out`` are what need not be said."""
    settings = ["steps", *(f"{name} {value}" for name, value in run.options.items() if name != "steps")]
    return [LABELS[run.method], *(said.get(setting, setting) for setting in settings if setting not in left_out)]


def shown_runs(task: str) -> list[CustomRun]:
    """The task's trainings, with a label and a colour each: this visitor's first, then the latest.

    What others have begun and not finished is theirs alone.
    """
    found = {run: runs.begun_by_you(run.folder) for run in custom_runs(task, variables.family())}
    shown = [run for run, yours in found.items() if yours is not False or run.trained]
    for run in reversed(shown):
        name_model(of_run(run), brief(run))
    return sorted(shown, key=lambda run: not found[run])


def _trained_folder(task: str) -> Path:
    return cache_root() / of_family("own", variables.family()) / task


def _trained(task: str) -> list[str]:
    return [of_run(run) for run in shown_runs(task) if run.trained][:SHOWN]


# --- Uploaded


@dataclass(frozen=True)
class Upload:
    """A file in use."""

    owner: str
    task: str
    folder: Path


@dataclass
class Store:
    """The files in use, by the names of their models, the oldest first; gone with the server."""

    kept: dict[str, Upload] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)  #: of whoever changes what is kept
    place: tempfile.TemporaryDirectory = field(default_factory=lambda: tempfile.TemporaryDirectory(prefix="wm-lab-"))


@st.cache_resource(show_spinner=False)
def _store() -> Store:
    return Store()


def keep(checkpoint: Checkpoint, file_name: str, task: str) -> str:
    """Take a visitor's file into use on ``task``; returns the model's name.

    Where there are enough of theirs, the oldest of them makes way; where there are enough of all, the oldest of all.
    Raises LabError where its sizes are not the task's.
    """
    spec, shape = checkpoint.spec, make_task(task)
    expected = shape.action_dim, len(shape.proprio_fields), shape.frameskip
    if (spec.action_dim, spec.proprio_dim, spec.frameskip) != expected:
        raise LabError(f"This model's actions and senses are not those of {shape.label}: choose its task first.")
    store, owner = _store(), visitor()
    name = f"file.{sha256(f'{checkpoint.digest} {owner} {task}'.encode())[:8]}"
    model = WorldModel(replace(spec, task=task))
    model.load_state_dict(checkpoint.tensors)
    with store.lock:
        folder = Path(store.place.name) / name
        save_model(model, folder, {"task": task, "method": "upload"})
        store.kept.pop(name, None)
        theirs = [other for other, upload in store.kept.items() if upload.owner == owner]
        enough = theirs if len(theirs) >= EACH else [*store.kept] if len(store.kept) >= ALL else []
        for oldest in enough[:1]:
            shutil.rmtree(store.kept.pop(oldest).folder, ignore_errors=True)
        store.kept[name] = Upload(owner, task, folder)
    words = re.sub("[^A-Za-z0-9]+", " ", file_name.removesuffix(".safetensors")).strip()
    name_model(name, f"My file {words[:20]}".strip())
    return name


def _uploaded(task: str) -> list[str]:
    return [name for name, upload in [*_store().kept.items()] if (upload.owner, upload.task) == (visitor(), task)]


# --- Of a package


def _registered(task: str, complain: Callable[[str], None]) -> Iterator[str]:
    for name in registry.FOLDERS:
        try:
            spec = read_info(registry.folder_of(name)).get("spec")
            if isinstance(spec, dict) and spec.get("task") == task:
                name_model(f"plugin.{name}", name.replace("_", " "))
                yield f"plugin.{name}"
        except LabError as error:
            complain(str(error))
