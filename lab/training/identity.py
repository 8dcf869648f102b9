"""What a training method is known by: a hash of its settings and its data, which decide what it makes of a model."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass

import numpy as np
import torch
from torch import Tensor, nn

MOST = 2**24  #: bytes of an array that are hashed: of a larger one, evenly spaced rows


def identity(method: object) -> str:
    """SHA-256 of the class of ``method`` and of all that it was made with.

    Of a dataclass, these are the fields that are compared; of another object, the attributes whose names do not begin
    with ``_``. An object that is no dataclass, and is kept in another such one, counts as its class alone.
    """
    digest = hashlib.sha256()
    for part in _parts(method):
        digest.update(part)
    return digest.hexdigest()


def _parts(value: object, inner: bool = False) -> Iterator[bytes]:
    """``value``, as bytes; ``inner``: as an attribute of an object that is no dataclass."""
    if isinstance(value, str | bytes | int | float | complex | None):
        yield f"{value!r}\0".encode()
    elif isinstance(value, np.generic):
        yield from _bytes(np.asarray(value))
    elif isinstance(value, Tensor | np.ndarray):
        yield from _bytes(value)
    elif isinstance(value, list | tuple):
        yield from _named({str(i): part for i, part in enumerate(value)}, inner)
    elif isinstance(value, Mapping):
        yield from _named(value, inner)
    else:
        name = getattr(value, "__qualname__", type(value).__qualname__)  # the first is that of a function or a class
        yield f"{name}\0".encode()
        if is_dataclass(value):
            yield from _named({field.name: getattr(value, field.name) for field in fields(value) if field.compare})
        elif isinstance(value, nn.Module):
            yield from _named(value.state_dict())
        elif not inner:
            attributes = getattr(value, "__dict__", {})
            yield from _named({name: part for name, part in attributes.items() if name[:1] != "_"}, inner=True)


def _named(parts: Mapping, inner: bool = False) -> Iterator[bytes]:
    yield f"{len(parts)}\0".encode()
    for name, part in parts.items():
        yield f"{name}\0".encode()
        yield from _parts(part, inner)


def _bytes(array: Tensor | np.ndarray) -> Iterator[bytes]:
    yield f"{array.dtype} {tuple(array.shape)}\0".encode()
    rows = array[:: max(1, array.nbytes // MOST)] if array.ndim else array
    yield (
        rows.detach().cpu().flatten().view(torch.uint8).numpy().tobytes()
        if isinstance(rows, Tensor)
        else rows.tobytes()
    )
