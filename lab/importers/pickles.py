"""Files of ``torch.save`` and pickles, read without executing anything of theirs.

A pickle names functions and classes, and calls them while it is read. Here every name is answered by something inert:
an object of a class becomes a `Shell`, which keeps its state and does nothing; a tensor becomes `Numbers`, which are
checked against the file. Any name that a checkpoint does not need is refused. What is read takes memory in proportion
to the file: a place in the pickle's memory or a copy beyond that is refused, too. The format is that of torch since
1.6: a zip file, not compressed, with ``data.pkl`` and a file of raw numbers for each storage.
"""

import io
import math
import pickle
import pickletools
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

import torch
from torch import Tensor

from lab.errors import LabError, is_whole
from lab.files import read_bytes

LARGEST = 2**24  #: bytes of a pickle, without the numbers of its tensors
MOST = 64, 2**63 - 1  #: dimensions of a tensor, and numbers of one of them
DEEPEST = 50  #: modules inside of modules
#: packages whose classes become shells: of the authors' checkpoints, and of the optimisers in them
SHELLS = ("models.", "torch.nn.modules.", "torch.optim.", "accelerate.")
STORAGES = {
    "FloatStorage": torch.float32, "DoubleStorage": torch.float64, "HalfStorage": torch.float16,
    "BFloat16Storage": torch.bfloat16, "LongStorage": torch.int64, "IntStorage": torch.int32,
    "ShortStorage": torch.int16, "CharStorage": torch.int8, "ByteStorage": torch.uint8, "BoolStorage": torch.bool,
}  # fmt: skip


class Shell:
    """What stands for an object of a foreign class: its state, without its behaviour."""

    def __new__(cls, *args: Any, **options: Any) -> "Shell":
        shell = super().__new__(cls)
        shell.state = {}
        return shell

    def __init__(self, *args: Any, **options: Any) -> None:
        self.state: dict[str, Any]

    def __setstate__(self, state: Any) -> None:
        self.state = state if isinstance(state, dict) else {}


def _refuse(instance: Any, state: Any) -> NoReturn:
    raise LabError("it changes a function or a tensor.")


@dataclass(frozen=True, slots=True)
class Numbers:
    """A tensor of the file, or one of its storages: nothing that a pickle can change."""

    tensor: Tensor

    __setstate__ = _refuse


@dataclass(frozen=True, slots=True)
class Call:
    """What stands for a function: nothing that a pickle can change."""

    function: Callable[..., Any]

    __setstate__ = _refuse

    def __call__(self, *args: Any) -> Any:
        return self.function(*args)


def read_torch(path: Path) -> Any:
    """What ``torch.save`` wrote to ``path``: tensors as `Numbers`, objects as shells.

    Raises LabError where the file is none of torch's, is damaged, or asks for anything to be executed.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            return _read(lambda: _Torch(path, archive), path)
    except LabError:
        raise
    except FileNotFoundError as error:
        raise LabError(f"{path} does not exist.") from error
    except Exception as error:  # a damaged list of contents may raise nearly anything, too
        raise LabError(f"{path} is no file of torch.save, as torch has written since 1.6 ({error}).") from error


def read_tensor(path: Path) -> Tensor:
    """The one tensor in ``path``; raises LabError as `read_torch` does, and where there is something else."""
    numbers = read_torch(path)
    if not isinstance(numbers, Numbers):
        raise LabError(f"{path} should hold a tensor, and holds {type(numbers).__name__}.")
    return numbers.tensor


def read_pickle(path: Path) -> Any:
    """The numbers, texts, lists and dicts in the pickle ``path``; raises LabError as `read_torch` does."""
    if path.is_file() and path.stat().st_size > LARGEST:
        raise LabError(f"{path} is refused: it is larger than {LARGEST} bytes.")
    data = read_bytes(path)
    return _read(lambda: _Inert(data), path)


def weights(shell: Any, path: Path) -> dict[str, Tensor]:
    """The parameters and buffers of the module that ``shell`` stands for, by name, as its ``state_dict`` has them.

    Raises LabError where it stands for none.
    """
    if not isinstance(shell, Shell):
        raise LabError(f"{path} holds {type(shell).__name__} where a module should be.")
    return dict(_weights(shell, path, DEEPEST))


def _weights(shell: Shell, path: Path, depth: int) -> Iterator[tuple[str, Tensor]]:
    if not depth:
        raise LabError(f"{path} holds modules inside of modules, more than {DEEPEST} deep.")
    for kind in ("_parameters", "_buffers"):
        yield from ((name, value.tensor) for name, value in _parts(shell, kind) if isinstance(value, Numbers))
    for name, module in _parts(shell, "_modules"):
        if isinstance(module, Shell):
            yield from ((f"{name}.{inner}", value) for inner, value in _weights(module, path, depth - 1))


def _parts(shell: Shell, kind: str) -> list[tuple[str, Any]]:
    parts = shell.state.get(kind)
    return list(parts.items()) if isinstance(parts, Mapping) else []


def _read(reader: Callable[[], pickle.Unpickler], path: Path) -> Any:
    """What it reads; a failure is a sentence, because a damaged file may raise nearly anything."""
    try:
        return reader().load()
    except Exception as error:
        reason = str(error) if isinstance(error, LabError) else f"{type(error).__name__}: {error}"
        raise LabError(f"{path} is refused, and nothing of it was executed: {reason.rstrip('.')}.") from error


class _Inert(pickle.Unpickler):
    """A reader that looks nothing up: every name leads to something of this file, or to a LabError."""

    def __init__(self, data: bytes | bytearray) -> None:
        _check_memory(data)
        super().__init__(io.BytesIO(data))
        self.classes: dict[str, type[Shell]] = {}
        self.room = len(data)  # of elements that may still be copied

    def find_class(self, module: str, name: str, /) -> Any:
        full = f"{module}.{name}".replace("__builtin__.", "builtins.")
        if full in PLAIN:
            return PLAIN[full]
        if full in CONTAINERS:
            return Call(partial(self._container, CONTAINERS[full]))
        if module in ("torch", "torch.storage") and name in STORAGES:
            return STORAGES[name]
        if full.startswith(SHELLS):
            return self.classes.setdefault(full, type("Shell", (Shell,), {}))
        raise LabError(f"it asks for {full}, which no world model or data set needs.")

    def persistent_load(self, pid: Any, /) -> Any:
        raise LabError("it refers to another file.")

    def _container(self, kind: Callable[..., Any], elements: Any = ()) -> Any:
        """A container of ``elements``, which one may name again and again; raises LabError once they are too many."""
        self.room -= len(elements)
        if self.room < 0:
            raise LabError("it copies more than it holds.")
        return kind(elements)


def _check_memory(data: bytes | bytearray) -> None:
    """Raise LabError for a place in memory beyond what is read so far, and ValueError for what is cut off.

    A reader makes room for all places up to the one named, and for all bytes announced, before there is anything.
    """
    for count, (code, place, _) in enumerate(pickletools.genops(data)):
        if code.name in ("PUT", "BINPUT", "LONG_BINPUT") and is_whole(place, count + 1):
            raise LabError(f"it asks for a place in memory far beyond the {count} steps so far.")


class _Torch(_Inert):
    """The reader of one file of torch.save."""

    def __init__(self, path: Path, archive: zipfile.ZipFile) -> None:
        self.archive, self.left = archive, path.stat().st_size
        self.entries = {info.filename.partition("/")[2]: info for info in archive.infolist()}
        self.stored: dict[str, Numbers] = {}
        pickled = self.entries.get("data.pkl")
        if pickled is None or pickled.file_size > LARGEST:
            raise LabError(f"its data.pkl is missing, or larger than {LARGEST} bytes")
        super().__init__(self._bytes("data.pkl", pickled.file_size))

    def persistent_load(self, pid: Any, /) -> Numbers:
        """The storage ("storage", type, key, location, n), read once; the location, a device, does not matter."""
        kind, dtype, key, _, count = pid
        if kind != "storage" or not isinstance(dtype, torch.dtype) or not isinstance(key, str):
            raise LabError("it has a storage of an unknown kind.")
        if not is_whole(count, 0):
            raise LabError(f"its storage {key} has no size.")
        if key not in self.stored:
            data = self._bytes(f"data/{key}", count * dtype.itemsize)
            self.stored[key] = Numbers(torch.frombuffer(data, dtype=dtype) if count else torch.empty(0, dtype=dtype))
        numbers = self.stored[key].tensor
        if (numbers.dtype, len(numbers)) != (dtype, count):
            raise LabError(f"its storage {key} has two types or sizes.")
        return self.stored[key]

    def _bytes(self, name: str, size: int) -> bytearray:
        """The bytes of an entry, which must be there, of this ``size``, and not compressed."""
        info = self.entries.get(name)
        if info is None or info.compress_type != zipfile.ZIP_STORED or info.file_size != size:
            found = "is missing" if info is None else f"has {info.file_size} bytes, perhaps compressed"
            raise LabError(f"its {name} {found}, and should have {size}.")
        self.left -= size
        if self.left < 0:
            raise LabError("it names more numbers than it holds.")
        return bytearray(self.archive.read(info))


def _tensor(storage: Any, offset: Any, size: Any, stride: Any, *_: Any) -> Numbers:
    """The part of ``storage`` that torch._utils._rebuild_tensor_v2 would show; raises LabError for one beyond it."""
    if not isinstance(storage, Numbers) or not len(size) == len(stride) <= MOST[0]:
        raise LabError("it has a tensor without numbers, of two shapes, or of too many dimensions.")
    sizes, strides = tuple(size), tuple(stride)
    if not all(is_whole(number, 0, MOST[1]) for number in (offset, *sizes, *strides)):
        raise LabError("it has a tensor whose shape is no whole numbers.")
    count, last = math.prod(sizes), offset + sum((n - 1) * step for n, step in zip(sizes, strides, strict=True))
    if count and (last >= len(storage.tensor) or count > len(storage.tensor)):
        raise LabError("it has a tensor that is larger than its storage.")
    return Numbers(storage.tensor.as_strided(sizes, strides, offset if count else 0))


def _nothing(*_: Any) -> None:
    return None


CONTAINERS: dict[str, Callable[..., Any]] = {
    "collections.OrderedDict": dict, "builtins.dict": dict, "builtins.list": list, "builtins.set": list,
    "torch.Size": tuple,
}  # fmt: skip
#: what stands for the functions and classes that tensors and optimisers need
PLAIN: dict[str, Any] = {
    "collections.defaultdict": Call(lambda *_: {}),
    "builtins.getattr": Call(_nothing),  # of an optimiser's methods, which are not needed
    **{str(dtype): dtype for dtype in STORAGES.values()},
    "torch.device": Call(_nothing),
    "torch._utils._rebuild_tensor_v2": Call(_tensor),
    "torch._utils._rebuild_parameter": Call(lambda numbers, *_: numbers),
}
