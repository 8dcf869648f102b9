"""Long work of a server in processes of their own, so that it keeps nobody waiting: a few at a time, each under a name.

The processes end when the server does (see `lab.repro.tethered`). Loads without torch.
"""

import re
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from lab.errors import LabError
from lab.files import ROOT, cache_root
from lab.repro.steps import environment

PATIENCE = 10.0  #: seconds that a process has to stop by itself
TAIL = 4096  #: bytes of the log that are looked at


@dataclass(frozen=True)
class Status:
    """How one piece of work stands."""

    running: bool
    stopped: bool  #: somebody asked it to stop
    seconds: float  #: since it was started, until now or until it ended
    last: str  #: the last line it wrote, such as a progress bar
    error: str | None = None  #: a sentence, where it has failed


@dataclass
class _Work:
    process: subprocess.Popen
    log: Path
    started: float = field(default_factory=time.monotonic)
    ended: float | None = None
    stopped: bool = False

    def runs(self) -> bool:
        """Whether it does; what it held of ours is let go of once it does not."""
        if self.process.poll() is None:
            return True
        if self.ended is None:
            self.ended = time.monotonic()
            self.process.stdin.close()
        return False


class Workers:
    """At most ``most`` at a time; safe to share between threads."""

    def __init__(self, most: int = 2) -> None:
        self.most = most
        self._lock = threading.Lock()
        self._works: dict[str, _Work] = {}

    def start(self, name: str, command: Sequence[str]) -> None:
        """Run ``python -m command`` under ``name``; does nothing where that runs already.

        Raises LabError where ``most`` others run.
        """
        with self._lock:
            running = self.running()
            if name in running:
                return
            if len(running) >= self.most:
                raise LabError(
                    f"{len(running)} background runs are under way, which is all this server takes at a time: "
                    "wait for one to end, or stop one."
                )
            self._works[name] = _launch(name, command)

    def stop(self, name: str) -> None:
        """Ask the work to end, and end it where it does not within `PATIENCE`; returns at once."""
        with self._lock:
            work = self._works.get(name)
            if work is None or work.stopped or not work.runs():
                return
            work.stopped = True
        threading.Thread(target=_end, args=(work.process,), daemon=True).start()

    def status(self, name: str) -> Status | None:
        """How the work stands, or None if there never was any."""
        work = self._works.get(name)
        if work is None:
            return None
        running, code, lines = work.runs(), work.process.returncode, _lines(work.log)
        error = _reason(code, lines) if code and not work.stopped else None
        seconds = (work.ended or time.monotonic()) - work.started
        return Status(running, work.stopped, seconds, lines[-1] if lines else "", error)

    def lines(self, name: str) -> list[str]:
        """What the work wrote last."""
        return _lines(self._works[name].log)

    def running(self) -> list[str]:
        """The names of whatever runs."""
        return [name for name, work in list(self._works.items()) if work.runs()]

    def wait(self, name: str, timeout: float | None = None) -> None:
        """Return when the work has ended; raises subprocess.TimeoutExpired if it does not in time."""
        self._works[name].process.wait(timeout)


def _launch(name: str, command: Sequence[str]) -> _Work:
    log = cache_root() / "logs" / f"{re.sub(r'[^A-Za-z0-9._-]+', '-', name)}.log"
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        with open(log, "w") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "lab.repro.tethered", *command], cwd=ROOT, stdin=subprocess.PIPE,
                env=environment(threads=1), stdout=output, stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip
    except OSError as error:
        raise LabError(f"The background run cannot be started: {error.strerror or error}.") from error
    return _Work(process, log)


def _end(process: subprocess.Popen) -> None:
    with suppress(ProcessLookupError):
        process.terminate()
    with suppress(subprocess.TimeoutExpired):
        process.wait(PATIENCE)
        return
    process.stdin.close()  # the tether: ends it and all it has started


def _lines(log: Path) -> list[str]:
    """What stands at the end of the log; of a progress bar its last state."""
    try:
        with open(log, "rb") as file:
            file.seek(max(0, log.stat().st_size - TAIL))
            text = file.read().decode(errors="replace")
    except OSError:
        return []
    return [line.strip() for line in re.split(r"[\r\n]+", text) if line.strip()]


def _reason(code: int, lines: Sequence[str]) -> str:
    """Why it failed, for people."""
    if code < 0 or not lines:
        return "The background run was ended from outside; what it had saved is kept."
    said = re.sub(r"^python -m lab \w+: ", "", lines[-1])
    return said if code == 2 else f"The background run failed: {said}"
