"""What the options of planners may be, whichever planner has them."""

import math

from lab.errors import LabError

COUNTS = ("iterations", "samples", "elites", "steps", "restarts", "chunk")
ABOVE_ZERO = ("lr", "std", "temperature", "bound")
FROM_ZERO = ("noise", "start", "beta", "keep")


def check_options(planner: object) -> None:
    """Raise LabError for a count below 1, and for a step, width or bound that is not a finite number above 0."""
    for name, value in vars(planner).items():
        if name in COUNTS and not (isinstance(value, int) and value >= 1):
            _refuse(planner, name, value, "a whole number from 1")
        if name in ABOVE_ZERO and value is not None and not 0 < value < math.inf:
            _refuse(planner, name, value, "a finite number above 0")
        if name in FROM_ZERO and not 0 <= value < math.inf:
            _refuse(planner, name, value, "a finite number from 0")


def check_elites(planner: object, elites: int, samples: int) -> None:
    """Raise LabError where so many elites do not give a standard deviation, or are more than the samples."""
    if not 2 <= elites <= samples:
        raise LabError(f"{_name(planner)} needs 2 <= elites <= samples, got {elites} elites of {samples} samples.")


def _refuse(planner: object, name: str, value: object, expected: str) -> None:
    raise LabError(f"{_name(planner)} needs {expected} as {name}, got {value}.")


def _name(planner: object) -> str:
    return type(planner).__name__
