"""Run the notebooks of all experiments and tasks side by side, each in a process of its own, and say how it went.

What measures time (figure 3) runs alone, after the others. A failure is listed and stops nothing else.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import IO

import pandas as pd
from tqdm.auto import tqdm

from lab.errors import LabError
from lab.experiments import claims, fig2_landscape, fig3_efficiency, fig4_gap, table1_success
from lab.experiments.experiment import Config
from lab.experiments.notebook import NOTEBOOKS
from lab.files import ROOT, cache_root, replacing
from lab.models import MODELS, model_folder
from lab.results import load_result
from lab.tasks import TASKS

EXPERIMENTS: dict[str, ModuleType] = {
    module.NAME: module for module in (table1_success, fig2_landscape, fig3_efficiency, fig4_gap)
}
ALONE = {fig3_efficiency.NAME}
#: rough seconds at each preset, for the first estimate and to begin with the longest
SECONDS = {
    table1_success.NAME: {"smoke": 12, "quick": 160, "full": 2000},
    fig2_landscape.NAME: {"smoke": 8, "quick": 20, "full": 120},
    fig3_efficiency.NAME: {"smoke": 9, "quick": 60, "full": 600},
    fig4_gap.NAME: {"smoke": 8, "quick": 35, "full": 600},
}
JOBS = 2
GRACE = 10  #: seconds that a stopped notebook has to end its kernel


@dataclass(frozen=True)
class Job:
    """One notebook for one task."""

    experiment: str
    config: Config
    source: Path

    @property
    def executed(self) -> Path:
        """Where the executed copy goes."""
        return cache_root() / "notebooks" / self.config.preset / f"{self.experiment}-{self.config.task}.ipynb"

    @property
    def seconds(self) -> float:
        """How long it may take."""
        return SECONDS.get(self.experiment, SECONDS[table1_success.NAME])[self.config.preset]

    def start(self, threads: int, log: IO[str]) -> subprocess.Popen:
        """Begin, with ``threads`` for the kernel, in a session of its own: Ctrl-C reaches it through us only."""
        parameters = {"task": self.config.task, "preset": self.config.preset, "out": self.config.out}
        command = [sys.executable, "-m", "lab.experiments.notebook", str(self.source), json.dumps(parameters)]
        environment = os.environ | {"OMP_NUM_THREADS": str(threads)}
        return subprocess.Popen(
            [*command, str(self.executed)], env=environment, cwd=ROOT, stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=log, start_new_session=True,
        )  # fmt: skip


@dataclass(frozen=True)
class Report:
    """How one notebook went; ``error`` is a sentence, or None."""

    job: Job
    seconds: float
    error: str | None


def reproduce(
    preset: str = "quick",
    only: str | None = None,
    task: str | None = None,
    out: str = "figures",
    jobs: int | None = None,
    notebooks: Path = NOTEBOOKS,
) -> int:
    """Make ``only`` (default: every experiment) for ``task`` (default: all); 0 if all went well, 1 otherwise.

    Raises LabError before any work for an unknown name or an ``out`` that cannot be written.
    """
    if only is not None and only not in EXPERIMENTS:
        raise LabError(f"Unknown experiment '{only}': choose one of {', '.join(EXPERIMENTS)}.")
    if jobs is not None and jobs < 1:
        raise LabError(f"At least 1 job is needed, got {jobs}.")
    chosen = [only] if only else list(EXPERIMENTS)
    configs = [Config(name, preset, out=out) for name in ([task] if task else TASKS)]
    todo = [Job(name, config, notebooks / f"{name}.ipynb") for name in chosen for config in configs]
    for job in todo:
        job.config.writable_folder(job.experiment)
    _train_missing(configs)
    reports = _run(todo, min(jobs or JOBS, len(todo)))
    _write_claims(preset, out)
    print(_table(reports))
    return int(any(report.error for report in reports))


def _train_missing(configs: Sequence[Config]) -> None:
    """Train what is neither shipped nor made, before two notebooks would both do it."""
    for config in configs:
        for name in MODELS:
            for seed in config.size.seeds:
                try:
                    model_folder(config.task, name, seed)
                except LabError:
                    print(f"Training the {name} model of {config.task}, seed {seed}: it is not shipped.")
                    config.model(name, seed)


def _run(todo: list[Job], jobs: int) -> list[Report]:
    """Side by side what can be, sharing the cores; then alone, on one thread, what must be."""
    cores = os.cpu_count() or 1
    together = sorted((job for job in todo if job.experiment not in ALONE), key=lambda job: -job.seconds)
    alone = [job for job in todo if job.experiment in ALONE]
    with _Progress(todo) as progress:
        reports = _side_by_side(together, jobs, max(1, cores // jobs), progress)
        return reports + _side_by_side(alone, 1, 1, progress)


def _side_by_side(todo: Sequence[Job], jobs: int, threads: int, progress: "_Progress") -> list[Report]:
    """Run ``todo``, ``jobs`` at a time, and report in the order in which they end."""
    waiting, running, reports = deque(todo), {}, []
    try:
        while waiting or running:
            while waiting and len(running) < jobs:
                log = tempfile.TemporaryFile("w+")  # noqa: SIM115  closed with its process
                process = waiting[0].start(threads, log)
                running[process] = (waiting.popleft(), time.perf_counter(), log)
            for process in [process for process in running if process.poll() is not None]:
                reports.append(_report(process, *running.pop(process)))
                progress.finish(reports[-1])
            progress.show([(job, time.perf_counter() - started) for job, started, _ in running.values()])
            time.sleep(0.1)
    finally:
        _stop(running)
    return reports


def _report(process: subprocess.Popen, job: Job, started: float, log: IO[str]) -> Report:
    with log:
        log.seek(0)
        lines = log.read().strip().splitlines()
    error = None
    if process.returncode:
        error = lines[-1] if process.returncode == 1 and lines else f"Its process ended with code {process.returncode}."
    return Report(job, time.perf_counter() - started, error)


def _stop(running: dict[subprocess.Popen, tuple]) -> None:
    """End what is still running, kernels included."""
    for process in running:
        process.terminate()
    for process, (_, _, log) in running.items():
        with suppress(subprocess.TimeoutExpired):
            process.wait(GRACE)
        process.kill()
        process.wait()
        log.close()


class _Progress:
    """One bar over all notebooks, in their rough seconds; a running one counts by its time so far."""

    def __init__(self, todo: Sequence[Job]) -> None:
        self.finished = 0.0
        layout = "{desc}{percentage:3.0f}%|{bar}| {elapsed}, about {remaining} left{postfix}"
        interval = 1 if sys.stderr.isatty() else 60
        total = sum(job.seconds for job in todo)
        self.bar = tqdm(total=total, bar_format=layout, desc="reproduce ", mininterval=interval, miniters=0, delay=2)

    def __enter__(self) -> "_Progress":
        return self

    def __exit__(self, *_: object) -> None:
        self.bar.close()

    def finish(self, report: Report) -> None:
        """Count one as done, and say so."""
        self.finished += report.job.seconds
        outcome = "failed" if report.error else "done"
        self.bar.write(f"{report.job.experiment} {report.job.config.task}: {outcome} in {report.seconds:.0f} s")

    def show(self, running: Sequence[tuple[Job, float]]) -> None:
        """Move the bar to where the ``running`` jobs, each with its seconds so far, put it."""
        self.bar.n = self.finished + sum(min(seconds, 0.95 * job.seconds) for job, seconds in running)
        names = ", ".join(f"{job.experiment} {job.config.task}" for job, _ in running)
        self.bar.set_postfix_str(names, refresh=False)
        self.bar.update(0)


def _table(reports: Sequence[Report]) -> str:
    """A line for each notebook, then a sentence for each failure."""
    rows = [("experiment", "task", "seconds", "result")]
    for report in reports:
        folder = report.job.config.folder(report.job.experiment)
        result = "failed" if report.error else os.path.relpath(folder)
        rows.append((report.job.experiment, report.job.config.task, f"{report.seconds:.0f}", result))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    failures = [report for report in reports if report.error]
    lines.append(f"{len(reports) - len(failures)} ran, {len(failures)} failed.")
    return "\n".join(lines + [f"{r.job.experiment} {r.job.config.task}: {r.error}" for r in failures])


def _write_claims(preset: str, out: str) -> None:
    """What all results so far say about the paper's claims, as ``claims.csv`` in the preset's folder."""
    tables = []
    for task in TASKS:
        config, results = Config(task, preset, out=out), {}
        for name in EXPERIMENTS:
            with suppress(LabError):
                results[name] = load_result(config.folder(name))
        if results:
            tables.append(claims.verdicts(results))
    if not tables:
        return
    path = ROOT / out / preset / "claims.csv"
    with replacing(path) as temporary:
        pd.concat(tables, ignore_index=True).to_csv(temporary, index=False, float_format="%.6g")
