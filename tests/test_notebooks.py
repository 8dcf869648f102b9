"""The notebooks: thin, clean, refused where they are misused, and all run once, on every engine that there is."""

import ast
import asyncio
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import fields
from functools import partial
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace

import nbformat
import pandas as pd
import pytest
import zmq.asyncio
from jupyter_client.channels import AsyncZMQSocketChannel
from jupyter_client.session import Session
from papermill import inspect_notebook

from lab import cli
from lab.errors import LabError
from lab.files import ROOT, read_json
from lab.repro import executors
from lab.repro.notebook import next_message, run_notebook
from lab.repro.report import write_report
from lab.repro.reproduce import Report, graph, notebook_code, run
from lab.results import load_result
from lab.studies.common.config import Config
from lab.studies.common.fingerprint import reachable
from lab.studies.common.parameters import check_parameters
from lab.studies.registry import FOLDER, MEASURED, STUDIES, figures_of
from lab.tasks import TASKS

PATHS = sorted(FOLDER.glob("*.ipynb"))
TASK = {"table1_success": "push_t", "fig3_efficiency": "point_maze"}  #: others on Wall, where they have it

BAD = {"task": "wal", "preset": "smok", "seed": -1, "seeds": "x", "family": "smal", "device": "tpu", "out": ""}


def task_of(name: str) -> str | None:
    """The task that notebook ``name`` is tried on."""
    study = STUDIES[name]
    return TASK.get(name, "wall" if study.fits("wall") else next(filter(study.fits, TASKS))) if study.kind else None


@pytest.fixture(params=PATHS, ids=lambda path: path.stem)
def path(request) -> Path:
    return request.param


# --- The notebooks themselves


def test_every_notebook_is_registered_and_every_experiment_has_its_figure():
    assert {path.stem for path in PATHS} == set(STUDIES)
    for name in MEASURED:
        assert name == import_module(f"lab.studies.{name}.study").NAME
        assert figures_of(name).print_figure and figures_of(name).interactive


def test_notebooks_are_thin_and_clean(path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    assert len(notebook.cells) <= 30
    assert notebook.metadata.kernelspec.name == "python3"
    assert "widgets" not in notebook.metadata
    assert notebook.cells[0].source.startswith("# ")
    for cell in notebook.cells:
        assert len(cell.source.splitlines()) <= 30
        if cell.cell_type == "code":
            assert not cell.outputs and cell.execution_count is None
            assert path.stem not in MEASURED or "def " not in cell.source, "functions belong in lab/"


def test_notebooks_ask_before_they_show_and_check_their_exercises(path):
    code = "\n".join(cell.source for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code")
    asking, showing = (re.search(word, code) for word in (r"\blesson\.ask\(", r"\b(show|show_table|Moved|Image)\("))
    assert asking and showing and asking.start() < showing.start()
    assert "lesson.check(" in code
    assert ".show()" not in code, "exported pages need lab.plots.cells.show"
    assert "option_context" not in code, "tables need lab.plots.cells.show_table"
    assert "interact(" not in code, "exported pages need lab.plots.cells.Moved"


def test_parameters_are_the_configuration(path):
    known, options = inspect_notebook(path), {field.name: field for field in fields(Config)}
    if path.stem in MEASURED:
        assert list(known) == list(options)
    for name in set(known) & set(options):
        assert known[name]["inferred_type_name"] == options[name].type.__name__
        assert known[name]["help"]
        assert name == "task" or ast.literal_eval(known[name]["default"]) == options[name].default
    assert ("task" in known) == (STUDIES[path.stem].kind is not None)


def test_misspelt_parameters_and_notebooks_are_refused(tmp_path):
    executed = tmp_path / "executed.ipynb"
    with pytest.raises(
        LabError,
        match=r"fig4_gap 'presett' \(did you mean 'preset'\?\): choose one of task, preset",
    ):
        run_notebook("fig4_gap", {"presett": "smoke"}, executed)
    with pytest.raises(LabError, match=r"Unknown notebook 'fig9': choose one of .*fig2_landscape"):
        run_notebook("fig9", {}, executed)
    assert not executed.exists()


def test_a_notebook_itself_refuses_parameters_that_it_does_not_have(path, monkeypatch):
    """Papermill alone only warns of them, and the default would be computed."""
    cells = [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
    first, second = cells[:2]
    assert "parameters" in first.metadata.tags and "\ncheck_parameters()" in second.source
    shell = SimpleNamespace(user_ns={"In": ["", "from pathlib import *", first.source, '# Parameters\npreset = "x"\n']})
    monkeypatch.setattr("IPython.core.getipython.get_ipython", lambda: shell)
    check_parameters()
    shell.user_ns["In"][-1] += 'presett = "y"\n'
    with pytest.raises(LabError, match=r"Unknown parameter 'presett' \(did you mean 'preset'\?\): choose one of "):
        check_parameters()


def test_a_notebook_refuses_a_bad_value_of_each_of_its_parameters(path):
    cells = [cell.source for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
    for name in inspect_notebook(path):
        with pytest.raises(LabError):
            exec(f"{cells[0]}\n{name} = {BAD[name]!r}\n{cells[1]}", {})


@pytest.mark.slow
def test_papermill_alone_refuses_a_misspelt_parameter(tmp_path):
    words = ["fig4_gap.ipynb", "-", "-p", "tsk", "point_maze", "-p", "preset", "smoke", "-p", "out", str(tmp_path)]
    command = [sys.executable, "-m", "papermill", *words, "--no-progress-bar"]
    done = subprocess.run(command, cwd=FOLDER, capture_output=True, encoding="utf-8")
    assert done.returncode != 0 and not list(tmp_path.iterdir())
    assert "LabError: Unknown parameter 'tsk' (did you mean 'task'?): choose one of task, preset" in done.stderr


def test_a_notebook_that_cannot_start_is_told_in_one_line(tmp_path):
    command = [sys.executable, "-m", "lab.repro.notebook", str(tmp_path / "none.ipynb"), "{}", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, encoding="utf-8")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("Unknown notebook 'none'")


def test_a_reply_that_comes_just_before_something_is_sent_is_not_missed():
    async def reply() -> str:
        with zmq.asyncio.Context() as context, context.socket(zmq.ROUTER) as kernel:
            session, address = Session(key=b"key"), f"tcp://127.0.0.1:{kernel.bind_to_random_port('tcp://127.0.0.1')}"
            client = context.socket(zmq.DEALER)
            client.connect(address)
            channel = AsyncZMQSocketChannel(client, session, asyncio.get_running_loop())
            channel.send(session.msg("execute_request"))
            sender, _ = session.feed_identities(await kernel.recv_multipart())
            message = asyncio.create_task(next_message(channel))
            await asyncio.sleep(0.1)
            session.send(kernel, "execute_reply", {}, ident=sender)
            time.sleep(0.1)  # the reply is there, and nothing has looked yet
            channel.send(session.msg("comm_msg"))
            try:
                return (await asyncio.wait_for(message, 10))["msg_type"]
            finally:
                channel.close()

    with ThreadPoolExecutor() as pool:  # a browser may have left its loop in this thread
        assert pool.submit(asyncio.run, reply()).result() == "execute_reply"


# --- All of them, run once: one through papermill's own command, some as jobs or on dask workers, the rest here. The
# cells of long studies are also run by the tests of these, without a kernel


RUN = [name for name in STUDIES if name != "fig2_landscape"]  #: by the lab's own command
#: short, but their tests run all that they call
ELSEWHERE = ("fig3_efficiency", "rollouts", "tasks", "your_world_model")
LONG = [name for name in RUN if STUDIES[name].long or name in ELSEWHERE]
NAMES = [pytest.param(name, marks=[pytest.mark.slow] * (name in LONG)) for name in RUN]


@pytest.fixture(scope="module")
def made(own_cache, warm_kernels, tmp_path_factory) -> Iterator[Callable[[str], tuple[Path, Report]]]:
    """``made(name)``: the folder of the results at preset smoke, and what the command said of the notebook.

    It runs with all others that are long as well, or with all that are not. Beside each result there is a list of the
    lab's files that were loaded for it.
    """
    out = tmp_path_factory.mktemp("figures")
    folder = spying(tmp_path_factory.mktemp("notebooks"))
    reports: dict[str, Report] = {}

    def run_with_its_kind(name: str) -> tuple[Path, Report]:
        if name not in reports:
            reports.update(run_all([other for other in RUN if (other in LONG) == (name in LONG)], out, folder))
        return out / "smoke", reports[name]

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JUPYTER_PATH", warm_kernels)
        yield run_with_its_kind


def run_all(names: Sequence[str], out: Path, folder: Path) -> dict[str, Report]:
    """Run the notebooks called ``names``, on every engine; returns what the command said of each."""
    engine_of = {"fig4_gap": "slurm", "fig3_efficiency": "dask", "table1_success": "dask"}
    engines = {"slurm": partial(executors.slurm, cluster="local"), "dask": executors.dask, "local": executors.local}
    reports = {}
    for kind, engine in engines.items():
        tasks = {name: task_of(name) for name in names if engine_of.get(name, "local") == kind}
        steps = [
            step
            for name, task in tasks.items()
            for step in graph("smoke", [name], [task] if task else [], str(out), folder=folder)[:-1]
        ]
        if steps:
            with engine(2) as submit:
                reports |= {report.step.name.split()[0]: report for report in run(steps, submit, 2)}
    return reports


def spying(folder: Path) -> Path:
    """Copies of the notebooks in ``folder``, with a last cell that writes which modules of the lab are loaded."""
    for path in PATHS:
        notebook = nbformat.read(path, as_version=4)
        code = (
            "import json, sys\n"
            "loaded = [m.__file__ for name, m in sys.modules.items() if name.split('.')[0] == 'lab']\n"
            f"from pathlib import Path\nPath({str(folder)!r}, {path.stem + '.json'!r}).write_text(json.dumps(loaded))"
        )
        notebook.cells.append(nbformat.v4.new_code_cell(code))
        nbformat.write(notebook, folder / path.name)
    return folder


@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_depends_on_all_the_code_that_it_runs(name, made):
    source = Path(made(name)[1].step.command[1])
    loaded = {Path(path).relative_to(ROOT).as_posix() for path in read_json(source.with_suffix(".json"))}
    task = task_of(name)
    assert len(loaded) > 20
    assert loaded <= reachable(notebook_code(source)[0], [task] if task else TASKS, STUDIES[name].planners)


@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_runs_and_shows_what_it_found(name, made):
    _, report = made(name)
    assert (report.outcome, report.error) == ("done", None)
    outputs = [o for cell in nbformat.read(report.step.command[3], 4).cells for o in cell.get("outputs", [])]
    assert outputs
    assert not any("Traceback" in str(output) or "Warning" in str(output) for output in outputs)
    if name in MEASURED:
        shown = {kind for output in outputs for kind in output.get("data", {})}
        assert {"application/vnd.plotly.v1+json", "text/html"} <= shown
        assert any('class="lab-ask' in html and "data:image/png" in html for html in htmls(outputs))
        printed = "".join(o.text for o in outputs if o.output_type == "stream" and o.name == "stdout")
        assert "test split" in " ".join(printed.split())


def htmls(outputs) -> list[str]:
    return [str(output.data["text/html"]) for output in outputs if "text/html" in output.get("data", {})]


@pytest.mark.parametrize("name", [name for name in NAMES if name.values[0] in MEASURED])
def test_an_experiment_leaves_its_result(name, made):
    check_result(made(name)[0] / name / task_of(name), name)


def check_result(folder: Path, name: str) -> None:
    result = load_result(folder)
    assert (result.task, result.preset) == (folder.name, "smoke")
    for suffix in (".png", ".pdf", ".html"):
        assert (folder / name).with_suffix(suffix).stat().st_size > 3000
    assert not list(folder.glob(".*"))
    assert {"papermill", "numpy", "torch"} <= set(result.meta["versions"])


def test_papermill_alone_runs_a_notebook_from_its_own_folder(tmp_path):
    words = ["fig2_landscape.ipynb", str(tmp_path / "executed.ipynb"), "-p", "task", "wall", "-p", "preset", "smoke"]
    command = [sys.executable, "-m", "papermill", *words, "-p", "out", str(tmp_path), "--no-progress-bar"]
    # papermill's own client may miss the kernel's last reply on a busy machine, and then waits for ever
    with suppress(subprocess.TimeoutExpired):
        done = subprocess.run(command, cwd=FOLDER, capture_output=True, encoding="utf-8", timeout=240)
        assert done.returncode == 0, done.stderr
    check_result(tmp_path / "smoke" / "fig2_landscape" / "wall", "fig2_landscape")


def test_the_report_shows_everything_there_is(made):
    folder, _ = made("table1_success")
    page = write_report("smoke", str(folder.parent))
    text = page.read_text("utf-8")
    links = {word.split('"')[1] for word in text.replace("<", "\n<").split() if word.startswith(("href=", "src="))}
    files = {link for link in links if not link.startswith("#")}
    assert all((folder / link).is_file() for link in files)
    assert {link[1:] for link in links - files} <= {
        word.split('"')[1] for word in text.split() if word.startswith("id=")
    }
    for path in folder.rglob("*"):
        if path.suffix in (".png", ".csv", ".pdf"):
            assert path.relative_to(folder).as_posix() in files
    assert "Where the numbers come from" in text and "test split" in text and "seconds_per_problem" in text
    assert len(pd.read_csv(folder / "claims.csv"))
    assert page.stat().st_size < 3e6
    assert str(ROOT) not in text


def test_the_command_lists_all_notebooks():
    parser = cli.build_parser()
    for name in STUDIES:
        assert parser.parse_args(["reproduce", "--only", name]).only == [name]
