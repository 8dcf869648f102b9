"""Where submitted world models come from: folders of this lab, which hold numbers alone, or Python files, which run."""

import importlib.util
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from traceback import walk_tb
from types import ModuleType
from typing import Any

import torch
from torch import nn

from lab.checksums import sha256
from lab.errors import LabError, near_miss
from lab.models import Evaluable, load_model
from lab.models.checkpoint import state_hash
from lab.models.protocols import check_evaluable

PREFIX = "submitted_"  #: of the names of modules that are submitted files


@dataclass(frozen=True)
class Submission:
    """A world model, and what it was made of."""

    name: str  #: of its folder, with its method where that is called after the seed alone, or of its file
    model: Evaluable
    code: str | None = None  #: SHA-256 of its file; None for a folder of this lab

    @property
    def weights(self) -> str | None:
        """SHA-256 of the model's weights; None where it has none that torch knows."""
        return state_hash(self.model) if isinstance(self.model, nn.Module) else None


def load_submission(place: str, task: str, device: torch.device | str = "cpu") -> Submission:
    """The world model at ``place``: a folder with a ``model.json``, or ``FILE.py:NAME``, whose file is executed.

    Raises LabError for a model of another task, for what is no world model, and where the file fails.
    """
    folder = Path(place)
    if folder.is_dir():
        model = load_model(folder, device)
        if model.spec.task != task:
            raise LabError(f"The world model in {folder} is of {model.spec.task}, not of {task}.")
        parts = folder.resolve().parts
        return Submission("-".join(parts[-2:] if parts[-1].startswith("seed") else parts[-1:]), model)
    file, _, name = place.rpartition(":")
    path = Path(file)
    if path.suffix != ".py" or not path.is_file():
        raise LabError(f"A world model is a folder with a model.json, or FILE.py:NAME, and '{place}' is neither.")
    return Submission(path.stem, _evaluable(_attribute(_run(path), name, path), place), sha256(path.read_bytes()))


def _run(path: Path) -> ModuleType:
    """The module that the file is, executed; it may import its neighbours, as ``python FILE.py`` may."""
    name = f"{PREFIX}{path.stem}_{sha256(str(path.resolve()).encode())[:8]}"
    if name in sys.modules:  # several models of one file
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # where dataclasses look for it
    folder = str(path.resolve().parent)
    sys.path.insert(0, folder)
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:  # somebody else's code: whatever it raises is a sentence here
        del sys.modules[name]
        raise LabError(f"{path} cannot be run ({type(error).__name__}: {error}).") from error
    finally:
        sys.path.remove(folder)  # not the first: the file may have put one before it
    return module


def _attribute(module: ModuleType, name: str, path: Path) -> Any:
    if not hasattr(module, name):
        raise LabError(f"{path} has no '{name}'{near_miss(name, vars(module))}: write {path}:NAME, as in the file.")
    return getattr(module, name)


def _evaluable(model: Any, place: str) -> Evaluable:
    """``model`` itself, ready to be evaluated."""
    check_evaluable(model, place)
    return model.eval().requires_grad_(False) if isinstance(model, nn.Module) else model


@contextmanager
def failing_by_line() -> Iterator[None]:
    """Let an exception out of a submitted file be a LabError that names file and line; all others pass as they are."""
    try:
        yield
    except Exception as error:
        cause = error.__cause__ if isinstance(error, LabError) else error  # such as torch's, told in a sentence already
        trace = cause.__traceback__ if cause else None
        frames = [(f, line) for f, line in walk_tb(trace) if _is_submitted(f.f_globals)]
        if not frames:
            raise
        frame, line = frames[-1]
        place = f"{frame.f_code.co_filename}, line {line}, in {frame.f_code.co_name}"
        raise LabError(f"The world model fails: {place}: {type(cause).__name__}: {cause}.") from error


def _is_submitted(module: Mapping[str, Any]) -> bool:
    return str(module.get("__name__")).startswith(PREFIX)
