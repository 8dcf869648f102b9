"""Where things live, and writing so that a reader never sees half a file."""

import functools
import glob
import json
import os
import platform
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

import platformdirs
import psutil
from safetensors import SafetensorError

from lab.errors import LabError, check_known
from lab.presets import PRESETS

PACKAGE = Path(__file__).parent
ROOT = PACKAGE.parent
CHECKOUT = (ROOT / "pyproject.toml").is_file()  #: whether notebooks, app and reference results are there as well
SHIPPED = PACKAGE / "checkpoints"
FAMILIES = ("small", "dino")  #: of world models, see `lab.training.recipes`
MODELS = ("base", "control", "online", "adversarial")  #: the world models of a task, by how they are trained
NETWORKS = ("initialisation", "state_prior")  #: what planners can start from besides noise
MANIFESTS = ("model.json", "network.json")  #: in the folder of a world model, and of a network


def cache_root() -> Path:
    """Data sets and runs made here: ``$LAB_CACHE``, else ``.lab`` in a checkout, else the user's cache folder.

    Raises LabError if ``$LAB_CACHE`` is empty, or no path.
    """
    return _cache(os.environ.get("LAB_CACHE"))


@functools.cache
def _cache(named: str | None) -> Path:
    """Resolved once, so that a later change of the working folder moves nothing."""
    if named is None:
        return ROOT / ".lab" if CHECKOUT else platformdirs.user_cache_path("wm-lab", appauthor=False)
    if not named.strip():
        raise LabError("LAB_CACHE is empty: set it to a folder, or unset it.")
    try:
        return Path(named).expanduser().resolve()
    except RuntimeError as error:  # such as a user that is not known
        raise LabError(f"LAB_CACHE is '{named}', which is no folder ({error}): set it to one, or unset it.") from error


def of_family(name: str, family: str) -> str:
    """A folder's ``name``, so that each family of models has one of its own. Raises LabError for an unknown family."""
    check_known("family of models", family, FAMILIES)
    return name if family == FAMILIES[0] else f"{name}-{family}"


def models_root(preset: str = "quick", family: str = "small") -> Path:
    """Where models trained here are kept: the toys of preset smoke apart from the real ones."""
    return cache_root() / of_family(f"models-{preset}" if PRESETS[preset].toy else "models", family)


def model_folder(
    task: str, method: str, seed: int = 0, preset: str = "quick", family: str = "small", *, shipped: bool = True
) -> Path:
    """Where the model or network is: shipped, else trained here.

    Raises LabError if neither; without ``shipped``, if not here.
    """
    for root in (*[SHIPPED] * (shipped and family == FAMILIES[0]), models_root(preset, family)):
        folder = root / task / method / f"seed{seed}"
        if any((folder / name).is_file() for name in MANIFESTS):
            return folder
    raise LabError(
        f"No {method} model of {task} with seed {seed}: train it with "
        f"'python -m lab train --task {task} --method {method} --seed {seed}{train_options(preset, family)}'."
    )


def train_options(preset: str, family: str) -> str:
    """The options of ``lab train`` for models of this preset and family, where they are not the defaults."""
    options = {"preset": preset if PRESETS[preset].toy else "", "family": family if family != FAMILIES[0] else ""}
    return "".join(f" --{name} {value}" for name, value in options.items() if value)


def restoring(folder: Path) -> str:
    """The sentence that says how a ``folder`` that comes with the lab is restored."""
    again = f"'git checkout -- {os.path.relpath(folder, ROOT)}'" if CHECKOUT else "installing the package again"
    return f"It is part of the lab: {again} restores it."


def making_again(path: Path) -> str:
    """The sentence that says how ``path``, in which something is broken, is made again; none for a user's folder.

    Of a folder above models, it names them.
    """
    path = path.absolute()
    if not (path / MANIFESTS[0]).is_file() and (models := _models_below(path)):
        return f"There are models in {', '.join(map(str, models))}: name one of these folders."
    if path.is_relative_to(SHIPPED):
        return restoring(path if path.is_dir() else path.parent)
    if not path.is_relative_to(cache_root()):
        return ""
    kind, *inside = path.relative_to(cache_root()).parts
    if kind == "imported":
        return f"Delete {cache_root().joinpath(kind, *inside[:2])}, and bring it in again by 'python -m lab import'."
    if kind.partition("-")[0] not in ("models", "own") or len(inside) < 2:
        return "Delete it: it is made again when it is needed."
    seeded = inside[2:3] if inside[2:] and inside[2].startswith("seed") else []
    folder = cache_root().joinpath(kind, *inside[:2], *seeded)
    words = _train_words(kind, *inside[:2], *seeded)
    return f"To make it again, delete {folder} and run 'python -m lab train {words}'."


def _models_below(folder: Path) -> list[Path]:
    """The first few folders with a model, one or two levels below ``folder``."""
    found = (path.parent for depth in ("*", "*/*") for path in sorted(folder.glob(f"{depth}/{MANIFESTS[0]}")))
    return list(islice(found, 3))


def _train_words(kind: str, task: str, method: str, seed: str = "") -> str:
    """The options of ``lab train`` for the model in the cache's folder with these names."""
    marks = kind.split("-")[1:]
    preset, family = (next((mark for mark in marks if mark in known), "") for known in (PRESETS, FAMILIES))
    # A custom run has its settings in its name; the encoder is trained with the base model
    method = re.sub(
        r"-?(steps|lr|radius|rounds|data|seed|preset)", r" --\1 ", f"{method.replace('encoder', 'base')}{seed}"
    )
    return f"--task {task} --method {method}{train_options(preset or 'quick', family or FAMILIES[0])}"


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary name beside ``path`` to write a file or folder to; renamed to ``path`` only if nothing failed.

    Raises LabError where the disk or the permissions do not allow it; the temporary name is removed then. What a
    killed process of this machine left of its own try is removed at the next one.
    """
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _sweep(path)
        folder = Path(tempfile.mkdtemp(prefix=f"{_prefix(path)}{os.getpid()}-", dir=path.parent))
        temporary = folder / path.name
        yield temporary
        if path.is_dir() and temporary.is_dir():
            os.replace(path, folder / "old")  # deleted only once the new one is in its place
        os.replace(temporary, path)
    except (OSError, SafetensorError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise LabError(f"Cannot write {path}: {reason}. Free the space or choose another folder.") from error
    finally:
        if temporary is not None:
            shutil.rmtree(temporary.parent, ignore_errors=True)


def _prefix(path: Path) -> str:
    return f".{path.name}-{platform.node()}-"


def _sweep(path: Path) -> None:
    """Remove temporary names of ``path`` whose process is gone."""
    for left in path.parent.glob(glob.escape(_prefix(path)) + "*"):
        pid = left.name.removeprefix(_prefix(path)).partition("-")[0]
        if pid.isdecimal() and _gone(int(pid), left):
            shutil.rmtree(left, ignore_errors=True)


def _gone(pid: int, left: Path) -> bool:
    """Whether the process that ``left`` something has ended: a zombie has, and so has one whose number is reused."""
    try:
        process = psutil.Process(pid)
        return process.status() == psutil.STATUS_ZOMBIE or process.create_time() > left.stat().st_ctime + 1
    except (psutil.NoSuchProcess, FileNotFoundError):
        return True
    except psutil.AccessDenied:
        return False


def writable(folder: Path) -> Path:
    """``folder``, made; raises LabError where nothing can be written, before any work is done for it."""
    with replacing(folder / ".writable") as temporary:
        temporary.touch()
    (folder / ".writable").unlink(missing_ok=True)
    return folder


@contextmanager
def claiming(path: Path) -> Iterator[None]:
    """Keep ``path`` from others while it is written: it is there, empty, at once, and gone where the writing fails.

    Raises LabError where it is there already, or cannot be made.
    """
    try:
        path.touch(exist_ok=False)
    except FileExistsError as error:
        raise LabError(f"{path} is there already: nothing was written; delete it, or take another name.") from error
    except OSError as error:
        raise LabError(f"Cannot write {path}: {error.strerror}. Free the space or choose another folder.") from error
    try:
        yield
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def write_json(path: Path, value: Any) -> None:
    """Write ``value`` as readable JSON, whole or not at all."""
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(value, indent=2) + "\n", "utf-8")


def file_status(path: Path) -> os.stat_result | None:
    """The status of a file that somebody else may delete at any time; None where it is not there."""
    try:
        return path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None


def read_json(path: Path) -> Any:
    """The JSON in ``path``; raises LabError if it is missing or is no JSON."""
    data = read_bytes(path)
    try:
        return json.loads(data.decode())
    except RecursionError as error:
        raise LabError(f"{path} is no JSON of this lab: it is nested too deep.") from error
    except ValueError as error:  # of the text, of the JSON, or of a number with thousands of digits
        raise LabError(
            f"{path} is not valid JSON ({error}); restore it or delete it so that it is made anew."
        ) from error


def read_bytes(path: Path) -> bytes:
    """What is in ``path``; raises LabError if it is missing or cannot be read."""
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise LabError(f"{path} does not exist.") from error
    except OSError as error:
        raise LabError(f"{path} cannot be read ({error.strerror}).") from error
