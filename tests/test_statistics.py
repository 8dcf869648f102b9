"""Intervals against published numbers and against their own promise."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.errors import LabError
from lab.evaluation.compare import _wide, paired
from lab.evaluation.statistics import (
    Interval,
    bootstrap_mean,
    holm,
    p_value,
    paired_difference,
    success_rate,
    unpaired_difference,
    wilson,
)
from lab.studies.common.judge import verdict
from lab.studies.table1_success import elsewhere


@pytest.mark.parametrize(
    ("successes", "n", "low", "high"),
    [
        (81, 263, 0.2553, 0.3662),  # Newcombe 1998, Statistics in Medicine 17, table I, method 3
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
        (29, 29, 0.8830, 1.0),
    ],
)
def test_wilson_agrees_with_published_intervals(successes, n, low, high):
    interval = wilson(successes, n)
    assert interval.value == successes / n
    assert (interval.low, interval.high) == pytest.approx((low, high), abs=5e-5)


def test_wilsons_interval_holds_its_rate():
    for n in range(1, 1001):
        for successes in (0, n // 2, n):
            interval = wilson(successes, n)
            assert 0 <= interval.low <= interval.value <= interval.high <= 1


def test_bootstrap_intervals_cover_the_mean_as_often_as_they_say(monkeypatch):
    monkeypatch.setattr("lab.evaluation.statistics.RESAMPLES", 1000)
    rng = np.random.default_rng(0)
    covered = [low <= 1.0 <= high for _, low, high in (bootstrap_mean(rng.exponential(size=60)) for _ in range(100))]
    assert 0.87 <= np.mean(covered) <= 0.99


def test_bootstrap_agrees_with_the_normal_interval():
    values = np.random.default_rng(1).normal(3.0, 2.0, 400)
    value, low, high = bootstrap_mean(values)
    half = 1.96 * values.std() / 20
    assert value == pytest.approx(values.mean())
    assert (value - low, high - value) == pytest.approx((half, half), rel=0.06)


def test_seeds_of_one_problem_are_averaged_and_do_not_narrow_the_interval():
    one = np.random.default_rng(2).normal(size=50)
    three = np.repeat(one[:, None], 3, axis=1)
    assert bootstrap_mean(three) == pytest.approx(bootstrap_mean(one))
    assert bootstrap_mean(one) == bootstrap_mean(one)


def test_only_the_interval_over_both_covers_the_mean_of_new_problems_and_new_seeds(monkeypatch):
    monkeypatch.setattr("lab.evaluation.statistics.RESAMPLES", 1000)
    rng = np.random.default_rng(4)
    covered: dict[bool, int] = {True: 0, False: 0}
    for _ in range(60):
        table = rng.normal(size=(60, 1)) + rng.normal(size=8) + rng.normal(size=(60, 8))
        for over_seeds in covered:
            _, low, high = bootstrap_mean(table, over_seeds=over_seeds)
            covered[over_seeds] += low <= 0 <= high
    assert covered[True] >= 51 and covered[False] <= 42


def test_the_bootstrap_has_the_variance_of_crossed_samples(monkeypatch):
    """Owen (2007): for seeds that differ alone, (1 - 1/s) of the variance of their mean; for problems the same."""
    monkeypatch.setattr("lab.evaluation.statistics.CHUNK", 1000)  # drawn in many parts, with the same result
    seeds = np.array([0.0, 1.0, 5.0])
    _, low, high = bootstrap_mean(np.tile(seeds, (50, 1)))
    assert (low, high) == (0.0, 5.0)  # one seed drawn three times has a chance of 1/27 each
    problems = np.random.default_rng(5).normal(size=(200, 1))
    interval = bootstrap_mean(problems + seeds)
    alone = bootstrap_mean(problems + seeds, over_seeds=False)
    assert interval.low < alone.low < interval.value == alone.value < alone.high < interval.high
    monkeypatch.undo()
    assert bootstrap_mean(problems + seeds) == pytest.approx(interval)


def test_the_rate_of_several_seeds_has_an_interval_that_is_never_empty():
    rng = np.random.default_rng(6)
    easy = rng.random((100, 1))
    alike = np.repeat(easy < 0.4, 3, axis=1)
    assert success_rate(alike) == pytest.approx(success_rate(alike[:, 0]), rel=0.03)
    assert success_rate(alike[:, 0]) == wilson(alike[:, 0].sum(), 100)
    widths = [np.ptp(success_rate(table)[1:]) for table in (alike, easy < [0.1, 0.4, 0.7])]
    assert widths[1] > 2 * widths[0]
    for rate in (0, 1):
        interval = success_rate(np.full((100, 3), rate))
        assert interval == wilson(100 * rate, 100) and interval.high - interval.low > 0.03


def test_one_seed_is_compared_with_each_of_several():
    rng = np.random.default_rng(7)
    ours, theirs = rng.normal(size=(30, 3)), rng.normal(size=30)
    assert paired_difference(ours, theirs) == bootstrap_mean(ours - theirs[:, None])
    assert paired_difference(theirs, ours).value == pytest.approx(-paired_difference(ours, theirs).value)


@pytest.mark.parametrize(
    "shapes", [((3, 2), (3, 4)), ((3,), (1,)), ((3, 1), (4, 1)), ((2, 2, 2), (2, 2, 2)), ((0,), (0,))]
)
def test_what_is_not_paired_is_refused(shapes):
    with pytest.raises(LabError, match="seeds"):
        paired_difference(*map(np.zeros, shapes))


@pytest.mark.parametrize("n", [1, 20, 50, 300])
def test_equal_successes_do_not_prove_that_planners_are_equal(n):
    """Of 0 among n, the exact 97.5% bound p has (1 - p) ** n = 0.025; the bootstrap's interval would be empty."""
    reached = np.ones(n)
    value, low, high = paired_difference(reached, reached)
    assert (value, low) == (0, -high) and (1 - high) ** n == pytest.approx(0.025)
    assert verdict(low + 0.05, high) == ("better" if n == 300 else "unclear")  # as good, by 5 points
    table = pd.DataFrame({"pair": range(n), "train_seed": 0, "success": reached})
    assert paired(table, table, "success", "pair")[4:] == pytest.approx((low, high, low, high))
    always = paired_difference(reached, 0 * reached)
    assert always == pytest.approx((1, 1 - high, 1))


def test_an_equal_distance_is_no_success():
    assert paired_difference(np.full(9, 0.3), np.full(9, 0.1)) == pytest.approx((0.2, 0.2, 0.2))


def test_a_paired_difference_uses_the_pairs():
    rng = np.random.default_rng(3)
    difficulty = rng.normal(0, 5, 100)
    ours, theirs = difficulty + 0.5 + 0.1 * rng.normal(size=100), difficulty
    paired = paired_difference(ours, theirs)
    assert paired.excludes_zero() and paired.value == pytest.approx(0.5, abs=0.05)
    assert paired.high - paired.low < 0.1
    assert paired_difference(theirs, ours).value == -paired.value
    assert not paired_difference(ours, ours).excludes_zero()


def test_booleans_are_rates():
    ours, theirs = np.array([True, True, True, False] * 10), np.array([True, False, False, False] * 10)
    assert paired_difference(ours, theirs).value == 0.5
    assert bootstrap_mean(ours).value == 0.75


@pytest.mark.parametrize("interval", [(0.3, 0.01, 0.5), (0.3, -0.01, 0.7), (-0.3, -0.9, -0.001), (-0.3, -0.4, 0.001)])
def test_p_values_agree_with_the_interval(interval):
    assert (p_value(*interval) < 0.05) == Interval(*interval).excludes_zero()


def test_no_p_value_follows_from_numbers_that_are_none():
    with pytest.raises(LabError, match="finite numbers"):
        p_value(math.nan, math.nan, math.nan)


def test_a_bound_that_is_zero_but_for_rounding_decides_nothing():
    assert not Interval(0.1, 2.2e-18, 0.2).excludes_zero() and verdict(2.2e-18, 0.2) == "unclear"
    assert not Interval(-0.1, -0.2, -7e-18).excludes_zero() and verdict(-0.2, -7e-18) == "unclear"


def test_other_problems_are_no_pairs():
    rows = pd.DataFrame({"problem": range(4), "train_seed": 0, "value": 1.0})
    with pytest.raises(LabError, match="needs the same problems, got 4 and 3"):
        paired(rows, rows[1:], "value")


def test_p_values_are_those_of_the_normal_distribution():
    assert p_value(2.575829, 2.575829 - 1.959964, 9.0) == pytest.approx(0.01, abs=1e-6)
    assert p_value(-1.0, -1.0, -1.0) == 0 and p_value(0.0, 0.0, 0.0) == 1


def test_holm_agrees_with_an_example():
    """By hand: 4 x .005, 3 x .01, then 2 x .03 and 1 x .04, of which the last may not be below the one before."""
    np.testing.assert_allclose(holm([0.01, 0.04, 0.03, 0.005]), [0.03, 0.06, 0.06, 0.02])
    assert holm([0.6, 0.9]).tolist() == [1, 1] and len(holm([])) == 0


# --- Tables with a row per problem and seed

CELLS = st.lists(
    st.tuples(st.integers(0, 5), st.integers(0, 2), st.floats(-9, 9) | st.just(math.nan)), min_size=1, max_size=30
).filter(lambda cells: any(not math.isnan(value) for *_, value in cells))


def test_rounding_moves_no_end_away_from_zero():
    for seed in range(30):  # of these successes two have an end at 0 that sums miss by 1e-17
        differences = np.random.default_rng(seed).choice([-1.0, 0.0, 1.0], size=60, p=[0.1, 0.7, 0.2])
        for scale in (1, 1e-6):
            assert all(end == 0 or abs(end) > 1e-9 * scale for end in bootstrap_mean(scale * differences)[1:])


@given(CELLS, st.sampled_from([int, str]))
def test_problems_by_seeds_are_those_of_a_pivot(cells, kind):
    rows = pd.DataFrame(cells, columns=["pair", "train_seed", "loss"]).astype({"pair": kind})
    expected = rows.pivot_table(index="pair", columns="train_seed", values="loss")
    pd.testing.assert_frame_equal(_wide(rows, "loss", "pair"), expected, check_names=False, check_dtype=False)


@pytest.mark.parametrize(
    ("ours", "theirs", "low", "high"),
    [((56, 70), (48, 80), 0.0524, 0.3339), ((9, 10), (3, 10), 0.1705, 0.8090), ((10, 10), (0, 20), 0.6791, 1.0)],
)  # Newcombe 1998, Statistics in Medicine 17, 873, table II, method 10
def test_an_unpaired_difference_agrees_with_published_intervals(ours, theirs, low, high):
    found = unpaired_difference(wilson(*ours), wilson(*theirs))
    assert found == pytest.approx((ours[0] / ours[1] - theirs[0] / theirs[1], low, high), abs=1e-4)


def test_the_outside_sweep_is_told_as_published():
    table = elsewhere.sweep()
    assert len(table) == 15 and list(table[table.budget == "100 steps"]["success, %"]) == ["52 [39, 65]", "54 [40, 67]"]
    assert list(table[table.budget == "300 samples"]["success, %"]) == ["44 [31, 58]"]
    assert table[table.budget == "100 steps"]["of CEM's time"].iloc[0] == "3.6%"
    assert "+10.0 [-9.3, +28.3] points" in elsewhere.sentence()


# --- What is no result

NONE = (math.nan, math.inf, -math.inf)  #: among results
MEANS = {
    "bootstrap_mean": bootstrap_mean,
    "success_rate": success_rate,
    "paired": lambda v: paired_difference(v, 0 * v),
}


@pytest.mark.parametrize("mean", MEANS)
@given(st.lists(st.sampled_from([0.0, 1.0, *NONE]), min_size=2, max_size=6), st.booleans())
def test_values_that_are_not_finite_have_no_mean(mean, values, as_seeds):
    table = np.array([values, values] if as_seeds else values)
    if np.isfinite(table).all():
        assert np.isfinite(MEANS[mean](table)).all()
    else:
        with (
            pytest.raises(LabError, match=r"^Values must be finite numbers, got NaN or infinity"),
            np.errstate(all="ignore"),
        ):
            MEANS[mean](table)


@given(st.sampled_from([*NONE, -1, -1e-9, 0, 0.5, 3, 5]), st.sampled_from([*NONE, -1, 0, 0.25, 3]))
def test_impossible_counts_have_no_rate(successes, n):
    if 0 <= successes <= n and 0 < n < math.inf:
        assert np.isfinite(wilson(successes, n)).all()
    else:
        with pytest.raises(LabError, match=r"^A success rate needs 0 to n successes of n > 0 problems, got .*\.$"):
            wilson(successes, n)


@pytest.mark.parametrize("success", [[2, 3], [2, 0], [-1, 1], [[0.5, 1.0], [1.5, 0.0]]])
def test_what_is_no_success_has_no_rate(success):
    with pytest.raises(LabError, match=r"^Successes are from 0 to 1, got values from .* to .*\.$"):
        success_rate(success)


@pytest.mark.parametrize("p", [[2, -1], [math.nan], [0.5, math.inf], [-1e-9], [[0.1, 0.2]], 0.5])
def test_what_is_no_p_value_is_not_corrected(p):
    with pytest.raises(LabError, match=r"^Holm's correction needs p-values from 0 to 1, got .*\.$"):
        holm(p)
