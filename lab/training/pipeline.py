"""Data -> encoder -> base -> control, online, adversarial: each stage is stored, so that a killed run is resumed."""

import hashlib
import json
import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from numpy.random import SeedSequence

from lab.checksums import read_manifest, verify_file, weight_files, write_manifest
from lab.errors import LabError, check_known
from lab.files import MODELS
from lab.locks import one_writer
from lab.models import WorldModel, load_model, read_info, save_model
from lab.options import VERSION, changed, completed, plain
from lab.planning.streams import as_stream, child
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
    """Train ``method`` on ``task`` by ``recipe``, after the stages it builds on; returns its folder below ``root``.

    Finished stages are reused as long as their recipe is the same. Encoder and base model of a finetuning are looked up
    below ``start`` (default: ``root``). The seed decides data, encoder, initialisation, batches and plans. Raises
    LabError for an unknown method.
    """
    check_known("method", method, MODELS)
    start = start or root
    folder, shared = root / task / method / f"seed{seed}", root / task / "encoder"
    if finished(folder, recipe, method):
        return folder
    if method == "base":
        encoder = train_encoder(task, recipe, start / task / "encoder" / f"seed{seed}", seed, progress)
        model = _with_fresh_predictor(load_model(encoder, device), seed)
        return _train_predictor(model, method, seed, recipe, seed, folder, shared, progress)
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
    """Finetune the world model in the folder ``base`` by ``method``; returns ``folder``, which then holds the result.

    The data are the recipe's, of the seed that the base model's were of; the seed decides batches and plans. Method
    ``base`` takes over its encoder alone, and trains a fresh predictor. A finished model in ``folder`` is reused if it
    has the same recipe; a killed run is resumed. Frozen parts are stored in ``shared``, see `save_model`; without it,
    ``folder`` holds the whole model.
    """
    if finished(folder, recipe, method):
        return folder
    model = load_model(base, device)
    if method == "base":
        model = _with_fresh_predictor(model, seed)
    data_seed = read_info(base).get("data_seed", 0)  # 0 in all models from before it was noted
    return _train_predictor(model, method, seed, recipe, data_seed, folder, shared, progress)


def _train_predictor(
    model: WorldModel,
    method: str,
    seed: int,
    recipe: Recipe,
    data_seed: int,
    folder: Path,
    shared: Path | None,
    progress: bool,
) -> Path:
    """Train the predictor of ``model`` by ``method`` on the data of ``data_seed``, and save it in ``folder``.

    One process at a time works in a folder; the others wait, and find the model finished.
    """
    with one_writer(folder):
        if finished(folder, recipe, method):
            return folder
        _drop_other_runs(folder, recipe, method)
        started = time.perf_counter()
        data = recipe.data(model.spec.task, data_seed, progress)
        latents = encode_dataset(model, data, progress)
        schedule = recipe.base if method == "base" else recipe.finetune
        model.predictor.requires_grad_(True)
        algorithm = _algorithm(method, recipe, latents, data.task, folder)
        fit(model, algorithm, schedule, _stream(seed, method), folder, progress)
        model.predictor.requires_grad_(False)
        info = {"task": model.spec.task, "method": method, "seed": seed, "recipe": description(recipe, method)}
        info |= {"data": data.fingerprint, "data_seed": data_seed}
        save_model(model, folder, info | {"wall_seconds": round(time.perf_counter() - started, 1)}, shared)
        (folder / "state.safetensors").unlink(missing_ok=True)
    return folder


def _algorithm(method: str, recipe: Recipe, data: LatentData, task: Task, folder: Path) -> Method:
    adversarial = Adversarial(data, recipe.radii)
    if method in ("online", "combined"):
        online = Online(data, task, recipe.online, folder / "rounds")
        return online if method == "online" else Combined(online, adversarial)
    return adversarial if method == "adversarial" else TeacherForcing(data)


def train_encoder(task: str, recipe: Recipe, folder: Path, seed: int, progress: bool) -> Path:
    """``folder``, with a model with an encoder and an untrained predictor; it is trained now unless it is finished."""
    data = recipe.data(task, seed, progress)
    spec = recipe.spec(data.task)
    pictures = {"data": data.fingerprint} | spec.outside
    with one_writer(folder):
        if not finished(folder, recipe, "encoder", pictures):
            started = time.perf_counter()
            run = folder / "run" / key(recipe, "encoder", **pictures)
            model = fit_encoder(spec, data, recipe.encoder_steps, recipe.decoder_steps, seed, progress, run)
            seconds = round(time.perf_counter() - started, 1)
            info = {"task": task, "method": "encoder", "recipe": description(recipe, "encoder") | pictures}
            save_model(model, folder, info | {"wall_seconds": seconds}, shared=folder.parent)
            shutil.rmtree(folder / "run", ignore_errors=True)
    return folder


def _with_fresh_predictor(model: WorldModel, seed: int) -> WorldModel:
    """``model`` itself, with a fresh predictor."""
    with torch.random.fork_rng():
        torch.manual_seed(int(as_stream(seed).generate_state(1)[0]))
        model.predictor = WorldModel(model.spec).predictor.to(model.device)
    return model


def _stream(seed: int, method: str) -> SeedSequence:
    """The random stream of a training: methods with the same seed share none."""
    return child(seed, list(UNUSED).index(method))


#: by stage (encoder, or method), the options of a recipe on which it does not depend
UNUSED = {
    "encoder": ("base", "finetune", "radii", "online"),
    "base": ("finetune", "radii", "online"),
    "control": ("radii", "online"),
    "online": ("radii",),
    "adversarial": ("online",),
    "combined": (),
}


def description(recipe: Recipe, stage: str) -> dict[str, Any]:
    """The options of the ``recipe`` that ``stage`` depends on, as JSON."""
    return _used(plain(recipe), stage)


def key(recipe: Recipe, stage: str, **others: Any) -> str:
    """A hash of `description` and of ``others``; options that are added later, with a default, do not change it."""
    content = {"version": VERSION, "recipe": type(recipe).__name__, "options": _used(changed(recipe), stage)} | others
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]


def finished(folder: Path, recipe: Recipe, stage: str, pictures: Mapping[str, Any] | None = None) -> bool:
    """Whether ``folder`` holds, unchanged, the model of ``stage`` by this recipe, and the encoder of ``pictures``."""
    try:
        for path, digest in weight_files(folder).items():
            verify_file(path, digest)
        return _has_recipe(read_info(folder)["recipe"], recipe, stage, pictures or {})
    except (LabError, KeyError):
        return False


def _has_recipe(stored: Any, recipe: Recipe, stage: str, pictures: Mapping[str, Any]) -> bool:
    expected = {**description(recipe, stage), **pictures}
    return isinstance(stored, Mapping) and _used(completed(stored, recipe), stage) == expected


def _used(options: Mapping[str, Any], stage: str) -> dict[str, Any]:
    return {name: value for name, value in options.items() if name not in UNUSED[stage]}


def _drop_other_runs(folder: Path, recipe: Recipe, method: str) -> None:
    """Delete what a run by another recipe has left in ``folder``."""
    note = folder / "run.json"
    if note.is_file() and not _notes(note, recipe, method):
        (folder / "state.safetensors").unlink(missing_ok=True)
        shutil.rmtree(folder / "rounds", ignore_errors=True)
    write_manifest(note, description(recipe, method))


def _notes(note: Path, recipe: Recipe, method: str) -> bool:
    """Whether the ``note`` of a run says that it is one of ``method`` by this recipe."""
    try:
        return _has_recipe(read_manifest(note), recipe, method, {})
    except LabError:
        return False
