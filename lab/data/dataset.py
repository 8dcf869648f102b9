"""Trajectories of a task's data policy: collected from a seed, stored as .npy memory maps, cached by fingerprint.

A data set is one folder with ``state.npy`` (N, T+1, S), ``action.npy`` (N, T, A), ``pixels.npy`` (N, T+1, size, size,
3) uint8 and, written last, its manifest ``meta.json``, by which all are verified. The three splits draw from disjoint
random streams, so that they share no episode. A larger data set begins with the episodes of a smaller one.
"""

import hashlib
import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib.format import dtype_to_descr, write_array_header_1_0
from tqdm.auto import tqdm

from lab.data.arrays import describe_arrays, load_arrays
from lab.errors import LabError, check_known, check_seed, is_whole
from lab.files import cache_root, replacing
from lab.locks import load_or_make
from lab.options import plain
from lab.tasks import Task, make_task
from lab.tasks.doors import check_size

SPLITS = ("train", "tune", "test")  #: for training, for choosing settings, and for what is reported
MOST_EPISODES = 10**6  #: of one data set
MOST_SEED = 2**32 - 1  #: a larger one would be two words, and draw the episodes of another split


@dataclass(frozen=True)
class DataSpec:
    """The settings of a data set; equal specs give equal data.

    Raises LabError for an unknown task or split, for less than 1 episode or too many, for a negative seed, and for
    pictures of an impossible size.
    """

    task: str
    split: str = "train"  #: train, tune or test
    episodes: int = 1000
    seed: int = 0
    size: int = 64  #: side of the pictures in pixels
    pixels: bool = True  #: draw the pictures (the states alone are enough to sample problems)

    def __post_init__(self) -> None:
        make_task(self.task)
        check_known("split", self.split, SPLITS)
        if not is_whole(self.episodes, 1, MOST_EPISODES):
            raise LabError(f"A data set has 1 to {MOST_EPISODES} episodes, got {self.episodes!r}.")
        check_seed(self.seed, MOST_SEED)
        check_size(self.size)


@dataclass(frozen=True)
class Dataset:
    """Trajectories as arrays, memory-mapped if they come from the cache.

    ``states`` (N, T+1, S), ``actions`` (N, T, A), and ``pixels`` (N, T+1, size, size, 3) uint8 or None.
    """

    spec: DataSpec
    states: np.ndarray
    actions: np.ndarray
    pixels: np.ndarray | None
    fingerprint: str

    @property
    def task(self) -> Task:
        """The task of the trajectories."""
        return make_task(self.spec.task)


def fingerprint(spec: DataSpec) -> str:
    """The hash of ``spec`` and of the task's output on a tiny probe, so that changed physics gives new data."""
    task = make_task(spec.task)
    states, actions = task.collect(np.random.default_rng(0), 2, 10)
    digest = hashlib.sha256(json.dumps(plain(spec), sort_keys=True).encode())
    for array in (states, actions, task.render(states[:, -1], spec.size)):
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()[:16]


def dataset_folder(spec: DataSpec, root: Path | None = None) -> Path:
    """The folder of the data set of ``spec``, below ``root`` (default: in the cache)."""
    return (root or cache_root() / "data") / spec.task / f"{spec.split}-{fingerprint(spec)}"


def load_or_collect(spec: DataSpec, root: Path | None = None, progress: bool = True) -> Dataset:
    """The data set of ``spec`` from the cache, or collected now. A broken or incomplete one is collected again."""
    key, folder = fingerprint(spec), dataset_folder(spec, root)

    def make() -> None:
        with replacing(folder) as temporary:
            temporary.mkdir()
            _collect(spec, temporary, progress)
            paths = [temporary / f"{name}.npy" for name in _layout(spec)]
            describe_arrays(temporary / "meta.json", _identity(spec, key), paths)

    return load_or_make(folder, lambda: _load(folder, spec, key), make)


def collect_states(spec: DataSpec) -> Dataset:
    """The states and actions of ``spec`` in memory, without pictures."""
    states, actions = (np.stack(arrays) for arrays in zip(*episodes(spec), strict=True))
    return Dataset(spec, states, actions, None, fingerprint(spec))


def episodes(
    spec: DataSpec, steps: int | None = None, task: Task | None = None
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """The states (T+1, S) and actions (T, A) of each episode of ``spec``, collected on demand.

    With ``steps``, the data policy runs for so many environment steps, instead of the task's ``episode_steps``.
    ``task`` may be the task of ``spec`` in a variation.
    """
    for states, actions in _chunks(spec, task or make_task(spec.task), steps):
        yield from zip(states, actions, strict=True)


def _chunks(spec: DataSpec, task: Task, steps: int | None = None) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """States (n, T+1, S) and actions (n, T, A) of the task's ``chunk`` episodes at a time; the last may have fewer."""
    for first in range(0, spec.episodes, task.chunk):
        rng = np.random.default_rng([spec.seed, SPLITS.index(spec.split), first // task.chunk])
        states, actions = task.collect(rng, task.chunk, steps or task.episode_steps)
        yield states[: spec.episodes - first], actions[: spec.episodes - first]


def _collect(spec: DataSpec, folder: Path, progress: bool) -> None:
    """Write the arrays chunk by chunk. Plain writes, unlike a memory map, report a full disk."""
    task, layout = make_task(spec.task), _layout(spec)
    description = f"collecting {spec.task} {spec.split}"
    with ExitStack() as stack:
        files = {name: stack.enter_context(open(folder / f"{name}.npy", "wb")) for name in layout}
        for name, file in files.items():
            shape, dtype = layout[name]
            write_array_header_1_0(file, {"descr": dtype_to_descr(dtype), "fortran_order": False, "shape": shape})
        bar = stack.enter_context(
            tqdm(total=spec.episodes, desc=description, unit="episode", delay=2, disable=not progress)
        )
        for states, actions in _chunks(spec, task):
            files["state"].write(np.ascontiguousarray(states).data)
            files["action"].write(np.ascontiguousarray(actions).data)
            if spec.pixels:
                frames = task.render(states.reshape(-1, states.shape[-1]), spec.size)
                files["pixels"].write(np.ascontiguousarray(frames).data)
            bar.update(len(states))


def _layout(spec: DataSpec) -> dict[str, tuple[tuple[int, ...], np.dtype]]:
    """Shape and type of each array of a data set, by the name of its file."""
    task = make_task(spec.task)
    n, t = spec.episodes, task.episode_steps
    numbers, bytes_ = np.dtype(np.float64), np.dtype(np.uint8)
    layout = {"state": ((n, t + 1, len(task.state_fields)), numbers), "action": ((n, t, task.action_dim), numbers)}
    return layout | ({"pixels": ((n, t + 1, spec.size, spec.size, 3), bytes_)} if spec.pixels else {})


def _identity(spec: DataSpec, key: str) -> dict[str, Any]:
    """What the manifest says of a data set."""
    return {"spec": plain(spec), "fingerprint": key}


def _load(folder: Path, spec: DataSpec, key: str) -> Dataset:
    arrays = load_arrays(folder / "meta.json", _identity(spec, key))
    if {name: (array.shape, array.dtype) for name, array in arrays.items()} != _layout(spec):
        raise LabError(f"{folder} holds arrays of other shapes or types than its spec says.")
    return Dataset(spec, arrays["state"], arrays["action"], arrays.get("pixels"), key)
