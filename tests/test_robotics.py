"""The robotics experiment: its tables, what they say, its figures, and the films."""

import numpy as np
import pandas as pd
import pytest
from cells import run_cells

from lab.errors import LabError
from lab.files import MODELS
from lab.models import load_model
from lab.plots.filmstrip import filmstrip
from lab.results import Result, load_result, save_result
from lab.studies.common.card import built_in
from lab.studies.common.claims import verdicts
from lab.studies.common.config import Config
from lab.studies.robotics import figures as plot
from lab.studies.robotics import study as robotics
from lab.tasks import TASKS, make_task
from lab.tasks.pushing import Pushing


@pytest.fixture(scope="module")
def small(trained):
    """Experiments use the tests' tiny models."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Config, "model", lambda self, name, seed: load_model(trained(self.task, name, seed)))
        yield


@pytest.fixture(scope="module")
def result(small) -> Result:
    return robotics.run(Config("rope", "smoke"))


def pairs(**distances: list[float]) -> pd.DataFrame:
    """Rows of one case for each model: what the distance of the problems is at the end; 1.0 at the start."""
    rows = [
        {"goals": "random", "model": model, "train_seed": 0, "planner": "adam", "mode": "open", "pair": i}
        | {"start": 1.0, "chamfer": value, "success": int(value < 0.3)}
        for model, values in distances.items()
        for i, value in enumerate(values)
    ]
    return pd.DataFrame(rows)


def test_the_robotics_tasks_are_those_with_particles():
    assert [name for name in TASKS if isinstance(make_task(name), Pushing)] == list(built_in("particles"))


def test_every_model_planner_and_mode_is_measured(result):
    table = result.tables["chamfer"]
    for mode in ("open", "mpc"):
        for goals in ("dataset", "random"):
            here = table[(table.goals == goals) & (table["mode"] == mode)]
            everything = {(model, planner) for model in MODELS for planner in robotics.PLANNERS}
            left_out = {(model, "cem") for model in MODELS[1:]} if mode == "mpc" else set()
            expected = {("none", "random"), *(everything - left_out)}
            assert set(zip(here.model, here.planner, strict=True)) == expected
    assert (table.low <= table["mean"]).all() and (table["mean"] <= table.high).all()
    assert np.allclose(table.removed, 1 - table["mean"] / table["start"])
    assert not any(frame.isna().to_numpy().any() for frame in result.tables.values())
    assert robotics.as_table(result).shape[0] == 2 * 2 * (1 + len(MODELS))
    assert all("Chamfer distance" in protocol["text"] for protocol in result.meta["protocols"])
    assert all("5 x 1 environment steps" in protocol["text"] for protocol in result.meta["protocols"])


def test_the_share_removed_and_the_differences_are_paired():
    tables = robotics.statistics(pairs(base=[0.5, 0.9] * 20, adversarial=[0.4, 0.8] * 20))
    chamfer = tables["chamfer"].set_index("model")
    assert chamfer.removed["base"] == pytest.approx(0.3) and chamfer.removed["adversarial"] == pytest.approx(0.4)
    row = tables["differences"].iloc[0]
    assert (row.ours, row.theirs, row.n) == ("adversarial", "base", 40)
    assert row.difference == pytest.approx(-0.1) and row.high == pytest.approx(-0.1)
    assert tables["rates"].rate.tolist() == [0, 0]


@pytest.mark.parametrize(
    ("theirs", "n", "verdict"),
    [(0.8, 40, "closer"), (0.2, 40, "farther"), (0.4, 40, "no difference"), (0.8, 10, "too few")],
)
def test_sentences_say_what_the_interval_says(theirs, n, verdict):
    tables = robotics.statistics(pairs(base=[theirs] * n, online=[0.4] * n))
    (sentence,) = robotics.sentences(Result(tables, {}))
    assert verdict in sentence and f"n = {n}," in sentence


def test_the_figures_need_the_tables_alone(result, tmp_path):
    save_result(result, tmp_path)
    loaded = load_result(tmp_path)
    assert len(plot.print_figure(loaded).axes) == 4
    figure = plot.interactive(loaded)
    assert len(figure.data) == 4 * len(MODELS) and len(figure.layout.shapes) == 8


def test_the_film_has_a_strip_for_each_model(small):
    strip = robotics.film_strips(Config("rope", "smoke"))
    assert strip.true.shape == (4, 6, 96, 96, 3) and strip.imagined.shape == (4, 6, 64, 64, 3)
    np.testing.assert_array_equal(strip.true[:, 0], np.repeat(strip.true[:1, 0], 4, 0))  # all begin alike
    figure = filmstrip(**vars(strip), names=MODELS)
    assert [text.get_text() for text in figure.axes[0].texts if "true" in text.get_text()] == [
        f"{model}: true" for model in MODELS
    ]


def test_tasks_without_particles_are_refused():
    with pytest.raises(LabError, match="choose rope or granular"):
        robotics.run(Config("wall", "smoke"))


def test_the_claim_is_judged_by_the_distance():
    made = pairs(base=[0.5, 0.9] * 20, control=[0.5, 0.9] * 20, adversarial=[0.4, 0.8] * 20)
    found = verdicts({robotics.NAME: Result(robotics.statistics(made), {"config": {"task": "rope"}})})
    assert set(found.claim) == {7} and set(found.verdict) == {"reproduced"} and set(found.task) == {"rope"}
    assert "Chamfer distance, Adversarial minus Control, Adam, open loop" in found.sentence.iloc[-1]


def test_the_notebooks_cells_run(result, tmp_path):
    run_cells("robotics", result, tmp_path)
