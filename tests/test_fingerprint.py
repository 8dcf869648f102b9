"""What results depend on: the code that a study can reach with its task, and no other."""

import subprocess
import sys

import pytest

from lab.studies.common import fingerprint
from lab.studies.common.card import planners_of
from lab.studies.common.fingerprint import code_hash, reachable
from lab.studies.registry import MEASURED

CACHED = [getattr(fingerprint, name) for name in ("_files", "_reexported", "_parsed", "_imported_by", "_dumped")]


@pytest.fixture
def project(tmp_path, monkeypatch):
    """``project(path, source)`` writes a source file of a project that stands where the lab would."""

    def forget() -> None:
        for cached in CACHED:
            cached.cache_clear()

    def write(path: str, source: str) -> None:
        file = tmp_path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(source, "utf-8")
        forget()

    monkeypatch.setattr(fingerprint, "ROOT", tmp_path)
    write("lab/__init__.py", "")
    yield write
    forget()


@pytest.mark.parametrize("name", MEASURED)
def test_a_study_depends_on_its_task_and_on_no_other(name):
    simulators = {f"lab/tasks/{task}.py" for task in ("push_t", "point_maze", "wall", "rope", "granular")}
    for task in ("wall", "rope"):
        found = reachable(f"import lab.studies.{name}.study", [task])
        assert found & simulators == {f"lab/tasks/{task}.py"}
        assert {f"lab/studies/{name}/study.py", f"lab/studies/{name}/__init__.py", "lab/__init__.py"} <= found


def test_a_study_depends_on_no_other_study_and_on_no_face():
    found = reachable("from lab.studies.fig4_gap import study")
    assert {"lab/planning/gradient.py", "lab/evaluation/gap.py", "lab/planning/__init__.py"} <= found
    assert not any(name.startswith(("lab/plots", "lab/cli", "lab/repro")) for name in found)
    assert "lab/studies/fig2_landscape/study.py" not in found
    assert reachable("import torch, json\nfrom numpy import array") == set()


@pytest.mark.parametrize("name", MEASURED)
def test_a_study_depends_on_its_own_planners(name):
    found = reachable(f"import lab.studies.{name}.study", ["wall"], planners_of(name))
    compiled = name == "fig3_efficiency"  # with loops of all planners, for one of its clocks
    assert ("lab/planning/mppi.py" in found) == (compiled or "mppi" in planners_of(name))
    assert ("lab/planning/cem.py" in found) == (name != "fig2_landscape")


def test_only_code_counts(project):
    def hashed(source: str) -> str:
        project("lab/part.py", source)
        return code_hash("from lab import part")

    project("lab/other.py", "y = 1\n")
    plain = hashed("x = 1\n")
    assert hashed("# a comment\nx  =  1  # another\n") == plain
    assert hashed("x = 2\n") != plain
    lazy = hashed("def f():\n    from lab.other import y\n")
    project("lab/other.py", "y = 2\n")
    assert hashed("def f():\n    from lab.other import y\n") != lazy


def test_a_reexported_name_leads_to_the_module_that_defines_it(project):
    project("lab/shop/__init__.py", "")
    project("lab/shop/__init__.pyi", "from .bread import loaf, roll\nfrom .milk import jug")
    project("lab/shop/bread.py", "from lab.shop.flour import sack")
    project("lab/shop/flour.py", "sack = 1")
    project("lab/shop/milk.py", "jug = 1")
    baker = {"lab/__init__.py", "lab/shop/__init__.py", "lab/shop/bread.py", "lab/shop/flour.py"}
    assert reachable("from lab.shop import loaf, roll") == reachable("from lab.shop.bread import loaf") == baker
    assert reachable("from lab.shop import jug") == baker - {"lab/shop/bread.py", "lab/shop/flour.py"} | {
        "lab/shop/milk.py"
    }
    for whole in ("import lab.shop", "from lab import shop"):
        assert reachable(whole) == baker | {"lab/shop/milk.py"}


@pytest.mark.parametrize(
    ("code", "without"),
    [
        ("import lab", ("lab.tasks.wall", "lab.tasks.rope", "pymunk", "torch")),
        ("from lab.tasks import make_task; make_task('wall')", ("lab.tasks.rope", "lab.tasks.push_t", "pymunk")),
        ("from lab.planning import CEM", ("lab.planning.mppi", "lab.planning.mpc", "lab.planning.settings")),
        ("from lab.data import DataSpec", ("lab.data.problems", "torch")),
    ],
)
def test_importing_one_thing_imports_no_other(code, without):
    told = subprocess.run([sys.executable, "-c", f"{code}; import sys; print(*sys.modules)"], capture_output=True)
    assert told.returncode == 0
    assert not set(told.stdout.decode().split()) & set(without)
