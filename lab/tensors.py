"""Tensors in one safetensors file that carries its own SHA-256, verified when it is read."""

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from lab.errors import LabError
from lab.files import read_bytes, replacing

BLANK = "0" * 64  #: what stands in place of the SHA-256 while it is computed
PLACE = re.compile(rb'"sha256":"([0-9a-f]{64})"')


def save_tensors(path: Path, tensors: Mapping[str, Tensor], **about: str) -> None:
    """Write ``tensors``, and ``about`` them, to ``path``: whole or not at all."""
    contiguous = {name: tensor.detach().contiguous() for name, tensor in tensors.items()}
    data = save(contiguous, metadata={**about, "sha256": BLANK})
    first, last = _place(data)
    with replacing(path) as temporary, open(temporary, "wb") as file:
        for part in (data[:first], _digest(data, first, last).encode(), memoryview(data)[last:]):
            file.write(part)


def load_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """The tensors that `save_tensors` wrote, and what it was told about them.

    Raises LabError where the file is missing, or has been changed since.
    """
    data = read_bytes(path)
    try:
        first, last = _place(data)
        if data[first:last].decode() == _digest(data, first, last):
            about = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])["__metadata__"]
            return load(data), {name: value for name, value in about.items() if name != "sha256"}
    except (AttributeError, ValueError, SafetensorError):
        pass
    raise LabError(f"{path} has been changed since it was written, or is of an older version: delete it.")


def _place(data: bytes) -> tuple[int, int]:
    """Where the SHA-256 stands; raises AttributeError if nowhere."""
    end = min(len(data), 8 + int.from_bytes(data[:8], "little"))
    return PLACE.search(data, 8, end).span(1)  # type: ignore[union-attr]


def _digest(data: bytes, first: int, last: int) -> str:
    """SHA-256 of ``data`` as they are without it."""
    digest = hashlib.sha256(memoryview(data)[:first])
    digest.update(BLANK.encode())
    digest.update(memoryview(data)[last:])
    return digest.hexdigest()
