"""Variants of a training method, each with one thing of the task's recipe changed, against base and control.

All variants are trained from the same base models, and stored in ``variants/`` of the cache, in folders named after all
their options. The control is the base model after as many further steps of teacher forcing.
"""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from lab.evaluation.compare import average, compare, success_rates
from lab.files import cache_root, model_folder
from lab.models import WorldModel, load_model, weights_hash
from lab.plots.words import points
from lab.studies.common.config import Config, pick_device
from lab.studies.common.judge import verdict
from lab.studies.common.measure import Case, cases, errors, expert, measure_all
from lab.training import Recipe, finetune
from lab.training.pipeline import key

PLANNERS = ("gd", "adam")
BESIDE = ("base", "control")


@dataclass(frozen=True)
class Variant:
    """A recipe in which a ``study`` changes one option; ``name`` is the option's value."""

    study: str
    name: str
    recipe: Recipe


def trained(config: Config, method: str, seed: int, recipe: Recipe) -> Path:
    """The folder of the base model of ``seed``, finetuned by ``method`` and ``recipe``; trained if missing."""
    config.model("base", seed)
    base = model_folder(config.task, "base", seed, config.preset, config.family)
    weights = weights_hash(base)
    folder = cache_root() / "variants" / config.task / method / key(recipe, method, seed=seed, base=weights)
    return finetune(base, method, seed, recipe, folder, device=pick_device(config.device))


def measure(
    config: Config, experiment: str, method: str, variants: Sequence[Variant]
) -> tuple[dict[str, pd.DataFrame], dict[str, Any]]:
    """Train and evaluate all ``variants`` of ``method``, and evaluate base and control, open loop.

    Returns tables, and notes for the result's meta. Tables: ``variants`` (the list of them), ``rates``
    (success), ``errors`` (of imagination along the model's own plans and along the expert's actions), ``differences``
    (of success, to base, control and the recipe, by goals and planner, and over all of them), and ``pairs`` (a problem
    a row).
    """
    protocols = config.protocols()
    models = [(name, None) for name in BESIDE] + [(variant.name, variant.recipe) for variant in variants]
    todo: list[Case] = []
    for (name, recipe), seed in itertools.product(models, config.size.seeds):
        model = (name, seed, _model(config, method, name, recipe, seed))
        todo += [*cases(config, protocols.values(), [model], PLANNERS), expert(protocols["dataset"], *model)]
    measured, about = measure_all(config, experiment, todo, [errors])
    rows = measured[["model", "train_seed", "goals", "planner", "pair", "success", "error"]]
    recipe_name = next(variant.name for variant in variants if variant.recipe == config.recipe)
    along_expert = rows.planner == "expert"
    return tables(rows[~along_expert], rows[along_expert], variants, recipe_name), about


def tables(
    pairs: pd.DataFrame, experts: pd.DataFrame, variants: Sequence[Variant], recipe_name: str
) -> dict[str, pd.DataFrame]:
    """See `measure`; ``recipe_name`` is the name of the variant that is the recipe itself."""
    names = [variant.name for variant in variants]
    comparisons = [(name, theirs) for theirs in (*BESIDE, recipe_name) for name in names if name != theirs]
    overall = pairs.assign(goals="all", planner="all", pair=pairs.goals + " " + pairs.pair.astype(str))
    by = ["goals", "planner"]
    return {
        "variants": pd.DataFrame(
            [[variant.study, variant.name, variant.name == recipe_name] for variant in variants],
            columns=["study", "model", "recipe"],
        ),
        "rates": success_rates(pairs, [*by, "model"]),
        "errors": pd.concat(
            [average(pairs, "error", [*by, "model"], "pair"), average(experts, "error", [*by, "model"], "pair")],
            ignore_index=True,
        ),
        "differences": pd.concat(
            [compare(rows, "success", by, "pair", comparisons) for rows in (overall, pairs)], ignore_index=True
        ),
        "pairs": pairs,
    }


def sentences(found: Mapping[str, pd.DataFrame], study: str) -> str:
    """The change of success by each variant of ``study``, against control and recipe, over all goals and planners."""
    differences, variants = found["differences"], found["variants"]
    recipe_name = variants[variants.recipe].model.item()
    rows = differences[(differences.goals == "all") & differences.theirs.isin(("control", recipe_name))]
    lines = []
    for name in variants[variants.study == study].model:
        parts = []
        for row in rows[rows.ours == name].itertuples():
            theirs = "the recipe" if row.theirs == recipe_name else "control"
            parts.append(f"{points(row)} against {theirs}: {verdict(row.low, row.high)}")
        lines.append(f"{name}{' (the recipe)' if name == recipe_name else ''}: " + "; ".join(parts))
    return "\n".join(lines)


def _model(config: Config, method: str, name: str, recipe: Recipe | None, seed: int) -> WorldModel:
    if recipe is None:
        return config.model(name, seed)
    return load_model(trained(config, method, seed, recipe), pick_device(config.device))
