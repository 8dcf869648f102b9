"""The wheel, installed with nothing but what it asks for: it is complete, and works from any folder."""

import os
import subprocess
import sys
import venv
from collections.abc import Iterator
from importlib.metadata import distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement

import lab
from lab.files import ROOT, cache_root

EXTRAS = ("streamlit", "papermill", "jupyterlab", "plotly", "transformers", "distributed", "pytest", "scipy")


def test_the_citation_names_this_version():
    assert f"\nversion: {lab.__version__}\n" in (ROOT / "CITATION.cff").read_text("utf-8")


def needed(requirement: str, seen: set[str]) -> Iterator[str]:
    """The installed distributions that ``requirement`` asks for, itself first; each must be as new as is asked."""
    wanted = Requirement(requirement)
    if wanted.name in seen or (wanted.marker and not wanted.marker.evaluate({"extra": ""})):
        return
    seen.add(wanted.name)
    found = distribution(wanted.name)
    assert wanted.specifier.contains(found.version, prereleases=True), requirement
    yield wanted.name
    for further in found.requires or ():
        yield from needed(further, seen)


def lend(names: Iterator[str], folder: Path) -> None:
    """Link the files of the distributions called ``names`` into ``folder``."""
    folder.mkdir()
    for name in names:
        found = distribution(name)
        for top in {path.parts[0] for path in found.files or ()} - {"..", "__pycache__"}:
            if not (folder / top).exists():
                (folder / top).symlink_to(found.locate_file(top))


@pytest.fixture(scope="module")
def python(tmp_path_factory) -> Path:
    """The Python of a new environment that holds the wheel and its core dependencies, and nothing else."""
    folder = tmp_path_factory.mktemp("installed")
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    build = ["wheel", "--no-deps", "--no-build-isolation", "--no-index", "--wheel-dir", str(folder), "."]
    subprocess.run([*pip, *build], cwd=copied(folder / "source"), check=True)
    venv.create(folder / "venv", symlinks=True)
    python = folder / "venv" / "bin" / "python"
    (wheel,) = folder.glob("*.whl")
    subprocess.run([*pip, "--python", python, "install", "--no-deps", "--no-index", wheel], check=True)
    lent = folder / "lent"
    requires = [line for line in metadata(python) if "extra ==" not in line]
    seen: set[str] = set()
    lend((name for line in requires for name in needed(line, seen)), lent)
    (site,) = (folder / "venv").glob("lib/python*/site-packages")
    (site / "lent.pth").write_text(str(lent), "utf-8")
    return python


def copied(folder: Path) -> Path:
    """The tracked source that a wheel is built from, so that building leaves nothing in the checkout."""
    list_files = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    sources = ("lab", "pyproject.toml", "README.md", "LICENSE")
    listed = subprocess.run([*list_files, *sources], cwd=ROOT, capture_output=True, encoding="utf-8", check=True)
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).symlink_to(ROOT / name)
    return folder


def metadata(python: Path) -> list[str]:
    code = "from importlib.metadata import requires; print(*requires('wm-lab'), sep='\\n')"
    return subprocess.run([python, "-c", code], capture_output=True, encoding="utf-8", check=True).stdout.splitlines()


@pytest.fixture
def run(python, tmp_path):
    """``run(*command)`` in the new environment, from a folder that has nothing to do with the checkout."""
    kept = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "LAB_CACHE")}
    cache = {"LAB_CACHE": "cache", "OMP_NUM_THREADS": "1", "XDG_CACHE_HOME": str(tmp_path / "user")}

    def result(*command, **more) -> subprocess.CompletedProcess:
        known = {name: value for name, value in (kept | cache | more).items() if value is not None}
        return subprocess.run(
            [python, *command], cwd=tmp_path, env=known, capture_output=True, encoding="utf-8", check=False
        )

    return result


def test_the_environment_has_no_extras(run):
    code = f"from importlib.util import find_spec; print([name for name in {EXTRAS} if find_spec(name)])"
    assert run("-c", code).stdout.strip() == "[]"


def test_planning_on_the_command_line(run, python, tmp_path):
    done = run("-m", "lab", "plan", "--task", "wall", "--problems", "2", "--out", "strip.png")
    assert done.returncode == 0 and "of 2" in done.stdout, done.stderr
    assert (tmp_path / "strip.png").is_file()
    version = run(python.with_name("wm-lab"), "--version")
    assert version.stdout.strip() == f"wm-lab {lab.__version__}", version.stderr


SCRIPT = """
from lab.benchmarks import card_of
from lab.data import sample_problems
from lab.evaluation.success import evaluate
from lab.files import model_folder
from lab.models import load_model
model = load_model(model_folder("point_maze", "online"))
outcome = evaluate(model, card_of("point_maze").settings.planner("cem"), sample_problems("point_maze", "random", 2))
print(len(outcome.trajectory))
"""


def test_planning_in_python(run):
    done = run("-c", SCRIPT)
    assert done.stdout.strip() == "2", done.stderr


@pytest.mark.slow
def test_training(run, tmp_path):
    command = ("-m", "lab", "train", "--task", "wall", "--method", "base", "--preset", "smoke")
    assert run(*command).returncode == 0
    assert (tmp_path / "cache" / "models-smoke" / "wall" / "base" / "seed0" / "model.json").is_file()


def test_what_the_core_can_import(run):
    done = run("-c", "import lab.bench, lab.training, lab.studies.table1_success.study")
    assert done.returncode == 0, done.stderr


def test_what_needs_the_checkout_says_so(run):
    done = run("-m", "lab", "reproduce", "--preset", "smoke")
    assert done.returncode == 2 and "run this in a clone of the repository" in done.stderr


def test_the_cache_of_an_installed_package_is_the_users(run, tmp_path):
    done = run("-c", "from lab.files import cache_root; print(cache_root())", LAB_CACHE=None, HOME=str(tmp_path))
    cache = Path(done.stdout.strip())
    assert tmp_path in cache.parents and cache.name == "wm-lab"


# --- Where the cache is


def test_the_cache_is_resolved_once(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LAB_CACHE", "test-cache")
    assert cache_root() == tmp_path / "test-cache"
    monkeypatch.chdir(ROOT)
    assert cache_root() == tmp_path / "test-cache"


def test_the_cache_may_be_in_the_home_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("LAB_CACHE", "~/test-cache-at-home")
    assert cache_root() == tmp_path / "test-cache-at-home"


@pytest.mark.parametrize(("name", "said"), [("", "empty"), (" ", "empty"), ("~nouser/x", "'~nouser/x', which is no")])
def test_a_cache_that_is_no_folder_is_refused(monkeypatch, name, said):
    monkeypatch.setenv("LAB_CACHE", name)
    with pytest.raises(lab.errors.LabError, match=f"LAB_CACHE is {said}.*: set it to .*, or unset it"):
        cache_root()
