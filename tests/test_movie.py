"""The moving picture of README.md: the problem it shows, its frames, and the file that is shipped."""

from itertools import pairwise

import numpy as np
import pytest
from PIL import Image, ImageSequence

from lab.models import load_model
from lab.studies.common.config import Config
from lab.studies.overview import making as movies
from lab.studies.overview.movie import FILE, FIRST, LAST, save

SNAPSHOTS = 3


@pytest.fixture(scope="module")
def seen(trained):
    """The movie of the tests' tiny models."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Config, "model", lambda self, name, seed: load_model(trained(self.task, name, seed)))
        return movies.movie_of(Config("wall", "smoke"), candidates=2, snapshots=SNAPSHOTS)


def test_the_path_farthest_from_the_data_is_chosen():
    data = np.array([[0.0, 0.0], [1.0, 0.0]])
    paths = np.array([[[0.0, 0.5], [1.0, 0.0]], [[0.0, 0.0], [3.0, 0.0]], [[0.5, 0.0], [1.0, 1.0]]])
    np.testing.assert_allclose(movies.distances(paths[1], data), [0, 2])
    assert movies.farthest(paths, data) == 1


def test_both_models_plan_the_same_problem(seen):
    base, adversarial = seen.makings
    assert (base.model, adversarial.model) == movies.SHOWN and seen.problem < 2
    for making in seen.makings:
        assert making.imagined.shape == (SNAPSHOTS, 6, 2) and making.true.shape == (SNAPSHOTS, 26, 2)
        np.testing.assert_allclose(making.true[:, 0], np.broadcast_to(base.true[0, 0], (SNAPSHOTS, 2)))
    assert not np.allclose(base.true[-1], adversarial.true[-1])


@pytest.mark.slow
def test_the_file_moves_loops_and_is_the_same_again(seen, tmp_path):
    files = [tmp_path / name for name in ("first.gif", "second.gif")]
    for path in files:
        save(seen, path)
    assert files[0].read_bytes() == files[1].read_bytes()
    times = _check(files[0])
    assert len(times) == SNAPSHOTS + 26 + 1 and times[0] == FIRST and times[-1] == LAST


def test_the_shipped_file_is_small_and_moves():
    assert 100_000 < FILE.stat().st_size < 2_000_000
    assert len(_check(FILE)) == movies.SNAPSHOTS + 26 + 1


def _check(path) -> list[int]:
    """The milliseconds of each frame of a GIF that loops for ever and in which each frame changes something."""
    with Image.open(path) as gif:
        assert gif.info["loop"] == 0
        pictures, times = zip(
            *((np.asarray(frame.convert("RGB")), frame.info["duration"]) for frame in ImageSequence.Iterator(gif)),
            strict=True,
        )
    assert all((one != other).any() for one, other in pairwise(pictures))
    return list(times)
