"""Arrays on disk: ``.npy`` memory maps, and a manifest with the SHA-256, shape and type of each."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np

from lab.checksums import named_files, read_manifest, verify_file, write_manifest
from lab.errors import LabError

#: memory maps to read; ``c`` can be written to, which torch asks for, but no change reaches the file
Mode = Literal["r", "c"]


def describe_arrays(manifest: Path, content: Mapping[str, Any], paths: Iterable[Path]) -> None:
    """Write the ``manifest`` of the arrays in ``paths``, with other ``content``."""
    paths = list(paths)
    arrays = {path.stem: _description(_mapped(path, "r")) for path in paths}
    write_manifest(manifest, {**content, "arrays": arrays}, paths)


def load_arrays(manifest: Path, content: Mapping[str, Any], mode: Mode = "r") -> dict[str, np.ndarray]:
    """The arrays that the ``manifest`` names, by their files' names without ``.npy``.

    Raises LabError unless all are as they were written, and the manifest has this ``content``.
    """
    found = read_manifest(manifest)
    if any(found.get(name) != value for name, value in content.items()):
        raise LabError(f"{manifest} describes other data than asked for.")
    arrays = {}
    for path, digest in named_files(manifest, found).items():
        verify_file(path, digest)
        arrays[path.stem] = _mapped(path, mode)
    if found.get("arrays") != {name: _description(array) for name, array in arrays.items()}:
        raise LabError(f"{manifest} describes arrays of other shapes or types than those beside it.")
    return arrays


def _description(array: np.ndarray) -> dict[str, Any]:
    return {"shape": list(array.shape), "dtype": str(array.dtype)}


def _mapped(path: Path, mode: Mode) -> np.ndarray:
    try:
        return np.load(path, mmap_mode=mode)
    except (OSError, ValueError, EOFError) as error:
        raise LabError(f"{path} is not a readable array ({error}).") from error
