"""The experiment on where planning starts."""

import pandas as pd
import pytest
from cells import run_cells

from lab.results import load_result, save_result
from lab.studies.common.config import Config
from lab.studies.starts import figures as plots
from lab.studies.starts import study as starts

SMOKE = Config("push_t", "smoke")


@pytest.fixture(scope="module")
def result():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(starts, "MODELS", ("base",))
        return starts.run(SMOKE)


def test_every_start_is_measured(result):
    success = result.tables["success"].set_index(["mode", "planner"])
    assert set(success.index) == {(mode, planner) for mode in ("open", "mpc") for planner in starts.PLANNERS}
    assert set(success.n) == {4} and (success.seconds > 0).all()
    assert set(result.tables["differences"].theirs) == {"adam", "base (cem)"}
    assert "Adam from the network minus CEM on base" in starts.sentences(result)


def test_the_number_of_steps_is_chosen_on_the_tune_split_and_the_fewest_of_equals(result):
    rates = {5: 0.1, 10: 0.3, 20: 0.3, 40: 0.2}
    table = pd.DataFrame([(mode, *rate) for mode in ("mpc", "open") for rate in rates.items()])
    marked = starts.marked(table.set_axis(["mode", "iterations", "rate"], axis=1))
    assert marked[marked.chosen == 1].set_index("mode").iterations.to_dict() == {"open": 10, "mpc": 10}
    choice = result.tables["choice"]
    assert choice.groupby("mode").chosen.sum().to_dict() == {"open": 1, "mpc": 1}
    assert {protocol["split"] for protocol in result.meta["protocols"]} == {"test"}


def test_differences_are_paired_over_problems():
    wide = {"adam": [0, 0, 1, 0], "network": [1, 0, 0, 0], starts.STARTED: [1, 1, 1, 0], "cem": [0, 1, 1, 1]}
    pairs = pd.concat(
        pd.DataFrame(
            {"goals": "dataset", "mode": "open", "model": "base", "planner": name, "train_seed": 0,
             "pair": range(4), "success": reached}
        )
        for name, reached in wide.items()
    )  # fmt: skip
    table = starts.differences(pairs).set_index("theirs")
    assert table.difference.to_dict() == {"adam": 0.5, "base (cem)": 0.0}
    assert table.loc["base (cem)", "low"] < 0 < table.loc["base (cem)", "high"]


def test_the_figures_are_drawn_from_what_was_saved(result, tmp_path):
    save_result(result, tmp_path)
    stored = load_result(tmp_path)
    plots.print_figure(stored).canvas.draw()
    assert {trace.name for trace in plots.interactive(stored).data} == {"Base"}
    small_print = plots.interactive(stored).layout.annotations[-1].text.replace("<br>", " ")
    assert "iterations, chosen on the tune split" in small_print


def test_the_notebooks_cells_run(result, tmp_path):
    run_cells("starts", result, tmp_path)
