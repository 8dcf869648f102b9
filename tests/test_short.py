"""The words of the results' summary say what its counts say; each difference is judged by its whole interval."""

import pandas as pd
import pytest

from lab.repro import readme, short
from lab.results import Result

TOPICS = {f"{topic.subject}, {topic.part}": topic for topic in short.topics()}


@pytest.fixture(scope="module")
def counts():
    """How many of a row's differences have a verdict, by row of the summary and task."""
    head, *rows = short.summary(readme.results())
    return {f"{subject}, {part}": dict(zip(head[2:], cells, strict=True)) for subject, part, *cells in rows}


def only(counts, row, **tasks):
    """Whether a row says this of these tasks, and nothing of others."""
    return counts[row] == dict.fromkeys(counts[row], "–") | tasks


def test_gradient_planning_on_base_is_behind_cem_but_for_many_starts(counts):
    few = {"gd": "below", "adam": "below"}
    for mode, best in {"open loop": "2 unclear", "MPC": "1 above, 1 unclear"}.items():
        row = f"Gradient planning minus CEM, both on Base: success, {mode}"
        assert decided(row, "push_t") == few | {"restarts": "above"}
        for task in ("point_maze", "wall"):
            assert decided(row, task, counted=True) == {"gd": "2 below", "adam": "2 below", "restarts": best}
        assert {task for task, count in counts[row].items() if count != "–"} == {"PushT", "PointMaze", "Wall"}


def test_from_the_networks_guess_adam_on_base_is_better_than_cem_on_push_t_and_wall(counts):
    """As README.md says."""
    for mode, wall in {"open loop": "2 above", "MPC": "1 above, 1 unclear"}.items():
        row = f"Network, then Adam, minus CEM, both on Base: success, {mode}"
        assert only(counts, row, PushT="1 above", PointMaze="1 below, 1 unclear", Wall=wall)


def test_what_adversarial_world_modeling_does(counts):
    what = "Adversarial minus Control:"
    open_loop = {"PushT": "1 above, 1 unclear", "PointMaze": "4 above", "Wall": "3 above, 1 unclear"}
    assert only(counts, f"{what} success, open loop", **open_loop)
    assert only(counts, f"{what} success, MPC", PushT="2 unclear", PointMaze="4 above", Wall="4 unclear")
    gap = {"PushT": "1 above, 1 unclear", "PointMaze": "3 below, 1 unclear", "Wall": "4 below"}
    assert only(counts, f"{what} train-test gap, open loop", **gap)
    assert decided(f"{what} train-test gap, open loop", "push_t") == {"gd": "unclear", "adam": "above"}
    assert decided(f"{what} success, open loop", "push_t") == {"gd": "above", "adam": "unclear"}


def test_what_online_world_modeling_does(counts):
    what = "Online minus Control:"
    gap = {"PushT": "2 unclear", "PointMaze": "4 unclear", "Wall": "2 below, 2 unclear"}
    assert only(counts, f"{what} train-test gap, open loop", **gap)
    success = {"PushT": "1 below, 1 unclear", "PointMaze": "4 unclear", "Wall": "4 unclear"}
    assert only(counts, f"{what} success, open loop", **success)
    mpc = {"PushT": "2 unclear", "PointMaze": "4 unclear", "Wall": "1 below, 3 unclear"}
    assert only(counts, f"{what} success, MPC", **mpc)
    assert decided(f"{what} success, open loop", "push_t") == {"gd": "unclear", "adam": "below"}
    assert decided(f"{what} train-test gap, open loop", "wall") == {"gd": "below", "adam": "unclear"}
    assert decided(f"{what} success, MPC", "wall", counted=True) == {"gd": "1 below, 1 unclear", "adam": "2 unclear"}


def test_what_both_methods_do_on_deformable_matter(counts):
    two, one, none = "2 below, 2 unclear", "1 below, 3 unclear", "4 unclear"
    for model, open_loop, rope_mpc in (("Adversarial", two, "4 below"), ("Online", one, none)):
        what = f"{model} minus Control: final Chamfer distance"
        assert only(counts, f"{what}, open loop", Rope=open_loop, Granular=open_loop)
        assert only(counts, f"{what}, MPC", Rope=rope_mpc, Granular=none)
    what = "minus Control: final Chamfer distance, open loop"
    assert decided(f"Adversarial {what}", "rope", counted=True) == {"gd": "2 below", "adam": "2 unclear"}
    half = "1 below, 1 unclear"
    assert decided(f"Adversarial {what}", "granular", counted=True) == {"gd": half, "adam": half}
    for task in ("rope", "granular"):
        assert decided(f"Online {what}", task, counted=True) == {"gd": "2 unclear", "adam": half}


def test_a_difference_counts_only_with_its_whole_interval():
    lows_and_highs = {"gd": (0.01, 0.02), "adam": (-0.01, 0.02)}
    rows = [
        {"goals": "random", "planner": planner, "mode": "open", "criterion": "full", "ours": "online"}
        | {"theirs": "control", "seeds": 3, "difference": 0.01, "low": low, "high": high}
        for planner, (low, high) in lows_and_highs.items()
    ]
    result = Result({"differences": pd.DataFrame(rows)}, {})
    topic = TOPICS["Online minus Control: success, open loop"]
    table = topic.rows({"wall": {"table1_success": result}})
    assert list(table.case) == [", GD, random goals", ", Adam, random goals"]
    assert short.tally(table) == "1 above, 1 unclear"


def test_a_share_is_named_only_where_the_gap_falls():
    def gaps(high: float) -> Result:
        rows = [
            {"goals": "random", "planner": "gd", "ours": model, "theirs": "control", "high": high}
            | {"kind": kind, "difference": difference}
            for model in ("online", "adversarial")
            for kind, difference in {"gap": -0.1, "expert": 0.05}.items()
        ]
        return Result({"differences": pd.DataFrame(rows)}, {})

    for sentence in short.sentences({"wall": {"fig4_gap": gaps(-0.05)}, "rope": {"fig4_gap": gaps(0.05)}})[:2]:
        assert sentence.endswith("this share of the difference: Wall 50 %.")


def decided(row, task, counted=False):
    """What the intervals of one row and task say, by planner; without counts if each says one thing."""
    committed = readme.results()
    table = TOPICS[row].rows({task: committed[task]})
    tallies = {planner: short.tally(rows) for planner, rows in table.groupby("planner")}
    return tallies if counted else {planner: tally.split()[-1] for planner, tally in tallies.items()}
