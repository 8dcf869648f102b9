"""Intervals: Wilson's for one rate, a bootstrap over problems for means and paired differences."""

import math
from statistics import NormalDist
from typing import NamedTuple

import numpy as np

RESAMPLES = 10_000
Z = NormalDist().inv_cdf(0.975)


class Interval(NamedTuple):
    """An estimate with its 95% interval."""

    value: float
    low: float
    high: float

    def __format__(self, spec: str) -> str:
        """All three numbers in the number format ``spec``: ``f"{interval:+.0%}"`` is ``+24% [+16%, +33%]``."""
        return f"{self.value:{spec}} [{self.low:{spec}}, {self.high:{spec}}]"

    def excludes_zero(self) -> bool:
        """Whether the whole interval lies on one side of zero."""
        return self.low > 0 or self.high < 0


def wilson(successes: float, n: int) -> Interval:
    """A success rate with Wilson's 95% score interval; ``successes`` may be an average over training seeds.

    Wilson (1927), "Probable inference, the law of succession, and statistical inference". It is written out here
    because the libraries that have it take a second to load, for which every command and notebook would wait.
    """
    rate, share = successes / n, Z**2 / n
    middle = (rate + share / 2) / (1 + share)
    half = math.sqrt(share * (rate * (1 - rate) + share / 4)) / (1 + share)
    return Interval(rate, max(0.0, min(rate, middle - half)), min(1.0, max(rate, middle + half)))  # despite rounding


def bootstrap_mean(values: np.ndarray, seed: int = 0) -> Interval:
    """The mean of ``values`` (problems, ...) with a 95% percentile bootstrap interval over problems.

    Further axes, such as training seeds, are averaged first. Problems are resampled, so that results of several seeds
    on one problem never count as independent.
    """
    per_problem = np.asarray(values, dtype=float).reshape(len(values), -1).mean(1)
    rng = np.random.default_rng(seed)
    resampled = rng.integers(len(per_problem), size=(RESAMPLES, len(per_problem)))
    low, high = np.quantile(per_problem[resampled].mean(1), [0.025, 0.975])
    return Interval(float(per_problem.mean()), float(low), float(high))


def paired_difference(ours: np.ndarray, theirs: np.ndarray) -> Interval:
    """Mean of ``ours - theirs`` over the same problems (problems, ...), with its bootstrap interval."""
    return bootstrap_mean(np.asarray(ours, dtype=float) - np.asarray(theirs, dtype=float))
