"""What is known by name: built in, registered by the running program, or offered by an installed package."""

from collections.abc import Iterator, Mapping
from functools import cached_property
from importlib.metadata import EntryPoint, entry_points
from typing import Generic, TypeVar

from lab.errors import LabError

T = TypeVar("T")


class Registry(Mapping[str, T], Generic[T]):
    """The tasks, say, by name. What is ``registered`` comes before what is built in, and that before what is offered.

    A package offers its own by entry points of ``group``. They are found when the names are first read, and each is
    loaded when it is first asked for: one that cannot be loaded is no trouble to the others.
    """

    def __init__(self, group: str, built_in: Mapping[str, T]) -> None:
        self.group, self.built_in = group, dict(built_in)
        self.registered: dict[str, T] = {}

    def __getitem__(self, name: str) -> T:
        """Raises KeyError for an unknown name, and LabError where a package's offer cannot be loaded."""
        for known in (self.registered, self.built_in):
            if name in known:
                return known[name]
        entry = self._offered[name]
        try:
            return entry.load()
        except Exception as error:  # a package of somebody else's: whatever it raises is a sentence here
            reason = f"{type(error).__name__}: {error}"
            raise LabError(f"The plugin {entry.value} of {self.group} cannot be loaded ({reason}).") from error

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys([*self.built_in, *self._offered, *self.registered]))

    def __len__(self) -> int:
        return len(list(iter(self)))

    def __contains__(self, name: object) -> bool:
        return name in list(iter(self))

    @cached_property
    def _offered(self) -> dict[str, EntryPoint]:
        return {entry.name: entry for entry in entry_points(group=self.group)}
