"""The study of shift, and problems of varied tasks."""

import numpy as np
import pandas as pd
import pytest
from cells import run_cells

from lab.benchmarks import card_of
from lab.data import sample_problems
from lab.files import MODELS
from lab.results import load_result, save_result
from lab.studies.common.config import Config
from lab.studies.shift import figures as plots
from lab.studies.shift import study as shift

SMOKE = Config("wall", "smoke")


@pytest.fixture(scope="module")
def result(stand_ins):
    """One tiny model in place of all but online, under the task as in training, another light and another wall."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Config, "model", stand_ins("online"))
        patch.setattr(
            Config, "card", card_of("wall").__class__(card_of("wall").task, shifts={"light": 0.5, "wall_x": 40})
        )
        return shift.run(SMOKE)


def test_every_model_is_measured_under_every_factor(result):
    success = result.tables["success"]
    assert [*dict.fromkeys(zip(success.factor, success.value, strict=True))] == [
        ("none", 0),
        ("light", 0.5),
        ("wall_x", 40),
    ]
    for (_, mode), rows in success.groupby(["factor", "mode"]):
        assert set(rows.model) == {*MODELS, shift.CEM if mode == "open" else shift.ADAPTING}
    assert set(success.n) == {4} and len(result.meta["protocols"]) == 3
    assert "with wall_x 40" in result.meta["protocols"][2]["text"]


def test_models_are_compared_on_the_same_problems(result):
    rates = result.tables["pairs"].groupby(["factor", "mode", "model"]).success.mean()
    differences = result.tables["differences"].set_index(["ours", "theirs"])
    for ours, theirs in shift.COMPARED:
        for row in differences.loc[[(ours, theirs)]].itertuples():
            assert row.difference == pytest.approx(
                rates[row.factor, row.mode, ours] - rates[row.factor, row.mode, theirs]
            )
    assert differences.difference["online", "control"].any() and not differences.difference["base", "control"].any()


def test_the_average_is_over_the_changed_factors_alone(result):
    means = result.tables["overall"].set_index(["mode", "ours", "theirs"])
    changed = result.tables["differences"].query("factor != 'none'").groupby(["mode", "ours", "theirs"]).difference
    assert set(means.index) == set(changed.groups) and set(means.n) == {4}
    for case, mean in changed.mean().items():
        assert means.difference[case] == pytest.approx(mean)


def test_the_verdicts_are_told_by_factor():
    keys = {"factor": ["none", "hue", "mass"], "value": [0.0, 90.0, 2.5]}
    rows = pd.DataFrame(keys | {"low": [-0.1, 0.1, -0.2], "high": [0.1, 0.2, -0.1]})
    assert shift.judged(rows) == "Better: hue 90. Worse: mass 2.5. Unclear: as in training."


def test_the_numbers_are_told_and_drawn_from_what_was_saved(result, tmp_path):
    text = shift.sentences(result)
    assert "MPC, Control (4 problems, 1 training seed each): as in training " in text and "; light 0.5 " in text
    assert (
        "MPC, Base, adapting minus Base. On average over the changed factors " in text
        and "open loop, CEM on Base minus Base. " in text
    )
    save_result(result, tmp_path)
    stored = load_result(tmp_path)
    plots.print_figure(stored).canvas.draw()
    plots.differences_figure(stored.tables["differences"], "mpc").canvas.draw()
    assert {trace.name for trace in plots.interactive(stored).data} == set(shift.NAMES.values())
    assert plots.rows_of(stored.tables["success"]) == ["as in training", "light 0.5", "wall_x 40"]


def test_problems_are_the_same_where_only_pictures_vary_and_the_varied_tasks_where_physics_does():
    usual, dark, moved = (
        sample_problems("wall", "dataset", 6, variation=variation) for variation in ({}, {"light": 0.5}, {"wall_x": 40})
    )
    assert (usual.starts == dark.starts).all() and (usual.goals == dark.goals).all()
    assert dark.environment.light == 0.5 and (usual.starts != moved.starts).any()
    ends = moved.environment.simulate(moved.starts, moved.expert)[:, -1]
    np.testing.assert_allclose(ends, moved.goals)


def test_the_notebooks_cells_run(result, tmp_path):
    run_cells("shift", result, tmp_path)
