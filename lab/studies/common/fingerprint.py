"""Hashes of what results depend on: the lab's code that a piece of code can reach, libraries, and settings.

Code is followed from import to import. A name that a package re-exports (in its ``__init__.pyi``) leads to the one
module that defines it. What is looked up by name at run time is followed where the caller names it: planners, and tasks
with their cards (of a plugin, the one file that has it). Of encoders, all that are built in are followed.
Comments and layout of code do not count. Loads without torch, and takes a fraction of a second for the whole lab.
"""

import ast
import functools
import hashlib
import json
import platform
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from lab.benchmarks.registry import CARDS
from lab.files import ROOT
from lab.models.encoders import registry as encoders
from lab.planning.catalog import CATALOG
from lab.tasks.registry import TASKS

#: whose versions are part of every hash, and of every result's provenance
LIBRARIES = (
    "torch", "numpy", "pandas", "gymnasium", "pymunk", "safetensors", "matplotlib", "plotly", "papermill", "ipykernel",
)  # fmt: skip

OPTIONAL = ("jax", "stable-worldmodel")  #: whose versions are part of provenance alone


def digest(value: Any) -> str:
    """A short SHA-256 of a value that JSON can write."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:32]


@functools.cache
def versions() -> dict[str, str]:
    """Of Python and of the libraries that numbers and figures come from, as far as they are installed."""
    return {"python": platform.python_version()} | installed(LIBRARIES)


def installed(libraries: Iterable[str]) -> dict[str, str]:
    """The versions of those of ``libraries`` that are installed."""
    found = {}
    for name in libraries:
        with suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


def code_hash(code: str, tasks: Iterable[str] = (), planners: Iterable[str] = ()) -> str:
    """Of ``code`` and of all of the lab's source that it can import while it runs ``planners`` on ``tasks``."""
    parsed, named = ast.parse(code), _modules(tasks, planners)
    paths = [*sorted(_reachable(parsed, named)), *sorted(filter(None, map(_outside, named)))]
    return digest([ast.dump(parsed), *map(_dumped, paths)])


def reachable(code: str, tasks: Iterable[str] = (), planners: Iterable[str] = ()) -> set[str]:
    """The source files behind `code_hash`, relative to the project's root."""
    found = _reachable(ast.parse(code), _modules(tasks, planners))
    return {path.relative_to(ROOT).as_posix() for path in found}


def _reachable(code: ast.AST, named: Iterable[str]) -> set[Path]:
    found: set[Path] = set()
    todo = [*_imports(code), *named]
    while todo:
        for path in _files(todo.pop()) - found:
            found.add(path)
            todo += _imported_by(path)
    return found


def _modules(tasks: Iterable[str], planners: Iterable[str]) -> set[str]:
    """Where the ``tasks``, their simulators in torch and cards, and the ``planners`` are defined."""
    found = {registry.module(task) for task in tasks for registry in (TASKS, CARDS) if task in registry}
    found |= {f"{module}_torch" for module in found}  # see `lab.tasks.differentiable`
    return found | {CATALOG[name].factory.partition(":")[0] for name in planners}


def _outside(module: str) -> Path | None:
    """The file of a plugin's ``module``; None for the lab's own, and where there is no file, as in a notebook."""
    if module.partition(".")[0] in ("lab", "__main__") or (spec := find_spec(module)) is None:
        return None
    return Path(spec.origin) if spec.origin else None


def _imports(code: ast.AST) -> Iterator[str]:
    """Every name that may be a module: of imports, also inside functions."""
    for node in ast.walk(code):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@functools.cache
def _files(name: str) -> set[Path]:
    """The source files that importing ``name`` runs: the module's, or of what it is part of, and its packages'."""
    package, _, attribute = name.rpartition(".")
    if module := _reexported(package).get(attribute):
        return _files(module)
    parts = name.split(".")
    stems = [ROOT.joinpath(*parts[:length]) for length in range(1, len(parts) + 1)] if parts[0] == "lab" else []
    candidates = [path for stem in stems for path in (stem / "__init__.py", stem.with_suffix(".py"))]
    whole = [_files(module) for module in _reexported(name).values()]  # of a package that is imported as such
    return {path for path in candidates if path.is_file()}.union(*whole)


@functools.cache
def _reexported(package: str) -> Mapping[str, str]:
    """By each name that ``package`` re-exports, the module that defines it."""
    stub = ROOT.joinpath(*package.split("."), "__init__.pyi")
    if not stub.is_file():
        return {}
    nodes = [node for node in ast.parse(stub.read_text("utf-8")).body if isinstance(node, ast.ImportFrom)]
    return {alias.name: f"{package}.{node.module}" for node in nodes for alias in node.names}


@functools.cache
def _parsed(path: Path) -> ast.AST:
    return ast.parse(path.read_text("utf-8"))


@functools.cache
def _imported_by(path: Path) -> tuple[str, ...]:
    looked_up = encoders.ENCODERS.built_in.values() if path == Path(encoders.__file__) else ()
    return (*_imports(_parsed(path)), *(entry.module for entry in looked_up))


@functools.cache
def _dumped(path: Path) -> str:
    name = path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT) else path.name
    return digest([name, ast.dump(_parsed(path))])
