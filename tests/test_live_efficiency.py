"""Figure 3 on a few problems, told as it comes."""

import shutil
from pathlib import Path

import pandas as pd
import pytest

from lab.errors import LabError
from lab.files import models_root
from lab.planning import Settings
from lab.results import Result, load_result, save_result
from lab.studies.fig3_efficiency import study as fig3_efficiency
from lab.studies.fig3_efficiency.figures import answers, models_in_one_panel
from lab.studies.fig3_efficiency.live import FirstProblems, live_folder, main


@pytest.fixture
def tiny_world(trained, empty_cache, change_card):
    """Tiny models as if they were shipped, and planners of a few iterations."""
    for method in ("base", "control", "online", "adversarial"):
        shutil.copytree(trained("wall", method), models_root() / "wall" / method / "seed0")
    shutil.copytree(trained("wall").parents[1] / "encoder", models_root() / "wall" / "encoder")
    two = {"iterations": 2}
    change_card("wall", settings=Settings({"gd": two, "adam": two, "cem": two | {"samples": 10, "elites": 3}}))


def test_measure(tiny_world, monkeypatch):
    told = []

    def tell(result: Result, folder: Path) -> None:
        told.append(result)
        save_result(result, folder)

    monkeypatch.setattr("lab.studies.fig3_efficiency.live.save_result", tell)
    assert main("wall", "3", "small") == 0
    result = load_result(live_folder("wall", 3, "small"))
    assert (result.task, result.preset) == ("wall", "quick") and "ratios" in result.tables
    assert "progress" not in result.meta and result.meta["config"]["problems"] == 3
    curves = result.tables["curves"]
    assert len(told) == 1 + len(curves) and (curves.n == 3).all() and (curves.seconds_single > 0).all()
    shares = [partial.meta["progress"]["share"] for partial in told[:-1]]
    assert shares == sorted(shares) and shares[0] > 0 and shares[-1] == 1
    assert [len(partial.tables["curves"]) for partial in told[:-1]] == list(range(1, len(curves) + 1))
    assert all(partial.meta["progress"]["left"] >= 0 for partial in told[:-1])
    quick = fig3_efficiency.run(FirstProblems(task="wall", problems=3, device="cpu"))
    pd.testing.assert_frame_equal(quick.tables["pairs"], told[-1].tables["pairs"])


@pytest.mark.parametrize("words", ["chess 2 small", "wall 0 small", "wall 51 small", "wall two small", "wall 2 large"])
def test_bad_input_gets_one_sentence(words, capsys):
    assert main(*words.split()) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_too_many_problems():
    with pytest.raises(LabError, match="Between 1 and 50"):
        FirstProblems(problems=51)


def test_figure_and_answers(tiny_world):
    result = fig3_efficiency.run(FirstProblems(task="wall", problems=2, device="cpu"))
    for clock, seconds in fig3_efficiency.CLOCKS.items():
        figure = models_in_one_panel(result.tables["curves"], seconds)
        drawn = [trace for trace in figure.data if trace.x[0] is not None]
        assert len(drawn) == 4 * 5
        table = answers(result.tables["ratios"], clock)
        assert len(table) == 4 * 4 and table["As good as CEM?"].str.match(r"(yes, in [\d.e+]+ of its time|no: )").all()
    no_cem = result.tables["curves"].query("planner != 'cem'")
    assert len(models_in_one_panel(no_cem, "seconds_single").layout.shapes) == 0
