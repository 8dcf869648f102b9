"""Averages and paired differences between models, with their intervals, from a table with a row per problem.

Training seeds are averaged first, so that several models on one problem never count as independent; what the
bootstrap draws again is the problems.
"""

from collections.abc import Sequence

import pandas as pd

from lab.evaluation.statistics import Interval, bootstrap_mean, paired_difference, wilson

#: (ours, theirs): what is done to the base model, against leaving it alone and against as much more teacher forcing
COMPARISONS = (
    ("control", "base"),
    ("online", "base"),
    ("adversarial", "base"),
    ("online", "control"),
    ("adversarial", "control"),
)
OUTCOMES = ("won", "lost", "both", "neither")  #: who reached the goal: we alone, they alone, ...
DIFFERENCE = ["ours", "theirs", "n", "seeds", "difference", "low", "high"]


def average(table: pd.DataFrame, value: str, by: Sequence[str], problem: str = "problem") -> pd.DataFrame:
    """Mean of ``value`` over problems and seeds for every group of ``by``: n, seeds, mean, low, high."""
    rows = []
    for keys, group in table.groupby(list(by), sort=False):
        wide = group.pivot_table(index=problem, columns="train_seed", values=value)
        rows.append([*keys, *wide.shape, *bootstrap_mean(wide.to_numpy())])
    return pd.DataFrame(rows, columns=[*by, "n", "seeds", "mean", "low", "high"])


def success_rates(pairs: pd.DataFrame, by: Sequence[str], problem: str = "pair") -> pd.DataFrame:
    """Success rate for every group of ``by``: n, seeds, rate, low, high.

    The interval is Wilson's for n problems, however many seeds are averaged: seeds are no further problems.
    """
    groups = pairs.groupby(list(by), sort=False)
    table = groups.agg(n=(problem, "nunique"), seeds=("train_seed", "nunique"), rate=("success", "mean")).reset_index()
    intervals = [wilson(rate * n, n) for rate, n in zip(table.rate, table.n, strict=True)]
    return table.assign(low=[interval.low for interval in intervals], high=[interval.high for interval in intervals])


def compare(
    table: pd.DataFrame,
    value: str,
    by: Sequence[str],
    problem: str = "problem",
    comparisons: Sequence[tuple[str, str]] = COMPARISONS,
) -> pd.DataFrame:
    """Paired differences of ``value`` between models, (ours, theirs) each, for every group of ``by``."""
    rows = []
    for keys, group in table.groupby(list(by), sort=False):
        models = dict(list(group.groupby("model")))
        for ours, theirs in comparisons:
            if ours in models and theirs in models:
                interval = paired(models[ours], models[theirs], value, problem)
                counts = models[ours][problem].nunique(), models[ours]["train_seed"].nunique()
                rows.append([*keys, ours, theirs, *counts, *interval])
    return pd.DataFrame(rows, columns=[*by, *DIFFERENCE])


def paired(ours: pd.DataFrame, theirs: pd.DataFrame, value: str, problem: str = "problem") -> Interval:
    """Mean difference of ``value`` between two sets of rows over the same problems, seeds averaged."""
    first, second = (rows.groupby(problem)[value].mean() for rows in (ours, theirs))
    return paired_difference(first.to_numpy(), second.loc[first.index].to_numpy())


def of_first(pairs: pd.DataFrame, n: int, goals: str, planner: str, mode: str) -> pd.DataFrame:
    """The paired differences in success that Table 1's first ``n`` problems alone would give, for one case."""
    rows = pairs[(pairs.goals == goals) & (pairs.planner == planner) & (pairs["mode"] == mode)]
    rows = rows[(rows.criterion == "full") & (rows.pair < n)]
    return compare(rows, "success", ["goals"], "pair").drop(columns="goals").set_index(["ours", "theirs"])


def outcomes(ours: pd.DataFrame, theirs: pd.DataFrame, problem: str = "pair") -> pd.DataFrame:
    """What became of each problem that both sets of rows have, for one training seed: problem, outcome (`OUTCOMES`)."""
    first, second = (rows.groupby(problem)["success"].mean().astype(bool) for rows in (ours, theirs))
    both = pd.DataFrame({"ours": first, "theirs": second}).dropna().astype(bool)
    names = {(True, True): "both", (True, False): "won", (False, True): "lost", (False, False): "neither"}
    named = [names[pair] for pair in zip(both.ours, both.theirs, strict=True)]
    return pd.DataFrame({"problem": both.index.to_numpy(), "outcome": named})
