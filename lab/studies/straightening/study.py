"""Temporal straightening of the encoder, before Online and Adversarial World Modeling and together with them.

Two encoders differ in one term of their training, see `lab.models.encoders.straight`; *curved* is without it. On each,
a base model is trained, and finetuned by all methods, for half of the task's steps. Every comparison is between models
of the same method and seed, or between methods on the same encoder.
"""

import time
from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np
import pandas as pd

from lab.evaluation.compare import average, compare, success_rates
from lab.evaluation.gap import Gap
from lab.evaluation.slices import Slice
from lab.evaluation.statistics import ROUNDING
from lab.evaluation.success import Outcome
from lab.files import MODELS
from lab.models.checkpoint import state_hash
from lab.models.encoders.straight import curvature
from lab.models.protocols import see
from lab.plots.palette import LABELS
from lab.plots.words import GOALS, MODES, counted, points
from lab.results import Result
from lab.studies.common.config import Config, provenance
from lab.studies.common.judge import verdict
from lab.studies.common.measure import Case, NamedModel, by_step, cases, errors, expert, measure_all, problems_of
from lab.studies.fig2_landscape import study as fig2_landscape
from lab.studies.recipe.study import ScratchRecipe, halved, model_of

NAME = "straightening"
ENCODERS = ("curved", "straight")
PLANNERS = ("gd", "adam", "cem")
SHOWN = 10  #: problems that `base_slices` shows, at most
STRAIGHTENED = [("straight", "curved")]
METHODS = [("online", "control"), ("adversarial", "control")]
CASE = ["goals", "mode", "planner"]


def run(config: Config) -> Result:
    """Train both families of models, plan with each, and measure the geometry of their latents.

    Tables: ``success``; ``straightened``, paired differences of success, straight minus curved, by method; ``methods``,
    the finetuned models minus the control of the same encoder; ``gaps``, of open-loop plans; ``geometry``, curvature of
    the latents along the expert and the landscape's measures of the base models; ``geometry_differences``, straight
    minus curved; and ``pairs``, a row for each problem. Raises LabError for a family other than the small models.
    """
    started = time.perf_counter()
    models = {encoder: trained(config, encoder) for encoder in ENCODERS}
    parts = {encoder: measure_all(config, NAME, list(todo(config, models[encoder])), [_errors]) for encoder in ENCODERS}
    rows = pd.concat([part.assign(encoder=encoder) for encoder, (part, _) in parts.items()], ignore_index=True)
    geometry = pd.concat([shape(config, encoder, models[encoder]) for encoder in ENCODERS], ignore_index=True)
    meta = parts["straight"][1] | {"kept_cases": sum(about["kept_cases"] for _, about in parts.values())}
    used = {
        f"{encoder}/{method}/seed{seed}": state_hash(model)[:16]
        for encoder, named in models.items()
        for method, seed, model in named
    }
    return Result(tables(rows, geometry), provenance(config, started) | meta | {"models": used})


def recipe_of(config: Config, encoder: str) -> ScratchRecipe:
    """The task's recipe with another ``encoder``, at half of its steps."""
    return replace(halved(config.recipe), encoder=encoder)


def trained(config: Config, encoder: str) -> list[NamedModel]:
    """The models of all methods and training seeds on ``encoder``; they are trained now if they are missing."""
    recipe = recipe_of(config, encoder)
    return [(method, seed, model_of(config, recipe, method, seed)) for seed in config.size.seeds for method in MODELS]


def todo(config: Config, models: list[NamedModel]) -> Iterator[Case]:
    """GD and Adam on all models, CEM on the base model of the first training seed; and the expert's own actions."""
    protocols = config.protocols()
    long = {("cem", mode): [("base", config.size.seeds[0])] for mode in MODES}
    yield from cases(config, protocols.values(), models, PLANNERS, MODES, long)
    yield from (expert(protocols["dataset"], *model) for model in models)


def shape(config: Config, encoder: str, models: list[NamedModel]) -> pd.DataFrame:
    """Of each problem under the base models: the curvature of the expert's latents, and the landscape's measures."""
    problems = problems_of(config.protocols()["dataset"])
    assert problems.expert is not None
    states = problems.environment.simulate(problems.starts, problems.expert)
    parts = []
    for method, seed, model in models:
        if method == "base":
            z = see(model, problems.environment, states[:, :: model.spec.frameskip])
            bent = curvature(z[..., : model.latent_dim].unfold(1, 3, 1).mT).mean(1).numpy(force=True)
            parts.append(pd.DataFrame({"problem": range(len(bent)), "curvature": bent, "train_seed": seed}))
            slices = fig2_landscape.slice_of(config, model, problems[: config.size.slices]).measures()
            parts[-1] = parts[-1].join(pd.DataFrame(slices))
    return pd.concat(parts).melt(["problem", "train_seed"], var_name="measure").dropna().assign(model=encoder)


def _errors(case: Case, outcome: Outcome) -> Mapping[str, np.ndarray]:
    return errors(case, outcome) if case.mode == "open" else {}


def base_slices(config: Config) -> dict[str, Slice]:
    """The loss around the expert's actions of the first problems, under the base model on each encoder."""
    problems = problems_of(config.protocols()["dataset"])[: min(SHOWN, config.size.slices)]
    recipes = {encoder: recipe_of(config, encoder) for encoder in ENCODERS}
    models = {encoder: model_of(config, recipe, "base", config.size.seeds[0]) for encoder, recipe in recipes.items()}
    return {encoder: fig2_landscape.slice_of(config, model, problems) for encoder, model in models.items()}


def tables(rows: pd.DataFrame, geometry: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """The tables of `run`, from a row for each problem and from `shape`."""
    pairs = rows[rows.planner != "expert"]
    by_encoder = pairs.rename(columns={"model": "method", "encoder": "model"})  # because `compare` compares models
    return {
        "success": success_rates(pairs, ["encoder", *CASE, "model"]),
        "straightened": compare(by_encoder, "success", [*CASE, "method"], "pair", STRAIGHTENED),
        "methods": compare(pairs, "success", ["encoder", *CASE], "pair", METHODS),
        "gaps": average(gaps(rows), "gap", ["encoder", "planner", "model"], "pair"),
        "geometry": average(geometry, "value", ["measure", "model"]),
        "geometry_differences": compare(geometry, "value", ["measure"], comparisons=STRAIGHTENED),
        "pairs": pairs[["encoder", *CASE, "model", "train_seed", "pair", "success"]],
    }


def gaps(rows: pd.DataFrame) -> pd.DataFrame:
    """The train-test gap of each problem with data-set goals, under GD and Adam in open loop."""
    parts = []
    dataset = rows[(rows.goals == "dataset") & (rows["mode"] == "open") & (rows.planner != "cem")]
    for _, group in dataset.groupby(["encoder", "model", "train_seed"], sort=False):
        along_expert = by_step(group[group.planner == "expert"])
        for planner, planned in group[group.planner != "expert"].groupby("planner", sort=False):
            gap = Gap(by_step(planned), along_expert).by_problem
            parts.append(planned[["encoder", "model", "train_seed", "pair"]].assign(planner=planner, gap=gap))
    return pd.concat(parts, ignore_index=True)


def sentences(result: Result) -> str:
    """What straightening does to the latents, and to the success of GD and Adam, a line each."""
    lines = []
    for row in result.tables["geometry_differences"].itertuples():
        word = verdict(row.low, row.high, "larger", "smaller")
        lines.append(f"{row.measure}: {row.difference:+.3g} [{row.low:+.3g}, {row.high:+.3g}], n = {row.n}: {word}")
    rows = result.tables["straightened"]
    for row in rows[rows.planner != "cem"].itertuples():
        where = f"{LABELS[row.method]}, {LABELS[row.planner]}, {LABELS[row.mode]}, {GOALS[row.goals]}"
        said = f"{points(row)}, n = {row.n}, {counted(row.seeds, 'training seed')}"
        lines.append(f"{where}: {said}: {verdict(row.low, row.high)}")
    return "\n".join(lines)


def in_short(result: Result) -> str:
    """One sentence: how many of the comparisons of success straightening wins and loses."""
    rows = result.tables["straightened"]
    rows = rows[rows.planner != "cem"]
    won, lost = int((rows.low > ROUNDING).sum()), int((rows.high < -ROUNDING).sum())
    return (
        f"Of {len(rows)} differences in success under GD and Adam, straight minus curved, {won} are above zero, {lost} "
        f"below, and {len(rows) - won - lost} unclear."
    )
