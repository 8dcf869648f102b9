"""The table of ``figures/README.md`` on the recipe's variants on the tune split, with a row for each change."""

from collections.abc import Iterator, Mapping

import pandas as pd

from lab.plots.palette import LABELS, label
from lab.plots.words import percent
from lab.results import Result

#: a study whose first variant is the recipe; a study and its variant to compare with that; and the change in words
CHANGES = (
    ("loss", "loss", "weighted 0.5", "goal loss: of the last step, then weighted"),
    ("encoder", "encoder", "pixels", "encoder: the recipe's, then principal components of the pixels"),
    ("data", "data", "at random", "data: all, then a quarter of the episodes, drawn at random"),
    ("method", "former", "steps", "training: the recipe's length, then version 0.1's"),
)
MEASURED = (("base", "adam"), ("base", "cem"), ("control", "adam"), ("adversarial", "adam"))


def rows(results: Mapping[str, Result]) -> Iterator[list[str]]:
    """Head and rows of a table: success in % for data-set goals before and after each change, by task."""
    rates = {task: result.tables["rates"].query("goals == 'dataset'") for task, result in results.items()}
    yield ["change", "measured", *map(label, rates)]
    yield ["the radius λ of the highest success", "Adam on Adversarial", *map(_best_radius, rates.values())]
    for study, other, variant, words in CHANGES:
        for model, planner in MEASURED:
            measured = [table[(table.model == model) & (table.planner == planner)] for table in rates.values()]
            cells = [_change(table[table.study == study], table[table.study == other], variant) for table in measured]
            yield [words, f"{LABELS[planner]} on {LABELS[model]}", *cells]


def _best_radius(rates: pd.DataFrame) -> str:
    adversarial = rates.query("study == 'lambda' and model == 'adversarial' and planner == 'adam'")
    best = next(adversarial.sort_values("rate", ascending=False).itertuples())
    return f"{best.trial}: {percent(best)}"


def _change(recipe: pd.DataFrame, others: pd.DataFrame, variant: str) -> str:
    """``70 [58, 80], then 62 [50, 73]``: success of the first of ``recipe``, and of ``variant`` among ``others``."""
    changed = others[others.trial.str.endswith(variant)]
    return ", then ".join(percent(next(table.itertuples())) for table in (recipe, changed))
