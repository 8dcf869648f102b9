"""The one exception whose message is meant for the user: what is wrong, and what to do about it."""

import math
import sys
from collections.abc import Iterable
from difflib import get_close_matches
from numbers import Integral, Rational, Real

MAX = sys.float_info.max


class LabError(ValueError):
    """Bad input or a broken file. Faces show the message alone, which is one line, never a traceback."""

    def __str__(self) -> str:
        return " ".join(super().__str__().split("\n"))  # what it quotes may have several, such as an array


def check_known(what: str, name: object, known: Iterable[str]) -> None:
    """Raise LabError unless ``name`` is one of the ``known`` names of ``what``."""
    names = list(known)
    if name not in names:
        raise LabError(f"Unknown {what} '{name}'{near_miss(name, names)}: choose one of {', '.join(names)}.")


def is_whole(value: object, least: float = -math.inf, most: float = math.inf) -> bool:
    """Whether ``value`` is a whole number from ``least`` to ``most``: Python's or NumPy's, but not True or False."""
    return isinstance(value, Integral) and not isinstance(value, bool) and least <= int(value) <= most


def as_number(value: object) -> float:
    """``value`` as a float where it is a number, Python's or NumPy's; NaN for all else, such as True or a fraction."""
    if isinstance(value, Real) and (not isinstance(value, Rational) or is_whole(value, -MAX, MAX)):
        return float(value)
    return math.nan


def is_number(value: object, least: float = -math.inf, most: float = math.inf) -> bool:
    """Whether ``value`` is a number from ``least`` to ``most``, see `as_number`; NaN is none."""
    return least <= as_number(value) <= most


def failed(what: str, problem: Exception) -> LabError:
    """The error of a call into code of somebody else: ``what`` fails, and why."""
    return LabError(f"{what}: {str(problem).strip().rstrip('.') or type(problem).__name__}.")


def has_methods(value: object, *names: str) -> bool:
    """Whether ``value`` is an object, and no class, with methods of these ``names``."""
    return not isinstance(value, type) and all(callable(getattr(value, name, None)) for name in names)


def check_made(what: str, value: object, kind: type) -> None:
    """Raise LabError unless ``value``, given as ``what``, is a ``kind``."""
    if not isinstance(value, kind):
        raise LabError(f"{what} is made by {kind.__name__}(...), got {value!r:.80}.")


def check_seed(seed: object, most: float = math.inf) -> None:
    """Raise LabError unless ``seed`` is a whole number from 0 to ``most``."""
    if not is_whole(seed, 0, most):
        raise LabError(f"A seed is a whole number from 0{'' if most == math.inf else f' to {most}'}, got {seed!r}.")


def near_miss(name: object, known: Iterable[str]) -> str:
    """`` (did you mean 'wall'?)`` for a ``name`` that is nearly one of ``known``, otherwise nothing."""
    return "".join(f" (did you mean '{close}'?)" for close in get_close_matches(str(name), list(known), n=1))
