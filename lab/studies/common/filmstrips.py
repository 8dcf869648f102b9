"""The pictures of film strips: true and imagined frames of executed plans, as in the paper's appendix."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lab.evaluation.imagination import imagined, reached_at
from lab.evaluation.success import Outcome
from lab.models import WorldModel
from lab.models.encoders import SIZE
from lab.tasks import Task

TRUE_SIZE = 96  #: pixels, of the true frames


@dataclass(frozen=True)
class FilmStrip:
    """Pictures of ``N`` executed plans at ``T`` block boundaries; see `lab.plots.filmstrip.filmstrip`."""

    true: np.ndarray  #: (N, T, H, W, 3)
    imagined: np.ndarray  #: (N, T, h, w, 3)
    goals: np.ndarray  #: (N, H, W, 3)
    reached: np.ndarray  #: (N, T)
    steps: list[int]  #: (T,) environment steps


def film_strip(model: WorldModel, outcome: Outcome, rows: slice) -> FilmStrip:
    """The film strip of the problems ``rows`` of ``outcome``."""
    problems = outcome.world.problems
    task = problems.environment
    assert isinstance(task, Task)
    z = imagined(model, outcome)[rows]
    return FilmStrip(
        true=task.observe(outcome.states[rows]).pictures(TRUE_SIZE),
        imagined=model.draw(z.flatten(0, 1)).reshape(*z.shape[:2], SIZE, SIZE, 3),
        goals=task.render(problems.goals[rows], TRUE_SIZE),
        reached=reached_at(outcome)[rows],
        steps=list(outcome.world.boundaries),
    )


def stacked(strips: Sequence[FilmStrip]) -> FilmStrip:
    """Several film strips of equal length as one, one below the other."""
    parts = {name: np.concatenate([getattr(film, name) for film in strips]) for name in _ARRAYS}
    return FilmStrip(**parts, steps=strips[0].steps)


_ARRAYS = ("true", "imagined", "goals", "reached")
