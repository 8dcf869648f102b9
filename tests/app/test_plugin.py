"""A task from outside of the package, in one file of 40 lines, found by its entry point, or by `register`."""

import os
import shutil
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest
from harness import served, settled

from lab import benchmarks, tasks
from lab.benchmarks import Card, card_of
from lab.cli import main
from lab.errors import LabError
from lab.files import ROOT
from lab.machine import MACHINE
from lab.registry import Registry
from lab.results import load_result
from lab.studies.common.fingerprint import code_hash
from lab.studies.registry import STUDIES
from lab.tasks import TASKS, make_task, workers
from lab.tasks.registry import register

EXAMPLE = Path(__file__).parents[1] / "plugin" / "slide.py"


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    """A folder as pip leaves it: the module, and the entry points of its distribution."""
    folder = tmp_path_factory.mktemp("site")
    shutil.copy(EXAMPLE, folder)
    about = folder / "slide-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: slide\nVersion: 1.0\n", "utf-8")
    (about / "entry_points.txt").write_text("[wm_lab.tasks]\nslide = slide:Slide\nbroken = nowhere:Nothing\n", "utf-8")
    return folder


@pytest.fixture(scope="module")
def environment(site, tmp_path_factory) -> dict[str, str]:
    """What a process needs to find the plugin."""
    places = os.pathsep.join([str(site), str(ROOT), os.environ.get("PYTHONPATH", "")])
    cache = str(tmp_path_factory.mktemp("plugin-cache"))
    return {"PYTHONPATH": places, "LAB_CACHE": cache, "OMP_NUM_THREADS": "1"}


@pytest.fixture(scope="module")
def lab(environment, tmp_path_factory):
    """``lab(*words)``: the command line, in a process of its own; returns what it printed."""

    def run(*words: str) -> str:
        command = [sys.executable, "-m", "lab", *words]
        done = subprocess.run(command, env=os.environ | environment, cwd=ROOT, capture_output=True, encoding="utf-8")
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


@pytest.fixture(scope="module")
def trained(lab, environment) -> None:
    """Its base model, at smoke, and as if it were that of quick."""
    assert "base model of slide" in lab("train", "--task", "slide", "--method", "base", "--preset", "smoke")
    cache = Path(environment["LAB_CACHE"])
    shutil.copytree(cache / "models-smoke", cache / "models")


@pytest.fixture
def slide(monkeypatch) -> type[tasks.Task]:
    """The class, registered for one test."""
    monkeypatch.syspath_prepend(EXAMPLE.parent)
    monkeypatch.delitem(sys.modules, "slide", raising=False)
    monkeypatch.setattr(TASKS, "registered", {})
    from slide import Slide

    register(Slide)
    return Slide


def test_the_example_is_short():
    assert len(EXAMPLE.read_text("utf-8").splitlines()) <= 40


def test_it_is_trained_and_planned_on_the_command_line(trained, lab, tmp_path):
    out = str(tmp_path / "strip.png")
    assert "of 3 =" in lab("plan", "--task", "slide", "--problems", "3", "--goals", "random", "--out", out)


@pytest.mark.slow
def test_a_study_takes_it_through_its_notebook(trained, lab, tmp_path):
    lab("reproduce", "--preset", "smoke", "--only", "fig4_gap", "--task", "slide", "--out", str(tmp_path))
    result = load_result(tmp_path / "smoke" / "fig4_gap" / "slide")
    assert result.task == "slide" and len(result.tables["gaps"])


@pytest.mark.slow
def test_the_live_planning_page_shows_it(trained, environment, browser, tmp_path):
    with served(environment) as (address, _):
        page = browser.new_page()
        page.set_default_timeout(120_000)
        page.goto(f"{address}plan?task=slide&model=base&planner=gd&rivals=adam-base", wait_until="commit")
        page.get_by_role("radio", name="Slide", exact=True).wait_for()
        page.locator(".player[data-state='ready'] .now").first.wait_for(state="attached")
        settled(page)
        assert "The plugin nowhere:Nothing of wm_lab.tasks cannot be loaded" in page.locator("body").inner_text()
        page.close()


def test_registered_it_is_a_task_like_any(slide, capsys):
    world = gym.make("lab/Slide-v0").unwrapped
    observation, info = world.reset(seed=0)
    assert observation["image"].shape == (64, 64, 3) and info["distance"] > 1
    assert main(["collect", "--task", "slide", "--episodes", "2"]) == 0
    assert "2 train episodes of slide" in capsys.readouterr().out
    assert card_of("slide").task is slide and card_of("slide").scene.bodies == (("slide", 0, 1),)
    with pytest.raises(LabError, match=r"Unknown task .ice.: choose one of push_t, .*slide"):
        make_task("ice")


def test_its_card_is_registered_too(slide, monkeypatch):
    monkeypatch.setattr(benchmarks.CARDS, "registered", {})
    benchmarks.register(Card(slide, goals=("random",), problem=3))
    assert card_of("slide").problem == 3 and card_of("wall").problem == 24


def test_studies_take_it_where_its_kind_fits(slide):
    assert {name for name, study in STUDIES.items() if study.fits("slide")} == {
        name for name, study in STUDIES.items() if study.kind == "bodies"
    }
    assert not STUDIES["online"].fits("push_t")


def test_its_file_is_part_of_the_code_that_results_depend_on(slide, monkeypatch, tmp_path):
    before = code_hash("import json", ["slide"])
    assert before != code_hash("import json")
    changed = tmp_path / "slide.py"
    changed.write_text(EXAMPLE.read_text("utf-8").replace("0.95", "0.9"), "utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "slide")
    assert code_hash("import json", ["slide"]) != before


SLOW = """
from slide import Slide

class SlowSlide(Slide):
    name = "slow_slide"

    def alone(self, states, actions):
        return self.simulate(states, actions)
"""


def test_worker_processes_simulate_it(slide, monkeypatch, tmp_path):
    monkeypatch.setattr(MACHINE, "processes", 2)
    workers._workers(1)  # one that runs since before the task's folder is on the path
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "slow_slide.py").write_text(SLOW, "utf-8")
    task = import_module("slow_slide").SlowSlide()
    starts, actions = task.random_states(np.random.default_rng(0), 8)[0], np.full((8, 5, 2), 0.1)
    np.testing.assert_array_equal(workers.share_out(task, starts, actions), task.alone(starts, actions))


def test_names_are_guarded(slide):
    with pytest.raises(LabError, match="There is a task 'wall' already"):
        register(type("Mine", (slide,), {"name": "wall"}))
    with pytest.raises(LabError, match="small letters, digits and _, got 'My task'"):
        type("Mine", (slide,), {"name": "My task"})


def test_a_plugin_that_cannot_be_loaded_is_told_in_a_sentence(site, monkeypatch):
    monkeypatch.syspath_prepend(site)
    known = Registry("wm_lab.tasks", {})
    assert set(known) == {"slide", "broken"}
    with pytest.raises(LabError, match=r"nowhere:Nothing of wm_lab.tasks cannot be loaded \(ModuleNotFoundError"):
        known["broken"]


def test_a_task_without_a_place_has_pictures_alone(slide):
    nameless = type("Elsewhere", (slide,), {"name": "elsewhere", "state_fields": ("a", "b", "c", "d")})
    scene = Card(nameless).scene
    assert scene.shapes == () and scene.bodies == () and scene.drawn_numbers == 0
