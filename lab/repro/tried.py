"""What the variants of the recipe did on the tune split, in the words of ``figures/README.md``: one change a row."""

from collections.abc import Iterator, Mapping

import pandas as pd

from lab.plots.palette import LABELS, label
from lab.plots.words import percent
from lab.results import Result

#: study, the trial that is set beside the study's first, which is the recipe's, and the change in words
CHANGES = (
    ("loss", "weighted 0.5", "goal loss: of the last step, then weighted"),
    ("encoder", "pixels", "encoder: the recipe's, then principal components of the pixels"),
    ("data", "at random", "data: all, then a quarter of the episodes, drawn at random"),
)
MEASURED = (("base", "adam"), ("base", "cem"), ("control", "adam"), ("adversarial", "adam"))


def rows(results: Mapping[str, Result]) -> Iterator[list[str]]:
    """Head and rows of a table of success in % for data-set goals, by task, before and after a change."""
    rates = {task: result.tables["rates"].query("goals == 'dataset'") for task, result in results.items()}
    yield ["change", "measured", *map(label, rates)]
    yield ["the radius λ of the highest success", "Adam on Adversarial", *map(_best_radius, rates.values())]
    for study, variant, words in CHANGES:
        for model, planner in MEASURED:
            cells = [_change(table[table.study == study], variant, model, planner) for table in rates.values()]
            yield [words, f"{LABELS[planner]} on {LABELS[model]}", *cells]


def _best_radius(rates: pd.DataFrame) -> str:
    adversarial = rates.query("study == 'lambda' and model == 'adversarial' and planner == 'adam'")
    best = next(adversarial.sort_values("rate", ascending=False).itertuples())
    return f"{best.trial}: {percent(best)}"


def _change(rates: pd.DataFrame, variant: str, model: str, planner: str) -> str:
    """``70 [58, 80], then 62 [50, 73]``; the first trial of a study is the recipe's."""
    measured = rates[(rates.model == model) & (rates.planner == planner)]
    changed = measured[measured.trial.str.endswith(variant)]
    return ", then ".join(percent(next(found.itertuples())) for found in (measured.head(1), changed))
