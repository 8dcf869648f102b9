"""The authors' data of PushT, PointMaze and Wall, in the layouts of their ``datasets/*_dset.py``.

Each is a folder with ``states.pth`` (n, T, S) and actions. PushT (``pusht_noise/train``) has velocities apart, actions
in px, and lengths as a pickle; its pictures are films, and are drawn anew from the states. PointMaze and Wall have
theirs as tensors, ``obses/episode_*.pth``, which are taken; without them they are drawn anew, too. Of T recorded
frames, the last one's action leads beyond them, and is left out.
"""

import functools
import warnings
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from lab.data.imported import Trajectory
from lab.errors import LabError, is_whole
from lab.importers.pickles import read_pickle, read_tensor
from lab.tasks.push_t import REACH
from lab.tasks.wall import Wall

LONGEST = 10**9  #: steps of an episode
FOLDERS = ("pusht_noise/train", "point_maze", "wall_single")


def trajectories(folder: Path) -> list[Trajectory]:
    """The episodes in ``folder``; raises LabError where a file is missing, is refused, or does not fit the others."""
    place = folder / "train" if (folder / "train").is_dir() else folder
    if (place / "rel_actions.pth").is_file():
        states = np.concatenate([_array(place / "states.pth"), _array(place / "velocities.pth")], -1)
        return _cut(place, states, _array(place / "rel_actions.pth") / REACH, _lengths(place / "seq_lengths.pkl"))
    if (place / "seq_lengths.pth").is_file():
        lengths = read_tensor(place / "seq_lengths.pth").flatten().tolist()
        return _cut(place, _array(place / "states.pth"), _array(place / "actions.pth"), lengths)
    if (place / "door_locations.pth").is_file():
        _tell_where_the_wall_is(place)
        states = _array(place / "states.pth")
        return _cut(place, states, _array(place / "actions.pth"), [states.shape[1]] * len(states))
    raise LabError(f"{folder} is none of the authors' data: it should be one of their {', '.join(FOLDERS)}.")


def _cut(folder: Path, states: np.ndarray, actions: np.ndarray, lengths: Sequence[Any]) -> list[Trajectory]:
    """The recorded part of each episode, with its pictures where they are tensors."""
    if states.shape[:2] != actions.shape[:2] or len(lengths) != len(states):
        raise LabError(
            f"{folder} has states {states.shape}, actions {actions.shape} and {len(lengths)} lengths, which do not fit."
        )
    films = [folder / "obses" / f"episode_{number:03d}.pth" for number in range(len(lengths))]
    missing = [film for film in films if not film.is_file()]
    if 0 < len(missing) < len(films):
        raise LabError(
            f"{missing[0]} is missing, as are {len(missing)} of {len(films)} in all: restore them, or take all away, "
            "so that all pictures are drawn."
        )
    found = []
    for number, (length, film) in enumerate(zip(lengths, films, strict=True)):
        if not is_whole(length, 0, states.shape[1]):
            raise LabError(f"Episode {number} in {folder} has length {length!r}, and its states {states.shape[1]}.")
        pictures = None if missing else partial(_pictures, film)
        found.append(Trajectory(states[number, :length], actions[number, : max(0, length - 1)], pictures))
    return found


def _array(path: Path) -> np.ndarray:
    """A tensor of theirs (n, T, numbers), as float64."""
    tensor = read_tensor(path)
    if tensor.ndim != 3:
        raise LabError(f"{path} should hold numbers (episodes, steps, numbers), got {tuple(tensor.shape)}.")
    return tensor.double().numpy()


def _lengths(path: Path) -> list[Any]:
    """Whole numbers, by type: what else a pickle nests in itself may be longer than any memory once it is told."""
    lengths = read_pickle(path)
    kinds = {type(length).__name__ for length in lengths} if isinstance(lengths, list) else {type(lengths).__name__}
    if not isinstance(lengths, list) or not all(is_whole(length, 0, LONGEST) for length in lengths):
        raise LabError(f"{path} should hold a list of whole numbers, and has {', '.join(sorted(kinds))}.")
    return lengths


def _pictures(path: Path, frames: slice) -> np.ndarray:
    """Pictures (t, H, W, 3) uint8 of an episode, which is stored with its channels last or first."""
    film = _film(path)
    if film.ndim != 4 or 3 not in (film.shape[1], film.shape[3]):
        raise LabError(f"{path} should hold pictures (T, H, W, 3) or (T, 3, H, W), got {tuple(film.shape)}.")
    shown = film[frames]
    shown = shown if film.shape[3] == 3 else shown.permute(0, 2, 3, 1)
    return shown.float().round().clamp(0, 255).byte().numpy()


@functools.lru_cache(maxsize=1)
def _film(path: Path) -> Tensor:
    """All of one episode's, which has several segments."""
    return read_tensor(path)


def _tell_where_the_wall_is(folder: Path) -> None:
    """Warn where their wall or door is not where ours is."""
    ours = Wall()
    for name, here in (("wall", ours.wall_x), ("door", ours.door_y)):
        theirs = np.unique(read_tensor(folder / f"{name}_locations.pth").double().numpy())
        if len(theirs) != 1 or theirs[0] != here:
            where = ", ".join(f"{value:g}" for value in theirs[:5])
            warnings.warn(f"Their {name} is at {where} px, and this lab's at {here:g}: plans meet ours.", stacklevel=3)
