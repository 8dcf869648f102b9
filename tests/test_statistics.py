"""Intervals against published numbers and against their own promise."""

import numpy as np
import pytest

from lab.evaluation.statistics import bootstrap_mean, paired_difference, wilson


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
