"""What results depend on, as hashes: the lab's own code that a piece of code can reach, libraries, and anything else.

Comments and layout of code do not count. Loads without torch, and takes a fraction of a second for the whole lab.
"""

import ast
import functools
import hashlib
import json
import platform
from collections.abc import Iterator
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from lab.files import ROOT

#: whose versions are part of every hash, and of every result's provenance
LIBRARIES = (
    "torch", "numpy", "pandas", "gymnasium", "pymunk", "safetensors", "matplotlib", "plotly", "papermill", "ipykernel",
)  # fmt: skip


def digest(value: Any) -> str:
    """A short SHA-256 of a value that JSON can write."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:32]


@functools.cache
def versions() -> dict[str, str]:
    """Of Python and of the libraries that numbers and figures come from, as far as they are installed."""
    found = {"python": platform.python_version()}
    for name in LIBRARIES:
        with suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


def code_hash(code: str) -> str:
    """Of ``code`` and of all of the lab's source that it can import, directly or through others."""
    parsed = ast.parse(code)
    return digest([ast.dump(parsed), *(_dumped(path) for path in sorted(_reachable(parsed)))])


def reachable(code: str) -> set[str]:
    """The source files of the lab that ``code`` can import, relative to the project's root."""
    return {path.relative_to(ROOT).as_posix() for path in _reachable(ast.parse(code))}


def _reachable(code: ast.AST) -> set[Path]:
    found: set[Path] = set()
    todo = list(_imports(code))
    while todo:
        for path in _files(todo.pop()) - found:
            found.add(path)
            todo += _imported_by(path)
    return found


def _imports(code: ast.AST) -> Iterator[str]:
    """Every name that may be a module, also of imports inside functions."""
    for node in ast.walk(code):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@functools.cache
def _files(name: str) -> set[Path]:
    """The source files that importing ``name`` runs: the module's, or of what it is part of, and its packages'."""
    parts = name.split(".")
    stems = [ROOT.joinpath(*parts[:length]) for length in range(1, len(parts) + 1)] if parts[0] == "lab" else []
    candidates = [path for stem in stems for path in (stem / "__init__.py", stem.with_suffix(".py"))]
    return {path for path in candidates if path.is_file()}


@functools.cache
def _parsed(path: Path) -> ast.AST:
    return ast.parse(path.read_text())


@functools.cache
def _imported_by(path: Path) -> tuple[str, ...]:
    return tuple(_imports(_parsed(path)))


@functools.cache
def _dumped(path: Path) -> str:
    return digest([path.relative_to(ROOT).as_posix(), ast.dump(_parsed(path))])
