"""The recipe's variants: what each changes, the parts that only they use, and the targets read from the tables."""

import numpy as np
import pandas as pd
import pytest
import torch
from cells import run_cells
from matplotlib.figure import Figure

from lab.benchmarks import recipe_of
from lab.data import DataSpec, load_or_collect
from lab.errors import LabError
from lab.results import Result
from lab.studies.common.config import Config
from lab.studies.common.stored import REFERENCE, results_of
from lab.studies.common.targets import TARGETS, sentences, targets
from lab.studies.recipe import figures as plot
from lab.studies.recipe import study as experiment
from lab.studies.recipe.study import OPEN, STUDIES, TEST, ScratchRecipe, tables, variants
from lab.tasks import make_task
from lab.training.adversarial import Adversarial, Radii
from lab.training.combined import Combined
from lab.training.latents import encode_dataset
from lab.training.loop import Schedule
from lab.training.online import Online
from lab.training.pipeline import description

SMOKE = Config("wall", "smoke")


@pytest.fixture(scope="module")
def result(own_cache) -> Result:
    """One study and the test of what it chooses, on Wall at preset smoke."""
    return experiment.run(SMOKE, ("method", TEST))


# --- What is tried


@pytest.mark.parametrize("task", ["push_t", "point_maze", "wall"])
def test_every_try_has_a_name_and_the_recipe_is_among_them(task):
    found, own = list(variants(Config(task, "full"))), recipe_of(task)
    assert {variant.study for variant in found} == set(STUDIES)
    assert len({(variant.study, variant.name) for variant in found}) == len(found)
    for study in ("lambda", "method", "loss"):
        assert any(variant.recipe == own for variant in found if variant.study == study)
    for study in ("encoder", "data"):
        first = next(variant.recipe for variant in found if variant.study == study)
        assert (
            isinstance(first, ScratchRecipe)
            and first.encoder == own.encoder
            and first.base.steps == own.base.steps // 2
        )


def test_open_studies_start_from_the_tasks_base_model():
    own = description(recipe_of("wall"), "base")
    for variant in variants(Config("wall", "full")):
        assert (description(variant.recipe, "base") == own) == (variant.study in (*OPEN, "loss"))


def test_narrow_data_keep_the_episodes_that_stray_least(own_cache):
    recipe = recipe_of("wall", "smoke")
    whole = recipe.data("wall", progress=False)
    narrow = experiment.from_scratch(recipe, nearest=0.25).data("wall", progress=False)
    few = load_or_collect(DataSpec("wall", "train", len(narrow.states), 0), progress=False)
    assert len(narrow.states) == 5 and narrow.pixels is not None and narrow.pixels.shape[:2] == narrow.states.shape[:2]

    def strayed(states: np.ndarray) -> np.ndarray:
        return np.linalg.norm(states - states[:, :1], axis=-1).max(1)

    assert strayed(narrow.states).max() == np.sort(strayed(whole.states))[4]
    assert strayed(narrow.states).mean() < strayed(few.states).mean()
    assert len({data.fingerprint for data in (whole, narrow, few)}) == 3


def test_training_seeds_have_their_own_data_and_encoder(own_cache):
    recipe = next(variants(SMOKE)).recipe
    first, second = (recipe.data("wall", seed, progress=False) for seed in (0, 1))
    assert first.fingerprint != second.fingerprint
    models = [experiment.model_of(SMOKE, recipe, "base", seed) for seed in (0, 1)]
    assert not torch.equal(models[0].encoder.components, models[1].encoder.components)


# --- Both methods at once


def test_without_radii_both_methods_are_online(tiny_model, tiny_recipe):
    recipe, model = tiny_recipe("wall"), tiny_model("wall")
    data = recipe.data("wall", progress=False)
    latents = encode_dataset(model, data, progress=False)

    def batch(combined: bool) -> tuple:
        online = Online(latents, make_task("wall"), recipe.online)
        rng = torch.Generator().manual_seed(0)
        if not combined:
            return online.loss(model, 0, Schedule(12, batch=16), rng), online
        method = Combined(online, Adversarial(latents, Radii(0.0, 0.0, 0.0)))
        return method.loss(model, 0, Schedule(12, batch=16), rng), method

    (plain, _), (both, method) = batch(False), batch(True)
    assert plain["loss"] == both["loss"]
    again = Combined(Online(latents, make_task("wall"), recipe.online), Adversarial(latents, Radii(0.0, 0.0, 0.0)))
    again.restore(method.state())
    for name, tensor in method.state().items():
        assert torch.equal(tensor, again.state()[name])


def test_perturbing_corrected_plans_makes_the_loss_worse(tiny_model, tiny_recipe):
    recipe, model = tiny_recipe("wall"), tiny_model("wall")
    data = recipe.data("wall", progress=False)
    latents = encode_dataset(model, data, progress=False)
    losses = []
    for factor in (0.0, 0.5):
        method = Combined(Online(latents, make_task("wall"), recipe.online), Adversarial(latents, Radii(*[factor] * 3)))
        losses.append(method.loss(model, 0, Schedule(12, batch=16), torch.Generator().manual_seed(0))["loss"].item())
    assert losses[1] > losses[0]


# --- Tables and targets


def test_tables_are_complete_and_made_again_alike(result):
    again = experiment.run(SMOKE, ("method", TEST))
    rates = result.tables["rates"]
    assert set(rates.study) == {"method", TEST}
    assert set(rates[rates.planner == "cem"].model) == {"base"}
    assert {"base", "control", "combined"} <= set(rates[rates.study == "method"].model)
    assert again.meta["kept_cases"] > 0
    for name, table in result.tables.items():
        pd.testing.assert_frame_equal(table, again.tables[name])
    assert {protocol["split"] for protocol in result.meta["protocols"]} == {"tune", "test"}


def test_everything_is_told_and_drawn(result):
    assert "against control" in experiment.sentences(result, "method")
    assert len(experiment.as_table(result, "method")) == 2
    text = sentences(result.tables["targets"])
    assert [line.split(".")[0] for line in text.splitlines() if line.startswith("Target")] == [
        f"Target {i}" for i in range(1, 7)
    ]
    assert isinstance(plot.print_figure(result), Figure)
    assert len(plot.interactive(result).data) == 2 * len(plot.DOTS)


def test_one_study_is_drawn_by_itself(result):
    trials = result.tables["trials"]
    for study in trials.study.unique():
        figure = plot.print_figure(plot.of_study(result, study))
        names = [tick.get_text() for tick in figure.axes[-1].get_xticklabels()]
        assert names == list(trials.trial[trials.study == study])


def test_a_test_needs_something_to_choose_from(own_cache):
    with pytest.raises(LabError, match="Nothing to choose from: measure one of the studies lambda, method, length"):
        experiment.run(SMOKE, (TEST,))


def _made_up(rates: dict[tuple[str, str], float], n: int = 200) -> Result:
    """A test with these shares of successes by (model, planner), and a gap of 1 for base and control, else of 0."""
    rows = [
        pd.DataFrame({
            "study": TEST, "trial": "new", "model": model, "planner": planner, "train_seed": 0, "goals": "dataset",
            "pair": range(n), "success": (np.arange(n) < n * rate).astype(int),
            "gap": float(model in ("base", "control")) + 0.1 * np.tile([-1, 1], n // 2),
        })
        for (model, planner), rate in rates.items()
    ]  # fmt: skip
    measures = [("base", 0.0), ("control", 0.0), ("adversarial", 1.0)]
    slices = [
        pd.DataFrame({"model": model, "train_seed": 0, "measure": "basin", "problem": range(9), "value": value})
        for model, value in measures
    ]
    return Result(tables(pd.concat(rows), pd.concat(slices)), {"config": {"task": "wall", "preset": "full"}})


@pytest.mark.parametrize(("ours", "reached"), [(0.85, True), (0.6, False)])
def test_targets_ask_for_the_papers_gain(ours, reached):
    rates = {("base", "adam"): 0.5, ("base", "cem"): 0.9, ("control", "adam"): 0.5, ("adversarial", "adam"): ours}
    found = targets({"recipe": _made_up(rates)}).set_index("target")
    assert found.loc[1].reached and found.loc[1].value == pytest.approx(0.4)
    assert found.loc[[2]].reached.tolist() == [reached, True]
    assert found.loc[[4]].reached.all() and found.loc[[6]].reached.all()
    assert set(found.source) == {"recipe"}
    text = sentences(found.reset_index())
    assert f"Target 2. {TARGETS[2]}: {'reached' if reached else 'not reached'} (recipe)" in text
    assert f"Target 3. {TARGETS[3]}: not measured" in text


def test_targets_of_the_shipped_recipe_are_those_of_the_papers_figures():
    others = {name: found for name, found in results_of("point_maze", "full", REFERENCE).items() if name != "recipe"}
    found = targets(others)
    assert set(found.target) == set(TARGETS) and set(found.source) <= set(others)
    table = others["table1_success"].tables["differences"].query("ours == 'adversarial' and theirs == 'base'")
    row = table.query("planner == 'adam' and mode == 'open' and goals == 'random'").iloc[0]
    assert row.difference in found[found.target == 2].value.tolist()


def test_the_notebooks_cells_run(result, tmp_path):
    run_cells("recipe", result, tmp_path)
