"""One world model on disk: ``model.safetensors`` (every weight and statistic) and ``model.json`` (its spec)."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from lab.errors import LabError
from lab.files import read_json, replacing, write_json
from lab.models.spec import ModelSpec, read_spec
from lab.models.world_model import WorldModel

FORMAT = "wm-lab/1"


def save_model(model: WorldModel, folder: Path, info: dict[str, Any]) -> None:
    """Write ``model`` and what is known of its making (``info``) to ``folder``."""
    tensors = {name: tensor.contiguous() for name, tensor in model.state_dict().items()}
    with replacing(folder / "model.safetensors") as temporary:
        save_file(tensors, temporary, metadata={"format": FORMAT})
    write_json(folder / "model.json", {"format": FORMAT, "spec": asdict(model.spec), **info})


def read_info(folder: Path) -> dict[str, Any]:
    """The JSON beside the weights; raises LabError unless it is ours."""
    info = read_json(folder / "model.json")
    if not isinstance(info, dict) or info.get("format") != FORMAT:
        raise LabError(f"{folder / 'model.json'} is not a world model of this lab (its format should be {FORMAT}).")
    return info


def load_model(folder: Path, device: torch.device | str = "cpu") -> WorldModel:
    """The world model in ``folder``, frozen and in evaluation mode.

    Raises LabError where a file is missing or corrupt, or holds anything but the weights its spec asks for.
    """
    info = read_info(folder)
    model = WorldModel(_spec(folder, info))
    path = folder / "model.safetensors"
    if not path.is_file():
        raise LabError(f"{path} is missing; train the model again or restore the file.")
    try:
        tensors = load_file(path)
    except (SafetensorError, OSError) as error:
        raise LabError(f"{path} is not a readable safetensors file ({error}); train again or restore it.") from error
    check_tensors(tensors, model, path)
    model.load_state_dict(tensors)
    return model.to(device).eval().requires_grad_(False)


def _spec(folder: Path, info: Mapping[str, Any]) -> ModelSpec:
    try:
        return read_spec(info["spec"])
    except (TypeError, KeyError, AttributeError, LabError) as error:
        reason = str(error).rstrip(".")
        raise LabError(f"{folder / 'model.json'} does not describe a world model of this lab: {reason}.") from error


def check_tensors(tensors: dict[str, torch.Tensor], model: WorldModel, path: Path) -> None:
    """Raise LabError unless names and shapes are the model's and all numbers are finite."""
    expected = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    found = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    if wrong := sorted(expected.items() ^ found.items()):
        name, shape = wrong[0]
        raise LabError(f"{path} does not fit its spec: {len(wrong)} tensors differ, first {name} {shape}.")
    if broken := [name for name, tensor in tensors.items() if not torch.isfinite(tensor.float()).all()]:
        raise LabError(f"{path} holds NaN or infinite numbers in {broken[0]}; train the model again.")
