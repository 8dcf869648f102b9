"""One world model on disk: its weights and statistics as safetensors, and ``model.json`` with its spec.

The weights are one file, ``model.safetensors``; or ``predictor.safetensors`` and a file of the rest (encoder, decoder,
statistics), which the models of a task share. ``model.json`` names the files with their SHA-256.
"""

import hashlib
import os
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from lab.errors import LabError
from lab.files import read_json, replacing, weight_files, write_json
from lab.models.spec import ModelSpec, read_spec
from lab.models.world_model import WorldModel

FORMAT = "wm-lab/1"


def save_model(model: WorldModel, folder: Path, info: dict[str, Any], shared: Path | None = None) -> None:
    """Write ``model`` to ``folder``, and ``info`` on its training to the folder's ``model.json``.

    With ``shared``, all but the predictor goes to a file in that folder, whose name follows from its contents: models
    with the same encoder, decoder and statistics have one file of them, and none overwrites another's.
    """
    tensors = {name: tensor.contiguous() for name, tensor in model.state_dict().items()}
    if shared is None:
        parts = {folder / "model.safetensors": _bytes(tensors)}
    else:
        predictor = {name: tensor for name, tensor in tensors.items() if name.startswith("predictor.")}
        frozen = _bytes({name: tensor for name, tensor in tensors.items() if name not in predictor})
        parts = {
            shared / f"{_sha256(frozen)[:16]}.safetensors": frozen,
            folder / "predictor.safetensors": _bytes(predictor),
        }
    for path, data in parts.items():
        with replacing(path) as temporary:
            temporary.write_bytes(data)
    files = {Path(os.path.relpath(path, folder)).as_posix(): _sha256(data) for path, data in parts.items()}
    write_json(folder / "model.json", {"format": FORMAT, "spec": asdict(model.spec), **info, "files": files})


def read_info(folder: Path) -> dict[str, Any]:
    """The JSON beside the weights; raises LabError unless it describes a world model of this lab."""
    info = read_json(folder / "model.json")
    if not isinstance(info, dict) or info.get("format") != FORMAT:
        raise LabError(f"{folder / 'model.json'} is not a world model of this lab (its format should be {FORMAT}).")
    return info


def load_model(folder: Path, device: torch.device | str = "cpu") -> WorldModel:
    """The world model in ``folder``, frozen and in evaluation mode.

    Raises LabError where a file is missing or corrupt, or holds anything but the weights its spec asks for.
    """
    model = WorldModel(_spec(folder, read_info(folder)))
    tensors = load_tensors(folder)
    check_tensors(tensors, model, folder)
    model.load_state_dict(tensors)
    return model.to(device).eval().requires_grad_(False)


def load_tensors(folder: Path) -> dict[str, Tensor]:
    """All weights and statistics of the model in ``folder``, by name; raises LabError as `load_model` does."""
    tensors: dict[str, Tensor] = {}
    for path, digest in weight_files(folder).items():
        tensors |= _read(path, digest)
    return tensors


def whole_file(folder: Path) -> bytes:
    """The model in ``folder`` as one safetensors file, as `save_model` writes without ``shared``."""
    return _bytes(load_tensors(folder))


def weights_hash(folder: Path) -> str:
    """SHA-256 of `whole_file`: the same however the model is stored."""
    return _sha256(whole_file(folder))


def _bytes(tensors: Mapping[str, Tensor]) -> bytes:
    return save(dict(tensors), metadata={"format": FORMAT})


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _read(path: Path, digest: str | None) -> dict[str, Tensor]:
    """The tensors in ``path``; raises LabError unless its SHA-256 is ``digest``, where there is one."""
    try:
        data = path.read_bytes()
        tensors = load(data)
    except FileNotFoundError as error:
        raise LabError(f"{path} is missing; restore the file, or train the model again.") from error
    except (SafetensorError, OSError, ValueError) as error:
        raise LabError(f"{path} is not a readable safetensors file ({error}); train again or restore it.") from error
    if digest and _sha256(data) != digest:
        raise LabError(f"{path} is not the file that its model.json names (SHA-256 {digest[:16]}…): restore it.")
    return tensors


def _spec(folder: Path, info: Mapping[str, Any]) -> ModelSpec:
    try:
        return read_spec(info["spec"])
    except (TypeError, KeyError, AttributeError, LabError) as error:
        reason = str(error).rstrip(".")
        raise LabError(f"{folder / 'model.json'} does not describe a world model of this lab: {reason}.") from error


def check_tensors(tensors: dict[str, torch.Tensor], model: WorldModel, path: Path) -> None:
    """Raise LabError unless names and shapes are the model's and all numbers are finite."""
    expected = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    actual = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    if wrong := sorted(expected.items() ^ actual.items()):
        name, shape = wrong[0]
        raise LabError(f"{path} does not fit its spec: {len(wrong)} tensors differ, first {name} {shape}.")
    if broken := [name for name, tensor in tensors.items() if not torch.isfinite(tensor.float()).all()]:
        raise LabError(f"{path} holds NaN or infinite numbers in {broken[0]}; train the model again.")
