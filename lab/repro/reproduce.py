"""Data -> models -> notebooks -> report: run every step that is not up to date, in parallel, and print a summary.

Steps that measure time (such as figure 3) run alone, after the others. A failure is listed, and stops only the steps
that need it. Loads without torch, so that a second is enough if nothing has changed.
"""

import json
import os
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from graphlib import TopologicalSorter
from importlib.util import find_spec
from pathlib import Path

from tqdm.auto import tqdm

from lab.checksums import weight_files
from lab.errors import LabError, check_known, is_whole
from lab.files import (
    FAMILIES,
    MANIFESTS,
    MODELS,
    NETWORKS,
    ROOT,
    cache_root,
    model_folder,
    of_family,
    read_json,
    writable,
)
from lab.presets import PRESETS, training_seeds
from lab.repro.executors import EXECUTORS, Pending, Submit, cores, default_jobs
from lab.repro.forecast import summary as forecast_of
from lab.repro.steps import Step, file_hashes, up_to_date
from lab.studies.common.card import Study, built_in
from lab.studies.common.fingerprint import code_hash, versions
from lab.studies.common.parameters import assigned
from lab.studies.common.stored import preset_folder, result_folder
from lab.studies.registry import FOLDER, STUDIES
from lab.tasks import TASKS, make_task

TEMPLATE = Path(__file__).with_name("report.html.j2")
REPORT = "report"  #: the name of the last step
REPORT_SECONDS = 10


@dataclass(frozen=True)
class Report:
    """The outcome of one step; ``error`` is a sentence, or None."""

    step: Step
    outcome: str  #: done, up to date, failed or not run
    seconds: float = 0.0
    error: str | None = None


def reproduce(
    preset: str = "quick",
    only: Sequence[str] = (),
    task: str | None = None,
    out: str = "figures",
    jobs: int | None = None,
    executor: str = "local",
    seeds: str = "",
    family: str = "small",
    folder: Path = FOLDER,
    forecast: bool = False,
) -> int:
    """Run ``only`` (default: the `usual` notebooks) for ``task`` (default: all built-in ones); returns 0 on success.

    Missing models are trained first. ``seeds`` are the training seeds to average over, see `training_seeds`. With
    ``forecast`` nothing runs: it prints how long all would take, what is up to date included.
    Raises LabError before any work if the notebooks or papermill are missing, for an unknown name, and if ``out``
    cannot be written.
    """
    _check_notebooks(folder)
    requested: list[tuple[str, Iterable[str], str]] = [(name, STUDIES, "notebook") for name in only]
    requested += [
        (preset, PRESETS, "preset"),
        (executor, EXECUTORS, "executor"),
        (family, FAMILIES, "family of models"),
    ]
    for value, known, what in requested:
        check_known(what, value, known)
    if jobs is not None and not is_whole(jobs, 1):
        raise LabError(f"At least 1 job is needed, got {jobs}.")
    tasks = [make_task(task).name] if task else list(TASKS.built_in)
    for name in only:
        if task and (study := STUDIES[name]).kind and not study.fits(task):
            known = ", ".join(filter(study.fits, TASKS.built_in))
            raise LabError(f"Notebook {name} is not made for {task}: choose one of {known}.")
    steps = graph(preset, only or usual(preset), tasks, out, seeds, family, folder)
    if forecast:
        print(forecast_of(steps))
        return 0
    make_folders(steps)
    jobs = min(jobs or default_jobs(), len(steps))
    with EXECUTORS[executor](jobs) as submit:
        reports = run(steps, submit, jobs)
    print(summary(reports))
    if not only and (others := [name for name in STUDIES if name not in usual(preset)]):
        print(f"Not made at preset {preset}, because they take long: {', '.join(others)} (use --only).")
    return int(any(report.error for report in reports))


def _check_notebooks(folder: Path) -> None:
    if not folder.is_dir():
        raise LabError("The notebooks are no part of an installed package: run this in a clone of the repository.")
    if find_spec("papermill") is None:
        raise LabError("Running the notebooks needs papermill: install it with pip install -e '.[notebooks]'.")


def make_folders(steps: Iterable[Step]) -> None:
    """Make the folders of all results; raises LabError where one cannot be written, before any work."""
    for folder in (path for step in steps if step.name != REPORT for path in step.outputs):
        writable(folder)


def usual(preset: str) -> list[str]:
    """The notebooks that run by default: all; at a brief preset, all but the long ones."""
    return [name for name, notebook in STUDIES.items() if not (PRESETS[preset].brief and notebook.long)]


# --- The graph


@dataclass(frozen=True)
class _Parameters:
    """The parameters of all notebooks, without the task."""

    preset: str
    out: str
    seeds: str
    family: str

    def model(self, task: str, method: str, seed: int) -> Path | None:
        """The model's folder, shipped or in the cache; None if there is none."""
        with suppress(LabError):
            return model_folder(task, method, seed, self.preset, self.family)
        return None

    def train_seconds(self, task: str, method: str) -> float:
        """What the shipped model took, where it was made by the same recipe; else the preset's rough time."""
        preset, folder = PRESETS[self.preset], self.model(task, method, 0)
        if preset.toy or folder is None:
            return preset.train_seconds
        manifest = next(folder / name for name in MANIFESTS if (folder / name).is_file())
        return read_json(manifest).get("wall_seconds", preset.train_seconds)

    def models(self, task: str, methods: Iterable[str]) -> dict[tuple[str, int], Path | None]:
        """The folders of the models of all ``methods``, by method and training seed."""
        keys = [(method, seed) for seed in training_seeds(self.preset, self.seeds) for method in methods]
        return {key: self.model(task, *key) for key in keys}


def graph(
    preset: str,
    names: Sequence[str],
    tasks: Sequence[str],
    out: str,
    seeds: str = "",
    family: str = "small",
    folder: Path = FOLDER,
) -> list[Step]:
    """All steps for the notebooks called ``names`` and for the report, each with the steps that it needs."""
    parameters = _Parameters(preset, out, seeds, family)
    notebooks = [STUDIES[name] for name in names]
    training = {task: _training(task, notebooks, parameters) for task in tasks}
    steps = [step for steps in training.values() for step in steps]
    for notebook in notebooks:
        for task in filter(notebook.fits, tasks) if notebook.kind else [None]:
            used = [task] if task else [task for task in tasks if _shows(notebook, task)]
            needs = frozenset(step.name for task in used for step in training[task])
            steps.append(replace(_notebook(notebook, folder, task, parameters, used), needs=needs))
    steps = _alone_last(steps)
    return [*steps, _report(parameters, steps)]


def _training(task: str, notebooks: Iterable[Study], parameters: _Parameters) -> list[Step]:
    """Steps that train the missing models. The first also makes the data and the encoder, which all share."""
    shown = [notebook for notebook in notebooks if _shows(notebook, task)]
    methods = {method for notebook in shown for method in (*notebook.models, *notebook.networks)}
    models = parameters.models(task, [method for method in (*MODELS, *NETWORKS) if method in methods])
    missing = [key for key, folder in models.items() if folder is None]
    names = {(method, seed): f"model {task} {method} seed {seed}" for method, seed in missing}
    first = next(iter(names.values()), None)
    steps = []
    for method, seed in missing:
        options = ("--seed", str(seed), "--preset", parameters.preset, "--family", parameters.family)
        command = ("lab", "train", "--task", task, "--method", method, *options)
        needs = {name for name in (names.get(("base", seed)), first) if name} - {names[method, seed]}
        seconds = parameters.train_seconds(task, method)
        steps.append(Step(names[method, seed], command, needs=frozenset(needs), seconds=seconds))
    return steps


def _shows(notebook: Study, task: str) -> bool:
    """Whether ``notebook`` needs models of ``task``; one without a task shows the tasks of the paper's Table 1."""
    return notebook.fits(task) if notebook.kind else task in built_in("bodies")


def _notebook(notebook: Study, folder: Path, task: str | None, parameters: _Parameters, tasks: Sequence[str]) -> Step:
    """The step that executes ``notebook`` with those ``parameters`` that it has, and its models of ``tasks``."""
    source, preset = folder / f"{notebook.name}.ipynb", parameters.preset
    code, known = notebook_code(source)
    values = asdict(parameters) | ({"task": task} if task else {})
    known_values = {name: value for name, value in values.items() if name in known}
    name = f"{'-'.join([notebook.name, *([task] if task else [])])}.ipynb"
    executed = cache_root() / "notebooks" / of_family(preset, parameters.family) / name
    results = result_folder(notebook.name, task or "", preset, parameters.out, parameters.family)

    def inputs() -> dict:
        used = (*notebook.models, *notebook.networks)
        weights = [_weights(parameters.models(task, used).values()) for task in tasks]
        code_now = code_hash(code, [task] if task else TASKS, notebook.planners)
        return {"code": code_now, "versions": versions(), "weights": weights}

    return Step(
        name=" ".join([notebook.name, *([task] if task else [])]),
        command=("lab.repro.notebook", str(source), json.dumps(known_values), str(executed)),
        outputs=(results,),
        inputs=inputs,
        seconds=notebook.seconds(PRESETS[preset], len(training_seeds(preset, parameters.seeds))),
        alone=notebook.alone and not PRESETS[preset].toy,
    )


def notebook_code(source: Path) -> tuple[str, set[str]]:
    """All code of a notebook, and the names of its parameters."""
    cells = [cell for cell in read_json(source)["cells"] if cell["cell_type"] == "code"]
    parameters = [cell for cell in cells if "parameters" in cell["metadata"].get("tags", [])]
    code, given = ("\n".join("".join(cell["source"]) for cell in group) for group in (cells, parameters))
    return code, set(assigned(given))


def _weights(folders: Iterable[Path | None]) -> dict[str, str]:
    """The files with the weights of the models and networks in ``folders``; None stands for one that is missing."""
    there = [folder for folder in folders if folder]
    networks = [folder / "network.json" for folder in there if not (folder / "model.json").is_file()]
    models = (path for folder in there if (folder / "model.json").is_file() for path in weight_files(folder))
    return file_hashes([*networks, *models])


def _alone_last(steps: Sequence[Step]) -> list[Step]:
    """The same ``steps``; those that measure time come one by one, after all others."""
    ordered = [step for step in steps if not step.alone]
    for step in steps:
        if step.alone:
            ordered.append(replace(step, after=frozenset(other.name for other in ordered)))
    return ordered


def _report(parameters: _Parameters, steps: Sequence[Step]) -> Step:
    """The step that judges the claims and writes the HTML report, from all results on disk."""
    folder = preset_folder(parameters.preset, parameters.out, parameters.family)
    outputs = tuple(folder / name for name in ("index.html", "claims.csv", "claims.json"))

    def inputs() -> dict:
        results = {path: digest for path, digest in file_hashes([folder]).items() if ROOT / path not in outputs}
        written = file_hashes([TEMPLATE, *FOLDER.glob("*.ipynb")])
        code = code_hash("import lab.repro.report", TASKS)
        return {"code": code, "written": written, "versions": versions(), "results": results}

    return Step(
        name=REPORT,
        command=("lab.repro.report", parameters.preset, parameters.out, parameters.family),
        outputs=outputs,
        inputs=inputs,
        after=frozenset(step.name for step in steps),
        seconds=REPORT_SECONDS,
    )


# --- Running it


def run(steps: Sequence[Step], submit: Submit, jobs: int) -> list[Report]:
    """Run each step that is not up to date as soon as its inputs are ready; returns reports in order of completion."""
    by_name = {step.name: step for step in steps}
    order = TopologicalSorter({step.name: step.needs | step.after for step in steps})
    order.prepare()
    running: dict[str, Pending] = {}
    reports: dict[str, Report] = {}
    with _Progress(steps, jobs) as progress:
        while order.is_active():
            ready = sorted((by_name[name] for name in order.get_ready()), key=lambda step: -step.seconds)
            ended = [_result(by_name[name], pending) for name, pending in running.items() if pending.done()]
            for step in ready:
                begun = _begin(step, reports, submit, jobs)
                if isinstance(begun, Report):
                    ended.append(begun)
                else:
                    running[step.name] = begun
            for report in ended:
                running.pop(report.step.name, None)
                reports[report.step.name] = report
                order.done(report.step.name)
                progress.end(report)
            progress.show([by_name[name] for name in running])
            if not ready and not ended:
                time.sleep(0.1)
    return list(reports.values())


def _begin(step: Step, reports: Mapping[str, Report], submit: Submit, jobs: int) -> Report | Pending:
    """Submit ``step``; if it cannot or need not run, the report that says so."""
    if missing := sorted(name for name in step.needs if reports[name].error):
        return Report(step, "not run", error=f"It needs {missing[0]}.")
    note = step.note()
    if up_to_date(note):
        return Report(step, "up to date")
    threads = 1 if step.alone else max(1, cores() // jobs)
    return submit(step.command, step.outputs, note, threads)


def _result(step: Step, pending: Pending) -> Report:
    try:
        seconds, error = pending.result()
    except Exception as problem:  # of the executor: a lost worker, a cancelled job
        seconds, error = 0.0, " ".join(f"{type(problem).__name__}: {problem}".split())
    return Report(step, "failed" if error else "done", seconds, error)


class _Progress:
    """One progress bar over the estimated seconds of all steps; a running step counts by its time so far."""

    def __init__(self, steps: Sequence[Step], jobs: int) -> None:
        self.finished, self.jobs = 0.0, jobs
        self.started: dict[str, float] = {}
        layout = "{desc}{percentage:3.0f}%|{bar}| {elapsed}, about {remaining} left{postfix}"
        interval = 1 if sys.stderr.isatty() else 60
        total = sum(step.seconds for step in steps)
        self.bar = tqdm(total=total, bar_format=layout, desc="reproduce ", mininterval=interval, miniters=0, delay=2)

    def __enter__(self) -> "_Progress":
        return self

    def __exit__(self, *_: object) -> None:
        self.bar.n = self.finished
        self.bar.close()

    def end(self, report: Report) -> None:
        """Count a step as ended; print it if it took time."""
        if report.outcome in ("done", "failed"):
            self.finished += report.step.seconds
            self.bar.write(f"{report.step.name}: {report.outcome} in {report.seconds:.0f} s", file=sys.stderr)
        else:
            self.bar.total -= report.step.seconds

    def show(self, submitted: Sequence[Step]) -> None:
        """Move the bar, on the assumption that the first ``jobs`` of the ``submitted`` steps run."""
        running, now = submitted[: self.jobs], time.perf_counter()
        begun = {step: now - self.started.setdefault(step.name, now) for step in running}
        self.bar.n = self.finished + sum(min(seconds, 0.95 * step.seconds) for step, seconds in begun.items())
        self.bar.set_postfix_str(", ".join(step.name for step in running), refresh=False)
        self.bar.update(0)


def summary(reports: Sequence[Report]) -> str:
    """A line for each step, the count of each outcome, and a sentence for each failure."""
    rows = [("step", "seconds", "outcome", "result")]
    for report in reports:
        result = "" if report.error or not report.step.outputs else os.path.relpath(report.step.outputs[0])
        seconds = f"{report.seconds:.0f}" if report.seconds else ""
        rows.append((report.step.name, seconds, report.outcome, result))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    counts = {outcome: 0 for outcome in ("done", "up to date", "failed")} | {report.outcome: 0 for report in reports}
    for report in reports:
        counts[report.outcome] += 1
    lines.append(", ".join(f"{count} {outcome}" for outcome, count in counts.items()) + ".")
    return "\n".join(lines + [f"{r.step.name}: {r.error}" for r in reports if r.error])
