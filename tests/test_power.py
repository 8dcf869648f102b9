"""The study of optimisation power: what it counts and compares, and that it goes on where it was."""

import itertools

import numpy as np
import pandas as pd
import pytest
from cells import run_cells

from lab.evaluation.anatomy import CAUSES, KINDS
from lab.files import MODELS
from lab.results import load_result, save_result
from lab.studies.common.config import Config
from lab.studies.power import figures as plots
from lab.studies.power import study as power

SMOKE = Config("wall", "smoke")


@pytest.fixture(scope="module")
def small(stand_ins):
    """One tiny model in place of all but online."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Config, "model", stand_ins("online"))
        yield


@pytest.fixture(scope="module")
def result(small):
    return power.run(SMOKE)


def test_every_power_is_measured_and_counted(result):
    success = result.tables["success"]
    adam = success[success.planner == "adam"]
    expected = {(0.1, 1), (0.3, 1), *itertools.product([0.1], (2, 4, 8, 16, 32)), *itertools.product([0.3], (2, 4, 8))}
    for _, rows in adam.groupby("model"):
        assert set(zip(rows.step, rows.restarts, strict=True)) == expected
    assert (adam.calls == 3 * 3 * adam.restarts).all() and set(adam.model) == set(MODELS)
    cem = success[success.planner == "cem"]
    assert cem.set_index("iterations").calls.to_dict() == {1: 20, 3: 60} and set(cem.model) == {"base"}
    assert (success.seconds > 0).all() and set(success.n) == {4}
    assert not any(table.isna().to_numpy().any() for table in result.tables.values())


def test_every_plan_has_one_kind_and_the_chosen_one_is_what_counts(result):
    anatomy, success = result.tables["anatomy"], result.tables["success"]
    assert set(anatomy.kind) == set(KINDS)
    assert anatomy.groupby(power.CASE)["mean"].sum().round(9).eq(1).all()
    ok = anatomy[anatomy.kind == "ok"].set_index(power.CASE)["mean"]
    assert (ok == success.set_index(power.CASE).rate[ok.index]).all()
    causes = result.tables["causes"]
    assert set(causes.cause) == set(CAUSES) and causes.groupby(power.CASE)["mean"].sum().round(9).eq(1).all()
    assert (causes[causes.cause == "ok"].set_index(power.CASE)["mean"] == ok).all()
    assert result.tables["known"].set_index("planner").n.to_dict() == {"adam": 4, "cem": 4}
    choice = result.tables["choice"].pivot_table(index=power.CASE, columns="measure", values="mean")
    assert (choice.chosen == success.set_index(power.CASE).rate[choice.index]).all()
    assert (choice[["chosen", "best"]].max(axis=1) <= choice["any"]).all() and choice.correlation.abs().max() <= 1


def test_models_are_compared_at_equal_power_and_with_cem_at_equal_calls_and_time(result):
    table = result.tables["differences"]
    assert set(table.equal) == {"power", "calls", "time"} and (table.planner == "adam").all()
    rates = result.tables["success"].set_index([*power.CASE]).rate
    at_power = table[table.equal == "power"]
    ours, theirs = (
        [rates[getattr(row, side), *(getattr(row, part) for part in power.POWER)] for row in at_power.itertuples()]
        for side in ("ours", "theirs")
    )
    assert at_power.difference.tolist() == pytest.approx(np.subtract(ours, theirs)) and at_power.difference.any()
    of_calls = table[(table.equal == "calls") & (table.ours == "base")].set_index(["step", "restarts"])
    # 9, 18 and 36 calls do not buy CEM's first 20 samples twice; 60 are three iterations
    assert of_calls.theirs_iterations[0.1].to_dict() == {1: 1, 2: 1, 4: 1, 8: 3, 16: 3, 32: 3}
    difference = rates["base", "adam", 0.1, 32, 3] - rates["base", "cem", 0.0, 1, 3]
    assert of_calls.difference[0.1, 32] == pytest.approx(difference)


def test_cem_gets_what_it_can_for_the_same_cost():
    cem = pd.DataFrame({"iterations": [1, 3, 8], "calls": [300.0, 900, 2400]})
    afforded = [power.affordable(cem, "calls", most) for most in (30, 300, 899, 900, 9000)]
    assert afforded == [1, 1, 1, 3, 8]


def test_the_strongest_searches_have_fewer_problems():
    assert [search.strong for search in power.SEARCHES] == [False, False, True, True, True]
    full = Config("wall", "full")
    assert full.size.strong < full.size.n and list(power.searches(full, "base")) == list(power.SEARCHES)
    assert {search.planner for search in power.searches(full, "online")} == {"adam"}
    planner = power.planner_of(full, power.SEARCHES[1])
    assert (planner.lr, planner.iterations, planner.restarts) == (0.3, 300, 1)


def test_one_start_is_told_after_the_most_steps_of_the_same_size():
    steps = [(0.1, 1, 100), (0.3, 1, 300), (0.1, 1, 300), (0.1, 8, 100), (0.1, 32, 100)]
    rows = [{"planner": "adam", "step": step, "restarts": many, "iterations": n} for step, many, n in steps]
    table = pd.DataFrame([*rows, {"planner": "cem", "step": 0.0, "restarts": 1, "iterations": 300}])
    assert power.strongest(table).index.tolist() == [4]
    assert power.strongest(table, restarts=1).index.tolist() == [2]


def test_the_numbers_are_told_for_each_model(result):
    lines = power.sentences(result).splitlines()
    assert [line.split(",")[0].lower() for line in lines] == list(MODELS)
    assert all(
        "Adam 0.1, 32 x 3 (4 problems, 1 training seed)" in line and "; of unknown cause: " in line for line in lines
    )


def test_a_stopped_run_goes_on(result):
    assert power.run(SMOKE).meta["kept_cases"] == 4 * 4 + 1


def test_the_figures_are_drawn_from_what_was_saved(result, tmp_path):
    save_result(result, tmp_path)
    stored = load_result(tmp_path)
    plots.print_figure(stored).canvas.draw()
    names = {trace.name for trace in plots.interactive(stored).data}
    assert {"Base", "CEM on Base", *KINDS, *CAUSES, "some start succeeds"} <= names
    assert "at the success boundary" in plots.interactive(stored).layout.annotations[-1].text.replace("<br>", " ")


def test_the_notebooks_cells_run(result, tmp_path):
    run_cells("power", result, tmp_path)
