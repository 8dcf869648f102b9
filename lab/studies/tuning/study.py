"""How planner settings and radii were chosen: on the tune split alone, by two rules fixed beforehand.

* Planners: each optimiser's step and iterations by the *base* model's success, averaged over kinds of goals.
* Radii: by the Adversarial model's success, averaged over kinds of goals and over GD and Adam.

The committed sweeps of the radii ran beside those of the planners: GD at lr 1, Adam at lr 0.1 with 100 iterations
(PushT: 300), not yet at the settings chosen from the latter. The paper's start N(0, 1) is kept. Rows with a start of
0.1 are recorded for the reader, and never chosen.
"""

import itertools
import time
from dataclasses import replace
from functools import partial
from pathlib import Path

import pandas as pd
from tqdm.auto import tqdm

from lab.evaluation.gap import train_test_gap
from lab.evaluation.protocol import Protocol
from lab.evaluation.statistics import wilson
from lab.evaluation.success import evaluate
from lab.files import cache_root
from lab.models import WorldModel, load_model
from lab.planning import SETTINGS, GradientPlanner
from lab.results import Result
from lab.studies.common.cases import Cases
from lab.studies.common.config import TASK_GOALS, Config, provenance
from lab.training import RECIPES, train
from lab.training.adversarial import Radii

NAME = "tuning"
TIMES = {"planners": ["seconds"], "radii": ["seconds"]}
N = 150  #: tune-split problems for each kind of goals
GD = tuple(GradientPlanner("sgd", lr, 300) for lr in (0.3, 1.0, 3.0, 10.0))
ADAM = tuple(GradientPlanner("adam", lr, n) for lr, n in itertools.product((0.03, 0.1, 0.3), (100, 300)))
SMALL_START = (GradientPlanner("sgd", 1.0, 300, start=0.1), GradientPlanner("adam", 0.05, 100, start=0.1))
LAMBDAS = (0.02, 0.05, 0.1, 0.2, 0.3, 0.5)


def run(config: Config) -> Result:
    """``planners`` on the base model and ``radii`` of Adversarial World Modeling, a setting and kind of goals a row."""
    started = time.perf_counter()
    protocols = [Protocol(config.task, goals, N, "tune", config.seed) for goals in TASK_GOALS[config.task]]
    base, cases = config.model("base", 0), Cases(NAME, config.task)
    planners = []
    for planner, protocol in tqdm(
        list(itertools.product(GD + ADAM + SMALL_START, protocols)), desc="planners", delay=2
    ):
        keys = {"optimiser": planner.optimiser, "lr": planner.lr}
        keys |= {"iterations": planner.iterations, "start": planner.start}
        planners.append(_measured(config, cases, keys, base, planner, protocol))
    radii = []
    for factor in tqdm(LAMBDAS, desc="radii", delay=2):
        model = load_model(_adversarial(config.task, factor))
        for name, protocol in itertools.product(("gd", "adam"), protocols):
            keys, planner = {"lambda": factor, "planner": name}, SETTINGS[config.task].planner(name)
            radii.append(_measured(config, cases, keys, model, planner, protocol))
    tables = {name: pd.concat(rows, ignore_index=True) for name, rows in (("planners", planners), ("radii", radii))}
    about = {"protocols": [protocol.as_dict() for protocol in protocols], "kept_cases": cases.kept}
    return Result(tables, provenance(config, started, TIMES) | about)


def _adversarial(task: str, factor: float) -> Path:
    """An Adversarial model of seed 0 with all three radii equal to ``factor``, kept apart from the real ones."""
    made = replace(RECIPES[task], radii=Radii(factor, factor, factor))
    return train(task, "adversarial", 0, made, cache_root() / "tuning" / str(factor), start=cache_root() / "models")


def _measured(
    config: Config, cases: Cases, keys: dict, model: WorldModel, planner: GradientPlanner, protocol: Protocol
) -> pd.DataFrame:
    """One row, from the cache where it was there."""
    settings = {"protocol": protocol.as_dict(), "settings": repr(planner)}
    return cases.rows(keys, settings, model, partial(_measure, config, model, planner, protocol))


def _measure(config: Config, model: WorldModel, planner: GradientPlanner, protocol: Protocol) -> pd.DataFrame:
    settings = SETTINGS[config.task]
    problems = protocol.problems()
    outcome = evaluate(model, planner, problems, proprio=settings.proprio, base=settings.base, seed=config.seed)
    interval = wilson(int(outcome.success["full"].sum()), len(problems))
    experts = replace(protocol, goals="dataset").problems()
    gap = train_test_gap(model, outcome, experts)
    row = {"goals": protocol.goals, "n": len(problems)} | interval._asdict()
    row |= {"gap": gap.interval().value, "expert_error": gap.expert.mean(), "seconds": outcome.seconds}
    return pd.DataFrame([row])


def best(table: pd.DataFrame, by: list[str]) -> pd.Series:
    """The setting (columns ``by``) with the highest success averaged over everything else."""
    return table.groupby(by)["value"].mean().idxmax()
