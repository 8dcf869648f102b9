"""One world model on disk: its weights and statistics as safetensors, and ``model.json`` with its spec.

The weights are one file, ``model.safetensors``; or ``predictor.safetensors`` and a file of the rest (encoder, decoder,
statistics), which the models of a task share. ``model.json`` is a manifest: all is verified by `lab.checksums`.
"""

import functools
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor, nn

from lab.checksums import MODEL, read_manifest, sha256, verified, weight_files, write_manifest
from lab.errors import LabError
from lab.files import making_again, replacing
from lab.models.spec import ModelSpec, read_spec
from lab.models.world_model import WorldModel


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
            shared / f"{sha256(frozen)[:16]}.safetensors": frozen,
            folder / "predictor.safetensors": _bytes(predictor),
        }
    for path, data in parts.items():
        with replacing(path) as temporary:
            temporary.write_bytes(data)
    write_manifest(folder / "model.json", {"format": MODEL, "spec": asdict(model.spec), **info}, parts)


def read_info(folder: Path) -> dict[str, Any]:
    """The JSON beside the weights; raises LabError unless it describes a world model of this lab, unchanged.

    One from before models named a SHA-256 of their JSON is read with a warning: its weights are verified.
    """
    return read_manifest(folder / "model.json", MODEL, unsigned=True)


def load_model(folder: Path, device: torch.device | str = "cpu") -> WorldModel:
    """The world model in ``folder``, frozen and in evaluation mode.

    Raises LabError where a file is missing or changed, or holds anything but the weights its spec asks for.
    """
    with making_again_told(folder):
        spec = _spec(folder, read_info(folder))
        tensors = load_tensors(folder)
        check_sizes(spec, tensors, folder)
        model = WorldModel(spec)
        check_tensors(tensors, model, folder)
    model.load_state_dict(tensors)
    return model.to(device).eval().requires_grad_(False)


@contextmanager
def making_again_told(folder: Path) -> Iterator[None]:
    """Let errors about what ``folder`` holds end with how it is made again."""
    try:
        yield
    except LabError as error:
        raise LabError(f"{error} {making_again(folder)}".rstrip()) from error


def load_tensors(folder: Path) -> dict[str, Tensor]:
    """All weights and statistics of the model in ``folder``, by name; raises LabError as `load_model` does."""
    tensors: dict[str, Tensor] = {}
    for path, digest in weight_files(folder).items():
        tensors |= read_tensors(path, digest)
    return tensors


def whole_file(folder: Path) -> bytes:
    """The model in ``folder`` as one safetensors file, as `save_model` writes without ``shared``."""
    return _bytes(load_tensors(folder))


def weights_hash(folder: Path) -> str:
    """SHA-256 of `whole_file`: the same however the model is stored."""
    return sha256(whole_file(folder))


def state_hash(module: nn.Module) -> str:
    """SHA-256 of all weights and statistics of ``module``, which for a world model of the lab is its `weights_hash`."""
    return sha256(_bytes({name: tensor.detach().cpu().clone() for name, tensor in module.state_dict().items()}))


def _bytes(tensors: Mapping[str, Tensor]) -> bytes:
    return save(dict(tensors), metadata={"format": MODEL})


def read_tensors(path: Path, digest: str) -> dict[str, Tensor]:
    """The tensors in the safetensors file ``path``; raises LabError unless ``digest`` is its SHA-256."""
    try:
        return load(verified(path, digest))
    except (SafetensorError, ValueError, KeyError, TypeError, AttributeError) as error:
        if isinstance(error, LabError):
            raise LabError(f"{str(error).rstrip('.')}: restore it, or train the model again.") from error
        raise LabError(
            f"{path} is not a readable safetensors file ({error}): restore it, or train the model again."
        ) from error


def _spec(folder: Path, info: Mapping[str, Any]) -> ModelSpec:
    try:
        spec = read_spec(info["spec"])
    except (TypeError, KeyError, AttributeError, LabError) as error:
        reason = str(error).rstrip(".")
        raise LabError(f"{folder / 'model.json'} does not describe a world model of this lab: {reason}.") from error
    if spec.task != (task := info.get("task", spec.task)):
        raise LabError(f"{folder / 'model.json'} is of two tasks, {spec.task} and {task}: restore it.")
    return spec


def check_sizes(spec: ModelSpec, tensors: Mapping[str, Tensor], path: Path) -> None:
    """Raise LabError unless the file has the weights of the ``spec``, before a model of these sizes is made."""
    bound_sizes(spec.sizes, spec.layers, tensors, path)
    present = {(name, tensor.shape, tensor.dtype) for name, tensor in tensors.items()}
    if missing := sorted(_outline(spec) - present, key=str):
        name, shape, dtype = missing[0]
        raise LabError(
            f"{path} does not fit its spec: {len(missing)} tensors differ, first {name} {tuple(shape)} {dtype}."
        )


def bound_sizes(sizes: Iterable[int], layers: int, tensors: Mapping[str, Tensor], path: Path) -> None:
    """Raise LabError where one of the ``sizes``, or the number of ``layers``, is beyond all that the file holds."""
    largest = max(sizes)
    if largest > max((tensor.numel() for tensor in tensors.values()), default=0) or layers > len(tensors):
        raise LabError(f"{path} does not fit its spec: sizes up to {largest} are more than the file holds.")


@functools.lru_cache(maxsize=32)
def _outline(spec: ModelSpec) -> frozenset[tuple[str, torch.Size, torch.dtype]]:
    """Name, shape and type of the weights that only the spec decides, without their memory."""
    with torch.device("meta"):
        model = nn.ModuleDict(dict(zip(("predictor", "decoder"), spec.predictor_and_decoder(), strict=True)))
    return frozenset((name, tensor.shape, tensor.dtype) for name, tensor in model.state_dict().items())


def check_tensors(tensors: Mapping[str, Tensor], model: nn.Module, path: Path) -> None:
    """Raise LabError unless names, shapes and types are the model's, and all numbers can be those of one."""
    expected, actual = (
        {name: (tuple(tensor.shape), tensor.dtype) for name, tensor in group.items()}
        for group in (model.state_dict(), tensors)
    )
    if wrong := sorted(expected.items() ^ actual.items(), key=str):
        name, (shape, dtype) = wrong[0]
        count = len({name for name, _ in wrong})
        raise LabError(f"{path} does not fit its spec: {count} tensors differ, first {name} {shape} {dtype}.")
    for name, tensor in tensors.items():
        if not torch.isfinite(tensor).all():
            raise LabError(f"{path} holds NaN or infinite numbers in {name}; train the model again.")
        if name.endswith("_std") and not (tensor > 0).all():
            raise LabError(f"{path} holds a standard deviation in {name} that is not positive; train the model again.")
