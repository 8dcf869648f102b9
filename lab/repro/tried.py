"""The table of ``figures/README.md`` on the recipe's variants on the tune split, with a row for each change."""

from collections.abc import Iterator, Mapping

import pandas as pd

from lab.plots.palette import LABELS, label
from lab.plots.words import percent
from lab.results import Result
from lab.studies.recipe import study as recipe

#: a study whose first variant is the recipe; a study and its variant to compare with that; and the change in words
CHANGES = (
    ("loss", "loss", "weighted 0.5", "goal loss: of the last step, then weighted"),
    ("encoder", "encoder", "pixels", "encoder: the recipe's, then principal components of the pixels"),
    ("data", "data", "at random", "data: all, then a quarter of the episodes, drawn at random"),
    ("method", "former", "steps", "training: the recipe's length, then version 0.1's"),
)
DATASET = "goals == 'dataset'"
MEASURED = (("base", "adam"), ("base", "cem"), ("control", "adam"), ("adversarial", "adam"))


def rows(results: Mapping[str, Result]) -> Iterator[list[str]]:
    """Head and rows of a table: success in % for data-set goals before and after each change, by task."""
    every = [result.tables["rates"] for result in results.values()]
    yield ["change", "measured", *map(label, results)]
    yield ["the radius λ of the highest success over all goals", "Adam on Adversarial", *map(_best_radius, every)]
    for study, other, variant, words in CHANGES:
        for model, planner in MEASURED:
            measured = [rates[(rates.model == model) & (rates.planner == planner)].query(DATASET) for rates in every]
            cells = [_change(rates[rates.study == study], rates[rates.study == other], variant) for rates in measured]
            yield [words, f"{LABELS[planner]} on {LABELS[model]}", *cells]
    yield ["chosen among radii, methods and lengths, and tested", "", *map(_tested, every)]


def _best_radius(rates: pd.DataFrame) -> str:
    """The radius, and its success for data-set goals."""
    of_radii = rates.query("study == 'lambda' and model == 'adversarial' and planner == 'adam'")
    best = of_radii[of_radii.trial == of_radii.groupby("trial", sort=False)["rate"].mean().idxmax()].query(DATASET)
    return f"{best.trial.item()}: {percent(next(best.itertuples()))}"


def _tested(rates: pd.DataFrame) -> str:
    """The variant that the study tested, by name."""
    return rates[rates.study == recipe.TEST].trial.iloc[0]


def _change(before: pd.DataFrame, others: pd.DataFrame, variant: str) -> str:
    """``70 [58, 80], then 62 [50, 73]``: success of the first of ``before``, and of ``variant`` among ``others``."""
    changed = others[others.trial.str.endswith(variant)]
    return ", then ".join(percent(next(table.itertuples())) for table in (before, changed))
