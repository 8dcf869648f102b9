"""The notebooks: thin, clean, run from the command, and refused where they are misused."""

import ast
import subprocess
import sys
import time
from dataclasses import fields
from pathlib import Path

import nbformat
import psutil
import pytest
from papermill import inspect_notebook

from lab import cli
from lab.errors import LabError
from lab.experiments import reproduce as module
from lab.experiments.experiment import Config
from lab.experiments.notebook import NOTEBOOKS, run_notebook
from lab.experiments.reproduce import EXPERIMENTS, Job, reproduce
from lab.plots import FIGURES
from lab.results import load_result

PATHS = sorted(NOTEBOOKS.glob("*.ipynb"))
TASK = {"table1_success": "push_t", "fig2_landscape": "wall", "fig3_efficiency": "point_maze", "fig4_gap": "wall"}


@pytest.fixture(params=PATHS, ids=lambda path: path.stem)
def path(request) -> Path:
    return request.param


def test_every_experiment_has_its_notebook_its_figure_and_its_place_on_the_command_line():
    assert {path.stem for path in PATHS} == set(EXPERIMENTS) == set(FIGURES) == set(module.SECONDS)
    assert tuple(EXPERIMENTS) == cli.EXPERIMENTS


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
            assert "def " not in cell.source, "functions belong in lab/"


def test_parameters_are_the_configuration(path):
    known = inspect_notebook(path)
    assert list(known) == [field.name for field in fields(Config)]
    for field in fields(Config):
        parameter = known[field.name]
        assert parameter["inferred_type_name"] == field.type.__name__
        assert ast.literal_eval(parameter["default"]) == field.default
        assert parameter["help"]


def test_a_notebook_runs_and_leaves_its_result(path, tmp_path):
    name, executed = path.stem, tmp_path / "executed.ipynb"
    parameters = {"task": TASK[name], "preset": "smoke", "out": str(tmp_path / "figures")}
    run_notebook(name, parameters, executed)
    folder = tmp_path / "figures" / "smoke" / name / TASK[name]
    result = load_result(folder)
    assert (result.task, result.preset) == (TASK[name], "smoke")
    for suffix in (".png", ".pdf", ".html"):
        assert (folder / name).with_suffix(suffix).stat().st_size > 3000
    assert not list(folder.glob(".*"))
    outputs = [o for cell in nbformat.read(executed, 4).cells for o in cell.get("outputs", [])]
    shown = {kind for output in outputs for kind in output.get("data", {})}
    assert {"image/png", "application/vnd.plotly.v1+json", "text/html"} <= shown
    printed = "".join(output.text for output in outputs if output.output_type == "stream" and output.name == "stdout")
    assert "test split" in printed and "Claim " in printed
    assert not any("Traceback" in str(output) or "Warning" in str(output) for output in outputs)


def test_misspelt_parameters_and_notebooks_are_refused(tmp_path):
    executed = tmp_path / "executed.ipynb"
    with pytest.raises(LabError, match="Unknown parameter 'presett' of fig4_gap: choose from task, preset"):
        run_notebook("fig4_gap", {"presett": "smoke"}, executed)
    with pytest.raises(LabError, match="Unknown notebook 'fig9': choose one of fig2_landscape"):
        run_notebook("fig9", {}, executed)
    assert not executed.exists()


# --- All of them side by side, on notebooks that do next to nothing


def write_notebook(path: Path, *code: str) -> None:
    parameters = nbformat.v4.new_code_cell('task = "wall"\npreset = "quick"\nout = "figures"')
    parameters.metadata["tags"] = ["parameters"]
    cells = [parameters, *map(nbformat.v4.new_code_cell, code)]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=kernel), path)


def test_a_failure_is_reported_and_stops_nothing_else(tmp_path, capsys):
    for name in EXPERIMENTS:
        write_notebook(
            tmp_path / f"{name}.ipynb", "import pathlib", 'pathlib.Path(out, f"{task} {preset}.txt").touch()'
        )
    write_notebook(
        tmp_path / "fig2_landscape.ipynb", "from lab.errors import LabError", 'raise LabError("It is late.")'
    )
    assert reproduce("smoke", task="wall", out=str(tmp_path / "out"), jobs=2, notebooks=tmp_path) == 1
    lines = capsys.readouterr().out.splitlines()
    assert "3 ran, 1 failed." in lines
    assert lines[-1].startswith("fig2_landscape wall: It is late. (cell 4 of ")
    assert [line.split()[0] for line in lines if " wall " in line and line.endswith("wall")][-1] == "fig3_efficiency"
    assert (tmp_path / "out" / "wall smoke.txt").exists()
    executed = Path(lines[-1].split(" of ")[1].rstrip(")"))
    assert "It is late." in executed.read_text()


def test_a_stopped_run_leaves_no_kernel_behind(tmp_path):
    write_notebook(
        tmp_path / "fig4_gap.ipynb", f'open("{tmp_path}/ready", "w").close()', "import time; time.sleep(600)"
    )
    job = Job("fig4_gap", Config(preset="smoke", out=str(tmp_path)), tmp_path / "fig4_gap.ipynb")
    with open(tmp_path / "log", "w") as log:
        process = job.start(1, log)
        deadline = time.monotonic() + 60
        while not (tmp_path / "ready").exists():
            assert time.monotonic() < deadline and process.poll() is None
            time.sleep(0.1)
        family = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
        assert len(family) >= 2
        module._stop({process: (job, 0.0, log)})
    gone, alive = psutil.wait_procs(family, timeout=10)
    assert len(gone) == len(family), alive


def test_a_notebook_that_cannot_start_is_told_in_one_line(tmp_path):
    command = [
        sys.executable,
        "-m",
        "lab.experiments.notebook",
        str(tmp_path / "none.ipynb"),
        "{}",
        str(tmp_path / "o"),
    ]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("Unknown notebook 'none'")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"only": "fig9"}, "Unknown experiment 'fig9': choose one of table1_success"),
        ({"task": "maze"}, "Unknown task 'maze'"),
        ({"preset": "huge"}, "Unknown preset 'huge'"),
        ({"jobs": 0}, "At least 1 job"),
        ({"out": __file__}, "Cannot write"),
    ],
)
def test_bad_input_is_refused_before_any_work(options, words, monkeypatch):
    monkeypatch.setattr(Job, "start", lambda *_: pytest.fail("work began"))
    with pytest.raises(LabError, match=words):
        reproduce(**({"preset": "smoke"} | options))
