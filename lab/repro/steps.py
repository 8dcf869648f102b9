"""One step of a reproduction: a command in a process of its own, and a note on disk with the hashes of its outputs.

The note's name is the hash of everything that the step depends on. A step is up to date if its note exists, and the
files that the note names are unchanged. The program that runs the command writes the note last, so that no kill can
leave a wrong one.
"""

import hashlib
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.checksums import read_manifest, write_manifest
from lab.errors import LabError
from lab.files import ROOT, cache_root
from lab.repro.processes import Processes
from lab.studies.common.fingerprint import digest


@dataclass(frozen=True)
class Step:
    """A command for ``python -m``, with its inputs, its outputs, and the steps before it."""

    name: str
    command: tuple[str, ...]
    outputs: tuple[Path, ...] = ()  #: files, and folders with all that is in them
    inputs: Callable[[], Any] | None = None  #: returns what it depends on, once its needs are done; None: always run
    needs: frozenset[str] = frozenset()  #: names of steps that must have succeeded
    after: frozenset[str] = frozenset()  #: names of steps that must have ended
    seconds: float = 10  #: estimated
    alone: bool = False  #: it measures time: it runs alone, on one thread

    def note(self) -> Path | None:
        """The path of this step's note for its current inputs; None if it has no ``inputs``."""
        if self.inputs is None:
            return None
        return cache_root() / "done" / f"{digest([self.name, self.command, self.inputs()])}.json"


def up_to_date(note: Path | None) -> bool:
    """Whether ``note`` exists, and all files that it names are unchanged."""
    try:
        return note is not None and all(_hash(ROOT / path) == noted for path, noted in read_manifest(note).items())
    except (LabError, OSError):
        return False


def execute(
    command: Sequence[str], outputs: Iterable[Path], note: Path | None, threads: int, processes: Processes | None = None
) -> tuple[float, str | None]:
    """Run ``python -m command``, then write ``note``; returns its seconds, and a sentence if it failed, else None.

    The command runs as one of ``processes`` and ends with them; by default, it ends with this program.
    """
    status = (processes or Processes()).run(command, threads)
    if note and not status.error:
        write_manifest(note, file_hashes(outputs))
    return status.seconds, status.error


def file_hashes(paths: Iterable[Path]) -> dict[str, str]:
    """The hash of every file in ``paths`` (files and folders), by its path relative to the project's root."""
    files = [file for path in paths for file in (sorted(path.rglob("*")) if path.is_dir() else [path])]
    return {os.path.relpath(file, ROOT): _hash(file) for file in files if file.is_file()}


def _hash(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:32]
