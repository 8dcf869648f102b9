"""Where things live, and writing so that a reader never sees half a file."""

import functools
import glob
import json
import os
import platform
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import platformdirs
import psutil
from safetensors import SafetensorError

from lab.errors import LabError
from lab.presets import PRESETS

PACKAGE = Path(__file__).parent
ROOT = PACKAGE.parent
CHECKOUT = (ROOT / "pyproject.toml").is_file()  #: whether notebooks, app and reference results are there as well
SHIPPED = PACKAGE / "checkpoints"
FAMILIES = ("small", "dino")  #: of world models, see `lab.training.recipes`
MODELS = ("base", "control", "online", "adversarial")  #: the world models of a task, by how they are trained


def cache_root() -> Path:
    """Data sets and runs made here: ``$LAB_CACHE``, else ``.lab`` in a checkout, else the user's cache folder.

    Raises LabError if ``$LAB_CACHE`` is empty.
    """
    return _cache(os.environ.get("LAB_CACHE"))


@functools.cache
def _cache(named: str | None) -> Path:
    """Resolved once, so that a later change of the working folder moves nothing."""
    if named is None:
        return ROOT / ".lab" if CHECKOUT else platformdirs.user_cache_path("wm-lab", appauthor=False)
    if not named.strip():
        raise LabError("LAB_CACHE is empty: set it to a folder, or unset it.")
    return Path(named).expanduser().resolve()


def of_family(name: str, family: str) -> str:
    """A folder's ``name``, so that each family of models has one of its own. Raises LabError for an unknown family."""
    if family not in FAMILIES:
        raise LabError(f"Unknown family of models '{family}': choose one of {', '.join(FAMILIES)}.")
    return name if family == FAMILIES[0] else f"{name}-{family}"


def models_root(preset: str = "quick", family: str = "small") -> Path:
    """Where models trained here are kept: the toys of preset smoke apart from the real ones."""
    return cache_root() / of_family(f"models-{preset}" if PRESETS[preset].toy else "models", family)


def model_folder(task: str, method: str, seed: int = 0, preset: str = "quick", family: str = "small") -> Path:
    """Where the model is: shipped, else trained here. Raises LabError if neither."""
    shipped = (SHIPPED,) if family == FAMILIES[0] else ()
    for root in (*shipped, models_root(preset, family)):
        folder = root / task / method / f"seed{seed}"
        if (folder / "model.json").is_file():
            return folder
    option = "" if family == FAMILIES[0] else f" --family {family}"
    raise LabError(
        f"No {method} model of {task} with seed {seed}: train it with "
        f"'python -m lab train --task {task} --method {method} --seed {seed}{option}'."
    )


def weight_files(folder: Path) -> dict[Path, str | None]:
    """The files with the weights of the model in ``folder``, each with its SHA-256 (None in models of version 0.1).

    Raises LabError where ``model.json`` is missing or no JSON.
    """
    info = read_json(folder / "model.json")
    files = (isinstance(info, dict) and info.get("files")) or {"model.safetensors": None}
    return {Path(os.path.normpath(folder / name)): digest for name, digest in files.items()}


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
            shutil.rmtree(path)
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
        if pid.isdecimal() and not psutil.pid_exists(int(pid)):
            shutil.rmtree(left, ignore_errors=True)


def writable(folder: Path) -> Path:
    """``folder``, made; raises LabError where nothing can be written, before any work is done for it."""
    with replacing(folder / ".writable") as temporary:
        temporary.touch()
    (folder / ".writable").unlink(missing_ok=True)
    return folder


def write_json(path: Path, value: Any) -> None:
    """Write ``value`` as readable JSON, whole or not at all."""
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(value, indent=2) + "\n")


def read_json(path: Path) -> Any:
    """The JSON in ``path``; raises LabError if it is missing or is no JSON."""
    try:
        return json.loads(path.read_text())
    except FileNotFoundError as error:
        raise LabError(f"{path} does not exist.") from error
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise LabError(
            f"{path} is not valid JSON ({error}); restore it or delete it so that it is made anew."
        ) from error
