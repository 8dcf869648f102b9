"""How planner settings and radii were chosen: on the tune split alone, by two rules fixed beforehand.

* Planners: the *base* model's success, averaged over kinds of goals, decides each optimiser's step size and iterations.
* Radii: the Adversarial model's success, averaged over kinds of goals and over GD and Adam, decides.

The committed sweeps of the radii ran at the same time as those of the planners. They used GD at lr 1 and Adam at lr
0.1 with 100 iterations (PushT: 300), not yet the chosen settings. The plans start from the paper's N(0, 1). Rows with
a start of standard deviation 0.1 are there for comparison, and are never chosen.
"""

import itertools
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
from tqdm.auto import tqdm

from lab.evaluation.gap import Gap
from lab.files import cache_root, models_root, of_family
from lab.models import load_model
from lab.planning import GradientPlanner
from lab.results import Result
from lab.studies.common.cases import Cases
from lab.studies.common.config import Config, provenance
from lab.studies.common.measure import Case, by_step, errors, expert, measure, summary
from lab.studies.common.protocol import Protocol
from lab.training import train
from lab.training.adversarial import Radii

NAME = "tuning"
TIMES = {"planners": ["seconds"], "radii": ["seconds"]}
N = 150  #: tune-split problems for each kind of goals
GD = tuple(GradientPlanner("sgd", lr, 300) for lr in (0.3, 1.0, 3.0, 10.0))
ADAM = tuple(GradientPlanner("adam", lr, n) for lr, n in itertools.product((0.03, 0.1, 0.3), (100, 300)))
SMALL_START = (GradientPlanner("sgd", 1.0, 300, start=0.1), GradientPlanner("adam", 0.05, 100, start=0.1))
LAMBDAS = (0.02, 0.05, 0.1, 0.2, 0.3, 0.5)


def run(config: Config) -> Result:
    """Measure all settings on the tune split.

    Tables, with a row for each setting and kind of goals: ``planners`` (on the base model) and ``radii`` (of
    Adversarial World Modeling).
    """
    started = time.perf_counter()
    protocols = [Protocol(config.task, goals, N, "tune", config.seed) for goals in config.card.goals]
    base, stored, planners, radii = config.model("base", 0), Cases(NAME, config.task), [], []
    for planner, protocol in tqdm(list(itertools.product(GD + ADAM + SMALL_START, protocols)), desc="planners"):
        keys = {name: getattr(planner, name) for name in ("optimiser", "lr", "iterations", "start")}
        planners.append(keys | _measured(config, Case(protocol, "base", 0, base, planner.optimiser, planner), stored))
    for factor in tqdm(LAMBDAS, desc="radii"):
        model = load_model(_adversarial(config, factor))
        for name, protocol in itertools.product(("gd", "adam"), protocols):
            case = Case(protocol, "adversarial", 0, model, name, config.planner(name))
            radii.append({"lambda": factor, "planner": name} | _measured(config, case, stored))
    meta = {"protocols": [protocol.as_dict() for protocol in protocols], "kept_cases": stored.kept}
    tables = {"planners": pd.DataFrame(planners), "radii": pd.DataFrame(radii)}
    return Result(tables, provenance(config, started, TIMES) | meta)


def _adversarial(config: Config, factor: float) -> Path:
    """The folder of an Adversarial model of seed 0 with all three radii equal to ``factor``, in a cache of its own."""
    recipe = replace(config.recipe, radii=Radii(factor, factor, factor))
    root = cache_root() / of_family("tuning", config.family) / str(factor)
    return train(config.task, "adversarial", 0, recipe, root, start=models_root(config.preset, config.family))


def _measured(config: Config, case: Case, stored: Cases) -> dict[str, Any]:
    """Success, gap and planning time (s) of one case."""
    experts = expert(replace(case.protocol, goals="dataset"), case.model_name, case.train_seed, case.model)
    planned, along_expert = (measure(config, case, stored, [errors]) for case in (case, experts))
    gap = Gap(by_step(planned), by_step(along_expert))
    numbers = {"gap": gap.interval().value, "expert_error": gap.expert.mean(), "seconds": planned.seconds.sum()}
    return summary(planned) | numbers


def best(table: pd.DataFrame, by: list[str]) -> pd.Series:
    """The setting (columns ``by``) with the highest success, averaged over all other columns."""
    return table.groupby(by)["value"].mean().idxmax()
