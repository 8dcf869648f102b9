"""The experiments at their smallest: promised tables, statistics with known answers, figures drawn again from CSV."""

import base64
import errno
import itertools
import re
from dataclasses import replace
from importlib.util import find_spec

import numpy as np
import pandas as pd
import pytest
from cells import run_cells
from matplotlib.backends.backend_agg import FigureCanvasAgg

from lab import __version__
from lab.errors import LabError
from lab.evaluation.compare import COMPARISONS, Paired, average, compare, paired, success_rates
from lab.evaluation.slices import Slice
from lab.evaluation.statistics import bootstrap_mean, paired_difference
from lab.evaluation.success import goal_distance
from lab.files import MODELS
from lab.models import load_model
from lab.models.protocols import see
from lab.planning import CEM, GradientPlanner
from lab.plots.save import save_figures
from lab.results import Result, load_result, save_result
from lab.studies.__main__ import redraw
from lab.studies.common import claims
from lab.studies.common.claims import CLAIMS, ClaimFinding, in_all, judged, sentences, summarise, verdicts
from lab.studies.common.config import PRESETS, Config
from lab.studies.common.judge import AS_GOOD, MARGIN
from lab.studies.common.protocol import Protocol
from lab.studies.fig2_landscape import study as fig2_landscape
from lab.studies.fig3_efficiency import study as fig3_efficiency
from lab.studies.fig4_gap import study as fig4_gap
from lab.studies.registry import figures_of
from lab.studies.table1_success import study as table1_success

MEASURED = {module.NAME: module for module in (table1_success, fig2_landscape, fig3_efficiency, fig4_gap)}
INTERVAL = {"low", "high"}
PROMISED = {
    "table1_success": {
        "success": {*table1_success.KEYS, "n", "successes", "successes_at_end", "seconds_per_problem", *INTERVAL},
        "rates": {"goals", "criterion", "mode", "model", "planner", "n", "seeds", "rate", *INTERVAL},
        "differences": {"goals", "planner", "mode", "ours", "theirs", "n", "seeds", "difference", *INTERVAL},
        "pairs": {*table1_success.KEYS, "pair", "success", "success_at_end"},
    },
    "fig2_landscape": {
        "summary": {"measure", "model", "n", "seeds", "mean", *INTERVAL},
        "differences": {"measure", "ours", "theirs", "n", "seeds", "difference", *INTERVAL},
        "measures": {"model", "train_seed", "problem", "roughness", "basin", "distance"},
        "slices": {"model", "train_seed", "problem", "u", "v", "loss"},
    },
    "fig3_efficiency": {
        "efficiency": {*fig3_efficiency.CASE, "n", "rate", *INTERVAL, *fig3_efficiency.CLOCKS.values()},
        "curves": {"model", "planner", "iterations", "seeds", "rate", *INTERVAL, *fig3_efficiency.CLOCKS.values()},
        "ratios": {"model", "planner", "reference", "clock", "rule", "met", "ratio", "difference", *INTERVAL},
        "pairs": {*fig3_efficiency.CASE, "pair", "success"},
    },
    "fig4_gap": {
        "errors": {"model", "goals", "planner", "step", "n", "seeds", "mean", *INTERVAL},
        "gaps": {"model", "goals", "planner", "kind", "n", "seeds", "mean", *INTERVAL},
        "differences": {"goals", "planner", "kind", "ours", "theirs", "difference", *INTERVAL},
        "problems": {*fig4_gap.CASE, "problem", "step_1", "step_5"},
    },
}  # fmt: skip


@pytest.fixture(scope="module")
def small(trained):
    """Experiments use the tests' tiny models."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Config, "model", lambda self, name, seed: load_model(trained(self.task, name, seed)))
        yield


@pytest.fixture(scope="module")
def results(small) -> dict[str, Result]:
    """Every experiment on Wall, at preset smoke."""
    return {name: module.run(Config("wall", "smoke")) for name, module in MEASURED.items()}


@pytest.fixture(scope="module")
def push_t(small) -> Result:
    """Table 1 of the task with two criteria and no random goals."""
    return table1_success.run(Config("push_t", "smoke"))


@pytest.mark.parametrize("name", MEASURED)
def test_the_promised_tables_are_there(name, results):
    tables, meta = results[name].tables, results[name].meta
    assert list(tables) == list(PROMISED[name])
    for table, columns in PROMISED[name].items():
        assert columns <= set(tables[table]), table
        assert len(tables[table]) and not tables[table].isna().to_numpy().any(), table
    models = [set(table.model) - {"none"} for table in tables.values() if "model" in table]
    assert all(present == set(MODELS) for present in models)
    assert meta["config"]["task"] == "wall"
    assert {"commit", "machine", "threads", "versions", "models", "planners", "wall_seconds"} <= set(meta)
    assert meta["versions"]["lab"] == __version__
    assert ("jax" in meta["versions"]) == bool(find_spec("jax"))
    assert all("test split" in protocol["text"] for protocol in meta["protocols"])


@pytest.mark.parametrize("name", MEASURED)
def test_results_survive_the_disk(name, results, tmp_path):
    save_result(results[name], tmp_path)
    loaded = load_result(tmp_path)
    assert loaded.meta == results[name].meta
    assert list(loaded.tables) == list(results[name].tables)
    for table, frame in results[name].tables.items():
        pd.testing.assert_frame_equal(loaded.tables[table], frame, check_dtype=False, rtol=1e-5, atol=1e-9)


@pytest.mark.parametrize("name", MEASURED)
def test_figures_need_the_tables_alone(name, results, tmp_path):
    save_result(results[name], tmp_path)
    loaded, draw = load_result(tmp_path), figures_of(name)
    assert _pixels(draw.print_figure(loaded)).std() > 10
    one, other = (draw.interactive(result).to_plotly_json() for result in (results[name], loaded))
    assert len(one["data"]) == len(other["data"]) >= 4
    _assert_close(one, other)


def test_figures_are_written_whole_and_the_same_each_time(results, tmp_path):
    draw, result = figures_of("fig3_efficiency"), results["fig3_efficiency"]
    first, again = (
        save_figures(draw.print_figure(result), draw.interactive(result), tmp_path / name, "figure") for name in "ab"
    )
    assert [path.suffix for path in first] == [".png", ".pdf", ".html"]
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in again]
    assert b"/FontFile2" in first[1].read_bytes()  # TrueType, embedded
    page = first[2].read_text("utf-8")
    assert re.search(r'src="https://cdn\.[^"]*plotly', page)
    assert len(page) < 1e5
    assert not list(tmp_path.rglob(".*"))


def test_a_plan_with_a_compiled_loop_has_a_time_of_its_own(results):
    pytest.importorskip("jax", reason="the extra `jax` is not installed")
    config, draw, result = Config("wall", "smoke"), figures_of("fig3_efficiency"), results["fig3_efficiency"]
    cases = {case.planner_name: case for case in reversed(fig3_efficiency.todo(config)) if case.model_name == "base"}
    few = [cases["adam"], cases["cem"]]
    few.append(replace(few[0], planner_name="mine", planner=object()))  # no loop of it is known
    times = fig3_efficiency.compiled_alone(config, few, few[0].protocol.problems()[:1])
    assert set(times) == {(case.planner_name, case.iterations) for case in few[:2]} and min(times.values()) > 0
    curves = result.tables["curves"]
    assert "seconds_compiled" not in curves  # only the full preset compiles
    curves = curves.assign(seconds_compiled=curves.seconds_single.where(curves.planner != "gd") / 2)
    further = Result(result.tables | {"curves": curves}, result.meta)
    assert len(draw.print_figure(further).axes) == 3 * len(MODELS)
    titles = [len(draw.interactive(drawn).layout.annotations) for drawn in (result, further)]
    assert titles[1] - titles[0] == len(MODELS)


def test_the_notebooks_cells_run(results, tmp_path):
    run_cells("fig3_efficiency", results["fig3_efficiency"], tmp_path)


def test_figures_are_drawn_again_from_disk(results, tmp_path):
    folder = tmp_path / "smoke" / "fig4_gap" / "wall"
    save_result(results["fig4_gap"], folder)
    save_result(results["fig4_gap"], tmp_path / "smoke" / "tuning" / "wall")
    assert redraw(tmp_path) == [folder]
    assert {path.suffix for path in folder.glob("fig4_gap.*")} == {".png", ".pdf", ".html"}


@pytest.mark.slow
def test_push_t_is_judged_by_both_criteria(push_t):
    rates = push_t.tables["rates"]
    assert set(rates.criterion) == {"full", "block"}
    assert set(rates.goals) == {"dataset"}
    wide = rates.pivot_table(index=["model", "planner", "mode"], columns="criterion", values="rate")
    assert (wide.block >= wide.full).all()
    paper = table1_success.as_in_the_paper(push_t)
    assert paper.loc[("dataset", "full", "base", "open"), "gd"].endswith("]")


def test_rates_add_up(results):
    tables = results["table1_success"].tables
    assert set(tables["success"].n) == {PRESETS["smoke"].n}
    counted = tables["pairs"].groupby(table1_success.KEYS, sort=False)["success"].sum()
    assert counted.tolist() == tables["success"].successes.tolist()
    assert (tables["success"].low <= tables["success"].rate).all()
    assert (tables["success"].high >= tables["success"].rate).all()


def test_cem_under_mpc_runs_for_one_training_seed_only(monkeypatch):
    model = Config("wall").model("base", 0)
    monkeypatch.setattr(Config, "model", lambda self, name, seed: model)
    config = Config("wall", "full")
    cases = [(case.planner_name, case.mode, case.train_seed) for case in table1_success.todo(config)]
    assert {seed for planner, mode, seed in cases if (planner, mode) == ("cem", "mpc")} == {0}
    for other in (("cem", "open"), ("adam", "mpc")):
        assert {seed for *case, seed in cases if tuple(case) == other} == {0, 1, 2}


def test_the_authors_rows_have_their_planners_their_loss_and_a_fixed_horizon(monkeypatch):
    model = Config("wall").model("base", 0)
    monkeypatch.setattr(Config, "model", lambda self, name, seed: model)
    for task, proprio in (("push_t", 1.0), ("point_maze", 0.0)):
        theirs = [case for case in table1_success.todo(Config(task, "full")) if case.mpc]
        assert {case.mode for case in theirs} == {"authors_open", "authors_mpc"}
        assert {case.protocol.n for case in theirs} == {PRESETS["full"].authors}
        assert all(case.objective == {"proprio": proprio, "decay": 0.5} for case in theirs)
        mpc = {case.mpc for case in theirs if case.mode == "authors_mpc"}
        assert [(each.shrink, each.execute, each.horizon, each.budget) for each in mpc] == [(False, 1, 5, 10)]
        planners = {case.planner_name: case.planner for case in theirs}
        descent = {"noise": 0.003, "start": 1.0, "bound": None, "restarts": 1}
        assert planners["adam"] == GradientPlanner("adam", 0.3, 300, **descent)
        assert planners["gd"] == GradientPlanner("sgd", 1.0, 300, **descent)
        assert planners["cem"] == CEM(300, 30, 30)
        assert all("fixed horizon" in case.protocol.describe() for case in theirs)


def test_ours_and_the_authors_rows_are_told_apart(results):
    tables = results["table1_success"].tables
    for name in ("success", "rates", "differences", "pairs"):
        found = set(tables[name].groupby(["protocol", "mode"]).groups)
        assert found == {("ours", "open"), ("ours", "mpc"), ("authors", "authors_open"), ("authors", "authors_mpc")}
    texts = [protocol["text"] for protocol in results["table1_success"].meta["protocols"]]
    assert {"shrinking horizon" in text for text in texts} == {True, False}


def test_smoke_cuts_planners_short():
    smoke, quick = Config("wall", "smoke"), Config("wall", "quick")
    assert isinstance(smoke.planner("cem"), CEM)
    assert smoke.planner("cem").samples == PRESETS["smoke"].samples
    assert smoke.planner("adam", "mpc").iterations == PRESETS["smoke"].iterations
    assert quick.planner("adam").iterations >= 100


# --- Statistics


def _rows(**columns) -> pd.DataFrame:
    return pd.DataFrame(columns)


def test_intervals_are_over_problems_and_seeds():
    rng = np.random.default_rng(0)
    values = rng.normal(size=(40, 2))
    table = pd.concat([_rows(model="base", train_seed=s, problem=range(40), value=values[:, s]) for s in (0, 1)])
    row = average(table, "value", ["model"]).iloc[0]
    assert (row.n, row.seeds) == (40, 2)
    assert row["mean"] == pytest.approx(values.mean())
    half = 1.96 * values.mean(1).std() / np.sqrt(40)
    assert row.high_problems - row["mean"] == pytest.approx(half, rel=0.1)
    assert (row["mean"], row.low, row.high) == pytest.approx(bootstrap_mean(values))
    assert row.low < row.low_problems


def test_differences_are_paired_by_problem():
    noise = np.random.default_rng(0).normal(size=50)
    shift = {"base": 0.0, "control": 0.0, "online": 1.0, "adversarial": 2.0}
    parts = []
    for (model, by), seed in itertools.product(shift.items(), (0, 1, 2)):
        columns = {"problem": np.roll(range(50), seed), "value": np.roll(noise, seed) + by}
        parts.append(_rows(model=model, train_seed=seed, goals="random", **columns))
    table = compare(pd.concat(parts), "value", ["goals"])
    assert list(zip(table.ours, table.theirs, strict=True)) == list(COMPARISONS)
    expected = [shift[ours] - shift[theirs] for ours, theirs in COMPARISONS]
    for column in ("difference", "low", "high"):
        np.testing.assert_allclose(table[column], expected, atol=1e-12)
    assert set(table.n) == {50}
    assert set(table.seeds) == set(table.seeds_theirs) == {3}


def test_a_difference_pairs_seeds_and_says_how_many_each_side_has():
    values = np.random.default_rng(0).normal(size=(20, 3))
    ours, theirs = (
        pd.concat([_rows(train_seed=s, problem=range(20), value=columns[:, s]) for s in range(3)])
        for columns in (values + 1, values)
    )
    same = paired(ours, theirs.sample(frac=1, random_state=0), "value")
    assert same == pytest.approx(Paired(20, 3, 3, *[1.0] * 5))
    one = paired(ours, theirs[theirs.train_seed == 0], "value")
    assert (one.n, one.seeds, one.seeds_theirs) == (20, 3, 1)
    assert one[3:6] == pytest.approx(paired_difference(values + 1, values[:, 0]))
    back = paired(theirs[theirs.train_seed == 0], ours, "value")
    assert (back.seeds, back.seeds_theirs) == (1, 3) and back.difference == pytest.approx(-one.difference)
    assert back.high == pytest.approx(-one.low, abs=0.02)


def test_the_rate_over_problems_alone_is_wilsons():
    pairs = pd.concat([_rows(model="base", train_seed=s, pair=range(10), success=[1] * 5 + [0] * 5) for s in range(3)])
    row = success_rates(pairs, ["model"]).iloc[0]
    assert (row.n, row.seeds, row.rate) == (10, 3, 0.5)
    assert (row.low_problems, row.high_problems) == (pytest.approx(0.2366, abs=1e-3), pytest.approx(0.7634, abs=1e-3))
    assert (row.low, row.high) == (pytest.approx(0.2366, abs=1e-2), pytest.approx(0.7634, abs=1e-2))


# --- Figure 2


def test_all_models_get_the_same_slice_around_the_expert(results, tiny_model):
    config = Config("wall", "smoke")
    problems = Protocol("wall", "dataset", config.size.slices).problems()
    for name in ("base", "adversarial"):
        model = tiny_model("wall", name)
        cut = fig2_landscape.slice_of(config, model, problems)
        actions = model.normalise_actions(problems.expert)
        objective = goal_distance(model, problems, **config.objective)
        loss = objective(model.rollout(see(model, problems.environment, problems.starts), actions), actions)
        middle = config.size.points // 2
        np.testing.assert_allclose(cut.loss[:, middle, middle], loss, rtol=1e-4)
        table = results["fig2_landscape"].tables["slices"]
        stored = table[(table.model == name) & (table.problem == 0)]
        np.testing.assert_allclose(stored.loss.to_numpy().reshape(cut.loss[0].shape), cut.loss[0], rtol=1e-5)
    assert isinstance(cut, Slice)


# --- Figure 3


def _efficiency(rates: dict, seconds: dict, n: int = 100) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Curves and pairs of every model from rates and seconds by planner and iterations."""
    rows, pairs = [], []
    for model in MODELS:
        for (planner, iterations), rate in rates.items():
            keys = {"model": model, "planner": planner, "iterations": iterations}
            time = seconds[planner] * iterations
            rows.append(keys | {"n": n, "seeds": 1, "rate": rate, "seconds_per_problem": time, "seconds_single": 1.0})
            success = (np.arange(n) < rate * n).astype(int)
            pairs.append(pd.DataFrame(keys | {"train_seed": 0, "pair": np.arange(n), "success": success}))
    return pd.DataFrame(rows), pd.concat(pairs)


def test_ratios_take_the_cheapest_that_is_as_good():
    rates = {("gd", 10): 0.2, ("gd", 100): 0.5, ("adam", 10): 0.5, ("adam", 30): 0.8, ("adam", 100): 0.9,
             ("cem", 1): 0.1, ("cem", 3): 0.8, ("cem", 10): 0.8}  # fmt: skip
    seconds = {"gd": 0.01, "adam": 0.01, "cem": 2.0}
    table = fig3_efficiency.ratios(*_efficiency(rates, seconds))
    rows = table[(table.clock == "batch") & (table.model == "base")].set_index(["planner", "rule"])
    adam = rows.loc[("adam", "as good")]
    assert (adam.iterations, adam.reference_iterations, adam.met) == (30, 3, True)
    assert adam.ratio == pytest.approx(0.3 / 6)
    assert adam.difference == pytest.approx(0)
    gd = rows.loc[("gd", "as good")]
    assert (gd.iterations, gd.met) == (100, False)
    assert (gd.difference, gd.low < -0.2, gd.high < 0) == (pytest.approx(-0.3), True, True)
    tenth = rows.loc[("adam", "a tenth")]  # 0.6 s: 30 iterations take 0.3 s, 100 take 1 s
    assert (tenth.iterations, tenth.met) == (30, True)
    alone = table[(table.clock == "single") & (table.rule == "a tenth")]
    assert not alone.met.any()
    assert set(table.reference) == set(MODELS)


def test_as_good_is_what_the_whole_interval_says():
    rates = {("adam", 10): 0.76, ("adam", 30): 0.79, ("cem", 10): 0.8}  # the first may be 6 points below
    table = fig3_efficiency.ratios(*_efficiency(rates, {"adam": 0.01, "cem": 2.0}, n=300))
    row = table[(table.rule == "as good") & (table.model == "base") & (table.clock == "batch")].iloc[0]
    assert (row.iterations, row.met, -0.05 < row.low < row.difference < 0) == (30, True, True)


def test_the_ladder_ends_with_the_tuned_iterations():
    assert fig3_efficiency.budgets("adam", 100) == [3, 10, 30, 60, 100]
    assert fig3_efficiency.budgets("gd", 50) == [3, 10, 30, 50]
    assert fig3_efficiency.budgets("cem", 2) == [1, 2]


# --- Figure 4


def test_the_gap_pairs_plans_with_experts():
    steps = {f"step_{i}": [0.1 * i, 0.2 * i] for i in (1, 2)}
    rows = []
    for seed, model in ((s, m) for s in (0, 1) for m in MODELS):
        keys = {"model": model, "train_seed": seed, "goals": "dataset", "problem": [0, 1]}
        rows.append(pd.DataFrame(keys | {"planner": "expert"} | steps))
        worse = {name: np.array(values) + (seed + 1) * (2 if model == "base" else 1) for name, values in steps.items()}
        rows.append(pd.DataFrame(keys | {"planner": "adam"} | worse))
    tables = fig4_gap.statistics(pd.concat(rows))
    gaps = tables["gaps"][tables["gaps"].kind == "gap"].set_index("model")["mean"]
    assert gaps.to_dict() == pytest.approx({"base": 3.0, "control": 1.5, "online": 1.5, "adversarial": 1.5})
    lowered = tables["differences"].query("kind == 'gap' and ours == 'online' and theirs == 'base'")
    assert lowered[["low", "high"]].values.ravel() == pytest.approx([-2.0, -1.0])  # the two seeds
    assert lowered[["low_problems", "high_problems"]].values.ravel() == pytest.approx([-1.5, -1.5])
    expert = tables["errors"].query("planner == 'expert' and model == 'base' and step == 2")
    assert expert["mean"].item() == pytest.approx(0.3)
    assert figures_of("fig4_gap").seed_gaps(tables["problems"])["base", "dataset", "adam", 1] == pytest.approx(4.0)


def test_random_goals_are_measured_against_the_data_set_experts(results):
    problems = results["fig4_gap"].tables["problems"]
    assert set(problems[problems.planner == "expert"].goals) == {"dataset"}
    assert set(problems.goals) == {"dataset", "random"}


# --- Claims


@pytest.mark.parametrize(
    ("finding", "verdict"),
    [
        ({"low": 0.1, "high": 0.3}, "reproduced"),
        ({"low": -0.1, "high": 0.3}, "unclear"),
        ({"low": -0.3, "high": -0.1}, "not reproduced"),
        ({"low": -0.3, "high": -0.1, "sign": -1}, "reproduced"),
        ({"low": -0.04, "high": 0.01, "margin": 0.05}, "reproduced"),
        ({"low": 0.1, "high": 0.3, "n": 4}, "unclear"),
        ({"low": 0.1, "high": 0.3, "refuted": True}, "not reproduced"),
    ],
)
def test_the_interval_decides(finding, verdict):
    found = ClaimFinding(**{"number": 2, "subject": "a", "difference": 0.2, "n": 100} | finding)
    assert found.verdict == verdict


def test_a_sentence_says_how_many_seeds_the_margin_and_where_seeds_decide():
    options = {"difference": -0.01, "low": -0.06, "high": 0.04, "n": 300, "in_points": True, "margin": MARGIN}
    alone = {"low_problems": -0.04, "high_problems": 0.02}
    finding = ClaimFinding(3, "a", seeds=3, seeds_theirs=1, remark=AS_GOOD, **options, **alone)
    brackets = "(3 training seeds against 1; over problems alone [-4.0, +2.0]; as good: above -5 points)"
    assert finding.sentence == f"a: -1.0 points [-6.0, +4.0] {brackets}" and finding.verdict == "unclear"
    assert ClaimFinding(
        3, "a", seeds=1, seeds_theirs=1, **options, low_problems=-0.055, high_problems=0.04
    ).sentence == ("a: -1.0 points [-6.0, +4.0] (1 training seed)")


def test_holms_correction_is_over_all_findings_of_all_tasks():
    def landscape(task, halves):
        row = {"ours": "adversarial", "theirs": "base", "measure": "basin", "n": 300, "seeds": 3, "difference": 0.1}
        rows = [row | {"low": 0.1 - half, "high": 0.1 + half} for half in halves]
        return {"fig2_landscape": Result({"differences": pd.DataFrame(rows)}, {"config": {"task": task}})}

    alone = verdicts(landscape("wall", [0.09]))
    assert list(alone.verdict) == list(alone.holm) == ["reproduced"] and alone.p.item() == pytest.approx(
        0.0294, abs=1e-4
    )
    table = verdicts(landscape("wall", [0.09]), landscape("push_t", [0.01, 0.095, 0.2]))
    assert list(table.verdict) == ["reproduced"] * 3 + ["unclear"]
    assert list(table.holm) == ["unclear", "reproduced", "unclear", "unclear"]
    assert summarise(table).loc[6].to_dict() == {"push_t": "2 (1) of 3", "wall": "1 (0) of 1"}
    assert in_all(table) == (
        "Of all 4 findings, 3 are reproduced, 0 are not, and 1 are unclear; under Holm's correction, which allows for "
        "their number, 1 are reproduced and 0 are not."
    )
    finding = ClaimFinding(4, "a", n=300, seeds=1, difference=0.1, low=-0.05, high=0.25, refuted=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(claims._READERS, "fig2_landscape", lambda tables: iter([finding]))
        (row,) = verdicts(landscape("wall", [0.09])).itertuples()
    assert row.verdict == row.holm == "not reproduced", "no interval decides it"
    assert [judged(row) for row in table[:2].itertuples()] == [
        "reproduced, unclear under Holm's correction",
        "reproduced",
    ]


def test_every_claim_is_judged(results):
    table = verdicts(results)
    assert list(table) == [*claims.COLUMNS, "holm"]
    assert set(table.claim) == set(CLAIMS) - {7}  # which is about other tasks
    assert set(table.verdict) <= {"unclear"}, "four problems decide nothing"
    text = sentences(table)
    assert all(CLAIMS[claim] in text for claim in set(table.claim))
    assert re.search(r"Adversarial minus Control, Adam, open loop, random goals: [+-][\d.]+ points \[", text)
    assert summarise(table).loc[2, "wall"] == "0 of 20", "by our planner settings and by the authors'"
    assert re.search(r"Adam on Adversarial minus CEM on Base, MPC as the authors, random goals: [+-]", text)


# --- Bad input and bad disks


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"task": "maze"}, "choose one of push_t, point_maze, wall"),
        ({"preset": "huge"}, "choose one of smoke, quick, full"),
        ({"seed": -1}, "whole number from 0"),
        ({"seed": True}, "whole number from 0"),
        ({"seed": "0"}, "whole number from 0"),
        ({"device": "tpu"}, "Device 'tpu' is not available"),
        *(({"out": out}, "folder out must have a name") for out in (None, 5, "", " ", "x\0y")),
    ],
)
def test_bad_parameters_get_one_sentence(options, words):
    with pytest.raises(LabError, match=words):
        Config(**options)


def test_an_unwritable_folder_is_found_before_the_work(tmp_path):
    (tmp_path / "file").write_text("", "utf-8")
    with pytest.raises(LabError, match="Cannot write"):
        Config(out=str(tmp_path / "file")).writable_folder("fig4_gap")
    folder = Config(out=str(tmp_path / "new")).writable_folder("fig4_gap")
    assert folder.is_dir() and not list(folder.iterdir())


def test_a_full_disk_leaves_the_old_result_whole(results, tmp_path, monkeypatch):
    save_result(results["fig2_landscape"], tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    write, written = pd.DataFrame.to_csv, []

    def full_disk(self, *args, **kwargs):
        written.append(write(self, *args, **kwargs))
        if len(written) == 2:
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(pd.DataFrame, "to_csv", full_disk)
    with pytest.raises(LabError, match="No space left"):
        save_result(Result(results["fig4_gap"].tables, {"config": {}}), tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_result_without_its_tables_is_named(results, tmp_path):
    with pytest.raises(LabError, match="does not exist"):
        load_result(tmp_path)
    save_result(results["fig2_landscape"], tmp_path)
    (tmp_path / "slices.csv").unlink()
    with pytest.raises(LabError, match=r"slices.csv cannot be read .*; make the tables again"):
        load_result(tmp_path)


def test_unknown_figures_are_named():
    with pytest.raises(LabError, match="choose one of table1_success"):
        figures_of("fig9")


# --- Comparing figures


def _pixels(figure) -> np.ndarray:
    figure.set_dpi(40)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba()).astype(int)


def _assert_close(one, other) -> None:
    """Equal but for the last digits of numbers."""
    if isinstance(one, dict) and "bdata" in one:  # plotly's coding of arrays
        decoded = [np.frombuffer(base64.b64decode(coded["bdata"]), coded["dtype"]) for coded in (one, other)]
        np.testing.assert_allclose(*decoded, rtol=1e-4, atol=1e-6)
    elif isinstance(one, dict):
        assert set(one) == set(other)
        for key in one:
            _assert_close(one[key], other[key])
    elif isinstance(one, list | tuple | np.ndarray | pd.Series):
        assert len(one) == len(other)
        for left, right in zip(one, other, strict=True):
            _assert_close(left, right)
    elif isinstance(one, float | np.floating):
        assert other == pytest.approx(one, rel=1e-4, abs=1e-6)
    else:
        assert one == other
