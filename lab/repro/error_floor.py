"""The table of ``figures/README.md`` on the error floor: how well a model would judge even the best plan.

It is the model's error after all steps of the expert's actions (mean over problems and training seeds), over the loss
at the success boundary (`lab.evaluation.anatomy.boundary_loss`, mean over training seeds). Both are mean squared
distances of latents. Near 1, the error alone is as large as the loss of a plan that just fails.
"""

from collections.abc import Iterator, Mapping

import numpy as np

from lab.files import MODELS
from lab.plots.palette import LABELS, label
from lab.plots.words import interval
from lab.results import Result


def rows(errors: Mapping[str, Result], powers: Mapping[str, Result]) -> Iterator[list[str]]:
    """Head and rows of a table: the error floor with its interval, by model and task.

    ``errors`` has by task the results of ``fig4_gap``, and ``powers`` those of ``power``, which name the boundary.
    """
    yield ["model", *map(label, powers)]
    for model in MODELS:
        yield [LABELS[model], *(_floor(errors[task], power, model) for task, power in powers.items())]


def _floor(errors: Result, power: Result, model: str) -> str:
    """The error of ``model`` after the last step, with its interval, over the mean loss at the boundary."""
    table = errors.tables["errors"].query("planner == 'expert' and goals == 'dataset' and model == @model")
    (last,) = table[table.step == table.step.max()].itertuples()
    return interval(last, "mean", 1 / np.mean(power.meta["boundary"]), ".2f")
