"""The card of a study: all that is known of it before it runs. Loads without torch."""

from dataclasses import dataclass

from lab.files import MODELS

PAPER = ("push_t", "point_maze", "wall")  #: the tasks of the paper's Table 1
ROBOTICS = ("rope", "granular")  #: the tasks with deformable matter


@dataclass(frozen=True)
class Study:
    """The card of ``lab/studies/<name>`` and ``notebooks/<name>.ipynb``."""

    name: str
    chapter: int  #: where it stands in lists and in the report
    seconds: tuple[float, float, float]  #: rough, at smoke, quick and full: for the first estimate of the time left
    tasks: tuple[str, ...] = PAPER  #: one run for each; none: a single run, without a task
    models: tuple[str, ...] = MODELS  #: trained first, where they are neither shipped nor made
    measured: bool = True  #: its result is tables; the others only show something
    long: bool = False  #: too long for the ten minutes of quick, where it is made only if it is asked for
    alone: bool = False  #: measures time, so that nothing else may run beside it (but at smoke)
