"""Figure 4: the train-test gap, a model's error on planned actions minus its error on the expert's actions.

The simulator executes both. An error is the mean squared distance between imagined and true picture latents. All models
of a task share the encoder, so that their errors have one unit. Problems with data-set goals have their own expert; for
random goals the experts are those of the data-set problems.
"""

import time
from collections.abc import Iterator
from dataclasses import replace

import pandas as pd

from lab.evaluation.compare import average, compare
from lab.evaluation.gap import difference
from lab.files import MODELS
from lab.results import Result
from lab.studies.common.config import Config, provenance
from lab.studies.common.measure import Case, cases, errors, expert, measure_all

NAME = "fig4_gap"
PLANNERS = ("gd", "adam")
KINDS = ("planned", "expert", "gap")
CASE = ["model", "train_seed", "goals", "planner"]


def run(config: Config) -> Result:
    """Measure every model's errors on its own plans and on the expert's actions.

    Tables: ``problems`` (a row for each rollout, with its error at each step), and from it ``errors`` (by imagined
    step), ``gaps`` (averaged over steps) and ``differences`` (paired, between models, of the gap, the planned and the
    expert error). The last three average over seeds.
    """
    started = time.perf_counter()
    measured, meta = measure_all(config, NAME, list(todo(config)), [errors])
    steps = measured.filter(regex=r"^error_").rename(columns=lambda name: name.replace("error", "step"))
    problems = measured[CASE].assign(problem=measured.pair).join(steps)
    return Result(statistics(problems), provenance(config, started) | meta)


def todo(config: Config) -> Iterator[Case]:
    """For each model, the expert's actions, then its own plans."""
    protocols = config.protocols()
    for model in config.models(MODELS):
        yield replace(expert(protocols["dataset"], *model), keep=False)  # quick, because nothing is planned
        yield from cases(config, protocols.values(), [model], PLANNERS)


def statistics(problems: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """All tables, from the errors of each rollout."""
    steps = [column for column in problems if column.startswith("step_")]
    by_step = problems.melt([*CASE, "problem"], steps, "step", "error")
    by_step["step"] = by_step["step"].str.removeprefix("step_").astype(int)
    tidy = per_problem(problems).melt([*CASE, "problem"], KINDS, "kind", "error")
    return {
        "errors": average(by_step, "error", ["model", "goals", "planner", "step"]),
        "gaps": average(tidy, "error", ["model", "goals", "planner", "kind"]),
        "differences": compare(tidy, "error", ["goals", "planner", "kind"]),
        "problems": problems,
    }


def per_problem(problems: pd.DataFrame) -> pd.DataFrame:
    """A row for each plan: the errors ``planned`` and ``expert``, averaged over steps, and their difference ``gap``.

    A plan for a random goal stands beside the expert of the data-set problem of the same number.
    """
    errors = problems.assign(error=problems.filter(regex="^step_").mean(axis=1))
    same = ["model", "train_seed", "problem"]
    experts = errors[errors.planner == "expert"].set_index(same)["error"].rename("expert")
    plans = errors[errors.planner != "expert"].rename(columns={"error": "planned"})
    joined = plans[[*CASE, "problem", "planned"]].join(experts, on=same)
    return joined.assign(gap=difference(joined.planned, joined.expert))
