"""The study of longer horizons: what is planned and compared, and what the gradient's norms say."""

import pandas as pd
import pytest
from cells import run_cells

from lab.results import load_result, save_result
from lab.studies.common.config import Config
from lab.studies.horizons import figures as plots
from lab.studies.horizons import study as horizons

SMOKE = Config("wall", "smoke")
PLANNED = {"base": ("adam", "grasp", "cem"), "control": ("adam",), "adversarial": ("adam",)}


@pytest.fixture(scope="module")
def result(stand_ins):
    """One tiny model in place of both, with other weights as the adversarial one; two horizons."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Config, "model", stand_ins("adversarial"))
        patch.setattr(horizons, "HORIZONS", (5, 25))
        patch.setattr(horizons, "PLANNERS", PLANNED)
        yield horizons.run(SMOKE)


def test_every_horizon_is_planned_and_the_experts_reach_their_goals(result):
    success, ends = result.tables["success"], result.tables["ends"]
    assert set(zip(success.horizon, success.model, success.planner, strict=True)) == {
        (horizon, model, planner) for horizon in (5, 25) for model, planners in PLANNED.items() for planner in planners
    }
    assert set(success.n) == {SMOKE.size.far} and (success.seconds > 0).all()
    assert {protocol["horizon"] for protocol in result.meta["protocols"]} == {5, 25}
    of_expert = ends[ends.planner == "expert"].set_index(["measure", "horizon", "model"])["mean"]
    assert of_expert["distance"].max() < 1e-6 and of_expert["start"].min() > 1
    assert (of_expert["error"] == of_expert["loss"]).all()  # its imagined end is compared with its true end, the goal
    assert not any(table.isna().to_numpy().any() for table in result.tables.values())


def test_planners_are_compared_on_the_same_model_and_models_under_the_same_planner(result):
    table, pairs = result.tables["differences"], result.tables["pairs"]
    assert set(zip(table.model, table.ours, table.theirs, strict=True)) == {
        ("base", "grasp", "adam"), ("base", "cem", "adam"), ("base", "grasp", "cem"),
    }  # fmt: skip
    row = table.query("horizon == 25 and ours == 'grasp' and theirs == 'cem'").iloc[0]
    rates = pairs.query("horizon == 25 and model == 'base'").groupby("planner").success.mean()
    assert row.difference == pytest.approx(rates["grasp"] - rates["cem"])
    by_model = pairs[pairs.planner == "adam"].groupby(["model", "horizon"]).success.mean()
    finetuned = result.tables["finetuned"].set_index("horizon").difference
    assert (
        finetuned.to_dict() == pytest.approx((by_model["adversarial"] - by_model["base"]).to_dict()) and finetuned.any()
    )


def test_gradients_are_counted_back_from_the_last_block():
    norms = pd.DataFrame(
        {"horizon": 3, "model": "base", "train_seed": 0, "place": "start", "pair": pair, "block": block, "norm": norm}
        for pair, all_norms in enumerate([(4.0, 2.0, 1.0), (36.0, 6.0, 1.0)])
        for block, norm in enumerate(all_norms, 1)
    )
    tables = horizons.gradient_tables(norms)
    assert tables["gradients"].set_index("block")["mean"].to_dict() == pytest.approx({1: 12.0, 2: 12**0.5, 3: 1.0})
    (row,) = tables["growth"].itertuples()
    assert row.mean == pytest.approx(12**0.5) and (row.low, row.high) == pytest.approx((2, 6))


def test_every_block_has_a_gradient(result):
    table = result.tables["gradients"]
    sizes = table.groupby(["horizon", "model", "place"]).block.agg(["min", "max", "count"])
    assert len(sizes) == 2 * len(PLANNED) * 2
    for (horizon, *_), row in sizes.iterrows():
        assert tuple(row) == (1, horizon, horizon)
    assert (table[table.block == table.horizon]["mean"] == 1).all()


def test_the_numbers_are_told_and_the_figures_drawn_from_what_was_saved(result, tmp_path):
    text = horizons.sentences(result)
    assert "Adversarial minus Base, Adam, n = 4: " in text and " at 2 horizons (5 steps " in text
    assert "Base, at random actions, 25 steps: each block back multiplies" in text
    assert "GRASP minus Adam, base, n = 4: " in text and "GRASP minus CEM, base, n = 4: " in text
    save_result(result, tmp_path)
    stored = load_result(tmp_path)
    plots.print_figure(stored).canvas.draw()
    plots.gradient_figure(stored.tables["gradients"], "adversarial", "expert").canvas.draw()
    names = {trace.name for trace in plots.interactive(stored).data}
    assert {"Adam", "GRASP", "CEM", "the expert's actions", "gradient, 25 steps"} <= names


def test_the_notebooks_cells_run(result, tmp_path):
    run_cells("horizons", result, tmp_path)
