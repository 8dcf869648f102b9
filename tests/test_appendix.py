"""Experiments of the appendix and the notebooks that only draw: variants, what Online visits, pictures of real runs."""

import re
from dataclasses import asdict, replace

import numpy as np
import pandas as pd
import pytest
from cells import run_cells
from matplotlib.figure import Figure

from lab.benchmarks import recipe_of
from lab.models import read_info
from lab.plots.save import drawing
from lab.results import Result, load_result, save_result
from lab.studies.common.config import Config
from lab.studies.common.variants import Variant, sentences, tables, trained
from lab.studies.online import study as online
from lab.studies.overview import figures as overview_plot
from lab.studies.overview import study as overview
from lab.studies.radii import study as radii
from lab.studies.registry import figures_of
from lab.studies.rollouts import figures as rollouts_plot
from lab.studies.rollouts import study as rollouts
from lab.studies.tasks import figures as tasks_plot
from lab.studies.tasks import study as tasks
from lab.tasks import make_task
from lab.training.online import read_rounds

SMOKE = Config("wall", "smoke")
MODULES = {"radii": radii, "online": online}
EACH = ["online", pytest.param("radii", marks=pytest.mark.slow)]  #: radii trains a dozen models


class _Made(dict[str, Result]):
    def __missing__(self, name: str) -> Result:
        self[name] = MODULES[name].run(SMOKE)
        return self[name]


@pytest.fixture(scope="module")
def results(own_cache) -> dict[str, Result]:
    """Experiments on Wall, at preset smoke, from the shipped base model; each is made when it is first asked for."""
    return _Made()


# --- Variants


@pytest.mark.parametrize("task", ["push_t", "point_maze", "wall"])
@pytest.mark.parametrize("module", MODULES.values(), ids=MODULES)
def test_the_recipe_is_one_of_its_own_variants(module, task):
    recipe = recipe_of(task)
    found = list(module.studies(recipe))
    assert sum(variant.recipe == recipe for variant in found) == 1
    assert len({variant.name for variant in found}) == len(found)
    for variant in found:
        changed = {key for key, value in asdict(variant.recipe).items() if value != asdict(recipe)[key]}
        assert changed <= {"radii" if module is radii else "online"}


def test_variants_change_one_thing_each():
    own = recipe_of("wall").radii
    by_name = {variant.name: variant.recipe.radii for variant in radii.studies(recipe_of("wall"))}
    assert by_name["adaptive"] == replace(own, adaptive=True)
    assert by_name["PGD 5"] == replace(own, steps=5)
    assert by_name["actions only"] == replace(own, latent=0.0, proprio=0.0)
    assert by_name["states only"] == replace(own, action=0.0)


def test_every_number_of_rounds_simulates_as_much():
    recipe = recipe_of("wall")
    plans = recipe.online.rounds * recipe.online.segments
    for variant in online.studies(recipe):
        if variant.study == "rounds":
            assert variant.recipe.online.rounds * variant.recipe.online.segments == plans


@pytest.mark.slow
def test_a_variant_is_trained_once_from_the_shipped_base_model(results, monkeypatch):
    assert results["radii"].tables
    recipe = recipe_of("wall", "smoke")
    monkeypatch.setattr("lab.training.pipeline.fit", lambda *_: pytest.fail("trained again"))
    folders = {variant.name: trained(SMOKE, "adversarial", 0, variant.recipe) for variant in radii.studies(recipe)}
    assert len(set(folders.values())) == len(folders)
    assert read_info(folders["PGD 10"])["recipe"]["radii"]["steps"] == 10


@pytest.mark.parametrize("name", EACH)
def test_tables_are_complete_and_made_again_alike(name, results):
    found, again = results[name].tables, MODULES[name].run(SMOKE)
    variants = found["variants"]
    assert variants.recipe.sum() == 1
    models = {"base", "control", *variants.model}
    assert set(found["rates"].model) == set(found["errors"].model) == models
    assert set(found["rates"].goals) == {"dataset", "random"}
    assert set(found["errors"].planner) == {"gd", "adam", "expert"}
    assert set(found["differences"].ours) == set(variants.model)
    assert again.meta["kept_cases"] == len(models) * 5  # two kinds of goals by two planners, and the expert
    timed = results[name].meta["times"]
    for table, frame in found.items():
        assert len(frame), table
        if table not in timed:
            pd.testing.assert_frame_equal(frame, again.tables[table])
    assert all("test split" in protocol["text"] for protocol in results[name].meta["protocols"])


@pytest.mark.parametrize("name", EACH)
def test_figures_are_drawn_from_disk(name, results, tmp_path):
    save_result(results[name], tmp_path)
    loaded = load_result(tmp_path)
    assert len(drawing(figures_of(name).print_figure(loaded))) > 20_000
    texts = [trace.hovertext for trace in figures_of(name).interactive(loaded).data if trace.hovertext is not None]
    assert any("4 problems" in text for group in texts for text in group)


def test_gains_are_paired_over_all_goals_and_planners():
    rows = []
    for model, rate in {"base": 0.25, "control": 0.5, "new": 1.0}.items():
        for goals in ("dataset", "random"):
            for planner in ("gd", "adam"):
                keys = {"model": model, "train_seed": 0, "goals": goals, "planner": planner}
                success = (np.arange(40) < 40 * rate).astype(int)
                rows.append(pd.DataFrame(keys | {"pair": range(40), "success": success, "error": 1.0}))
    pairs = pd.concat(rows)
    experts = pairs[pairs.planner == "gd"].assign(planner="expert").drop(columns="success")
    found = tables(pairs, experts, [Variant("study", "new", recipe_of("wall"))], "new")
    pooled = found["differences"].query("goals == 'all'").set_index("theirs")
    assert pooled.loc["control", ["n", "difference"]].tolist() == [80, 0.5]
    assert pooled.loc["base", "difference"] == 0.75
    assert re.fullmatch(r"new \(the recipe\): \+50.0 points \[.*\] against control: better", sentences(found, "study"))


@pytest.mark.slow
def test_steps_cost_more_and_find_worse(results):
    cost = results["radii"].tables["cost"].set_index("model")
    assert list(cost.index) == ["control", "FGSM", "PGD 2", "PGD 5", "PGD 10"]
    errors = radii.strength(SMOKE, 0.3, 5)
    assert errors["worst"] > errors["random"] > errors["clean"]
    assert radii.strength(SMOKE, 0.0, 1).nunique() == 1


# --- What Online's planner visits


def test_the_map_counts_every_state(results):
    found = results["online"].tables
    recipe = recipe_of("wall", "smoke")
    rounds = read_rounds(trained(SMOKE, "online", 0, recipe) / "rounds")
    assert found["rounds"]["round"].tolist() == [0, *range(1, recipe.online.rounds + 1)]
    assert found["rounds"].states.tolist()[1:] == [states[..., 0].size for states, _ in rounds]
    assert found["rounds"].new[0] == 0
    shares = found["visits"].groupby("round").share.sum()
    np.testing.assert_allclose(shares, 1)
    xs, ys, cells = figures_of("online").grid(results["online"], 0)
    assert cells.shape == (len(xs), len(ys)) and np.nansum(cells) == pytest.approx(1)
    assert isinstance(figures_of("online").map_figure(results["online"], 1), Figure)


# --- Pictures of real runs


def test_the_overview_shows_the_problem_where_imagination_promises_most():
    goals = np.zeros((3, 2))
    imagined = np.array([[0.0, 4.0], [0.0, 1.0], [3.0, 0.0]])
    true = np.array([[6.0, 0.0], [0.0, -4.0], [-3.0, 0.0]])  # short by 2, 3 and 0; farthest from the goal: the first
    assert overview.most_promised(imagined, true, goals) == 1


def test_the_overview_is_in_one_plane():
    seen = overview.overview(SMOKE)
    plans = len(seen.corrected)
    assert seen.data.shape == (overview.EPISODES, 11, 2) and plans == SMOKE.size.n
    assert seen.expert.shape == seen.imagined.shape == (6, 2)
    np.testing.assert_allclose(seen.expert[-1], seen.goal, atol=1e-4)
    np.testing.assert_allclose(seen.imagined[0], seen.corrected[seen.problem, 0], atol=1e-4)
    assert len(overview_plot._others(seen)) == min(plans - 1, overview_plot.OTHERS)
    other = overview.overview(SMOKE, problem=(seen.problem + 1) % plans, radius=2 * SMOKE.recipe.radii.action)
    np.testing.assert_allclose(other.shadow, 2 * seen.shadow)
    assert len(drawing(overview_plot.print_figure(seen))) > 20_000
    assert len(overview_plot.interactive(seen).data) == 7


def test_the_shadow_is_the_boxs():
    rng = np.random.default_rng(0)
    axes = np.linalg.qr(rng.normal(size=(6, 2)))[0].T
    corners = np.array(np.meshgrid(*[[-1, 1]] * 6)).reshape(6, -1).T @ axes.T
    shadow = overview._shadow(axes, 1.0)
    for angle in np.linspace(0, 6, 25):
        direction = np.array([np.cos(angle), np.sin(angle)])
        reach = (corners @ direction).max()
        assert 0.97 * reach <= (shadow @ direction).max() <= reach + 1e-9


@pytest.mark.parametrize("task", ["push_t", "wall"])
def test_films_start_alike_and_the_expert_arrives(task):
    seen = rollouts.rollouts(Config(task, "smoke"), models=("base",))
    expert, true, imagined = seen.trajectories
    assert [trajectory.name for trajectory in seen.trajectories] == ["expert", "base, true", "base, imagined"]
    np.testing.assert_array_equal(expert.frames[0], true.frames[0])
    np.testing.assert_array_equal(expert.frames[-1], seen.goal)
    assert expert.distance[-1] == pytest.approx(0, abs=1e-6) and imagined.distance is None
    assert len(drawing(rollouts_plot.print_figure(seen))) > 10_000
    assert len(rollouts_plot.interactive(seen).frames) == len(seen.steps) == 6


@pytest.mark.parametrize("task", ["push_t", "wall"])
def test_the_border_of_success_is_the_tasks(task):
    seen = tasks.sample(task)
    inside, outside = seen.margins
    assert inside < 1 <= outside < 2
    assert seen.criterion and seen.coverage.max() == 1
    np.testing.assert_array_equal(seen.steps, np.arange(0, 26, make_task(task).frameskip))
    assert len(drawing(tasks_plot.print_figure([seen]))) > 10_000
    assert len(tasks_plot.interactive([seen, seen]).frames) == 6


def test_every_task_is_listed():
    assert {"push_t", "point_maze", "wall"} <= set(tasks.facts().index)


@pytest.mark.parametrize("name", EACH)
def test_the_notebooks_cells_run(name, results, tmp_path):
    run_cells(name, results[name], tmp_path)
