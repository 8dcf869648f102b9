"""Data -> encoder -> base -> control, online, adversarial: each stage kept, so that a killed run goes on."""

import hashlib
import json
import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from lab.errors import LabError
from lab.files import MODELS, read_json, weight_files, write_json
from lab.models import WorldModel, load_model, read_info, save_model
from lab.options import VERSION, changed, completed, plain
from lab.tasks import Task
from lab.training.adversarial import Adversarial
from lab.training.combined import Combined
from lab.training.encoder import fit_encoder
from lab.training.latents import LatentData, encode_dataset
from lab.training.loop import Method, fit
from lab.training.online import Online
from lab.training.recipes import Recipe
from lab.training.teacher_forcing import TeacherForcing


def train(
    task: str,
    method: str,
    seed: int,
    recipe: Recipe,
    root: Path,
    *,
    start: Path | None = None,
    progress: bool = True,
    device: torch.device | str = "cpu",
) -> Path:
    """Train ``method`` on ``task`` by ``recipe``, and whatever it builds on; returns its folder below ``root``.

    Finished stages are reused as long as their recipe is the same; a finetuning looks for encoder and base model
    below ``start`` (default: ``root``). The seed decides initialisation, batches and plans. Raises LabError for an
    unknown method.
    """
    if method not in MODELS:
        raise LabError(f"Unknown method '{method}': choose one of {', '.join(MODELS)}.")
    start = start or root
    folder, shared = root / task / method / f"seed{seed}", root / task / "encoder"
    if finished(folder, recipe, method):
        return folder
    if method == "base":
        model = _untrained(task, recipe, start / task / "encoder", seed, progress, device)
        return _stage(model, method, seed, recipe, folder, shared, progress)
    base = train(task, "base", seed, recipe, start, progress=progress, device=device)
    return finetune(base, method, seed, recipe, folder, shared=shared, progress=progress, device=device)


def finetune(
    base: Path,
    method: str,
    seed: int,
    recipe: Recipe,
    folder: Path,
    *,
    shared: Path | None = None,
    progress: bool = True,
    device: torch.device | str = "cpu",
) -> Path:
    """Train the world model in ``base`` on by ``method``; returns ``folder``, where the result then is.

    Method ``base`` takes over its encoder alone, and starts with a fresh predictor. What is finished in ``folder`` is
    reused if it followed the same recipe; a killed run is resumed. What is frozen is kept in ``shared``, as by
    `save_model`; without it, ``folder`` holds the whole model.
    """
    if finished(folder, recipe, method):
        return folder
    model = load_model(base, device)
    if method == "base":
        _forget_training(model, seed)
    return _stage(model, method, seed, recipe, folder, shared, progress)


def _stage(
    model: WorldModel, method: str, seed: int, recipe: Recipe, folder: Path, shared: Path | None, progress: bool
) -> Path:
    """Train the predictor of ``model`` by ``method`` and save it in ``folder``."""
    _forget_other(folder, recipe, method)
    started = time.perf_counter()
    data = recipe.data(model.spec.task, progress)
    latents = encode_dataset(model, data, progress)
    schedule = recipe.base if method == "base" else recipe.finetune
    model.predictor.requires_grad_(True)
    fit(model, _algorithm(method, recipe, latents, data.task, folder), schedule, seed, folder, progress)
    model.predictor.requires_grad_(False)
    info = {"task": model.spec.task, "method": method, "seed": seed, "recipe": description(recipe, method)}
    info |= {"data": data.fingerprint}
    save_model(model, folder, info | {"wall_seconds": round(time.perf_counter() - started, 1)}, shared)
    (folder / "state.safetensors").unlink(missing_ok=True)
    return folder


def _algorithm(method: str, recipe: Recipe, data: LatentData, task: Task, folder: Path) -> Method:
    adversarial = Adversarial(data, recipe.radii)
    if method in ("online", "combined"):
        online = Online(data, task, recipe.online, folder / "rounds")
        return online if method == "online" else Combined(online, adversarial)
    return adversarial if method == "adversarial" else TeacherForcing(data)


def _untrained(
    task: str, recipe: Recipe, folder: Path, seed: int, progress: bool, device: torch.device | str
) -> WorldModel:
    """A model with the encoder in ``folder`` (trained first if need be) and a fresh predictor."""
    data = recipe.data(task, progress)
    spec = recipe.spec(data.task)
    pictures = {"data": data.fingerprint} | spec.outside
    if not finished(folder, recipe, "encoder", pictures):
        started = time.perf_counter()
        model = fit_encoder(spec, data, recipe.encoder_steps, recipe.decoder_steps, recipe.data_seed, progress)
        seconds = round(time.perf_counter() - started, 1)
        info = {"task": task, "method": "encoder", "recipe": description(recipe, "encoder") | pictures}
        save_model(model, folder, info | {"wall_seconds": seconds}, shared=folder)
    model = load_model(folder, device)
    _forget_training(model, seed)
    return model


def _forget_training(model: WorldModel, seed: int) -> None:
    """Give ``model`` a fresh predictor."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model.predictor = WorldModel(model.spec).predictor.to(model.device)


#: by stage (encoder, or the name of a model), the options of a recipe that it does not depend on
UNUSED = {
    "encoder": ("base", "finetune", "radii", "online"),
    "base": ("finetune", "radii", "online"),
    "control": ("radii", "online"),
    "online": ("radii",),
    "adversarial": ("online",),
    "combined": (),
}


def description(recipe: Recipe, stage: str) -> dict[str, Any]:
    """The options of the recipe that ``stage`` depends on, as JSON."""
    return _used(plain(recipe), stage)


def key(recipe: Recipe, stage: str, **others: Any) -> str:
    """A short name of what `description` says and of ``others``; options added later do not change it."""
    named = {"version": VERSION, "recipe": type(recipe).__name__, "options": _used(changed(recipe), stage)} | others
    return hashlib.sha256(json.dumps(named, sort_keys=True).encode()).hexdigest()[:16]


def finished(folder: Path, recipe: Recipe, stage: str, pictures: Mapping[str, Any] | None = None) -> bool:
    """Whether ``folder`` holds a model that ``stage`` of the recipe has made, of ``pictures`` if it is the encoder."""
    try:
        whole = all(path.is_file() for path in weight_files(folder))
        return whole and _follows(read_info(folder)["recipe"], recipe, stage, pictures or {})
    except (LabError, KeyError, OSError):
        return False


def _follows(stored: Any, recipe: Recipe, stage: str, pictures: Mapping[str, Any]) -> bool:
    wanted = {**description(recipe, stage), **pictures}
    return isinstance(stored, Mapping) and _used(completed(stored, recipe), stage) == wanted


def _used(options: Mapping[str, Any], stage: str) -> dict[str, Any]:
    return {name: value for name, value in options.items() if name not in UNUSED[stage]}


def _forget_other(folder: Path, recipe: Recipe, method: str) -> None:
    """Drop what a run that followed another recipe has left."""
    note = folder / "run.json"
    if note.is_file() and not _follows(read_json(note), recipe, method, {}):
        (folder / "state.safetensors").unlink(missing_ok=True)
        shutil.rmtree(folder / "rounds", ignore_errors=True)
    write_json(note, description(recipe, method))
