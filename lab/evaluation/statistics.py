"""Intervals: Wilson's for one rate, a bootstrap over problems for means and paired differences."""

from typing import NamedTuple

import numpy as np

Z = 1.959964  #: standard deviations of a normal that hold 95%
RESAMPLES = 10_000


class Interval(NamedTuple):
    """An estimate with its 95% interval."""

    value: float
    low: float
    high: float

    def excludes_zero(self) -> bool:
        return self.low > 0 or self.high < 0


def wilson(successes: float, n: int) -> Interval:
    """A success rate with Wilson's 95% score interval; ``successes`` may be an average over training seeds."""
    rate, shrink = successes / n, 1 / (1 + Z**2 / n)
    middle = shrink * (rate + Z**2 / (2 * n))
    half = shrink * Z * (rate * (1 - rate) / n + Z**2 / (4 * n**2)) ** 0.5
    return Interval(rate, max(0.0, middle - half), min(1.0, middle + half))


def bootstrap_mean(values: np.ndarray, seed: int = 0) -> Interval:
    """The mean of ``values`` (problems, ...) with a 95% percentile bootstrap interval over problems.

    Further axes (training seeds, say) are averaged first: the problems are what is drawn again, so that results of
    several seeds on one problem never count as independent.
    """
    per_problem = np.asarray(values, dtype=float).reshape(len(values), -1).mean(1)
    rng = np.random.default_rng(seed)
    drawn = rng.integers(len(per_problem), size=(RESAMPLES, len(per_problem)))
    low, high = np.quantile(per_problem[drawn].mean(1), [0.025, 0.975])
    return Interval(float(per_problem.mean()), float(low), float(high))


def paired_difference(ours: np.ndarray, theirs: np.ndarray) -> Interval:
    """Mean of ``ours - theirs`` over the same problems (problems, ...), with its bootstrap interval."""
    return bootstrap_mean(np.asarray(ours, dtype=float) - np.asarray(theirs, dtype=float))
