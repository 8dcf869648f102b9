"""The study of priors that know start and goal: what it compares, and what it says of their sureness."""

import pandas as pd
import pytest
import torch
from cells import run_cells

from lab.models import load_model
from lab.models.initialisation import InitialisationNetwork
from lab.results import load_result, save_result
from lab.studies.common.config import Config
from lab.studies.priors import figures as plots
from lab.studies.priors import study as priors

SMOKE = Config("wall", "smoke")


@pytest.fixture(scope="module")
def result(trained):
    """One tiny model in place of all, and an untrained prior."""
    model = load_model(trained("wall", "base"))
    torch.manual_seed(0)
    network = InitialisationNetwork(model.latent_dim + 2, model.block_dim, 5, hidden=8, gaussian=True).requires_grad_(
        False
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Config, "model", lambda self, name, seed: model)
        patch.setattr(Config, "train_networks", lambda self, kind: None)
        patch.setattr(priors, "prior_of", lambda config, model: network.to(model.device))
        yield priors.run(SMOKE)


def test_every_start_is_measured_after_every_number_of_iterations(result):
    success = result.tables["success"]
    assert set(success.goals) == {"dataset", "random"} and set(success.model) == set(priors.MODELS)
    found = success.groupby("planner").apply(lambda rows: set(zip(rows.start, rows.iterations, strict=True)))
    both = {(start, count) for start in ("uninformed", "prior", "consistent") for count in (1, 3)}
    assert found["cem"] == found["mppi"] == both
    assert found["restarts"] == {(start, 3) for start in priors.STARTS if start != "pulled"}
    assert found["adam"] == {(start, 3) for start in priors.STARTS}  # smoke has 3 iterations at most
    differences = result.tables["differences"]
    assert set(differences.theirs) == {"uninformed"}
    assert set(differences[differences.planner == "adam"].ours) == {"prior", "pulled", "consistent"}
    assert not any(table.isna().to_numpy().any() for table in result.tables.values())


def test_the_prior_at_its_fewest_is_compared_with_the_others_at_their_most():
    pairs = pd.DataFrame(
        {"goals": "dataset", "model": "base", "planner": "cem", "start": start, "iterations": iterations,
         "train_seed": 0, "pair": range(4), "success": reached}
        for start, iterations, reached in (
            ("uninformed", 1, [0, 0, 0, 0]), ("uninformed", 9, [1, 1, 1, 0]),
            ("prior", 1, [1, 1, 0, 0]), ("prior", 9, [1, 1, 1, 1]),
        )
    ).explode(["pair", "success"])  # fmt: skip
    (row,) = priors.savings(pairs).itertuples()
    assert (row.ours, row.theirs, row.n, row.difference) == ("prior, 1", "uninformed, 9", 4, -0.25)


def test_a_prior_that_is_right_has_two_thirds_within_one_standard_deviation(result):
    table = result.tables["sureness"].set_index(["measure", "block"])["mean"]
    assert list(table["std"].index) == list(table["within"].index) == [1, 2, 3, 4, 5]
    assert table["within"].between(0, 1).all() and table["std"].between(0.05, 2).all()


def test_the_numbers_are_told_and_the_figures_drawn_from_what_was_saved(result, tmp_path):
    text = priors.sentences(result)
    assert "Base, CEM with the prior, minus by itself, data-set goals, n = 4: 1 iteration " in text
    assert (
        "Base, CEM with the prior after 1 iteration minus by itself after 3 iterations, random goals, n = 4: " in text
    )
    assert "68% would if the distribution were right" in text
    save_result(result, tmp_path)
    stored = load_result(tmp_path)
    plots.print_figure(stored).canvas.draw()
    plots.iterations_figure(stored.tables["success"], "cem", "random").canvas.draw()
    names = {trace.name for trace in plots.interactive(stored).data}
    assert {"Base, by itself", "Base, with the prior", "Adversarial, with the prior, and pulled to it"} <= names


def test_the_notebooks_cells_run(result, tmp_path):
    run_cells("priors", result, tmp_path)
