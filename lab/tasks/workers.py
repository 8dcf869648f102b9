"""Worker processes for the simulators that take milliseconds a step: the problems of a batch are shared out.

A worker is a plain Python process (`serve`). It reads where modules are, then (task, states, actions), and answers with
states. Nothing is forked, so that threads of whoever asks do not matter, and the caller's main module is not run
again: a task that is defined there is simulated without workers. How a batch is shared out changes no number: each
problem is a simulation of its own.
"""

import os
import pickle
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import Protocol

import numpy as np

from lab.errors import LabError
from lab.machine import MACHINE
from lab.tasks.task import Floats

LEAST = 4  #: problems for each process: fewer are not worth the way
_lock = threading.Lock()
_pool: list[subprocess.Popen[bytes]] = []
_owner: int | None = None  #: the process that started the workers; a fork of it must not talk to them


def processes() -> int:
    """How many processes simulate, this one included."""
    return MACHINE.processes or os.cpu_count() or 1


class Shared(Protocol):
    """What can be shared out: problems that do not touch each other, each a pure function of state and action."""

    @property
    def name(self) -> str:
        """For errors."""
        ...

    def alone(self, states: Floats, actions: Floats) -> Floats:
        """What becomes of ``states`` (B, S) under ``actions`` (B, ...), as (B, ...), in this process."""
        ...


def share_out(task: Shared, states: Floats, actions: Floats) -> Floats:
    """``task.alone`` of states (B, S) and actions (B, ...), shared out among processes; the same numbers."""
    count = min(processes(), len(states) // LEAST)
    # Another thread at work has the workers; this one is as well off alone
    known = type(task).__module__ != "__main__"
    if not known or count < 2 or not _lock.acquire(blocking=False):
        return task.alone(states, actions)
    try:
        return _shared(task, states, actions, _workers(count - 1))
    except BaseException:
        _stop()  # what was asked and not read would be taken for the next answer
        raise
    finally:
        _lock.release()


def _shared(task: Shared, states: Floats, actions: Floats, workers: list[subprocess.Popen[bytes]]) -> Floats:
    chunks = list(zip(*(np.array_split(array, len(workers) + 1) for array in (states, actions)), strict=True))
    for worker, chunk in zip(workers, chunks[1:], strict=True):
        assert worker.stdin is not None
        pickle.dump(sys.path, worker.stdin)  # first, as the module of the task may be on it
        pickle.dump((task, *chunk), worker.stdin)
        worker.stdin.flush()
    parts = [task.alone(*chunks[0])]
    for worker, chunk in zip(workers, chunks[1:], strict=True):
        assert worker.stdout is not None
        try:
            parts.append(pickle.load(worker.stdout))
        except EOFError as error:
            message = f"{task.name}: a worker process ended while it simulated {len(chunk[0])} problems"
            how = "LAB_PROCESSES=1 (in Python: lab.machine.MACHINE.processes = 1)"
            raise LabError(f"{message}; set {how} to simulate without workers.") from error
    return np.concatenate(parts)


def _workers(n: int) -> list[subprocess.Popen[bytes]]:
    """``n`` running workers, started where there are too few."""
    global _owner
    if _owner != os.getpid():
        _pool.clear()
        _owner = os.getpid()
    _pool[:] = [worker for worker in _pool if worker.poll() is None]
    while len(_pool) < n:
        paths = [str(Path(__file__).parents[2]), *map(os.path.abspath, sys.path)]
        code = f"import sys; sys.path[:0] = {paths!r}; from lab.tasks.workers import serve; serve()"
        _pool.append(
            subprocess.Popen(
                [sys.executable, "-c", code], start_new_session=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
            )
        )
    return _pool[:n]


def _stop() -> None:
    while _pool:
        worker = _pool.pop()
        worker.kill()
        worker.wait()


def serve() -> None:
    """Answer until whoever asks is gone."""
    questions, answers = sys.stdin.buffer, sys.stdout.buffer
    with suppress(EOFError, BrokenPipeError, KeyboardInterrupt):
        while True:
            sys.path[:] = pickle.load(questions)
            task, states, actions = pickle.load(questions)
            pickle.dump(task.alone(states, actions), answers)
            answers.flush()
