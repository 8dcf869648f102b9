"""The values that options of planners may have, checked by the option's name."""

import math

from lab.errors import LabError, as_number, is_whole
from lab.options import make_plain

MOST = 10**6  #: of anything that is counted
LARGEST = 3e38  #: of any other number, as single precision has it
COUNTS = ("iterations", "samples", "elites", "steps", "restarts", "candidates", "chunk", "sync", "polish")
ABOVE_ZERO = ("lr", "states_lr", "polish_lr", "std", "temperature", "bound")
FROM_ZERO = ("noise", "start", "cooling", "beta", "pull")
SHARES = ("keep", "race")  #: from 0 to 1


def check_options(planner: object) -> None:
    """Raise LabError for an option of ``planner`` out of range: see `COUNTS`, `ABOVE_ZERO`, `FROM_ZERO`, `SHARES`.

    Its numbers become Python's.
    """
    for name, value in vars(planner).items():
        number = math.nan if is_whole(value, 2**63) else as_number(value)  # such whole ones, torch does not take
        if name in COUNTS and not is_whole(value, 1, MOST):
            _refuse(planner, name, value, f"a whole number from 1 to {MOST}")
        if name in ABOVE_ZERO and not 0 < number <= LARGEST and not (name == "bound" and value is None):
            _refuse(planner, name, value, "a finite number above 0")
        if name in FROM_ZERO and not 0 <= number <= LARGEST:
            _refuse(planner, name, value, "a finite number from 0")
        if name in SHARES and not 0 <= number <= 1:
            _refuse(planner, name, value, "a number from 0 to 1")
    make_plain(planner)


def check_elites(planner: object, elites: int, samples: int) -> None:
    """Raise LabError unless there are at least 2 elites, for a standard deviation, and at most as many as samples."""
    if not 2 <= elites <= samples:
        raise LabError(f"{_name(planner)} needs 2 <= elites <= samples, got {elites} elites of {samples} samples.")


def _refuse(planner: object, name: str, value: object, expected: str) -> None:
    raise LabError(f"{_name(planner)} needs {expected} as {name}, got {value!r}.")


def _name(planner: object) -> str:
    return type(planner).__name__
