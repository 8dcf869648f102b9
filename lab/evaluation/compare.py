"""Averages of models and paired differences between them, with 95% intervals, from tables with a row per problem.

Training seeds are averaged first, so that models of several seeds on one problem never count as independent. The
bootstrap resamples problems.
"""

from collections.abc import Sequence

import pandas as pd

from lab.evaluation.statistics import Interval, bootstrap_mean, paired_difference, wilson

#: (ours, theirs): each finetuned model against the base model, and both methods against the control
COMPARISONS = (
    ("control", "base"),
    ("online", "base"),
    ("adversarial", "base"),
    ("online", "control"),
    ("adversarial", "control"),
)
OUTCOMES = ("won", "lost", "both", "neither")  #: of a problem: ours alone reached the goal, theirs alone, both, neither
DIFFERENCE = ["ours", "theirs", "n", "seeds", "difference", "low", "high"]


def average(table: pd.DataFrame, value: str, by: Sequence[str], problem: str = "problem") -> pd.DataFrame:
    """Mean of the column ``value`` over problems and seeds, for every group of ``by``.

    Further columns: n (problems), seeds, mean, low and high (95% bootstrap interval over problems).
    """
    rows = []
    for keys, group in table.groupby(list(by), sort=False):
        wide = group.pivot_table(index=problem, columns="train_seed", values=value)
        rows.append([*keys, *wide.shape, *bootstrap_mean(wide.to_numpy())])
    return pd.DataFrame(rows, columns=[*by, "n", "seeds", "mean", "low", "high"])


def success_rates(pairs: pd.DataFrame, by: Sequence[str], problem: str = "pair") -> pd.DataFrame:
    """Success rate for every group of ``by``. Further columns: n (problems), seeds, rate, low, high.

    The interval is Wilson's 95% interval for n problems, however many seeds are averaged.
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
    """Paired differences of the column ``value``, ours minus theirs, for every group of ``by`` and pair of models.

    Columns: ``by`` and `DIFFERENCE`; low and high are a 95% bootstrap interval over problems.
    """
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
    """Mean difference of the column ``value``, ours minus theirs, over the same problems; seeds are averaged."""
    first, second = (rows.groupby(problem)[value].mean() for rows in (ours, theirs))
    return paired_difference(first.to_numpy(), second.loc[first.index].to_numpy())


def outcomes(ours: pd.DataFrame, theirs: pd.DataFrame, problem: str = "pair") -> pd.DataFrame:
    """The outcome of each problem that both tables have, for one training seed: columns problem and outcome."""
    first, second = (rows.groupby(problem)["success"].mean().astype(bool) for rows in (ours, theirs))
    both = pd.DataFrame({"ours": first, "theirs": second}).dropna().astype(bool)
    names = {(True, True): "both", (True, False): "won", (False, True): "lost", (False, False): "neither"}
    labels = [names[pair] for pair in zip(both.ours, both.theirs, strict=True)]
    return pd.DataFrame({"problem": both.index.to_numpy(), "outcome": labels})
