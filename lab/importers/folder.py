"""A folder of one's own: a subfolder for each episode, in the order of their names, by the numbers in them.

Each holds ``states.npy`` (T + 1, S), ``actions.npy`` (T, a), and one picture for each state: ``pictures.npy``
(T + 1, H, W, 3) uint8, or T + 1 files ``*.png`` or ``*.jpg`` in the same order, or none; they are then drawn.
States and actions are the task's, in its units; ``python -m lab import folder --help`` says more.
"""

import re
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from lab.data.imported import Trajectory
from lab.errors import LabError


def trajectories(folder: Path) -> list[Trajectory]:
    """The episodes in ``folder``; raises LabError where there is none, or one is not as the module says."""
    episodes = sorted((path.parent for path in folder.glob("*/states.npy")), key=_by_numbers)
    if not episodes:
        raise LabError(f"{folder} has no subfolder with a states.npy: there should be one for each episode.")
    return [_episode(path) for path in episodes]


def _by_numbers(path: Path) -> list[str | int]:
    """A key by which frame_2 comes before frame_10."""
    return [int(part) if part.isdecimal() else part for part in re.split(r"(\d+)", path.name)]


def _episode(folder: Path) -> Trajectory:
    states, actions = (_array(folder / f"{name}.npy", 2) for name in ("states", "actions"))
    files = sorted(
        (path for path in folder.iterdir() if path.suffix.lower() in (".png", ".jpg", ".jpeg")), key=_by_numbers
    )
    if (folder / "pictures.npy").is_file():
        pictures = _array(folder / "pictures.npy", 4)
        count, read = len(pictures), partial(_rows, pictures)
    else:
        count, read = len(files), partial(_pictures, files)
    if count not in (0, len(states)):
        raise LabError(f"{folder} has {count} pictures for {len(states)} states: there should be one for each.")
    return Trajectory(states, actions, read if count else None)


def _array(path: Path, dimensions: int) -> np.ndarray:
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise LabError(f"{path} is not a readable array ({error}).") from error
    if array.dtype.kind not in "fiu":
        raise LabError(f"{path} should hold numbers, and holds {array.dtype}.")
    if array.ndim != dimensions:
        raise LabError(f"{path} should have {dimensions} dimensions, and has the shape {array.shape}.")
    return array


def _rows(pictures: np.ndarray, frames: slice) -> np.ndarray:
    return pictures[frames]


def _pictures(files: list[Path], frames: slice) -> np.ndarray:
    pictures = [_picture(path) for path in files[frames]]
    if len(sizes := {picture.shape[:2] for picture in pictures}) > 1:
        named = " and ".join(str(size) for size in sorted(sizes)[:2])
        raise LabError(f"{files[0].parent} has pictures of different sizes, such as {named}: make them all of one.")
    return np.stack(pictures)


def _picture(path: Path) -> np.ndarray:
    try:
        with Image.open(path) as picture:
            return np.asarray(picture.convert("RGB"))
    except (OSError, UnidentifiedImageError, Image.DecompressionBombError) as error:
        raise LabError(f"{path} is not a readable picture ({error}).") from error
