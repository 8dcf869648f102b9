"""One process at a time makes a thing; the others wait for it, and find it made."""

import hashlib
import os
import platform
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

from filelock import FileLock, Timeout
from tqdm.auto import tqdm

from lab.errors import LabError
from lab.files import cache_root

PATIENCE = 2  #: seconds of waiting before the one that works is named

T = TypeVar("T")


def load_or_make(path: Path, load: Callable[[], T], make: Callable[[], object]) -> T:
    """What ``load`` reads from ``path``. Where it raises LabError, ``make`` writes it first: one process at a time."""
    with suppress(LabError):
        return load()
    with one_writer(path):
        with suppress(LabError):  # another process has made it while this one waited
            return load()
        make()
        return load()


@contextmanager
def one_writer(path: Path) -> Iterator[None]:
    """Keep other processes and threads out of this context for the same ``path``; who has to wait says for whom.

    The operating system ends a lock with its process. Raises LabError where the cache cannot be written.
    """
    lock, holder = _places(path)
    try:
        lock.parent.mkdir(parents=True, exist_ok=True)
        file_lock = FileLock(lock)
        try:
            file_lock.acquire(timeout=PATIENCE)
        except Timeout:
            tqdm.write(f"waiting for {_read(holder)}, which writes {path}", file=sys.stderr)
            file_lock.acquire()
    except OSError as error:
        raise LabError(f"Cannot write {lock}: {error.strerror}. Free the space or choose another folder.") from error
    try:
        with suppress(OSError):
            holder.write_text(f"process {os.getpid()} on {platform.node()}", "utf-8")
        yield
    finally:
        file_lock.release()


def _places(path: Path) -> tuple[Path, Path]:
    """The lock of ``path``, and who holds it: in the cache, so that nothing is left beside results."""
    root, place = cache_root(), path.resolve()
    key = place.relative_to(root) if place.is_relative_to(root) else place
    name = f"{path.name}-{hashlib.sha256(key.as_posix().encode()).hexdigest()[:12]}"
    return root / "locks" / f"{name}.lock", root / "locks" / f"{name}.txt"


def _read(holder: Path) -> str:
    with suppress(OSError, UnicodeDecodeError):
        return holder.read_text("utf-8")
    return "another process"
