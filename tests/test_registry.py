"""What is found by its file: a task is two new files, an encoder is one, and nothing else has to know."""

import pkgutil
import shutil
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import lab.models.encoders
import lab.tasks
from lab.benchmarks import CARDS
from lab.files import PACKAGE
from lab.models.encoders import ENCODERS, Encoder
from lab.registry import classes_in
from lab.tasks import TASKS, Task

PLUGINS = Path(__file__).parent / "plugin"
CARD = """from lab.benchmarks.card import Card
from lab.tasks.slide import Slide

CARD = Card(Slide, about="a puck on ice", problem=3)
"""


def named(package, base: type, variable: str) -> dict[str, type]:
    """The classes of ``package`` that are a ``base`` with a ``variable`` of their own, by its value."""
    modules = [import_module(f"{package.__name__}.{module.name}") for module in pkgutil.iter_modules(package.__path__)]
    classes = {value for module in modules for value in vars(module).values() if isinstance(value, type)}
    return {vars(found)[variable]: found for found in classes if issubclass(found, base) and variable in vars(found)}


@pytest.mark.parametrize(
    ("package", "base", "variable", "known"),
    [(lab.tasks, Task, "name", TASKS), (lab.models.encoders, Encoder, "kind", ENCODERS)],
)
def test_every_class_stands_in_the_file_of_its_name(package, base, variable, known):
    classes = named(package, base, variable)
    assert len(classes) >= 5 and {name: known[name] for name in known.built_in} == classes


def test_every_built_in_task_has_a_card():
    assert list(CARDS.built_in) == list(TASKS.built_in) == ["push_t", "point_maze", "wall", "rope", "granular"]
    assert all(CARDS[name].task is TASKS[name] for name in TASKS.built_in)


def test_classes_are_listed_by_place_then_by_name_and_no_file_is_run(tmp_path):
    for name, line in {"b": "", "a": "", "c": "place: int = 2", "d": "place = 1"}.items():
        (tmp_path / f"{name}.py").write_text(f'1 / 0\nclass X:\n    name = "{name}"\n    {line}\n', "utf-8")
    (tmp_path / "e.py").write_text('class X:\n    name = "f"\nother = "e"\n', "utf-8")
    assert classes_in(tmp_path, "p", "name") == {name: f"p.{name}:X" for name in "dcab"}


def test_a_new_task_is_two_files_and_a_new_encoder_is_one(tmp_path):
    shutil.copytree(PACKAGE, tmp_path / "lab", ignore=shutil.ignore_patterns("checkpoints", "__pycache__"))
    shutil.copy(PLUGINS / "slide.py", tmp_path / "lab" / "tasks")
    (tmp_path / "lab" / "benchmarks" / "slide.py").write_text(CARD, "utf-8")
    shutil.copy(PLUGINS / "tiles.py", tmp_path / "lab" / "models" / "encoders")
    program = (
        "import sys; sys.path.insert(0, sys.argv[1]); import gymnasium, lab; from lab.tasks import TASKS, make_task\n"
        "from lab.benchmarks import card_of; from lab.models.encoders import ENCODERS\n"
        "print(*TASKS.built_in, *ENCODERS.built_in, 'torch' in sys.modules)\n"
        "print(make_task('slide').label, card_of('slide').problem, ENCODERS['tiles'].__module__)\n"
        "env = gymnasium.make('lab/Slide-v0'); print(env.reset(seed=0)[0] in env.observation_space)"
    )
    command = [sys.executable, "-c", program, str(tmp_path)]
    said = subprocess.run(command, cwd=tmp_path, capture_output=True, encoding="utf-8", check=True).stdout.splitlines()
    names = "push_t point_maze wall rope granular slide points pyramid curved dino pixels random straight tiles"
    assert said == [f"{names} False", "Slide 3 lab.models.encoders.tiles", "True"]
