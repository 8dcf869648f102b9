"""The catalog: one line makes a planner known to settings, commands and figures."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from lab.errors import LabError
from lab.planning.catalog import CATALOG, PAPER_PLANNERS, PLANNERS, make_planner
from lab.plots.palette import SYMBOLS

TOY = """
from dataclasses import dataclass
import torch

@dataclass(frozen=True)
class Toy:
    iterations: int = 7
    reach: float = 1.0

    def plan(self, request):
        return request.answer(torch.full(request.init.shape, self.reach))
"""
LINE = """    "toy": Entry("A toy", "#123456", "d", "toy:Toy", {"reach": 0.5}, 3),\n"""
NEWCOMER = f"""
import sys, types, importlib.util
spec = importlib.util.find_spec("lab.planning.catalog")
source = spec.loader.get_source(spec.name)
first = "CATALOG: dict[str, Entry] = {{\\n"
assert first in source
catalog = sys.modules[spec.name] = types.ModuleType(spec.name)
exec(source.replace(first, first + {LINE!r}), vars(catalog))

from lab.cli import main
from lab.plots.palette import PLANNER_COLOURS, PLANNER_MARKERS, SYMBOLS, label
assert (label("toy"), PLANNER_COLOURS["toy"], SYMBOLS[PLANNER_MARKERS["toy"]]) == ("A toy", "#123456", "diamond-tall")
from lab.planning import Settings
toy = Settings().planner("toy")
assert (toy.iterations, toy.reach, Settings().planner("toy", "mpc").iterations) == (7, 0.5, 3)
sys.exit(main(["plan", "--task", "wall", "--planner", "toy", "--problems", "2", "--out", sys.argv[1]]))
"""


def test_a_new_planner_is_its_file_and_one_line(tmp_path):
    (tmp_path / "toy.py").write_text(TOY, "utf-8")
    paths = os.pathsep.join([str(tmp_path), str(Path.cwd()), os.environ.get("PYTHONPATH", "")])
    strip = tmp_path / "strip.png"
    done = subprocess.run(
        [sys.executable, "-c", NEWCOMER, strip],
        capture_output=True,
        encoding="utf-8",
        env=os.environ | {"PYTHONPATH": paths},
    )
    assert done.returncode == 0, done.stderr
    assert "toy on base0, open" in done.stdout and strip.is_file()


def test_catalog_and_settings_load_without_torch():
    code = "import sys, lab.planning.catalog, lab.planning.settings; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_every_planner_is_made_as_the_catalog_says():
    for name in PLANNERS:
        planner = make_planner(name, iterations=3)
        options = {**CATALOG[name].options, "iterations": 3}
        assert {option: getattr(planner, option) for option in options} == options
    assert set(PAPER_PLANNERS) < set(PLANNERS) < set(CATALOG)


def test_no_two_planners_look_the_same():
    for looks in ([e.label for e in CATALOG.values()], [e.colour for e in CATALOG.values()]):
        assert len(set(looks)) == len(looks)
    markers = [entry.marker for entry in CATALOG.values()]
    assert len(set(markers)) == len(markers) and set(markers) <= set(SYMBOLS)


def test_unknown_names_and_options_are_refused():
    with pytest.raises(LabError, match="Unknown planner 'prior': choose one of gd, momentum"):
        make_planner("prior")
    with pytest.raises(LabError, match="Unknown option of planner cem 'lr': choose one of samples, elites"):
        make_planner("cem", lr=0.1)
