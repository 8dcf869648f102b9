"""PushT as LeRobot has it: the folder of the data set ``lerobot/pusht_keypoints``, whose tables are Parquet files.

Its episodes are people's demonstrations (Chi et al. 2023, "Diffusion Policy", arXiv 2303.04137), at 10 frames per
second as here. A frame has the pusher's place, the corners of the block's two boxes, from which its pose follows, and
the pusher's target in px, which becomes a displacement. Velocities are not recorded: they are the mean of the last
0.1 s. Pictures are drawn anew from the states: theirs are of another simulator. ``lerobot/pusht`` has no poses.
"""

from pathlib import Path

import numpy as np

from lab.data.imported import Trajectory
from lab.errors import LabError
from lab.tasks.push_t_geometry import BAR, REACH, STEM

RATE = 10.0  #: frames per second
COLUMNS = {
    "episode_index": 0,
    "frame_index": 0,
    "observation.state": 2,
    "observation.environment_state": 16,
    "action": 2,
}


def trajectories(folder: Path) -> list[Trajectory]:
    """The episodes in ``folder``; raises LabError where its tables are missing, or lack the block's corners."""
    table = _table(folder)
    order = np.lexsort((table["frame_index"], table["episode_index"]))
    rows = {name: values[order] for name, values in table.items()}
    bounds = np.flatnonzero(np.diff(rows["episode_index"])) + 1
    pusher, corners, target = (np.split(rows[name], bounds) for name in list(COLUMNS)[2:])
    return [_episode(*parts) for parts in zip(pusher, corners, target, strict=True)]


def _table(folder: Path) -> dict[str, np.ndarray]:
    """The `COLUMNS` of all tables: whole numbers (n,), and vectors (n, size) of float64."""
    try:
        import pyarrow as arrow
        from pyarrow import parquet
    except ImportError as error:
        raise LabError("Parquet files need one more library: pip install -e '.[importers]'.") from error
    files = sorted((folder / "data").rglob("*.parquet"))
    if not files:
        raise LabError(f"There is no data/**/*.parquet in {folder}: it should be a data set of LeRobot's.")
    try:
        table = arrow.concat_tables([parquet.read_table(file, columns=list(COLUMNS)) for file in files])
        columns = {name: np.array(table[name].to_pylist(), dtype=float) for name in COLUMNS}
    except (arrow.ArrowException, KeyError, ValueError, OSError) as error:
        reason = " ".join(str(error).split())[:200]
        raise LabError(
            f"The tables in {folder} are not those of lerobot/pusht_keypoints, which have {', '.join(COLUMNS)} "
            f"({reason})."
        ) from error
    for name, size in COLUMNS.items():
        if columns[name].shape[1:] != ((size,) if size else ()):
            raise LabError(f"The column {name} in {folder} should have {size or 1} numbers, got {columns[name].shape}.")
    return columns


def _episode(pusher: np.ndarray, corners: np.ndarray, target: np.ndarray) -> Trajectory:
    """One episode from its frames: the pusher (T, 2), the corners (T, 16) of both boxes, and the target (T, 2)."""
    velocity = RATE * np.diff(pusher, axis=0, prepend=pusher[:1])
    states = np.concatenate([pusher, _poses(corners.reshape(-1, 2, 4, 2)), velocity], -1)
    return Trajectory(states, ((target - pusher) / REACH)[:-1])


def _poses(corners: np.ndarray) -> np.ndarray:
    """Poses (T, 3) of blocks whose bars and stems have these ``corners`` (T, 2, 4, 2), each in any order."""
    bar, stem = corners.mean(2).swapaxes(0, 1)
    down = stem - bar
    length = np.linalg.norm(down, axis=-1, keepdims=True)
    if not (np.abs(length - (STEM.middle - BAR.middle)) < 1).all():
        raise LabError(
            "The corners in observation.environment_state are not those of a T whose bar is 120 x 30 px "
            "and whose stem is 30 x 90 px."
        )
    angle = np.arctan2(-down[:, 0], down[:, 1]) % (2 * np.pi)
    return np.concatenate([bar - BAR.middle * down / length, angle[:, None]], -1)
