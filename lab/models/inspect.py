"""The contents of a world model's file: sizes, statistics and weights, inferred from the tensors alone.

The file may come from anywhere. It is read as safetensors, a format that can hold nothing but numbers.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import pandas as pd
import torch
from safetensors import SafetensorError
from safetensors.torch import load
from torch import Tensor

from lab.errors import LabError
from lab.files import SHIPPED
from lab.models.checkpoint import check_tensors, load_tensors
from lab.models.encoders import ENCODERS, VectorEncoder
from lab.models.world_model import ModelSpec, WorldModel

PARTS = {
    "encoder": "turns pictures into latents; frozen after pretraining",
    "predictor": "imagines the next latent; what the training methods change",
    "decoder": "draws imagined latents; neither trained on nor planned with",
    "statistics": "means and standard deviations, by which inputs are standardised",
}
MOST_TENSORS = 200  #: no world model of the lab has more
LARGEST = 32  #: MiB of a file from anywhere
LONGEST_HEADER = 2**17  #: bytes, in which the names and shapes of so many tensors have room


@dataclass(frozen=True)
class Checkpoint:
    """A world model's file, read. The tensors do not say of which task it is, so that ``spec.task`` is empty."""

    spec: ModelSpec
    tensors: dict[str, Tensor]
    task: str | None  #: the task whose shipped encoder it has
    shipped: tuple[str, int] | None  #: (method, seed) of the shipped model with the same numbers
    digest: str  #: the start of the SHA-256 of the file, as in the provenance of results

    @property
    def sizes(self) -> dict[str, str | int]:
        """The spec without the task."""
        return {name: value for name, value in asdict(self.spec).items() if name != "task"}


def read_checkpoint(data: bytes, name: str = "The file") -> Checkpoint:
    """The world model whose safetensors file has the bytes ``data``; ``name`` is what errors call it.

    Raises LabError, in one sentence, for anything but a whole world model of this lab. What is too large for one is
    refused before it is parsed.
    """
    if len(data) > LARGEST * 2**20:
        raise LabError(f"{name} has {len(data) / 2**20:.0f} MiB; a world model's file has at most {LARGEST}.")
    header = int.from_bytes(data[:8], "little")
    if LONGEST_HEADER < header <= len(data) - 8:
        raise LabError(f"{name} names more tensors than any world model has ({header} bytes of names and shapes).")
    try:
        tensors = load(data)
    except (SafetensorError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise LabError(f"{name} is not a readable safetensors file.") from error
    with torch.device("meta"):  # the sizes are whatever the file says, so nothing of these sizes is made
        spec = _spec(tensors, name)
        model = WorldModel(spec)
    check_tensors(tensors, model, Path(name))
    task, shipped = _recognised(tensors)
    return Checkpoint(spec, tensors, task, shipped, hashlib.sha256(data).hexdigest()[:16])


def part(name: str) -> str:
    """Which of `PARTS` the tensor called ``name`` belongs to."""
    first = name.partition(".")[0]
    return first if first in PARTS else "statistics"


def tensor_table(checkpoint: Checkpoint) -> pd.DataFrame:
    """A row for each tensor: part, name, shape, size, mean, standard deviation and largest absolute value.

    Those without numbers have none: the statistics of what a task does not sense.
    """
    rows = [
        {
            "part": part(name),
            "tensor": name,
            "shape": " x ".join(map(str, tensor.shape)) or "1",
            "numbers": tensor.numel(),
            "mean": float(tensor.float().mean()),
            "standard deviation": float(tensor.float().std(correction=0)),
            "largest": float(tensor.float().abs().max()),
        }
        for name, tensor in sorted(checkpoint.tensors.items())
        if tensor.numel()
    ]
    return pd.DataFrame(rows)


def statistics_table(checkpoint: Checkpoint) -> pd.DataFrame:
    """Mean and standard deviation of each number of action and proprioception, and of all latent numbers at once."""
    rows = []
    for part_name in ("action", "proprio", "latent"):
        mean, std = (checkpoint.tensors[f"{part_name}_{name}"].float() for name in ("mean", "std"))
        if part_name == "latent":
            rows.append([f"latent (all {len(mean)})", float(mean.mean()), float(std.mean())])
        else:
            rows += [[f"{part_name} {i}", float(mean[i]), float(std[i])] for i in range(len(mean))]
    return pd.DataFrame(rows, columns=["input", "mean", "standard deviation"])


def change(checkpoint: Checkpoint, other: Checkpoint) -> pd.DataFrame:
    """The distance of each tensor from that of ``other``, relative to the norm of the latter.

    Columns: part, tensor, change. Raises LabError where the sizes differ.
    """
    if checkpoint.sizes != other.sizes:
        raise LabError("The two world models differ in their sizes, so that their weights cannot be compared.")
    rows = []
    for name, theirs in sorted(other.tensors.items()):
        ours = checkpoint.tensors[name].float()
        distance, size = float((ours - theirs.float()).norm()), float(theirs.float().norm())
        rows.append([part(name), name, distance / size if size else float(distance > 0)])
    return pd.DataFrame(rows, columns=["part", "tensor", "change"])


def _spec(tensors: dict[str, Tensor], name: str) -> ModelSpec:
    """The spec that the shapes of ``tensors`` imply."""
    if all(key.startswith("predictor.") for key in tensors):
        raise LabError(f"{name} holds a predictor alone: give a whole model.safetensors, or choose the model by name.")
    if "predictor.position" in tensors:
        raise LabError(f"{name} is a world model on patch tokens, whose sizes only the model.json beside it tells.")
    try:
        latent, proprio, action = (len(tensors[f"{what}_mean"]) for what in ("latent", "proprio", "action"))
        hidden, width = tensors["predictor.body.0.weight"].shape
        layers = sum(key.startswith("predictor.body.") and tensor.ndim == 2 for key, tensor in tensors.items())
        names = {key.removeprefix("encoder.") for key in tensors if key.startswith("encoder.")}
        encoder = next(kind for kind, cls in _vector_encoders() if set(cls(latent).state_dict()) == names)
        frameskip, remainder = divmod(width - latent - proprio, action)
        if remainder or len(tensors) > MOST_TENSORS:
            raise ValueError(f"{len(tensors)} tensors")
        return ModelSpec("", encoder, latent, proprio, action, frameskip, hidden, layers)
    except (KeyError, ValueError, TypeError, RuntimeError, ZeroDivisionError, StopIteration, LabError) as error:
        raise LabError(f"{name} is a safetensors file, but not of a world model of this lab.") from error


def _vector_encoders() -> Iterator[tuple[str, type[VectorEncoder]]]:
    for kind, encoder in ENCODERS.items():
        if issubclass(encoder, VectorEncoder):
            yield kind, encoder


def _recognised(tensors: dict[str, Tensor]) -> tuple[str | None, tuple[str, int] | None]:
    """The task whose shipped encoder the tensors hold, and (method, seed) of the shipped model if they are equal."""
    task = None
    for folder in sorted(path.parent for path in SHIPPED.glob("*/*/seed*/model.json")):
        theirs = load_tensors(folder)
        if _same(tensors, theirs, "encoder."):
            task, method, seed = folder.parts[-3:]
            if _same(tensors, theirs, ""):
                return task, (method, int(seed.removeprefix("seed")))
    return task, None


def _same(ours: dict[str, Tensor], theirs: dict[str, Tensor], prefix: str) -> bool:
    """Whether all tensors whose names begin with ``prefix`` are equal."""
    names = {name for name in theirs if name.startswith(prefix)}
    return names == {name for name in ours if name.startswith(prefix)} and all(
        torch.equal(ours[name], theirs[name]) for name in names
    )
