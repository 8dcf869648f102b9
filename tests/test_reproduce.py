"""One command for everything: its graph, what it skips, how it fails, and how it goes on after a kill."""

import json
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import nbformat
import numpy as np
import pandas as pd
import psutil
import pytest
from papermill import __version__ as papermill_version

from lab.errors import LabError
from lab.files import NETWORKS, ROOT, model_folder, read_json
from lab.models import load_model
from lab.models.initialisation import InitialisationNetwork, save_initialisation
from lab.presets import PRESETS, training_seeds
from lab.repro import executors, forecast, notebook
from lab.repro import reproduce as module
from lab.repro.reproduce import graph, reproduce, usual
from lab.repro.steps import Step
from lab.results import Result, save_result
from lab.studies.common.card import Study
from lab.studies.common.cases import Cases
from lab.studies.common.config import Config
from lab.studies.fig4_gap import study as fig4_gap
from lab.studies.registry import STUDIES


def write_notebook(path: Path, *code: str) -> None:
    """A notebook that does next to nothing."""
    parameters = nbformat.v4.new_code_cell('task = "wall"\npreset = "quick"\nout = "figures"')
    parameters.metadata["tags"] = ["parameters"]
    cells = [parameters, *map(nbformat.v4.new_code_cell, code)]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=kernel), path)


@pytest.fixture
def notebooks(tmp_path, monkeypatch) -> Path:
    """Three tiny notebooks, registered instead of the real ones: two quick ones, and one that wants to be alone."""
    names = {"one": False, "two": False, "clock": True}
    entries = [Study(name, i, 1, 0, models=(), alone=alone) for i, (name, alone) in enumerate(names.items())]
    for place in ("studies.registry", "repro.reproduce", "repro.report"):
        monkeypatch.setattr(f"lab.{place}.STUDIES", {entry.name: entry for entry in entries})
    folder = tmp_path / "notebooks"
    folder.mkdir()
    for entry in entries:
        target = f"Path(out, preset, '{entry.name}', task, '{entry.name}.txt')"
        code = f"from pathlib import Path\nimport time\n{target}.write_text(str(time.time()))"
        write_notebook(folder / f"{entry.name}.ipynb", code)
    monkeypatch.setenv("LAB_CACHE", str(tmp_path / "cache"))
    return folder


def outcomes(text: str) -> dict[str, str]:
    """By step, its outcome in a printed summary."""
    lines = text.splitlines()
    header = next(i for i, line in enumerate(lines) if line.startswith("step "))
    start, end = lines[header].index("outcome"), lines[header].index("result")
    rows = lines[header + 1 : next(i for i, line in enumerate(lines) if line.endswith(" failed."))]
    return {row[: lines[header].index("seconds")].strip(): row[start:end].strip() for row in rows}


# --- The graph


def test_what_measures_time_runs_alone_and_the_report_last(tmp_path):
    steps = {step.name: step for step in graph("quick", list(STUDIES), ["push_t", "wall"], str(tmp_path))}
    clocks = [name for name, step in steps.items() if step.alone]
    others = set(steps) - set(clocks) - {"report"}
    assert clocks[:2] == ["fig3_efficiency push_t", "fig3_efficiency wall"]
    for i, name in enumerate(clocks):
        assert steps[name].after == others | set(clocks[:i])
    assert steps["report"].after == set(steps) - {"report"}
    assert not any(step.needs for step in steps.values()), "all models are shipped"
    assert not any(step.alone for step in graph("smoke", list(STUDIES), ["wall"], str(tmp_path)))


def test_models_that_are_missing_are_trained_first(empty_cache, tmp_path):
    steps = {step.name: step for step in graph("smoke", ["fig4_gap"], ["wall"], str(tmp_path), "3:5")}
    models = {name for name in steps if name.startswith("model ")}
    assert models == {
        f"model wall {method} seed {seed}" for method in ("base", "control", "online", "adversarial") for seed in (3, 4)
    }
    first = "model wall base seed 3"
    assert not steps[first].needs, "it makes the data and the encoder, too"
    assert steps["model wall base seed 4"].needs == {first}
    assert steps["model wall online seed 4"].needs == {first, "model wall base seed 4"}
    assert steps["fig4_gap wall"].needs == models
    assert json.loads(steps["fig4_gap wall"].command[2])["seeds"] == "3:5"


def test_networks_that_are_missing_are_trained_first(empty_cache, tmp_path):
    steps = {step.name: step for step in graph("smoke", ["priors", "starts"], ["wall"], str(tmp_path), "3")}
    prior, start = (f"model wall {kind} seed 3" for kind in NETWORKS[::-1])
    assert {prior, start} <= steps["starts wall"].needs == steps["priors wall"].needs
    assert "model wall base seed 3" in steps[prior].needs
    before = steps["starts wall"].inputs()
    folder = empty_cache / "models-smoke" / "wall" / "initialisation" / "seed3"
    save_initialisation(InitialisationNetwork(3, 4, horizon=2, hidden=8), folder, {})
    assert steps["starts wall"].inputs() != before


@pytest.mark.parametrize(("text", "seeds"), [("0:3", (0, 1, 2)), ("7", (7,)), ("", PRESETS["full"].seeds)])
def test_training_seeds(text, seeds):
    assert training_seeds("full", text) == seeds == Config("wall", "full", seeds=text).size.seeds


@pytest.mark.parametrize("text", ["3:3", "4:2", "-1", "0:1:2", "a", "1,2", " "])
def test_bad_training_seeds(text):
    with pytest.raises(LabError, match=r"written as 3 or as 0:10"):
        Config(seeds=text)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"only": ["fig9"]}, "Unknown notebook 'fig9': choose one of table1_success"),
        ({"task": "maze"}, "Unknown task 'maze'"),
        ({"preset": "huge"}, "Unknown preset 'huge'"),
        ({"executor": "cloud"}, "Unknown executor 'cloud': choose one of local, dask, slurm"),
        ({"jobs": 0}, "At least 1 job"),
        (
            {"only": ["robotics", "fig4_gap"], "task": "rope"},
            "fig4_gap is not made for rope: choose one of push_t",
        ),
        ({"seeds": "x"}, "Training seeds"),
        ({"out": __file__}, "Cannot write"),
        ({"executor": "slurm", "task": "wall"}, "no Slurm on this machine"),
    ],
)
def test_bad_input_is_refused_before_any_work(options, words, monkeypatch, tmp_path):
    monkeypatch.setattr(module, "run", lambda *_: pytest.fail("work began"))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(LabError, match=words):
        reproduce(**({"preset": "smoke", "out": str(tmp_path / "out")} | options))


@pytest.mark.parametrize(("executor", "package"), [("dask", "distributed"), ("slurm", "submitit")])
def test_a_missing_extra_is_named(executor, package, monkeypatch):
    monkeypatch.setitem(sys.modules, package, None)
    sentence = rf"needs {package}: install it with pip install -e '.\[{executor}\]'"
    with pytest.raises(LabError, match=sentence), executors.EXECUTORS[executor](1):
        pass


def test_quick_leaves_out_what_takes_long():
    assert usual("smoke") == usual("full") == list(STUDIES)
    assert {name for name in STUDIES if name not in usual("quick")} == {n.name for n in STUDIES.values() if n.long}


# --- Running it


def test_a_notebook_runs_on_the_machine_that_the_environment_describes(notebooks, tmp_path, monkeypatch):
    told = "from lab.machine import MACHINE\nfrom pathlib import Path\nPath(out, 'told').write_text(repr(MACHINE))"
    write_notebook(notebooks / "one.ipynb", told)
    monkeypatch.setenv("LAB_PROCESSES", "3")
    words = [str(notebooks / "one.ipynb"), json.dumps({"out": str(tmp_path)}), str(tmp_path / "executed.ipynb")]
    assert notebook.main(*words) == 0
    assert (tmp_path / "told").read_text("utf-8") == "Machine(processes=3, dino=None)"


def test_a_failure_is_reported_and_stops_nothing_else(notebooks, kernels_at_once, tmp_path, capsys):
    write_notebook(notebooks / "two.ipynb", "from lab.errors import LabError", 'raise LabError("It is late.")')
    assert reproduce("quick", task="wall", out=str(tmp_path / "out"), jobs=2, folder=notebooks) == 1
    text = capsys.readouterr().out
    assert outcomes(text) == {"one wall": "done", "two wall": "failed", "clock wall": "done", "report": "done"}
    assert "3 done, 0 up to date, 1 failed." in text
    last = text.splitlines()[-1]
    assert last.startswith("two wall: It is late. (cell 4 of ")
    assert "It is late." in Path(last.split(" of ")[1].rstrip(")")).read_text("utf-8")
    times = {
        name: float((tmp_path / f"out/quick/{name}/wall/{name}.txt").read_text("utf-8")) for name in ("one", "clock")
    }
    assert times["clock"] > times["one"]


def test_only_what_has_changed_runs_again(tmp_path, monkeypatch):
    monkeypatch.setenv("LAB_CACHE", str(tmp_path / "cache"))
    source, copy, other = (tmp_path / name for name in ("source.json", "copy.json", "other.json"))
    source.write_text("[1]", "utf-8")
    steps = [
        Step("copy", ("json.tool", str(source), str(copy)), (copy,), source.read_text),
        Step("other", ("json.tool", str(source), str(other)), (other,), lambda: "constant"),
    ]

    def again() -> list[str]:
        with executors.local(1) as submit:
            return [report.outcome for report in module.run(steps, submit, 1)]

    assert again() == ["done", "done"]
    assert again() == ["up to date", "up to date"]
    source.write_text("[2]", "utf-8")
    assert sorted(again()) == ["done", "up to date"]
    assert json.loads(copy.read_text("utf-8")) == [2] and json.loads(other.read_text("utf-8")) == [1]
    copy.write_text("edited by hand", "utf-8")
    assert sorted(again()) == ["done", "up to date"]
    other.unlink()
    assert sorted(again()) == ["done", "up to date"]
    source.write_text("[1]", "utf-8")
    assert sorted(again()) == ["done", "up to date"], "the file is another by now"


def test_a_notebook_is_up_to_date_by_its_code_parameters_and_weights(notebooks, tmp_path, monkeypatch):
    def note(**options) -> Path:
        words = {"preset": "smoke", "names": ["one"], "tasks": ["wall"], "out": str(tmp_path), "folder": notebooks}
        return graph(**(words | options))[0].note()

    first = note()
    assert note() == first
    assert note(out=str(tmp_path / "elsewhere")) != first != note(tasks=["push_t"])
    path = notebooks / "one.ipynb"
    notebook = nbformat.read(path, 4)
    notebook.cells.append(nbformat.v4.new_markdown_cell("More words."))
    nbformat.write(notebook, path)
    assert note() == first
    notebook.cells[1].source += " # and a comment"
    nbformat.write(notebook, path)
    assert note() == first
    notebook.cells[1].source += "\nimport lab.bench"
    nbformat.write(notebook, path)
    changed = note()
    assert changed != first
    monkeypatch.setattr(module, "_weights", lambda *_: {"other": "weights"})
    assert note() != changed


def test_what_needs_a_failed_step_is_not_run():
    broken = Step("broken", ("no_such_module",))
    steps = [
        broken,
        Step("next", ("no_such_module",), needs=frozenset({"broken"})),
        Step("last", ("this",), after=frozenset({"next"})),
    ]
    with executors.local(1) as submit:
        reports = {report.step.name: report for report in module.run(steps, submit, 1)}
    assert "no_such_module" in reports["broken"].error
    assert (reports["next"].outcome, reports["next"].error) == ("not run", "It needs broken.")
    assert reports["last"].outcome == "done"


# --- Kills


def start(*words: str) -> subprocess.Popen:
    command = [sys.executable, *words]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8")


def reproduction(*options: str) -> Callable[[Path], subprocess.Popen]:
    """Starts the command at preset smoke, with results in the folder given."""
    return lambda out: start("-m", "lab", "reproduce", "--preset", "smoke", "--out", str(out), *options)


def kill(process: subprocess.Popen, patience: float = 30) -> None:
    """``kill -9``; all that it has started ends by itself."""
    family = [psutil.Process(process.pid)]
    family += family[0].children(recursive=True)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    _, alive = psutil.wait_procs(family, timeout=patience)
    assert not alive


def comparable(folder: Path) -> dict[str, bytes | str]:
    """Everything in ``folder`` that must come out the same: all but measured times, and what is drawn of them."""
    found: dict[str, bytes | str] = {}
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        name = path.relative_to(folder).as_posix()
        times = (
            json.loads((path.parent / "meta.json").read_text("utf-8"))["times"]
            if (path.parent / "meta.json").is_file()
            else {}
        )
        if path.suffix == ".csv" and path.stem in times:
            found[name] = pd.read_csv(path).drop(columns=times[path.stem]).to_csv(index=False)
        elif path.name in ("meta.json", "index.html", "claims.csv", "claims.json") or (
            times and path.parent.parent.name in ("fig3_efficiency", "planners", "radii")
        ):
            found[name] = "is there"
        else:
            found[name] = path.read_bytes()
    return found


def check_kills(begin: Callable[[Path], subprocess.Popen], kills: int, tmp_path: Path, monkeypatch) -> None:
    """Run without a kill, then with ``kills`` of them at random moments; both must leave the same files."""

    def finish(out: Path) -> float:
        started, process = time.perf_counter(), begin(out)
        text, _ = process.communicate()
        assert process.returncode == 0, text
        return time.perf_counter() - started

    rng, out = random.Random(0), tmp_path / "killed"
    monkeypatch.setenv("LAB_CACHE", str(tmp_path / "cache"))
    duration = finish(tmp_path / "whole")
    expected = comparable(tmp_path / "whole")
    monkeypatch.setenv("LAB_CACHE", str(tmp_path / "other"))
    while kills:
        process = begin(out)
        try:
            process.wait(rng.uniform(0, duration))
        except subprocess.TimeoutExpired:
            kill(process)
            kills -= 1
        else:  # it was done before the kill came: check, and begin anew
            process.communicate()
            assert differences(expected, comparable(out)) == []
            shutil.rmtree(out)
            shutil.rmtree(tmp_path / "other")
    finish(out)
    assert differences(expected, comparable(out)) == []


def differences(one: dict, other: dict) -> list[str]:
    """Names of files that are not the same, or not there."""
    return [name for name in sorted(set(one) | set(other)) if one.get(name) != other.get(name)]


@pytest.mark.slow
def test_a_killed_reproduction_goes_on(notebooks, tmp_path, monkeypatch):
    code = [
        "from pathlib import Path\nimport time\nimport pandas as pd\nfrom lab.results import Result, save_result",
        "tables = {name: pd.DataFrame({'x': range(9)}) for name in 'abc'}",
        "save_result(Result(tables, {'times': {}}), Path(out, preset, 'one', task))\ntime.sleep(0.5)",
    ]
    write_notebook(notebooks / "one.ipynb", *code)
    script = """
import sys
from pathlib import Path
from unittest.mock import patch
from lab.studies.common.card import Study
from lab.repro import reproduce
with patch.object(reproduce, "STUDIES", {"one": Study("one", 1, 1, 0, models=())}):
    sys.exit(reproduce.reproduce("smoke", task="wall", out=sys.argv[1], folder=Path(sys.argv[2])))
"""
    check_kills(lambda out: start("-c", script, str(out), str(notebooks)), 1, tmp_path, monkeypatch)


@pytest.mark.slow
def test_fifty_kills(tmp_path, monkeypatch):
    notebooks = "table1_success", "fig2_landscape", "fig4_gap", "rollouts"
    check_kills(reproduction("--task", "wall", "--only", *notebooks), 50, tmp_path, monkeypatch)


@pytest.mark.slow
def test_a_sweep_trains_what_it_needs(tmp_path, monkeypatch):
    monkeypatch.setenv("LAB_CACHE", str(tmp_path / "cache"))
    process = reproduction("--only", "fig4_gap", "--task", "wall", "--seeds", "7:9")(tmp_path / "out")
    text, _ = process.communicate()
    assert process.returncode == 0 and "10 done" in text, text
    assert set(pd.read_csv(tmp_path / "out/smoke/fig4_gap/wall/problems.csv").train_seed) == {7, 8}


def test_stopping_ends_everything(notebooks, tmp_path):
    write_notebook(notebooks / "one.ipynb", f'open("{tmp_path}/ready", "w").close()', "import time; time.sleep(600)")
    step = next(step for step in graph("smoke", ["one"], ["wall"], str(tmp_path / "out"), folder=notebooks))
    with executors.local(1) as submit:
        submit(step.command, step.outputs, None, 1)
        deadline = time.monotonic() + 60
        while not (tmp_path / "ready").exists():
            assert time.monotonic() < deadline
            time.sleep(0.1)
        family = [
            p
            for p in psutil.Process().children(recursive=True)
            if "lab.repro" in " ".join(p.cmdline()) or "ipykernel" in " ".join(p.cmdline())
        ]
        assert len(family) >= 2
    _, alive = psutil.wait_procs(family, timeout=10)
    assert not alive


# --- The same numbers again


def test_the_same_run_gives_the_same_files(trained, tmp_path, monkeypatch):
    monkeypatch.setattr(Config, "model", lambda self, name, seed: load_model(trained(self.task, name, seed)))
    results: list[Result] = []
    for name in ("first", "again", "again"):
        monkeypatch.setenv("LAB_CACHE", str(tmp_path / f"cache-{name}"))
        results.append(fig4_gap.run(Config("wall", "smoke")))
        save_result(results[-1], tmp_path / str(len(results)))
    first, again, resumed = (comparable(tmp_path / str(i + 1)) for i in range(3))
    assert first == again == resumed
    assert set(first) == {f"{name}.csv" for name in results[0].tables} | {"meta.json"}
    assert results[1].meta["kept_cases"] == 0 < results[2].meta["kept_cases"]
    for table in results[2].tables:  # what was kept is the same to the last digit, times included
        assert (tmp_path / f"2/{table}.csv").read_bytes() == (tmp_path / f"3/{table}.csv").read_bytes()
    assert results[0].meta["versions"]["papermill"] == papermill_version
    assert results[0].meta["threads"] == 1


def test_measured_columns_exist(trained, monkeypatch):
    from lab.studies.fig3_efficiency import study as fig3_efficiency

    monkeypatch.setattr(Config, "model", lambda self, name, seed: load_model(trained(self.task, name, seed)))
    result = fig3_efficiency.run(Config("wall", "smoke"))
    for table, columns in result.meta["times"].items():
        assert set(columns) <= set(result.tables[table])


# --- Cases


@pytest.fixture
def kept(tmp_path, monkeypatch, tiny_model):
    """``kept(**settings)``: the table of a case, and whether it had to be made."""
    monkeypatch.setenv("LAB_CACHE", str(tmp_path))
    made = []

    def table() -> pd.DataFrame:
        made.append(1)
        return pd.DataFrame({"x": [0.1, 1 / 3], "name": ["none", "NA"], "gap": [np.float32(np.pi), np.nan]})

    def ask(model="base", **settings) -> tuple[pd.DataFrame, bool]:
        made.clear()
        return Cases("fig4_gap", "wall").rows({"seed": 3}, settings, tiny_model("wall", model), table), bool(made)

    return ask


def test_a_case_is_made_once(kept, tmp_path):
    first, made = kept(goals="random")
    assert made and list(first) == ["seed", "x", "name", "gap"]
    again, made = kept(goals="random")
    assert not made
    pd.testing.assert_frame_equal(first, again)
    assert first.x.tolist() == [0.1, 1 / 3] and first.name.tolist() == ["none", "NA"] and np.isnan(first.gap[1])
    assert kept(goals="dataset")[1] and kept(goals="random", model="online")[1]
    assert len(list((tmp_path / "cases").glob("*.csv"))) == 3


def test_a_broken_case_is_made_again(kept, tmp_path):
    first, _ = kept()
    (path,) = (tmp_path / "cases").glob("*.csv")
    path.write_text("", "utf-8")
    again, made = kept()
    assert made
    pd.testing.assert_frame_equal(first, again)


# --- Fingerprints


def test_nothing_to_do_needs_no_torch(tmp_path):
    code = (
        "import sys\nfrom lab.repro.reproduce import graph\n"
        f"for step in graph('smoke', ['fig4_gap'], ['wall'], {str(tmp_path)!r}): step.note()\n"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0


def test_a_forecast_keeps_to_the_order_and_to_the_number_at_a_time():
    rng = np.random.default_rng(0)
    for _ in range(50):
        seconds = rng.uniform(1, 9, 12)
        needs = [frozenset(f"{j}" for j in range(i) if rng.random() < 0.2) for i in range(len(seconds))]
        steps = [Step(f"{i}", (), needs=needs[i], seconds=s) for i, s in enumerate(seconds)]
        ends = np.zeros(len(steps))  # of each step, if as many run as can
        for i, step in enumerate(steps):
            ends[i] = step.seconds + max((ends[int(j)] for j in step.needs), default=0)
        assert forecast.makespan(steps, 1) == pytest.approx(seconds.sum())
        assert forecast.makespan(steps, len(steps)) == pytest.approx(ends.max())
        for jobs in (2, 3):
            least = max(ends.max(), seconds.sum() / jobs)
            assert least - 1e-9 <= forecast.makespan(steps, jobs) <= seconds.sum() / jobs + ends.max()
    long, *short = (Step(name, (), seconds=s) for name, s in (("long", 4), ("one", 2), ("two", 2)))
    assert forecast.makespan([*short, long], 2) == 4  # the longest first


def test_a_forecast_runs_nothing(tmp_path, capsys):
    sweep = {"task": "wall", "out": str(tmp_path / "out"), "seeds": "0:4"}
    assert reproduce("full", ["fig4_gap"], forecast=True, **sweep) == 0
    told = capsys.readouterr().out
    steps = graph("full", ["fig4_gap"], ["wall"], sweep["out"], sweep["seeds"])
    models = [step for step in steps if step.name.startswith("model")]
    assert f"{len(steps)} steps, {len(models)} of them trainings" in told
    assert told.count("at a time") == len(forecast.WORKERS)
    assert not any(tmp_path.iterdir())
    wall = read_json(model_folder("wall", "base") / "model.json")["wall_seconds"]
    assert {step.seconds for step in models if " base " in step.name} == {wall}
    one, four = (Study("x", 1, 10, 2).seconds(PRESETS["quick"], seeds) for seeds in (1, 4))
    assert (one, four) == (110, 410)
    assert Study("x", 1, 10, 2, trains=3).seconds(PRESETS["quick"]) == 110 + 3 * PRESETS["quick"].train_seconds
