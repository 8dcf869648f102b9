"""One step of a reproduction: a command in a process of its own, and a note on disk of what it made from what.

A step is up to date if the note under the hash of everything it depends on is there, and the files it names are as
they were. The note is written last, by whoever runs the command, so that no kill can leave a wrong one.
"""

import hashlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.errors import LabError
from lab.files import ROOT, cache_root, read_json, write_json
from lab.studies.common.fingerprint import digest


@dataclass(frozen=True)
class Step:
    """``python -m`` command, with what it needs and makes."""

    name: str
    command: tuple[str, ...]
    outputs: tuple[Path, ...] = ()  #: files, and folders with all that is in them
    inputs: Callable[[], Any] | None = None  #: what it depends on, asked for when its needs are done; None: always run
    needs: frozenset[str] = frozenset()  #: names of steps that must have succeeded
    after: frozenset[str] = frozenset()  #: names of steps that must have ended
    seconds: float = 10  #: rough
    alone: bool = False  #: measures time: one thread

    def note(self) -> Path | None:
        """Where the note of this step, with its inputs as they are now, belongs."""
        if self.inputs is None:
            return None
        return cache_root() / "done" / f"{digest([self.name, self.command, self.inputs()])}.json"


def up_to_date(note: Path | None) -> bool:
    """Whether ``note`` is there, and all files it names are as they were."""
    try:
        return note is not None and all(_hash(ROOT / path) == found for path, found in read_json(note).items())
    except (LabError, OSError):
        return False


def execute(
    command: Iterable[str], outputs: Iterable[Path], note: Path | None, threads: int, tether: int = subprocess.PIPE
) -> tuple[float, str | None]:
    """Run ``python -m command``, then write ``note``; (seconds, None or a sentence about what went wrong).

    The process ends when the file descriptor ``tether`` is closed at its other end: by default, when we end.
    """
    started = time.perf_counter()
    with tempfile.TemporaryFile("w+") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "lab.repro.tethered", *command], cwd=ROOT, stdin=tether,
            env=environment(threads), stdout=subprocess.DEVNULL, stderr=log,
            start_new_session=True,  # Ctrl-C reaches it through us only
        )  # fmt: skip
        code = process.wait()
        log.seek(0)
        lines = log.read().strip().splitlines()
    error = None
    if code:
        error = lines[-1] if code in (1, 2) and lines else f"Its process ended with code {code}."
    elif note:
        write_json(note, file_hashes(outputs))
    return time.perf_counter() - started, error


def environment(threads: int) -> dict[str, str]:
    """Of a process in another folder: ours, the cache by its whole path, and so many ``threads``."""
    return os.environ | {"OMP_NUM_THREADS": str(threads), "LAB_CACHE": str(cache_root())}


def file_hashes(paths: Iterable[Path]) -> dict[str, str]:
    """By path (relative to the project's root where it is below it), the hash of every file in ``paths``."""
    files = [file for path in paths for file in (sorted(path.rglob("*")) if path.is_dir() else [path])]
    return {os.path.relpath(file, ROOT): _hash(file) for file in files if file.is_file()}


def _hash(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:32]
