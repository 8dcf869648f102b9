"""Executors, which run the steps: in processes of this machine, on dask workers, or as Slurm jobs.

Each executor is a context that gives ``submit(command, outputs, note, threads)``. That returns a `Pending` step, whose
``result()`` is that of `lab.repro.steps.execute`. The project's folder and the cache must be the same files on every
machine.
"""

import importlib
import logging
import os
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from types import ModuleType
from typing import Any, Protocol

import psutil

from lab.errors import LabError
from lab.files import cache_root
from lab.repro.processes import Processes
from lab.repro.steps import execute

GIB = 1.5  #: of memory that a notebook may take
MINUTES = 24 * 60  #: time limit of a Slurm job, unless $SBATCH_TIMELIMIT sets another


class Pending(Protocol):
    """A submitted step."""

    def done(self) -> bool: ...

    def result(self) -> tuple[float, str | None]: ...


Submit = Callable[..., Pending]


def cores() -> int:
    """The number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def default_jobs() -> int:
    """How many steps cores and memory allow at a time."""
    return max(1, min(cores(), int(psutil.virtual_memory().available / 2**30 / GIB)))


@contextmanager
def local(jobs: int) -> Iterator[Submit]:
    """``jobs`` processes at a time; all of them end with the context."""
    pool = ThreadPoolExecutor(jobs)
    try:
        with Processes() as processes:
            yield partial(pool.submit, partial(execute, processes=processes))
    finally:
        pool.shutdown(cancel_futures=True)


@contextmanager
def dask(jobs: int) -> Iterator[Submit]:
    """The dask cluster at ``$DASK_SCHEDULER_ADDRESS``, or else ``jobs`` workers on this machine.

    Raises LabError if dask is not installed.
    """
    distributed = _optional("distributed", "dask")
    with distributed.Client(
        n_workers=jobs, threads_per_worker=1, dashboard_address=None, silence_logs=logging.CRITICAL
    ) as client:
        yield partial(client.submit, execute, pure=False)


@contextmanager
def slurm(jobs: int, cluster: str = "slurm") -> Iterator[Submit]:
    """A Slurm job for each step; unfinished jobs are cancelled with the context.

    ``jobs`` decides only how many threads a job gets. Slurm's own variables choose the rest: ``SBATCH_PARTITION``,
    ``SBATCH_ACCOUNT``, ``SBATCH_TIMELIMIT`` ... Raises LabError without Slurm or submitit.
    """
    submitit = _optional("submitit", "slurm")
    if cluster == "slurm" and not shutil.which("sbatch"):
        raise LabError("There is no Slurm on this machine (no sbatch): choose the executor local or dask.")
    executor = submitit.AutoExecutor(cache_root() / "slurm", cluster=cluster)
    executor.update_parameters(name="lab", timeout_min=MINUTES, mem_gb=2 * GIB)
    submitted: list[Any] = []

    def submit(command, outputs, note, threads) -> Pending:
        executor.update_parameters(cpus_per_task=threads)
        submitted.append(executor.submit(execute, command, outputs, note, threads))
        return submitted[-1]

    try:
        yield submit
    finally:
        for job in submitted:
            if not job.done():
                job.cancel()


EXECUTORS: dict[str, Callable[[int], AbstractContextManager[Submit]]] = {"local": local, "dask": dask, "slurm": slurm}


def _optional(module: str, extra: str) -> ModuleType:
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise LabError(
            f"The executor {extra} needs {module}: install it with pip install -e '.[{extra}]', or choose local."
        ) from error
