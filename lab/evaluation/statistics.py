"""Intervals: Wilson's for success rates, a bootstrap over problems and training seeds for means and differences.

Every model of a training seed gets every problem, so that results form a table of problems x seeds. Both are samples:
another draw of problems or of seeds would give other numbers. The bootstrap therefore resamples rows and columns of the
table, independently of each other: the pigeonhole bootstrap of Owen (2007, "The pigeonhole bootstrap", Annals of
Applied Statistics 1). With one seed it is the plain bootstrap over problems. With few seeds it is too sure of them:
among s seeds, the variance between seeds comes out as 1 - 1/s of what it is, two thirds for three.
"""

import math
from collections.abc import Sequence
from statistics import NormalDist
from typing import NamedTuple

import numpy as np

from lab.errors import LabError

RESAMPLES = 10_000
CHUNK = 1_000_000  #: numbers drawn at once, which bounds the memory
Z = NormalDist().inv_cdf(0.975)
ROUNDING = 1e-12  #: a bound no farther from zero is zero: differences that cancel leave about 1e-17


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
        return self.low > ROUNDING or self.high < -ROUNDING


def wilson(successes: float, n: float) -> Interval:
    """A success rate with Wilson's 95% score interval; ``successes`` may be an average over training seeds.

    Wilson (1927), "Probable inference, the law of succession, and statistical inference". It is written out here
    because the libraries that have it take a second to load, for which every command and notebook would wait. Raises
    LabError unless there are some of ``n``, and from 0 to ``n`` successes.
    """
    if not 0 <= successes <= n or not 0 < n < math.inf:
        raise LabError(f"A success rate needs 0 to n successes of n > 0 problems, got {successes} of {n}.")
    rate, share = successes / n, Z**2 / n
    middle = (rate + share / 2) / (1 + share)
    half = math.sqrt(share * (rate * (1 - rate) + share / 4)) / (1 + share)
    return Interval(rate, max(0.0, min(rate, middle - half)), min(1.0, max(rate, middle + half)))  # despite rounding


def success_rate(success: np.ndarray) -> Interval:
    """The rate of ``success`` (problems,) or (problems, seeds), with a 95% interval over problems and seeds.

    With one seed it is Wilson's interval. With several it is Wilson's for the number of problems that would give one
    seed's rate the bootstrap's variance: unlike the bootstrap's own, it is not empty at rates of 0 and 1. Raises
    LabError as `bootstrap_mean` does, and for values that are not from 0 to 1.
    """
    values = _problems_by_seeds(success)
    if values.min() < 0 or values.max() > 1:
        raise LabError(f"Successes are from 0 to 1, got values from {values.min():g} to {values.max():g}.")
    n, seeds = values.shape
    rate = float(values.mean())
    if seeds == 1 or rate in (0, 1):
        return wilson(rate * n, n)
    variance = float(_resampled_means(values, over_seeds=True).var())
    effective = min(rate * (1 - rate) / max(variance, 1e-12), values.size)
    return wilson(rate * effective, effective)


def bootstrap_mean(values: np.ndarray, seed: int = 0, over_seeds: bool = True) -> Interval:
    """The mean of ``values`` (problems,) or (problems, seeds) with its 95% percentile bootstrap interval.

    Problems and training seeds are resampled, or with ``over_seeds`` False problems alone: results of several seeds on
    one problem never count as independent. Raises LabError for values of another shape, for those that are not finite,
    and without any.
    """
    values = _problems_by_seeds(values)
    low, high = np.quantile(_resampled_means(values, over_seeds, seed), [0.025, 0.975])
    rounding = 1e-12 * np.abs(values).max()  # of sums; an end that is 0 but for it would exclude 0
    return Interval(float(values.mean()), *(0.0 if abs(end) <= rounding else float(end) for end in (low, high)))


def paired_difference(ours: np.ndarray, theirs: np.ndarray, over_seeds: bool = True) -> Interval:
    """Mean of ``ours - theirs`` over the same problems and seeds, with its interval (see `bootstrap_mean`).

    Each is (problems,) or (problems, seeds). Results of one seed are compared with every seed of the others: what
    another seed of theirs would change is then not in the interval. Of successes that differ on no problem, or alike on
    all, resampling says nothing: the interval then allows for the largest share of other problems that a sample of this
    size misses with a chance of 2.5% (Clopper and Pearson 1934, "The use of confidence or fiducial limits illustrated
    in the case of the binomial", Biometrika 26). Raises LabError unless the problems are as many and the seeds as many,
    or one, and all values finite.
    """
    first, second = _problems_by_seeds(ours), _problems_by_seeds(theirs)
    if len(first) != len(second) or len({first.shape[1], second.shape[1], 1}) > 2:
        raise LabError(f"A paired difference needs the same problems and seeds, got {first.shape} and {second.shape}.")
    found = bootstrap_mean(first - second, over_seeds=over_seeds)
    if np.ptp(first - second) > 0 or not all(np.isin(outcomes, (0, 1)).all() for outcomes in (first, second)):
        return found
    missed = 1 - 0.025 ** (1 / len(first))
    return Interval(found.value, max(-1.0, found.value - missed), min(1.0, found.value + missed))


def unpaired_difference(ours: Interval, theirs: Interval) -> Interval:
    """The difference of two success rates from different problems, each with `wilson`'s interval.

    Newcombe (1998), "Interval estimation for the difference between independent proportions", Statistics in Medicine
    17, method 10.
    """
    difference = ours.value - theirs.value
    down = math.hypot(ours.value - ours.low, theirs.high - theirs.value)
    return Interval(
        difference, difference - down, difference + math.hypot(ours.high - ours.value, theirs.value - theirs.low)
    )


def p_value(value: float, low: float, high: float) -> float:
    """The two-sided p-value of "the mean is zero", from an estimate and its 95% interval, by a normal approximation.

    The standard error is that of the half of the interval that faces zero, so that p is below 0.05 where the interval
    excludes zero. Raises LabError for numbers that are not finite.
    """
    if not all(map(math.isfinite, (value, low, high))):
        raise LabError(f"A p-value needs finite numbers, got {value} in [{low}, {high}]: were problems left out?")
    half = value - low if value > 0 else high - value
    return 2 * NormalDist().cdf(-Z * abs(value) / half) if half > 0 else float(value == 0)


def holm(p_values: Sequence[float]) -> np.ndarray:
    """``p_values`` as corrected for testing all of them: below 0.05 they err with a chance of 5% in all, not each.

    Holm (1979), "A simple sequentially rejective multiple test procedure", Scandinavian Journal of Statistics 6.
    Raises LabError for what is no p-value: those are from 0 to 1.
    """
    p = np.asarray(p_values, dtype=float)
    if p.ndim != 1 or not ((p >= 0) & (p <= 1)).all():
        raise LabError(f"Holm's correction needs p-values from 0 to 1, got {p_values!r}.")
    order = np.argsort(p, kind="stable")
    corrected = np.empty(len(p))
    corrected[order] = np.maximum.accumulate(np.minimum(1, p[order] * np.arange(len(p), 0, -1)))
    return corrected


def exponents(x: Sequence[float], y: Sequence[float]) -> tuple[float, float]:
    """p of ``y ~ x ** p``, fitted to all points (both positive, x rising), and between the last two."""
    log_x, log_y = np.log(x), np.log(y)
    return float(np.polyfit(log_x, log_y, 1)[0]), float((log_y[-1] - log_y[-2]) / (log_x[-1] - log_x[-2]))


def _problems_by_seeds(values: np.ndarray) -> np.ndarray:
    """``values`` (problems, seeds)."""
    values = np.asarray(values, dtype=float)
    if values.ndim not in (1, 2) or values.size == 0:
        raise LabError(f"Values must be (problems,) or (problems, seeds), at least one of each; got {values.shape}.")
    if not np.isfinite(values).all():
        raise LabError(
            "Values must be finite numbers, got NaN or infinity: were problems left out, or did a model diverge?"
        )
    return values.reshape(len(values), -1)


def _resampled_means(values: np.ndarray, over_seeds: bool, seed: int = 0) -> np.ndarray:
    """The mean of each of `RESAMPLES` resamples of ``values`` (problems, seeds)."""
    rng = np.random.default_rng(seed)
    n, seeds = values.shape
    step = max(1, CHUNK // n)
    counts = [min(step, RESAMPLES - first) for first in range(0, RESAMPLES, step)]
    by_seed = np.concatenate([_weights(rng, count, n) @ values for count in counts])
    if over_seeds and seeds > 1:
        return (_weights(rng, RESAMPLES, seeds) * by_seed).sum(1)
    return by_seed.mean(1)


def _weights(rng: np.random.Generator, resamples: int, size: int) -> np.ndarray:
    """The share (resamples, size) of each of ``size`` items among as many draws with replacement."""
    drawn = rng.integers(size, size=(resamples, size)) + size * np.arange(resamples)[:, None]
    return np.bincount(drawn.ravel(), minlength=resamples * size).reshape(resamples, size) / size
