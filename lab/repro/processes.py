"""Commands in background processes, each under a name, with a limit on how many run at a time.

A process is tethered to the program that started it: the program holds the other end of its standard input, a pipe.
When that end closes, even by ``kill -9`` of the program, the process ends, with all processes that it has started
(such as the kernel of a notebook). ``python -m lab.repro.processes MODULE ARGUMENTS`` is the tethered process.
Loads without torch.
"""

import os
import re
import runpy
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Self

import psutil

from lab.errors import LabError
from lab.files import ROOT, cache_root

PATIENCE = 10.0  #: seconds that a process gets to stop by itself
TAIL = 4096  #: bytes that are read from the end of its output


@dataclass(frozen=True)
class Status:
    """The status of a command."""

    running: bool
    stopped: bool  #: by `Process.stop`
    seconds: float  #: from its start to its end, or until now
    last: str  #: the last line of its output, such as a progress bar
    error: str | None = None  #: a sentence, if it has failed


class Process:
    """``python -m command``, started now, on ``threads`` threads, at ``niceness`` below this program's priority.

    Raises LabError if it cannot be started.
    """

    def __init__(self, command: Sequence[str], threads: int = 1, niceness: int = 0) -> None:
        self.stopped = False
        self._started, self._ended = time.monotonic(), 0.0
        environment = {"OMP_NUM_THREADS": str(threads), "LAB_CACHE": str(cache_root()), "PYTHONUNBUFFERED": "1"}
        try:
            self._written = tempfile.TemporaryFile()  # noqa: SIM115  it is read as long as this lives
            self._process = subprocess.Popen(
                [sys.executable, "-m", "lab.repro.processes", *command],
                cwd=ROOT,
                env=os.environ | environment,
                stdin=subprocess.PIPE,
                stdout=self._written,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # so that Ctrl-C reaches it only through us
            )
        except OSError as error:
            raise LabError(f"'{' '.join(command)}' cannot be started: {error.strerror or error}.") from error
        if niceness:
            with suppress(psutil.NoSuchProcess):
                psutil.Process(self._process.pid).nice(min(psutil.Process().nice() + niceness, 19))

    @property
    def running(self) -> bool:
        """Whether the process runs. The tether is released as soon as it does not."""
        if self._process.poll() is None:
            return True
        if not self._ended:
            self._ended = time.monotonic()
            self.end()
        return False

    @property
    def status(self) -> Status:
        running, lines = self.running, self.lines()
        seconds = (self._ended or time.monotonic()) - self._started
        return Status(running, self.stopped, seconds, lines[-1] if lines else "", self._error(lines))

    def lines(self) -> list[str]:
        """The last lines of its output, with the latest state of a progress bar."""
        file = self._written.fileno()
        text = os.pread(file, TAIL, max(0, os.fstat(file).st_size - TAIL)).decode(errors="replace")
        return [line.strip() for line in re.split(r"[\r\n]+", text) if line.strip()]

    def wait(self, timeout: float | None = None) -> None:
        """Wait until it has ended. Raises subprocess.TimeoutExpired if that takes longer than ``timeout`` (s)."""
        self._process.wait(timeout)

    def stop(self) -> None:
        """Ask it to end, and end it if it has not within `PATIENCE`; returns at once."""
        if not self.stopped and self.running:
            self.stopped = True
            threading.Thread(target=self._stop, daemon=True).start()

    def end(self) -> None:
        """Release the tether, which ends the process and all that it has started."""
        if self._process.stdin:
            self._process.stdin.close()

    def _stop(self) -> None:
        with suppress(ProcessLookupError):
            self._process.terminate()
        with suppress(subprocess.TimeoutExpired):
            self.wait(PATIENCE)
        self.end()

    def _error(self, lines: Sequence[str]) -> str | None:
        """Why it failed, in a sentence; None while it runs, if it succeeded, and if it was stopped."""
        code = self._process.poll()
        if not code or self.stopped:
            return None
        if code < 0 or not lines:
            return "Its process was ended from outside; what it had saved is kept."
        return re.sub(r"^python -m lab \w+: ", "", lines[-1])


class Processes:
    """Processes by name, at most ``most`` at a time, and ``most_each`` of one owner; safe to share between threads.

    They end with the context. One that runs for ``longest`` (s) is stopped.
    """

    def __init__(
        self,
        most: int | None = None,
        most_each: int | None = None,
        niceness: int = 0,
        longest: float | None = None,
    ) -> None:
        self.most, self.most_each, self.niceness, self.longest = most, most_each, niceness, longest
        self._lock = threading.Lock()
        self._named: dict[str, Process] = {}
        self._owners: dict[str, str] = {}
        self._closed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._closed = True
            for process in self._named.values():
                process.end()

    def start(self, name: str, command: Sequence[str], threads: int = 1, owner: str = "") -> None:
        """Start ``python -m command`` under ``name`` for ``owner``; does nothing if ``name`` runs already.

        Raises LabError if ``most`` others run, or ``most_each`` of this owner, and after the end of the context.
        """
        with self._lock:
            running = self.running()
            if name in running:
                return
            if self._closed:
                raise LabError(f"'{name}' is not started any more: all is being stopped.")
            if self.most is not None and len(running) >= self.most:
                raise LabError(
                    f"{len(running)} background runs are under way, which is all that this server takes at a time: "
                    "wait for one to end, or stop one."
                )
            theirs = sum(self._owners[other] == owner for other in running)
            if self.most_each is not None and theirs >= self.most_each:
                raise LabError(f"{theirs} of your runs are under way, which is all that one visitor may: stop one.")
            process = Process(command, threads, self.niceness)
            self._named[name], self._owners[name] = process, owner
            if self.longest is not None:
                clock = threading.Timer(self.longest, process.stop)
                clock.daemon = True
                clock.start()

    def run(self, command: Sequence[str], threads: int = 1) -> Status:
        """Run ``python -m command`` to its end, and return its status."""
        name = " ".join(command)
        self.start(name, command, threads)
        process = self._named[name]
        process.wait()
        del self._named[name]
        return process.status

    def stop(self, name: str) -> None:
        """See `Process.stop`; does nothing for a name that was never started."""
        if process := self._named.get(name):
            process.stop()

    def status(self, name: str) -> Status | None:
        """The status of ``name``, or None if it was never started."""
        process = self._named.get(name)
        return process.status if process else None

    def owner(self, name: str) -> str | None:
        """For whom ``name`` was started last, or None if it never was."""
        return self._owners.get(name)

    def lines(self, name: str) -> list[str]:
        """See `Process.lines`."""
        return self._named[name].lines()

    def running(self) -> list[str]:
        """The names of all running processes."""
        return [name for name, process in list(self._named.items()) if process.running]

    def wait(self, name: str, timeout: float | None = None) -> None:
        """See `Process.wait`."""
        self._named[name].wait(timeout)


def _end_with_starter() -> None:
    while os.read(0, 4096):
        pass
    for child in psutil.Process().children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            child.kill()
    os._exit(1)


if __name__ == "__main__":
    threading.Thread(target=_end_with_starter, daemon=True).start()
    del sys.argv[0]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
