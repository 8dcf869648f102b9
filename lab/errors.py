"""The one exception whose message is meant for the user: what is wrong, and what to do about it."""

from collections.abc import Iterable
from difflib import get_close_matches


class LabError(ValueError):
    """Bad input or a broken file. Faces show the message alone, which is one line, never a traceback."""

    def __str__(self) -> str:
        return " ".join(super().__str__().split("\n"))  # what it quotes may have several, such as an array


def check_known(what: str, name: object, known: Iterable[str]) -> None:
    """Raise LabError unless ``name`` is one of the ``known`` names of ``what``."""
    names = list(known)
    if name not in names:
        raise LabError(f"Unknown {what} '{name}'{near_miss(name, names)}: choose one of {', '.join(names)}.")


def is_whole(value: object) -> bool:
    """Whether ``value`` is a whole number, which True and False are not."""
    return isinstance(value, int) and not isinstance(value, bool)


def near_miss(name: object, known: Iterable[str]) -> str:
    """`` (did you mean 'wall'?)`` for a ``name`` that is nearly one of ``known``, otherwise nothing."""
    return "".join(f" (did you mean '{close}'?)" for close in get_close_matches(str(name), list(known), n=1))
