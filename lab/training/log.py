"""The log of a training, ``metrics.jsonl``: each line is JSON, with a hash of itself and of all lines before it."""

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from lab.checksums import DIGEST, sha256
from lab.errors import LabError
from lab.files import read_bytes, replacing

FILE = "metrics.jsonl"

Line = dict[str, float]


class Log:
    """The ``lines`` so far, written to the folder ``run`` as they come; without a folder, only kept."""

    def __init__(self, run: Path | None, before: int) -> None:
        """Keep the lines of steps ``before`` this one; the run is about to repeat the others."""
        self.run, self.digest, self.lines = run, "", []
        if run:
            self.lines = [line for line in read_log(run) if line["step"] < before] if before else []
            with replacing(run / FILE) as temporary:
                temporary.write_text("".join(map(self._text, self.lines)), "utf-8")

    def append(self, line: Line) -> None:
        """Add a ``line``: a step, and what was measured at it."""
        self.lines.append(line)
        if self.run:
            with open(self.run / FILE, "a", encoding="utf-8") as file:
                file.write(self._text(line))

    def _text(self, line: Line) -> str:
        self.digest = _chained(self.digest, line)
        return json.dumps(line | {DIGEST: self.digest}) + "\n"


def read_log(run: Path) -> list[Line]:
    """The lines of the log in the folder ``run``; none if it has no log.

    The last one is left out where a kill cut it. Raises LabError where a line has been changed or is missing. The logs
    of version 0.1, in which no line has a hash, cannot be verified.
    """
    path = run / FILE
    if not path.is_file():
        return []
    lines = list(_parsed(path, read_bytes(path).decode("utf-8", "replace").split("\n")))
    if any(DIGEST in line for line in lines):
        digest = ""
        for line in lines:
            found = line.pop(DIGEST, None)
            digest = _chained(digest, line)
            if found != digest:
                raise _changed(path)
    return lines


def _parsed(path: Path, texts: Iterable[str]) -> Iterator[Line]:
    *whole, last = texts
    for text in whole:
        try:
            line = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise _changed(path) from error
        if not isinstance(line, dict) or not isinstance(line.get("step"), int):
            raise _changed(path)
        yield line
    if last:  # cut by a kill, or whole but for the end of the line
        with suppress(ValueError, LabError):
            yield from _parsed(path, [last, ""])


def _chained(before: str, line: Mapping[str, float]) -> str:
    """The hash of a ``line`` that comes after one with the hash ``before``."""
    return sha256(f"{before}{json.dumps(line)}".encode())[:16]


def _changed(path: Path) -> LabError:
    return LabError(f"{path} has been changed since it was written: restore it, or delete it to go on without.")
