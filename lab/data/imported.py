"""Data sets that were not collected here, but imported: stored and verified as ours are, and found by a name.

Episodes of any length are cut into segments of one length, one after the other; what is left at an end is dropped.
"""

import hashlib
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.lib.format import dtype_to_descr, write_array_header_1_0
from torch.nn import functional as F
from tqdm.auto import tqdm

from lab.checksums import read_manifest
from lab.data.arrays import describe_arrays, load_arrays
from lab.data.dataset import Dataset, DataSpec
from lab.errors import LabError, is_whole
from lab.files import cache_root, replacing
from lab.tasks import Task, make_task

NAME = re.compile(r"[a-z0-9][a-z0-9_.]{0,39}")  #: of a data set: part of a folder's name
ARRAYS = ("state", "action", "pixels")
LEAST_WIDTH = 1e-30  #: between the smallest and the largest of what varies: single precision has no smaller ones


@dataclass(frozen=True)
class Trajectory:
    """One episode: ``states`` (T + 1, S), ``actions`` (T, a), and its pictures.

    ``pictures`` gives those of a slice of the frames, (t, H, W, 3) uint8; None: they are drawn from the states.
    """

    states: np.ndarray
    actions: np.ndarray
    pictures: Callable[[slice], np.ndarray] | None = None


def imported_folder(task: str, name: str) -> Path:
    """Where the data set called ``name`` is; raises LabError for a name that is none."""
    if not NAME.fullmatch(name):
        raise LabError(f"The name of a data set is up to 40 small letters, digits, _ and ., got '{name}'.")
    return cache_root() / "imported" / make_task(task).name / name


def _about(task: str, name: str) -> tuple[Path, dict[str, Any]]:
    """The folder of a data set, and what its manifest says."""
    folder = imported_folder(task, name)
    if not (folder / "meta.json").is_file():
        raise LabError(f"There is no data set '{name}' of {task}: bring it in by 'python -m lab import'.")
    return folder, read_manifest(folder / "meta.json")


def imported_statistics(task: str, name: str) -> dict[str, Sequence[float]]:
    """Mean and standard deviation of all that was imported, as ``action_mean`` (a,), ``proprio_std`` (P,), …

    What no segment holds is in them, too. Raises LabError where the data set is missing or has been changed.
    """
    folder, about = _about(task, name)
    if "statistics" not in about:
        raise LabError(f"{folder} has no statistics: delete it, and import it again.")
    return about["statistics"]


def load_imported(task: str, name: str) -> Dataset:
    """The data set called ``name``; raises LabError where it is missing or has been changed."""
    folder, about = _about(task, name)
    arrays = load_arrays(folder / "meta.json", {"imported": name, "task": task})
    if set(arrays) != set(ARRAYS):
        raise LabError(f"{folder} should hold {', '.join(ARRAYS)}: import it again.")
    states, actions, pixels = (arrays[part] for part in ARRAYS)
    spec = DataSpec(task, "train", len(states), size=pixels.shape[2])
    return Dataset(spec, states, actions, pixels, about["fingerprint"])


def save_imported(
    task: str, name: str, trajectories: Sequence[Trajectory], source: str, size: int, steps: int = 0, most: int = 0,
    progress: bool = True,
) -> Path:  # fmt: skip
    """Store ``trajectories`` as a data set of segments of ``steps`` steps each (default: the task's episodes').

    Pictures are resized to ``size`` pixels a side. At most ``most`` segments are taken (0: all). Returns the folder.
    Raises LabError where it exists, where a trajectory does not fit the task, for segments shorter than a block of the
    task's world models, where no trajectory is long enough, and where an action or a sensed state is constant.
    """
    simulator, folder = make_task(task), imported_folder(task, name)
    if folder.exists():
        raise LabError(f"There is a data set '{name}' of {task} already: delete {folder}, or take another name.")
    if not is_whole(steps, 0) or not is_whole(most, 0):
        raise LabError(f"Steps and number of segments are whole numbers, got {steps!r} and {most!r}.")
    length = steps or simulator.episode_steps
    if length < simulator.frameskip:
        raise LabError(
            f"A world model of {task} sees blocks of {simulator.frameskip} steps, and segments of {length} hold none: "
            f"take --steps {simulator.frameskip} or more."
        )
    for number, trajectory in enumerate(trajectories):
        _check(simulator, trajectory, number)
    segments = [*_segments(trajectories, length)][: most or None]
    if not segments:
        raise LabError(f"No episode in {source} has {length} steps: take fewer by --steps.")
    _check_varied(simulator, segments, source)
    with replacing(folder) as temporary:
        temporary.mkdir()
        fingerprint = _write(temporary, simulator, segments, size, progress)
        about: dict[str, Any] = {"imported": name, "task": task, "fingerprint": fingerprint, "source": source}
        statistics = _statistics(simulator, trajectories)
        describe_arrays(
            temporary / "meta.json", about | {"statistics": statistics}, [temporary / f"{part}.npy" for part in ARRAYS]
        )
    return folder


def _check(task: Task, trajectory: Trajectory, number: int) -> None:
    states, actions = trajectory.states, trajectory.actions
    expected = (len(task.state_fields),), (task.action_dim,)
    if (states.shape[1:], actions.shape[1:]) != expected or len(states) != len(actions) + 1:
        raise LabError(
            f"Episode {number}: {task.name} has states (T + 1, {expected[0][0]}) ({', '.join(task.state_fields)}) and "
            f"actions (T, {task.action_dim}), got {states.shape} and {actions.shape}."
        )
    if not (np.isfinite(states).all() and np.isfinite(actions).all()):
        raise LabError(f"Episode {number} has states or actions that are not finite.")
    if far := _far_outside(task, states):
        raise LabError(
            f"Episode {number} has {', '.join(far)} far outside of the world of {task.name}: give states in its units."
        )


def _far_outside(task: Task, states: np.ndarray) -> list[str]:
    """The fields of ``states`` with values more than a world's width beyond it, where the task says how wide it is.

    An angle may go round and round.
    """
    if not hasattr(task, "state_low"):
        return []
    low, high = np.array(task.state_low), np.array(task.state_high)
    far = (np.abs(states - (low + high) / 2) > 1.5 * (high - low)).any(0)
    return [field for field, is_far in zip(task.state_fields, far, strict=True) if is_far and "angle" not in field]


def _check_varied(task: Task, segments: Sequence[tuple[Trajectory, slice]], source: str) -> None:
    """Raise LabError for an action, or a field of the state that is sensed, by which nothing can be standardised."""
    for kind, fields in (("action", task.action_fields), ("proprio", task.proprio_fields)):
        parts = [_part(kind, task, *segment, size=0) for segment in segments]
        width = np.max([part.max(0) for part in parts], 0) - np.min([part.min(0) for part in parts], 0)
        for field, it_varies in zip(fields, width > LEAST_WIDTH, strict=True):
            if not it_varies:
                what = "action" if kind == "action" else "state"
                raise LabError(
                    f"The {what} {field} is the same everywhere in {source}: a world model needs it to vary."
                )


def _statistics(task: Task, trajectories: Sequence[Trajectory]) -> dict[str, list[float]]:
    """Those of `imported_statistics`."""
    found: dict[str, list[float]] = {}
    for name, parts in {
        "action": [trajectory.actions for trajectory in trajectories],
        "proprio": [task.proprio(trajectory.states) for trajectory in trajectories],
    }.items():
        values = np.concatenate(parts)
        found |= {f"{name}_mean": values.mean(0).tolist(), f"{name}_std": values.std(0).tolist()}
    return found


def _segments(trajectories: Sequence[Trajectory], length: int) -> Iterator[tuple[Trajectory, slice]]:
    """Each trajectory with the frames of each of its segments."""
    for trajectory in trajectories:
        for first in range(0, len(trajectory.actions) - length + 1, length):
            yield trajectory, slice(first, first + length + 1)


def _write(folder: Path, task: Task, segments: Sequence[tuple[Trajectory, slice]], size: int, progress: bool) -> str:
    """Write the arrays, segment by segment; returns the hash of their contents."""
    n, frames = len(segments), segments[0][1].stop - segments[0][1].start
    shapes: dict[str, tuple[tuple[int, ...], np.dtype[Any]]] = {
        "state": ((n, frames, len(task.state_fields)), np.dtype("<f8")),
        "action": ((n, frames - 1, task.action_dim), np.dtype("<f8")),
        "pixels": ((n, frames, size, size, 3), np.dtype("u1")),
    }
    digest = hashlib.sha256()
    for part, (shape, dtype) in shapes.items():
        with open(folder / f"{part}.npy", "wb") as file:
            header: dict[str, Any] = {"descr": dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
            write_array_header_1_0(file, header)
            for trajectory, rows in tqdm(segments, f"writing {part}", delay=2, disable=not progress):
                data = np.ascontiguousarray(_part(part, task, trajectory, rows, size), dtype).tobytes()
                digest.update(data)
                file.write(data)
    return digest.hexdigest()[:16]


def _part(part: str, task: Task, trajectory: Trajectory, frames: slice, size: int) -> np.ndarray:
    """The states, proprioception, actions or pixels of one segment."""
    if part == "action":
        return trajectory.actions[frames.start : frames.stop - 1]
    states = trajectory.states[frames]
    if part == "state":
        return states
    if part == "proprio":
        return task.proprio(states)
    if trajectory.pictures is None:
        return task.render(np.asarray(states, dtype=np.float64), size)
    pictures = np.asarray(trajectory.pictures(frames))
    if pictures.dtype != np.uint8 or pictures.shape[::3] != (len(states), 3) or 0 in pictures.shape:
        raise LabError(f"Pictures are ({len(states)}, H, W, 3) uint8, got {pictures.shape} {pictures.dtype}.")
    return _resized(pictures, size)


def _resized(pictures: np.ndarray, size: int) -> np.ndarray:
    """Pictures (t, H, W, 3) uint8 at ``size`` pixels a side."""
    if pictures.shape[1:3] == (size, size):
        return pictures
    channels = torch.from_numpy(np.array(pictures)).permute(0, 3, 1, 2).float()
    resized = F.interpolate(channels, (size, size), mode="bilinear", antialias=True)
    return resized.round().clamp(0, 255).byte().permute(0, 2, 3, 1).numpy()
