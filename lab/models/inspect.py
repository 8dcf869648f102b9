"""What is inside a world model's file: its sizes, statistics and weights, found from the tensors alone.

The file may come from anywhere: it is read as safetensors, which can hold nothing but numbers, and from memory.
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
    "statistics": "means and deviations that inputs are standardised by",
}
MANY = 200  #: tensors, more than which no world model here has


@dataclass(frozen=True)
class Checkpoint:
    """A world model's file, read. The tensors do not say of which task it is, so that ``spec.task`` is empty."""

    spec: ModelSpec
    tensors: dict[str, Tensor]
    task: str | None  #: the one whose shipped encoder it has
    shipped: tuple[str, int] | None  #: (method, seed) of the shipped model that it is, number for number
    digest: str  #: the start of the SHA-256 of the file, as in the provenance of results

    @property
    def sizes(self) -> dict[str, str | int]:
        """The spec without the task."""
        return {name: value for name, value in asdict(self.spec).items() if name != "task"}


def read_checkpoint(data: bytes, name: str = "The file") -> Checkpoint:
    """The world model whose safetensors file has the bytes ``data``; ``name`` is what errors call it.

    Raises LabError, in one sentence, for anything but a whole world model of this lab.
    """
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
    """A row for each tensor: part, name, shape, how many numbers, and their mean, deviation and largest size."""
    rows = [
        {
            "part": part(name),
            "tensor": name,
            "shape": " x ".join(map(str, tensor.shape)) or "1",
            "numbers": tensor.numel(),
            "mean": float(tensor.float().mean()),
            "deviation": float(tensor.float().std(correction=0)),
            "largest": float(tensor.float().abs().max()),
        }
        for name, tensor in sorted(checkpoint.tensors.items())
    ]
    return pd.DataFrame(rows)


def statistics_table(checkpoint: Checkpoint) -> pd.DataFrame:
    """Mean and deviation of every number of the action and of the proprioception, and of all latent numbers at once."""
    rows = []
    for what in ("action", "proprio", "latent"):
        mean, deviation = (checkpoint.tensors[f"{what}_{name}"].float() for name in ("mean", "std"))
        if what == "latent":
            rows.append([f"latent (all {len(mean)})", float(mean.mean()), float(deviation.mean())])
        else:
            rows += [[f"{what} {i}", float(mean[i]), float(deviation[i])] for i in range(len(mean))]
    return pd.DataFrame(rows, columns=["input", "mean", "deviation"])


def change(checkpoint: Checkpoint, other: Checkpoint) -> pd.DataFrame:
    """How far each part's tensors are from those of ``other``: the distance, relative to the size of the other's.

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
    """The sizes that the shapes ask for."""
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
        frameskip, rest = divmod(width - latent - proprio, action)
        if rest or len(tensors) > MANY:
            raise ValueError(f"{len(tensors)} tensors")
        return ModelSpec("", encoder, latent, proprio, action, frameskip, hidden, layers)
    except (KeyError, ValueError, TypeError, RuntimeError, ZeroDivisionError, StopIteration, LabError) as error:
        raise LabError(f"{name} is a safetensors file, but not of a world model of this lab.") from error


def _vector_encoders() -> Iterator[tuple[str, type[VectorEncoder]]]:
    for kind, encoder in ENCODERS.items():
        if issubclass(encoder, VectorEncoder):
            yield kind, encoder


def _recognised(tensors: dict[str, Tensor]) -> tuple[str | None, tuple[str, int] | None]:
    """The task whose shipped encoder this has, and the shipped model that it is."""
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
