"""Averages of models and paired differences between them, with 95% intervals, from tables with a row per problem.

Intervals are over problems and training seeds, see `lab.evaluation.statistics`. Beside each stands the interval over
problems alone, ``low_problems`` to ``high_problems``: it holds for these training seeds only. With one seed the two are
the same.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from lab.errors import LabError
from lab.evaluation.statistics import bootstrap_mean, paired_difference, success_rate, wilson

#: (ours, theirs): each finetuned model against the base model, and both methods against the control
COMPARISONS = (
    ("control", "base"),
    ("online", "base"),
    ("adversarial", "base"),
    ("online", "control"),
    ("adversarial", "control"),
)
OUTCOMES = ("won", "lost", "both", "neither")  #: of a problem: ours alone reached the goal, theirs alone, both, neither
INTERVALS = ["low", "high", "low_problems", "high_problems"]


class Paired(NamedTuple):
    """A mean paired difference, ours minus theirs, with its 95% intervals."""

    n: int  #: problems
    seeds: int  #: training seeds of ours
    seeds_theirs: int  #: where it is not ``seeds``, the one with fewer is averaged first
    difference: float
    low: float
    high: float
    low_problems: float
    high_problems: float


DIFFERENCE = ["ours", "theirs", *Paired._fields]


def average(table: pd.DataFrame, value: str, by: Sequence[str], problem: str = "problem") -> pd.DataFrame:
    """Mean of the column ``value`` over problems and seeds, for every group of ``by``.

    Further columns: n (problems), seeds, mean, and the 95% bootstrap intervals (see the module's docstring).
    """
    rows = []
    for keys, group in table.groupby(list(by), sort=False):
        wide = _wide(group, value, problem)
        rows.append([*keys, *wide.shape, wide.to_numpy().mean(), *_intervals(wide.to_numpy())])
    return pd.DataFrame(rows, columns=[*by, "n", "seeds", "mean", *INTERVALS])


def success_rates(pairs: pd.DataFrame, by: Sequence[str], problem: str = "pair") -> pd.DataFrame:
    """Success rate for every group of ``by``. Further columns: n (problems), seeds, rate, and its 95% intervals.

    They are those of `success_rate`, and over problems alone Wilson's for n problems, however many seeds are averaged.
    """
    rows = []
    for keys, group in pairs.groupby(list(by), sort=False):
        wide = _wide(group, "success", problem)
        rate, low, high = success_rate(wide.to_numpy())
        rows.append([*keys, *wide.shape, rate, low, high, *wilson(rate * len(wide), len(wide))[1:]])
    return pd.DataFrame(rows, columns=[*by, "n", "seeds", "rate", *INTERVALS])


def compare(
    table: pd.DataFrame,
    value: str,
    by: Sequence[str],
    problem: str = "problem",
    comparisons: Sequence[tuple[str, str]] = COMPARISONS,
) -> pd.DataFrame:
    """Paired differences of the column ``value``, ours minus theirs, for every group of ``by`` and pair of models.

    Columns: ``by`` and `DIFFERENCE`.
    """
    rows = []
    for keys, group in table.groupby(list(by), sort=False):
        models = dict(list(group.groupby("model")))
        for ours, theirs in comparisons:
            if ours in models and theirs in models:
                rows.append([*keys, ours, theirs, *paired(models[ours], models[theirs], value, problem)])
    return pd.DataFrame(rows, columns=[*by, *DIFFERENCE])


def paired(ours: pd.DataFrame, theirs: pd.DataFrame, value: str, problem: str = "problem") -> Paired:
    """Mean difference of the column ``value``, ours minus theirs, over the same problems and training seeds.

    Where the seeds are not the same, such as three against one, the one with fewer is averaged over its seeds first:
    what another seed of it would change is then not in the interval. Raises LabError for other problems.
    """
    first, second = _wide(ours, value, problem), _wide(theirs, value, problem)
    seeds = first.shape[1], second.shape[1]
    if not first.index.equals(second.index):
        raise LabError(
            f"A paired difference needs the same problems, got {len(first)} and {len(second)} that are not the same."
        )
    if list(first.columns) != list(second.columns):
        fewer = first.shape[1] < second.shape[1]
        first, second = (_averaged(first), second) if fewer else (first, _averaged(second))
    both = first.to_numpy(), second.to_numpy()
    difference, *interval = paired_difference(*both)
    _, *problems = paired_difference(*both, over_seeds=False) if max(seeds) > 1 else (0, *interval)
    return Paired(len(first), *seeds, difference, *interval, *problems)


def outcomes(ours: pd.DataFrame, theirs: pd.DataFrame, problem: str = "pair") -> pd.DataFrame:
    """The outcome of each problem that both tables have, for one training seed: columns problem and outcome."""
    first, second = (rows.groupby(problem)["success"].mean().astype(bool) for rows in (ours, theirs))
    both = pd.DataFrame({"ours": first, "theirs": second}).dropna().astype(bool)
    names = {(True, True): "both", (True, False): "won", (False, True): "lost", (False, False): "neither"}
    labels = [names[pair] for pair in zip(both.ours, both.theirs, strict=True)]
    return pd.DataFrame({"problem": both.index.to_numpy(), "outcome": labels})


def _wide(rows: pd.DataFrame, value: str, problem: str) -> pd.DataFrame:
    """The column ``value`` of ``rows`` as a table of problems x training seeds; rows without a number are left out.

    The same as pandas' pivot_table, in a fifth of its time.
    """
    rows = rows[rows[[problem, "train_seed", value]].notna().all(axis=1)]
    (row, problems), (column, seeds) = (pd.factorize(rows[key], sort=True) for key in (problem, "train_seed"))
    cell, shape = row * len(seeds) + column, (len(problems), len(seeds))
    total = np.bincount(cell, rows[value].to_numpy(float), minlength=len(problems) * len(seeds))
    with np.errstate(invalid="ignore"):  # a problem that a seed has not: NaN
        mean = total / np.bincount(cell, minlength=len(total))
    return pd.DataFrame(mean.reshape(shape), index=problems, columns=seeds)


def _averaged(wide: pd.DataFrame) -> pd.DataFrame:
    return wide.mean(axis=1).to_frame()


def _intervals(values: np.ndarray) -> tuple[float, ...]:
    """The bootstrap's `INTERVALS` of the mean of ``values`` (problems, seeds)."""
    _, *both = bootstrap_mean(values)
    _, *problems = bootstrap_mean(values, over_seeds=False) if values.shape[1] > 1 else (0, *both)
    return (*both, *problems)
