"""Registries by name: built-in entries, those of the running program, and those of installed packages."""

import ast
from collections.abc import Iterator, Mapping
from functools import cached_property
from importlib.metadata import EntryPoint, entry_points
from inspect import isabstract
from pathlib import Path
from typing import Any, Generic, TypeVar

from lab.errors import LabError

T = TypeVar("T")


def classes_in(folder: Path, package: str, variable: str) -> dict[str, str]:
    """Where the classes of ``folder`` stand whose ``variable`` is the name of their file, as ``module:class``.

    Files are read, not imported. Classes with a ``place`` come first, in that order; the others follow by name.
    """
    found = []
    for path in sorted(folder.glob("*.py")):
        if f'"{path.stem}"' not in (source := path.read_text("utf-8")):
            continue
        for node in ast.parse(source).body:
            if isinstance(node, ast.ClassDef) and (constants := _constants(node)).get(variable) == path.stem:
                found.append((constants.get("place", float("inf")), path.stem, f"{package}.{path.stem}:{node.name}"))
    return {name: where for _, name, where in sorted(found)}


def _constants(node: ast.ClassDef) -> dict[str, Any]:
    """The variables of a class that are plain numbers or texts."""
    constants: dict[str, Any] = {}
    for line in node.body:
        targets = [line.target] if isinstance(line, ast.AnnAssign) else getattr(line, "targets", [])
        if isinstance(value := getattr(line, "value", None), ast.Constant):
            constants |= {target.id: value.value for target in targets if isinstance(target, ast.Name)}
    return constants


def is_concrete(value: object, base: type, variable: str) -> bool:
    """Whether ``value`` is a subclass of ``base`` that has all of its methods, and a text as its ``variable``."""
    fits = isinstance(value, type) and issubclass(value, base) and not isabstract(value)
    return fits and isinstance(getattr(value, variable, None), str)


class Registry(Mapping[str, T], Generic[T]):
    """Objects by name, such as tasks: ``registered`` ones come first, then built-in ones, then those of other packages.

    ``built_in`` says where each stands, as ``module:attribute``; a package offers its own by entry points of
    ``group``. Listing names loads nothing, and one that cannot be loaded is no trouble to the others.
    """

    def __init__(self, group: str, built_in: Mapping[str, str]) -> None:
        self.group = group
        self.built_in = {name: EntryPoint(name, place, group) for name, place in built_in.items()}
        self.registered: dict[str, T] = {}

    def __getitem__(self, name: str) -> T:
        """Raises KeyError for an unknown name, and LabError where a package's offer cannot be loaded."""
        if name in self.registered:
            return self.registered[name]
        if name in self.built_in:
            return self.built_in[name].load()
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

    def module(self, name: str) -> str:
        """The name of the module that looking up ``name`` imports. Raises KeyError for an unknown name."""
        if name in self.registered:
            return getattr(self.registered[name], "__module__", type(self.registered[name]).__module__)
        return (self._offered | self.built_in)[name].module

    @cached_property
    def _offered(self) -> dict[str, EntryPoint]:
        return {entry.name: entry for entry in entry_points(group=self.group)}
